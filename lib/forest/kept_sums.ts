/**
 * Block sums that are handed down a tree, so that fewer rows are added: the whole table is summed once a
 * round, the root takes the rows that were not drawn from its sums, and the larger of a node's children
 * takes the smaller one's rows from those of its parent. A column that the parent did not draw is summed
 * anew. Only this one line of nodes keeps sums: for smaller nodes it does not pay.
 *
 * What is kept cannot depend on a node's slope `G / D`. Hence it is not the terms `l = g - h G / D` of
 * `block_bounds.ts` but their parts: gradients and hessians, each of rows with a positive gradient and of
 * rows with a negative one. The sums of positive and of negative `l` follow from them as long as `l` has
 * the sign of `g` in all rows, which is so up to `|G / D| = min |g| / h`. The logistic loss has
 * `|g| >= h`, so that large nodes, which are mixed, come up to this.
 *
 * Rows are added and taken away in float32: `KeptNode` says how much that can have changed.
 *
 * @module
 */
import type { BinnedMatrix } from "./binning.ts";
import { joinBelow, mostBoundedSum } from "./block_bounds.ts";
import { boundGroup } from "./block_sums.ts";
import type { NodeScratch, NodeWork } from "./node_work.ts";

/** So many rows less must have to be added for a node to go on with its parent's sums. */
const worthRows = 30;

/** So many trees of a thread and round pay for the sums of the whole table. */
const worthTrees = 20;

/** The sums of the trees that one thread grows. */
export class KeptSums {
  readonly #binned: BinnedMatrix;
  readonly #gradientPairs: Float64Array;
  readonly #lambda: number;
  readonly #scratch: NodeScratch;
  readonly #boundKept: NodeWork["boundKept"];
  /** Rows in the fullest block of all columns; 0 if no sums are kept at all. */
  readonly #fullestBlock: number;
  /** 1 for columns of which the parent has sums. */
  readonly #has: Uint8Array; // [columns]
  /** Room for the others of a node's columns. */
  readonly #others: Int32Array; // [columns]
  readonly #kept = {
    ...{ isWhole: true, fromWhole: true, shared: 0, otherBegin: 0, otherEnd: 0 },
    ...{ operations: 0, sizes: 0, span: 0 },
  };
  /** `min |g| / h` of the round. */
  #leastRatio = 0;
  /** The next node that may go on with the sums, -1 if none will. */
  #node = -1;

  /**
   * Sums for the fit of `binned`; none are kept unless `work` can bound by them.
   *
   * @param gradientPairs (gradient, hessian) of every row of the table, of the current round
   * @param lambda XGBoost's `reg_lambda`
   * @param trees about as many as the thread grows in a round
   */
  constructor(
    binned: BinnedMatrix,
    gradientPairs: Float64Array,
    lambda: number,
    trees: number,
    scratch: NodeScratch,
    work: NodeWork,
  ) {
    this.#binned = binned;
    this.#gradientPairs = gradientPairs;
    this.#lambda = lambda;
    this.#scratch = scratch;
    this.#boundKept = work.boundKept;
    const keeps = work.boundKept !== undefined && trees >= worthTrees &&
      scratch.keptSums.length > 0 &&
      binned.hasMissing.every((flag) => flag === 0);
    this.#fullestBlock = keeps ? binned.mostBlockRows.reduce((a, b) => Math.max(a, b), 0) : 0;
    this.#has = new Uint8Array(binned.columns);
    this.#others = new Int32Array(binned.columns);
  }

  /** Sums the whole table for the gradients of a new round. The scratch's rows are overwritten. */
  startRound(): void {
    this.#leastRatio = 0;
    if (this.#fullestBlock === 0) return;
    const { rows, columns, allColumns } = this.#scratch;
    const pairs = this.#gradientPairs;
    let [ratio, sizes, hessian] = [Infinity, 0, 0];
    for (let i = 0; i < pairs.length; i += 2) {
      const size = Math.abs(pairs[i]);
      sizes += size;
      hessian += pairs[i + 1];
      if (size < ratio * pairs[i + 1]) ratio = size / pairs[i + 1];
    }
    const kept = this.#kept;
    kept.sizes = sizes;
    kept.span = hessian + 2 * this.#lambda;
    if (!(sizes + kept.span < mostBoundedSum)) return;
    this.#leastRatio = ratio;
    for (let row = 0; row < rows.length; row++) rows[row] = row;
    columns.set(allColumns);
    kept.isWhole = true;
    kept.shared = kept.otherBegin = kept.otherEnd = 0;
    this.#boundKept!(0, rows.length, allColumns.length, 0, kept.span, kept);
  }

  /** Begins a tree: its root comes next. */
  startTree(): void {
    this.#node = this.#leastRatio > 0 ? 0 : -1;
    this.#has.fill(1);
    this.#kept.operations = 2 * this.#fullestBlock;
  }

  /** Says that `node` has been split, and which of its children has more rows. */
  goOn(node: number, larger: number): void {
    if (node === this.#node) this.#node = larger;
  }

  /**
   * Sums and bounds the first `columnCount` of the scratch's columns for a node that goes on with the sums
   * of its parent, the root with those of the whole table; returns whether it does. The columns change
   * their order.
   *
   * @param begin first place of the node's rows, which go on to `end - 1`
   * @param otherBegin likewise of the rows by which it differs from its parent
   */
  bound(
    node: number,
    begin: number,
    end: number,
    otherBegin: number,
    otherEnd: number,
    columnCount: number,
    gradient: number,
    hessian: number,
  ): boolean {
    if (node !== this.#node) return false;
    const count = end - begin;
    const span = hessian + 2 * this.#lambda;
    const slope = gradient / span;
    if (
      count < joinBelow || count - (otherEnd - otherBegin) < worthRows ||
      Math.abs(slope) > this.#leastRatio
    ) {
      this.#node = -1;
      return false;
    }
    const kept = this.#kept;
    kept.isWhole = false;
    kept.fromWhole = node === 0;
    kept.shared = this.#sharedFirst(columnCount);
    kept.otherBegin = otherBegin;
    kept.otherEnd = otherEnd;
    kept.operations++;
    this.#boundKept!(begin, end, columnCount, slope, span, kept);
    return true;
  }

  /**
   * Puts the columns of which the parent has sums before the others; returns how many, without those that
   * do not fill a group. The node's columns are then those that have sums.
   */
  #sharedFirst(columnCount: number): number {
    const { columns } = this.#scratch;
    const has = this.#has;
    const others = this.#others;
    let shared = 0;
    let otherCount = 0;
    for (let k = 0; k < columnCount; k++) {
      const column = columns[k];
      if (has[column] === 1) columns[shared++] = column;
      else others[otherCount++] = column;
    }
    for (let k = 0; k < otherCount; k++) columns[shared + k] = others[k];
    has.fill(0);
    for (let k = 0; k < columnCount; k++) has[columns[k]] = 1;
    return shared - shared % boundGroup;
  }
}
