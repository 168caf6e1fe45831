/**
 * Exact SHAP values of a forest's margin: how much each column of one row moved the prediction away from
 * the mean over the training rows. TreeSHAP, path-dependent (Lundberg, Erion and Lee 2018, algorithm 2),
 * as `Booster.predict(pred_contribs=True)` computes it, here in float64.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { FeatureMatrix } from "./binning.ts";
import { baseMargin } from "./loss.ts";
import type { BoostedForest } from "./predictor.ts";

/**
 * SHAP values of every row [rows, columns + 1]; the last number of a row is the mean margin, and a row's
 * numbers add up to its margin.
 *
 * @throws {DataError} if the table has another number of columns than the forest was fitted on
 */
export function treeShap(forest: BoostedForest, features: FeatureMatrix): Float64Array {
  const { rows, columns, values } = features;
  if (columns !== forest.columns) {
    throw new DataError(
      `Cannot explain: the table has ${columns} columns, the forest was fitted on ${forest.columns}`,
    );
  }
  const explainer = new TreeExplainer(forest);
  const contributions = new Float64Array(rows * (columns + 1));
  const row = new Float32Array(columns);
  for (let i = 0; i < rows; i++) {
    row.set(values.subarray(i * columns, (i + 1) * columns));
    explainer.explain(row, contributions.subarray(i * (columns + 1), (i + 1) * (columns + 1)));
  }
  return contributions;
}

/**
 * Walks all paths of a tree at once. On its way it keeps the columns split on so far, each once, with
 * the share of training rows that would follow the path if the column were unknown (`zeros`), whether
 * the row itself follows it (`ones`), and for every size of a set of known columns the summed weight of
 * the sets of that size that lead here (`weights`).
 */
class TreeExplainer {
  readonly #forest: BoostedForest;
  readonly #mean: number;
  // The path at each depth, one after the other: a path is copied before it is extended.
  readonly #columns: Int32Array;
  readonly #zeros: Float64Array;
  readonly #ones: Float64Array;
  readonly #weights: Float64Array;

  constructor(forest: BoostedForest) {
    this.#forest = forest;
    const { depth, mean } = depthAndMean(forest);
    this.#mean = mean;
    const room = (depth + 2) * (depth + 3) / 2;
    this.#columns = new Int32Array(room);
    this.#zeros = new Float64Array(room);
    this.#ones = new Float64Array(room);
    this.#weights = new Float64Array(room);
  }

  /** Adds the row's SHAP values and the mean margin to `contributions` [columns + 1]. */
  explain(row: Float32Array, contributions: Float64Array): void {
    const { starts, columns } = this.#forest;
    for (let tree = 0; tree + 1 < starts.length; tree++) {
      this.#visit(starts[tree], 0, row, contributions, 0, 0, 1, 1, -1);
    }
    contributions[columns] += this.#mean;
  }

  /**
   * Visits a node with the parent's path, which has `length` entries that end before `begin`, extended
   * by the column of the parent's split.
   *
   * @param root place of the tree's first node; `node` counts from there
   */
  #visit(
    root: number,
    node: number,
    row: Float32Array,
    contributions: Float64Array,
    length: number,
    begin: number,
    zero: number,
    one: number,
    column: number,
  ): void {
    const { left, right, feature, threshold, defaultLeft, cover } = this.#forest;
    this.#copyPath(begin - length, begin, length);
    this.#extend(begin, length, zero, one, column);
    const place = root + node;
    if (left[place] < 0) {
      this.#addLeaf(begin, length, threshold[place], contributions);
      return;
    }
    const split = feature[place];
    const value = row[split];
    const goesLeft = value === value ? value < threshold[place] : defaultLeft[place] === 1;
    const hot = goesLeft ? left[place] : right[place];
    const cold = goesLeft ? right[place] : left[place];
    let known = length + 1;
    let zeroBefore = 1;
    let oneBefore = 1;
    for (let i = 1; i < known; i++) {
      if (this.#columns[begin + i] !== split) continue;
      zeroBefore = this.#zeros[begin + i];
      oneBefore = this.#ones[begin + i];
      this.#unwind(begin, known - 1, i);
      known--;
      break;
    }
    const next = begin + known;
    const hotZero = zeroBefore * cover[root + hot] / cover[place];
    const coldZero = zeroBefore * cover[root + cold] / cover[place];
    this.#visit(root, hot, row, contributions, known, next, hotZero, oneBefore, split);
    this.#visit(root, cold, row, contributions, known, next, coldZero, 0, split);
  }

  #copyPath(from: number, to: number, length: number): void {
    this.#columns.copyWithin(to, from, from + length);
    this.#zeros.copyWithin(to, from, from + length);
    this.#ones.copyWithin(to, from, from + length);
    this.#weights.copyWithin(to, from, from + length);
  }

  /** Adds an entry behind the `length` of a path and spreads the weights over one size more. */
  #extend(begin: number, length: number, zero: number, one: number, column: number): void {
    const weights = this.#weights;
    this.#columns[begin + length] = column;
    this.#zeros[begin + length] = zero;
    this.#ones[begin + length] = one;
    weights[begin + length] = length === 0 ? 1 : 0;
    for (let i = length - 1; i >= 0; i--) {
      weights[begin + i + 1] += one * weights[begin + i] * (i + 1) / (length + 1);
      weights[begin + i] *= zero * (length - i) / (length + 1);
    }
  }

  /** Takes entry `at` out of a path whose last entry is `last`; undoes its `#extend`. */
  #unwind(begin: number, last: number, at: number): void {
    const weights = this.#weights;
    const one = this.#ones[begin + at];
    const zero = this.#zeros[begin + at];
    let carried = weights[begin + last];
    for (let i = last - 1; i >= 0; i--) {
      if (one !== 0) {
        const before = weights[begin + i];
        weights[begin + i] = carried * (last + 1) / ((i + 1) * one);
        carried = before - weights[begin + i] * zero * (last - i) / (last + 1);
      } else {
        weights[begin + i] *= (last + 1) / (zero * (last - i));
      }
    }
    for (let i = at; i < last; i++) {
      this.#columns[begin + i] = this.#columns[begin + i + 1];
      this.#zeros[begin + i] = this.#zeros[begin + i + 1];
      this.#ones[begin + i] = this.#ones[begin + i + 1];
    }
  }

  /** Adds what a leaf gives to each column of its path. */
  #addLeaf(begin: number, last: number, value: number, contributions: Float64Array): void {
    for (let i = 1; i <= last; i++) {
      const weight = this.#sumWithout(begin, last, i);
      const reach = this.#ones[begin + i] - this.#zeros[begin + i];
      contributions[this.#columns[begin + i]] += weight * reach * value;
    }
  }

  /** The sum of the weights that `#unwind` of entry `at` would leave. */
  #sumWithout(begin: number, last: number, at: number): number {
    const weights = this.#weights;
    const one = this.#ones[begin + at];
    const zero = this.#zeros[begin + at];
    let carried = weights[begin + last];
    let sum = 0;
    for (let i = last - 1; i >= 0; i--) {
      if (one !== 0) {
        const weight = carried * (last + 1) / ((i + 1) * one);
        sum += weight;
        carried = weights[begin + i] - weight * zero * (last - i) / (last + 1);
      } else {
        sum += weights[begin + i] * (last + 1) / (zero * (last - i));
      }
    }
    return sum;
  }
}

/** The deepest leaf's depth, and the mean margin: base margin plus every tree's mean leaf by cover. */
function depthAndMean(forest: BoostedForest): { depth: number; mean: number } {
  const { starts, left, right, threshold, cover } = forest;
  const depths = new Int32Array(left.length);
  const means = new Float64Array(left.length);
  let depth = 0;
  let mean = baseMargin(forest.base_score, forest.objective);
  for (let tree = 0; tree + 1 < starts.length; tree++) {
    const root = starts[tree];
    for (let node = starts[tree + 1] - 1; node >= root; node--) { // children before parents
      if (left[node] < 0) {
        means[node] = threshold[node];
        continue;
      }
      const [a, b] = [root + left[node], root + right[node]];
      means[node] = (means[a] * cover[a] + means[b] * cover[b]) / cover[node];
      depths[node] = Math.max(depths[a], depths[b]) + 1;
    }
    depth = Math.max(depth, depths[root]);
    mean += means[root];
  }
  return { depth, mean };
}
