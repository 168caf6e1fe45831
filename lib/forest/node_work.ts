/**
 * The costly steps of growing a tree: drawing its rows and columns, finding a node's best split, and
 * dividing its rows. Two ways with the same result: plain TypeScript, here, and the WebAssembly kernel of
 * `node_kernel.ts`.
 *
 * @module
 */
import type { Arena } from "./arena.ts";
import { type BinnedMatrix, mostBlocks } from "./binning.ts";
import { keptSumsLength } from "./block_bounds.ts";
import { blockSumsLength, boundGroup } from "./block_sums.ts";
import { addToFourHistograms, addToHistogram, histogramGroup } from "./histogram.ts";
import { type DrawScratch, plainTreeDraws, type TreeDraws } from "./tree_draws.ts";
import { findSplit, noSplit, type Split, type SplitRule } from "./splitting.ts";

/** A thread's working memory, reused from node to node. */
export interface NodeScratch extends DrawScratch {
  /** (gradient, hessian) of the drawn rows at the same places. */
  readonly nodePairs: Float64Array; // [2 * rows]
  /** Histograms, all 0 between nodes. */
  readonly histogram: Float64Array; // [histogramGroup, 2 * (most bins + 1 + spareBins)]
  /** The kernel's terms of the drawn rows, likewise. */
  readonly nodeTerms: Float32Array; // [4 * rows]
  /** The kernel's sums per block, all 0 between nodes. */
  readonly blockSums: Float32Array; // [blockSumsLength]
  /** Sums per block and column that nodes hand on: one node's, then the whole table's. */
  readonly keptSums: Float32Array; // [2, columns, 4 * mostBlocks], or empty
  /** The node's columns, ascending until `boundKept` is called; the places behind them are the kernel's. */
  readonly columns: Int32Array; // [columns, rounded up to boundGroup]
  /** How good the best split of each of these columns can be at most, by the kernel; negative once searched. */
  readonly bounds: Float32Array; // [columns, rounded up to boundGroup]
  /** Likewise, of each of their blocks: four columns side by side. */
  readonly blockBounds: Float32Array; // [columns, rounded up to boundGroup, mostBlocks]
  /** Every column, ascending. */
  readonly allColumns: Int32Array; // [columns]
  /** The tree's columns, ascending. */
  readonly treeColumns: Int32Array; // [columns]
  /** What the kernel is told of a node: its sums of gradients and hessians, and its gain. */
  readonly node: Float64Array; // [3]
  /** The split that the kernel has found. */
  readonly best: Float64Array; // [7]
}

/** The leaf that each row comes to in each tree of a round, by the leaf's number in its tree. */
export type LeafNumbers = Uint8Array | Uint16Array | Int32Array; // [trees, rows]

/** How a node goes on with kept block sums (`kept_sums.ts`). */
export interface KeptNode {
  /** Whether it is the whole table itself, whose sums lie apart. */
  readonly isWhole: boolean;
  /** Whether it takes those of the whole table, and not those of its parent. */
  readonly fromWhole: boolean;
  /** So many of its columns, a multiple of `boundGroup`, go on with sums; those of the others are made anew. */
  readonly shared: number;
  /** First place of the rows that are taken away. */
  readonly otherBegin: number;
  /** The place behind them. */
  readonly otherEnd: number;
  /** No block's sums have been added to, or taken from, more often. */
  readonly operations: number;
  /** Sum of `|g|` of the whole table. */
  readonly sizes: number;
  /** Sum of hessians of the whole table, and lambda for both sides. */
  readonly span: number;
}

/** A thread's way to do the steps on its scratch. */
export interface NodeWork {
  /**
   * The best split of the rows at places `begin … end - 1` among the first `columnCount` of the
   * scratch's columns, given the node's sums and gain. The record is reused by the next call.
   *
   * @param isBounded whether `boundKept` has been called for it
   */
  bestSplit(
    begin: number,
    end: number,
    columnCount: number,
    gradient: number,
    hessian: number,
    parentGain: number,
    isBounded?: boolean,
  ): Split;
  /**
   * Sums and bounds the columns before `bestSplit`, by sums that are kept. Absent where nothing is
   * bounded.
   *
   * @param slope `G / D`; at most `min |g| / h` of all rows in size
   * @param span `D`
   */
  boundKept?(
    begin: number,
    end: number,
    columnCount: number,
    slope: number,
    span: number,
    kept: KeptNode,
  ): void;
  /**
   * Divides the rows at places `begin … end - 1`, order kept: those with a bin up to `lastLeft`, or of
   * `missing`, come first; returns where the others begin.
   */
  divide(begin: number, end: number, column: number, lastLeft: number, missing: number): number;
  /** Writes `leaf` for the rows at places `begin … end - 1`, each at its number behind `first`. */
  number(begin: number, end: number, leaf: number, numbers: LeafNumbers, first: number): void;
  /** Likewise `left` for the rows that `divide` would put first, `left + 1` for the others. */
  numberChildren(
    begin: number,
    end: number,
    column: number,
    lastLeft: number,
    missing: number,
    left: number,
    numbers: LeafNumbers,
    first: number,
  ): void;
  /** The draws of its trees. */
  readonly draws: TreeDraws;
}

/** Empty bins behind each histogram, so that four bins can be read at a time. */
const spareBins = 3;

/**
 * Working memory for a thread.
 *
 * @param blockSums as long as `blockSumsLength`; best the first array of the arena, since the kernel is
 *   compiled anew for every other address
 */
export function nodeScratch(
  binned: BinnedMatrix,
  arena: Arena,
  blockSums: Float32Array = arena.float32(blockSumsLength),
): NodeScratch {
  let mostBins = 0;
  for (const count of binned.binCounts) mostBins = Math.max(mostBins, count);
  const allColumns = arena.int32(binned.columns);
  for (let column = 0; column < allColumns.length; column++) allColumns[column] = column;
  const listLength = boundGroup * Math.ceil(binned.columns / boundGroup);
  return {
    rows: arena.int32(binned.rows),
    spareRows: arena.int32(binned.rows),
    nodePairs: arena.float64(2 * binned.rows),
    histogram: arena.float64(histogramGroup * 2 * (mostBins + 1 + spareBins)),
    nodeTerms: arena.float32(4 * binned.rows),
    blockSums,
    keptSums: arena.float32(keptSumsLength(binned.rows, binned.columns)),
    columns: arena.int32(listLength),
    bounds: arena.float32(listLength),
    blockBounds: arena.float32(listLength * mostBlocks),
    allColumns,
    treeColumns: arena.int32(binned.columns),
    flags: arena.uint8(binned.columns),
    random: arena.int32(4),
    totals: arena.float64(2),
    node: arena.float64(3),
    best: arena.float64(7),
  };
}

/** The steps in plain TypeScript. */
export function plainNodeWork(
  binned: BinnedMatrix,
  gradientPairs: Float64Array,
  scratch: NodeScratch,
  rule: SplitRule,
): NodeWork {
  const { pairIndices, rows: rowCount, binCounts, hasMissing } = binned;
  const { rows, spareRows, nodePairs, histogram, columns } = scratch;
  const stride = histogram.length / histogramGroup;
  const best = noSplit();
  const goesLeft = (row: number, column: number, lastLeft: number, missing: number) => {
    const pairIndex = pairIndices[column * rowCount + row];
    return pairIndex <= 2 * lastLeft || pairIndex === 2 * missing;
  };
  return {
    bestSplit(begin, end, columnCount, gradient, hessian, parentGain) {
      for (let i = begin; i < end; i++) {
        nodePairs[2 * i] = gradientPairs[2 * rows[i]];
        nodePairs[2 * i + 1] = gradientPairs[2 * rows[i] + 1];
      }
      best.gain = 0;
      for (let first = 0; first < columnCount; first += histogramGroup) {
        const group = Math.min(histogramGroup, columnCount - first);
        if (group === histogramGroup) {
          addToFourHistograms(
            pairIndices,
            columns[first] * rowCount,
            columns[first + 1] * rowCount,
            columns[first + 2] * rowCount,
            columns[first + 3] * rowCount,
            rows,
            nodePairs,
            begin,
            end,
            histogram,
            stride,
          );
        } else {
          for (let k = 0; k < group; k++) {
            const column = columns[first + k] * rowCount;
            addToHistogram(pairIndices, column, rows, nodePairs, begin, end, histogram, k * stride);
          }
        }
        for (let k = 0; k < group; k++) {
          const column = columns[first + k];
          findSplit(
            histogram,
            k * stride,
            binCounts[column],
            hasMissing[column] === 1,
            column,
            gradient,
            hessian,
            parentGain,
            rule,
            best,
          );
        }
      }
      return best;
    },
    divide(begin, end, column, lastLeft, missing) {
      let middle = begin;
      let right = 0;
      for (let i = begin; i < end; i++) {
        const row = rows[i];
        if (goesLeft(row, column, lastLeft, missing)) rows[middle++] = row;
        else spareRows[right++] = row;
      }
      for (let i = 0; i < right; i++) rows[middle + i] = spareRows[i];
      return middle;
    },
    number(begin, end, leaf, numbers, first) {
      for (let i = begin; i < end; i++) numbers[first + rows[i]] = leaf;
    },
    numberChildren(begin, end, column, lastLeft, missing, left, numbers, first) {
      for (let i = begin; i < end; i++) {
        const isLeft = goesLeft(rows[i], column, lastLeft, missing);
        numbers[first + rows[i]] = isLeft ? left : left + 1;
      }
    },
    draws: plainTreeDraws(gradientPairs, scratch),
  };
}
