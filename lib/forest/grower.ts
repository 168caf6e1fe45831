/**
 * Grows one tree, level by level: rows and columns are drawn, each node's best split is found among
 * its own columns, and the node's rows are divided. Nodes at the greatest depth need no histogram: a
 * split knows the sums of both its sides.
 *
 * @module
 */
import type { BinnedMatrix, FeatureCuts } from "./binning.ts";
import type { ForestParameters } from "./parameters.ts";
import { KeptSums } from "./kept_sums.ts";
import type { LeafNumbers, NodeScratch, NodeWork } from "./node_work.ts";
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
  readonly #work: NodeWork;
  readonly #shrinkage: number;
  readonly #hasConstant: boolean; // whether a column has one bin only
  readonly #kept: KeptSums;
  // Per node of the tree: places of its drawn rows, places of its other rows, its sums.
  readonly #begins: Int32Array;
  readonly #ends: Int32Array;
  readonly #otherBegins: Int32Array;
  readonly #otherEnds: Int32Array;
  readonly #gradients: Float64Array;
  readonly #hessians: Float64Array;

  /**
   * A grower for the trees of one fit.
   *
   * @param gradientPairs (gradient, hessian) of every row of the table, of the current round
   * @param trees about as many as it grows in a round
   * @param work does its steps on the rows and columns that the grower puts into `scratch`
   * @param capacity most nodes of a tree, `treeCapacity`
   */
  constructor(
    binned: BinnedMatrix,
    cuts: FeatureCuts,
    parameters: ForestParameters,
    gradientPairs: Float64Array,
    trees: number,
    scratch: NodeScratch,
    work: NodeWork,
    capacity: number,
  ) {
    const { learning_rate, num_parallel_tree } = parameters;
    this.#binned = binned;
    this.#cuts = cuts;
    this.#parameters = parameters;
    this.#rule = splitRule(parameters);
    this.#scratch = scratch;
    this.#work = work;
    this.#shrinkage = Math.fround(Math.fround(learning_rate) / num_parallel_tree);
    this.#hasConstant = binned.binCounts.some((count, column) =>
      count <= 1 && binned.hasMissing[column] === 0
    );
    this.#kept = new KeptSums(
      ...[binned, gradientPairs, this.#rule.lambda, trees, scratch, work] as const,
    );
    this.#begins = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#otherBegins = new Int32Array(capacity);
    this.#otherEnds = new Int32Array(capacity);
    this.#gradients = new Float64Array(capacity);
    this.#hessians = new Float64Array(capacity);
  }

  /** Must be called before the first tree of a round, once its gradients are known. */
  startRound(): void {
    this.#kept.startRound();
  }

  /**
   * Grows one tree into place `tree` of `table`.
   *
   * @param seed of the tree, integer in [0, 2^32)
   * @param leafNumbers gets the leaf of every row, drawn or not, in the tree's row of the table
   */
  grow(
    seed: number,
    table: TreeTable,
    tree: number,
    leafNumbers?: LeafNumbers,
  ): void {
    const { max_depth, subsample, colsample_bytree } = this.#parameters;
    const { draws } = this.#work;
    const { allColumns, treeColumns } = this.#scratch;
    draws.start(seed);
    this.#takeRoot(draws.rows(subsample));
    this.#kept.startTree();
    const columnCount = draws.columns(
      allColumns,
      allColumns.length,
      colsample_bytree,
      treeColumns,
    );
    const firstPlace = tree * table.capacity;
    const firstNumber = tree * this.#binned.rows;
    let depth = 0;
    let size = 1;
    for (let node = 0, levelEnd = 1; node < size; node++) {
      if (node === levelEnd) {
        depth++;
        levelEnd = size;
      }
      const mayGrow = max_depth === 0 || depth < max_depth;
      const split = mayGrow ? this.#bestSplit(node, columnCount) : undefined;
      table.cover[firstPlace + node] = this.#hessians[node];
      if (split === undefined) {
        this.#writeLeaf(table, firstPlace + node, node);
        // At the greatest depth the parent has done it.
        if (mayGrow && leafNumbers !== undefined) this.#number(leafNumbers, firstNumber, node);
      } else {
        this.#writeSplit(table, firstPlace + node, node, split, size);
        this.#setSums(size, split);
        if (depth + 1 !== max_depth) this.#divide(node, size, split, leafNumbers !== undefined);
        else if (leafNumbers !== undefined) {
          this.#numberChildren(leafNumbers, firstNumber, node, size, split);
        }
        size += 2;
      }
    }
    table.sizes[tree] = size;
  }

  /** Makes the first `count` rows the root's drawn ones. */
  #takeRoot(count: number): void {
    const { rows, totals } = this.#scratch;
    this.#begins[0] = 0;
    this.#ends[0] = count;
    this.#otherBegins[0] = count;
    this.#otherEnds[0] = rows.length;
    this.#gradients[0] = totals[0];
    this.#hessians[0] = totals[1];
  }

  /** The best split of a node among columns drawn from the tree's, if one is worth it. */
  #bestSplit(node: number, treeColumnCount: number): Split | undefined {
    const { colsample_bynode, gamma } = this.#parameters;
    const gradient = this.#gradients[node];
    const hessian = this.#hessians[node];
    const begin = this.#begins[node];
    const end = this.#ends[node];
    if (end - begin < 2 || hessian < 2 * this.#rule.minChildWeight) return undefined;
    const { treeColumns, columns } = this.#scratch;
    const drawn = this.#work.draws.columns(
      treeColumns,
      treeColumnCount,
      colsample_bynode,
      columns,
    );
    const count = this.#dropConstant(columns, drawn);
    if (count === 0) return undefined;
    const parentGain = nodeGain(gradient, hessian, this.#rule);
    const sibling = node % 2 === 0 ? node - 1 : node + 1;
    const isBounded = this.#kept.bound(
      node,
      begin,
      end,
      node === 0 ? this.#otherBegins[0] : this.#begins[sibling],
      node === 0 ? this.#otherEnds[0] : this.#ends[sibling],
      count,
      gradient,
      hessian,
    );
    const split = this.#work.bestSplit(
      begin,
      end,
      count,
      gradient,
      hessian,
      parentGain,
      isBounded,
    );
    const worthIt = split.gain > leastGain && split.gain >= Math.fround(gamma) &&
      split.leftHessian !== 0 && split.rightHessian !== 0;
    return worthIt ? split : undefined;
  }

  /** Takes columns of one bin, which have no split, off the list; returns how many are left. */
  #dropConstant(columns: Int32Array, count: number): number {
    if (!this.#hasConstant) return count;
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

  /** The sums of the children `left` and `left + 1`. */
  #setSums(left: number, split: Split): void {
    this.#gradients[left] = split.leftGradient;
    this.#hessians[left] = split.leftHessian;
    this.#gradients[left + 1] = split.rightGradient;
    this.#hessians[left + 1] = split.rightHessian;
  }

  /** Divides a node's rows, the drawn ones and `withOthers`, among its children `left` and `left + 1`. */
  #divide(node: number, left: number, split: Split, withOthers: boolean): void {
    this.#divideSome(this.#begins, this.#ends, node, left, split);
    if (withOthers) this.#divideSome(this.#otherBegins, this.#otherEnds, node, left, split);
    const middle = this.#ends[left];
    const isLeftLarger = middle - this.#begins[node] > this.#ends[node] - middle;
    this.#kept.goOn(node, isLeftLarger ? left : left + 1);
  }

  #divideSome(
    begins: Int32Array,
    ends: Int32Array,
    node: number,
    left: number,
    split: Split,
  ): void {
    const { column, bin } = split;
    const missing = this.#missingLeft(split);
    const middle = this.#work.divide(begins[node], ends[node], column, bin, missing);
    begins[left] = begins[node];
    ends[left] = middle;
    begins[left + 1] = middle;
    ends[left + 1] = ends[node];
  }

  /** The bin of missing values if they go left. */
  #missingLeft({ column, defaultLeft }: Split): number {
    return defaultLeft ? this.#binned.binCounts[column] : -1;
  }

  /** Writes the number of a leaf for its rows. */
  #number(numbers: LeafNumbers, first: number, leaf: number): void {
    this.#work.number(this.#begins[leaf], this.#ends[leaf], leaf, numbers, first);
    this.#work.number(this.#otherBegins[leaf], this.#otherEnds[leaf], leaf, numbers, first);
  }

  /** Writes the numbers of a node's children, `left` and `left + 1`, which are leaves, for its rows. */
  #numberChildren(
    numbers: LeafNumbers,
    first: number,
    node: number,
    left: number,
    split: Split,
  ): void {
    this.#numberSome(this.#begins[node], this.#ends[node], left, split, numbers, first);
    this.#numberSome(this.#otherBegins[node], this.#otherEnds[node], left, split, numbers, first);
  }

  #numberSome(
    begin: number,
    end: number,
    left: number,
    split: Split,
    numbers: LeafNumbers,
    first: number,
  ): void {
    const { column, bin } = split;
    const missing = this.#missingLeft(split);
    this.#work.numberChildren(begin, end, column, bin, missing, left, numbers, first);
  }
}
