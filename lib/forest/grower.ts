/**
 * Grows one tree, level by level: rows and columns are drawn, each node's best split is found among
 * its own columns, and the node's rows are divided. Nodes at the greatest depth need no histogram: a
 * split knows the sums of both its sides.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";
import type { BinnedMatrix, FeatureCuts } from "./binning.ts";
import { addToFourHistograms, addToHistogram, histogramGroup } from "./histogram.ts";
import type { ForestParameters } from "./parameters.ts";
import { findSplit, nodeGain, nodeWeight, noSplit, type Split, splitRule } from "./splitting.ts";
import type { TreeTable } from "./tree_table.ts";

/** A split must reduce the loss by more than this (XGBoost's `kRtEps`). */
const leastGain = Math.fround(1e-6);

/** Most nodes that a tree can have. */
export function treeCapacity(rows: number, maxDepth: number): number {
  const byRows = 2 * rows - 1;
  return maxDepth === 0 ? byRows : Math.min(byRows, 2 ** (maxDepth + 1) - 1);
}

/** Grows trees on one binned table; its scratch memory is linear in the rows and reused. */
export class TreeGrower {
  readonly #binned: BinnedMatrix;
  readonly #cuts: FeatureCuts;
  readonly #parameters: ForestParameters;
  readonly #rows: Int32Array; // the tree's rows, node after node
  readonly #rightRows: Int32Array;
  readonly #gradients: Float64Array; // of the current node's rows
  readonly #hessians: Float64Array;
  readonly #histogram: Float64Array;
  readonly #stride: number;
  readonly #begins: Int32Array; // per node of the tree: its places in #rows
  readonly #ends: Int32Array;
  readonly #sumGradients: Float64Array;
  readonly #sumHessians: Float64Array;

  /** @param capacity most nodes of a tree, `treeCapacity` */
  constructor(
    binned: BinnedMatrix,
    cuts: FeatureCuts,
    parameters: ForestParameters,
    capacity: number,
  ) {
    this.#binned = binned;
    this.#cuts = cuts;
    this.#parameters = parameters;
    this.#rows = new Int32Array(binned.rows);
    this.#rightRows = new Int32Array(binned.rows);
    this.#gradients = new Float64Array(binned.rows);
    this.#hessians = new Float64Array(binned.rows);
    let mostBins = 0;
    for (const count of binned.binCounts) mostBins = Math.max(mostBins, count);
    this.#stride = 2 * (mostBins + 1);
    this.#histogram = new Float64Array(histogramGroup * this.#stride);
    this.#begins = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#sumGradients = new Float64Array(capacity);
    this.#sumHessians = new Float64Array(capacity);
  }

  /**
   * Grows one tree into place `tree` of `table`.
   *
   * @param gradients, hessians per row of the binned table, float32 numbers
   */
  grow(
    gradients: Float64Array,
    hessians: Float64Array,
    random: RandomState,
    table: TreeTable,
    tree: number,
  ): void {
    const { max_depth, learning_rate, num_parallel_tree, gamma } = this.#parameters;
    const rule = splitRule(this.#parameters);
    const shrinkage = Math.fround(Math.fround(learning_rate) / num_parallel_tree);
    const leastSplitGain = Math.fround(gamma);
    const base = tree * table.capacity;
    const rows = this.#rows;
    const count = this.#drawRows(random);
    let rootGradient = 0;
    let rootHessian = 0;
    for (let i = 0; i < count; i++) {
      rootGradient += gradients[rows[i]];
      rootHessian += hessians[rows[i]];
    }
    const columns = drawColumns(
      Int32Array.from({ length: this.#binned.columns }, (_, j) => j),
      this.#parameters.colsample_bytree,
      random,
    );
    this.#begins[0] = 0;
    this.#ends[0] = count;
    this.#sumGradients[0] = rootGradient;
    this.#sumHessians[0] = rootHessian;
    let size = 1;
    for (let depth = 0, levelBegin = 0; levelBegin < size; depth++) {
      const levelEnd = size;
      for (let node = levelBegin; node < levelEnd; node++) {
        const gradient = this.#sumGradients[node];
        const hessian = this.#sumHessians[node];
        const weight = nodeWeight(gradient, hessian, rule);
        const place = base + node;
        table.cover[place] = hessian;
        let split: Split | undefined;
        if (max_depth === 0 || depth < max_depth) {
          split = this.#bestSplit(node, gradients, hessians, columns, random);
        }
        if (
          split === undefined || split.gain <= leastGain || split.gain < leastSplitGain ||
          split.leftHessian === 0 || split.rightHessian === 0
        ) {
          const value = Math.fround(weight * shrinkage);
          table.left[place] = -1;
          table.feature[place] = 0;
          table.bin[place] = 0;
          table.defaultLeft[place] = 0;
          table.threshold[place] = value;
          table.gain[place] = 0;
          table.weight[place] = node === 0 ? weight : value;
          continue;
        }
        const { cuts, floors, starts } = this.#cuts;
        table.left[place] = size;
        table.feature[place] = split.column;
        table.bin[place] = split.bin;
        table.defaultLeft[place] = split.defaultLeft ? 1 : 0;
        table.threshold[place] = split.bin < 0
          ? floors[split.column]
          : cuts[starts[split.column] + split.bin];
        table.gain[place] = split.gain;
        table.weight[place] = weight;
        const middle = this.#divide(this.#begins[node], this.#ends[node], split);
        this.#begins[size] = this.#begins[node];
        this.#ends[size] = middle;
        this.#begins[size + 1] = middle;
        this.#ends[size + 1] = this.#ends[node];
        this.#sumGradients[size] = split.leftGradient;
        this.#sumHessians[size] = split.leftHessian;
        this.#sumGradients[size + 1] = split.rightGradient;
        this.#sumHessians[size + 1] = split.rightHessian;
        size += 2;
      }
      levelBegin = levelEnd;
    }
    table.sizes[tree] = size;
  }

  /** Draws the tree's rows, each with probability `subsample`, ascending; returns their number. */
  #drawRows(random: RandomState): number {
    const { subsample } = this.#parameters;
    const rows = this.#rows;
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

  /** The best split of a node among columns drawn from the tree's. */
  #bestSplit(
    node: number,
    gradients: Float64Array,
    hessians: Float64Array,
    treeColumns: Int32Array,
    random: RandomState,
  ): Split | undefined {
    const rule = splitRule(this.#parameters);
    const gradient = this.#sumGradients[node];
    const hessian = this.#sumHessians[node];
    const begin = this.#begins[node];
    const end = this.#ends[node];
    if (end - begin < 2 || hessian < 2 * rule.minChildWeight) return undefined;
    const rows = this.#rows;
    const localGradients = this.#gradients;
    const localHessians = this.#hessians;
    for (let i = begin; i < end; i++) {
      localGradients[i] = gradients[rows[i]];
      localHessians[i] = hessians[rows[i]];
    }
    const parentGain = nodeGain(gradient, hessian, rule);
    const columns = drawColumns(treeColumns, this.#parameters.colsample_bynode, random);
    const { bins, rows: rowCount, binCounts, hasMissing } = this.#binned;
    const histogram = this.#histogram;
    const stride = this.#stride;
    const best = noSplit();
    for (let first = 0; first < columns.length; first += histogramGroup) {
      const group = Math.min(histogramGroup, columns.length - first);
      if (group === histogramGroup) {
        addToFourHistograms(
          bins,
          columns[first] * rowCount,
          columns[first + 1] * rowCount,
          columns[first + 2] * rowCount,
          columns[first + 3] * rowCount,
          rows,
          localGradients,
          localHessians,
          begin,
          end,
          histogram,
          stride,
        );
      } else {
        for (let k = 0; k < group; k++) {
          addToHistogram(
            bins,
            columns[first + k] * rowCount,
            rows,
            localGradients,
            localHessians,
            begin,
            end,
            histogram,
            k * stride,
          );
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
  }

  /** Divides places `begin … end - 1` of the rows, order kept; returns where the right part begins. */
  #divide(begin: number, end: number, split: Split): number {
    const { bins, rows: rowCount, binCounts } = this.#binned;
    const rows = this.#rows;
    const rightRows = this.#rightRows;
    const column = split.column * rowCount;
    const missing = split.defaultLeft ? binCounts[split.column] : -1;
    const lastLeft = split.bin;
    let left = begin;
    let right = 0;
    for (let i = begin; i < end; i++) {
      const row = rows[i];
      const bin = bins[column + row];
      if (bin <= lastLeft || bin === missing) rows[left++] = row;
      else rightRows[right++] = row;
    }
    rows.set(rightRows.subarray(0, right), left);
    return left;
  }
}

/** Draws `share` of `columns` without replacement, rounded down, at least one; ascending. */
function drawColumns(columns: Int32Array, share: number, random: RandomState): Int32Array {
  if (share === 1) return columns;
  const count = Math.max(1, Math.floor(Math.fround(Math.fround(share) * columns.length)));
  const order = columns.slice();
  for (let i = 0; i < count; i++) {
    const j = i + random.integer(order.length - i);
    const chosen = order[j];
    order[j] = order[i];
    order[i] = chosen;
  }
  return order.subarray(0, count).sort();
}
