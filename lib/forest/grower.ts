/**
 * Grows one tree, level by level: rows and columns are drawn, each node's best split is found among
 * its own columns, and the node's rows are divided. Nodes at the greatest depth need no histogram: a
 * split knows the sums of both its sides.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";
import type { BinnedMatrix, FeatureCuts } from "./binning.ts";
import type { ForestParameters } from "./parameters.ts";
import type { NodeScratch, SplitSearch } from "./split_search.ts";
import { nodeGain, nodeWeight, type Split, type SplitRule, splitRule } from "./splitting.ts";
import type { TreeTable } from "./tree_table.ts";

/** A split must reduce the loss by more than this (XGBoost's `kRtEps`). */
const leastGain = Math.fround(1e-6);

/** Most nodes that a tree can have. */
export function treeCapacity(rows: number, maxDepth: number): number {
  const byRows = 2 * rows - 1;
  return maxDepth === 0 ? byRows : Math.min(byRows, 2 ** (maxDepth + 1) - 1);
}

/** Grows trees on one binned table; its working memory is linear in the rows and reused. */
export class TreeGrower {
  readonly #binned: BinnedMatrix;
  readonly #cuts: FeatureCuts;
  readonly #parameters: ForestParameters;
  readonly #rule: SplitRule;
  readonly #scratch: NodeScratch;
  readonly #search: SplitSearch;
  readonly #shrinkage: number;
  readonly #rightRows: Int32Array;
  readonly #allColumns: Int32Array;
  readonly #treeColumns: Int32Array;
  // Per node of the tree: its places in the scratch's rows, and its sums.
  readonly #begins: Int32Array;
  readonly #ends: Int32Array;
  readonly #gradients: Float64Array;
  readonly #hessians: Float64Array;

  /**
   * @param search finds splits of the rows and columns that the grower puts into `scratch`
   * @param capacity most nodes of a tree, `treeCapacity`
   */
  constructor(
    binned: BinnedMatrix,
    cuts: FeatureCuts,
    parameters: ForestParameters,
    scratch: NodeScratch,
    search: SplitSearch,
    capacity: number,
  ) {
    const { learning_rate, num_parallel_tree } = parameters;
    this.#binned = binned;
    this.#cuts = cuts;
    this.#parameters = parameters;
    this.#rule = splitRule(parameters);
    this.#scratch = scratch;
    this.#search = search;
    this.#shrinkage = Math.fround(Math.fround(learning_rate) / num_parallel_tree);
    this.#rightRows = new Int32Array(binned.rows);
    this.#allColumns = Int32Array.from({ length: binned.columns }, (_, column) => column);
    this.#treeColumns = new Int32Array(binned.columns);
    this.#begins = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#gradients = new Float64Array(capacity);
    this.#hessians = new Float64Array(capacity);
  }

  /**
   * Grows one tree into place `tree` of `table`.
   *
   * @param gradientPairs (gradient, hessian) per row of the binned table, float32 numbers
   */
  grow(gradientPairs: Float64Array, random: RandomState, table: TreeTable, tree: number): void {
    const { max_depth, colsample_bytree } = this.#parameters;
    this.#takeRoot(this.#drawRows(random), gradientPairs);
    const treeColumns = this.#treeColumns.subarray(
      0,
      drawColumns(this.#allColumns, colsample_bytree, random, this.#treeColumns),
    );
    let depth = 0;
    let size = 1;
    for (let node = 0, levelEnd = 1; node < size; node++) {
      if (node === levelEnd) {
        depth++;
        levelEnd = size;
      }
      const place = tree * table.capacity + node;
      const mayGrow = max_depth === 0 || depth < max_depth;
      const split = mayGrow ? this.#bestSplit(node, treeColumns, random) : undefined;
      table.cover[place] = this.#hessians[node];
      if (split === undefined) {
        this.#writeLeaf(table, place, node);
      } else {
        this.#writeSplit(table, place, node, split, size);
        this.#divide(node, size, split);
        size += 2;
      }
    }
    table.sizes[tree] = size;
    table.depths[tree] = depth;
  }

  /** Draws the tree's rows, each with probability `subsample`, ascending; returns their number. */
  #drawRows(random: RandomState): number {
    const { subsample } = this.#parameters;
    const { rows } = this.#scratch;
    if (subsample === 1) {
      for (let i = 0; i < rows.length; i++) rows[i] = i;
      return rows.length;
    }
    const bound = Math.fround(subsample) * 2 ** 32;
    let count = 0;
    for (let i = 0; i < rows.length; i++) {
      if (random.uint32() < bound) rows[count++] = i;
    }
    return count;
  }

  /** Makes the first `count` drawn rows the root. */
  #takeRoot(count: number, gradientPairs: Float64Array): void {
    const { rows } = this.#scratch;
    let gradient = 0;
    let hessian = 0;
    for (let i = 0; i < count; i++) {
      gradient += gradientPairs[2 * rows[i]];
      hessian += gradientPairs[2 * rows[i] + 1];
    }
    this.#begins[0] = 0;
    this.#ends[0] = count;
    this.#gradients[0] = gradient;
    this.#hessians[0] = hessian;
  }

  /** The best split of a node among columns drawn from the tree's, if one is worth it. */
  #bestSplit(node: number, treeColumns: Int32Array, random: RandomState): Split | undefined {
    const { colsample_bynode, gamma } = this.#parameters;
    const gradient = this.#gradients[node];
    const hessian = this.#hessians[node];
    const begin = this.#begins[node];
    const end = this.#ends[node];
    if (end - begin < 2 || hessian < 2 * this.#rule.minChildWeight) return undefined;
    const { columns } = this.#scratch;
    const drawn = drawColumns(treeColumns, colsample_bynode, random, columns);
    const count = this.#dropConstant(columns, drawn);
    if (count === 0) return undefined;
    const parentGain = nodeGain(gradient, hessian, this.#rule);
    const split = this.#search(begin, end, count, gradient, hessian, parentGain);
    const worthIt = split.gain > leastGain && split.gain >= Math.fround(gamma) &&
      split.leftHessian !== 0 && split.rightHessian !== 0;
    return worthIt ? split : undefined;
  }

  /** Takes columns of one bin, which have no split, off the list; returns how many are left. */
  #dropConstant(columns: Int32Array, count: number): number {
    const { binCounts, hasMissing } = this.#binned;
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const column = columns[k];
      if (binCounts[column] > 1 || hasMissing[column] === 1) columns[kept++] = column;
    }
    return kept;
  }

  #writeLeaf(table: TreeTable, place: number, node: number): void {
    const weight = nodeWeight(this.#gradients[node], this.#hessians[node], this.#rule);
    const value = Math.fround(weight * this.#shrinkage);
    table.left[place] = -1;
    table.feature[place] = 0;
    table.bin[place] = 0;
    table.defaultLeft[place] = 0;
    table.threshold[place] = value;
    table.gain[place] = 0;
    table.weight[place] = node === 0 ? weight : value;
  }

  #writeSplit(table: TreeTable, place: number, node: number, split: Split, left: number): void {
    const { cuts, floors, starts } = this.#cuts;
    const { column, bin } = split;
    table.left[place] = left;
    table.feature[place] = column;
    table.bin[place] = bin;
    table.defaultLeft[place] = split.defaultLeft ? 1 : 0;
    table.threshold[place] = bin < 0 ? floors[column] : cuts[starts[column] + bin];
    table.gain[place] = split.gain;
    table.weight[place] = nodeWeight(this.#gradients[node], this.#hessians[node], this.#rule);
  }

  /** Divides a node's rows, order kept, among its children `left` and `left + 1`. */
  #divide(node: number, left: number, split: Split): void {
    const { bins, rows: rowCount, binCounts } = this.#binned;
    const { rows } = this.#scratch;
    const rightRows = this.#rightRows;
    const column = split.column * rowCount;
    const missing = split.defaultLeft ? binCounts[split.column] : -1;
    const lastLeft = split.bin;
    const begin = this.#begins[node];
    const end = this.#ends[node];
    let middle = begin;
    let right = 0;
    for (let i = begin; i < end; i++) {
      const row = rows[i];
      const bin = bins[column + row];
      // Both places are written and one counter moves: a branch here would be guessed wrongly.
      rows[middle] = row;
      rightRows[right] = row;
      const goesLeft = Number(bin <= lastLeft) | Number(bin === missing);
      middle += goesLeft;
      right += 1 - goesLeft;
    }
    for (let i = 0; i < right; i++) rows[middle + i] = rightRows[i];
    this.#begins[left] = begin;
    this.#ends[left] = middle;
    this.#begins[left + 1] = middle;
    this.#ends[left + 1] = end;
    this.#gradients[left] = split.leftGradient;
    this.#hessians[left] = split.leftHessian;
    this.#gradients[left + 1] = split.rightGradient;
    this.#hessians[left + 1] = split.rightHessian;
  }
}

/**
 * Draws `share` of `columns` without replacement into `drawn`, ascending; returns their number, which
 * is rounded down as XGBoost does it, at least one. (Knuth, TAOCP 3.4.2, algorithm S.)
 */
function drawColumns(
  columns: Int32Array,
  share: number,
  random: RandomState,
  drawn: Int32Array,
): number {
  const total = columns.length;
  if (share === 1) {
    drawn.set(columns);
    return total;
  }
  const wanted = Math.max(1, Math.floor(Math.fround(Math.fround(share) * total)));
  let count = 0;
  for (let i = 0; count < wanted; i++) {
    if (random.uint32() * (total - i) < (wanted - count) * 2 ** 32) drawn[count++] = columns[i];
  }
  return count;
}
