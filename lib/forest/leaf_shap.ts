/**
 * The SHAP values of `treeShap` for many rows of one forest. What a leaf gives to each column of its
 * path depends on a row only through which of the path's columns let the row pass: 2^m cases for m
 * columns, computed once per leaf (Yang 2021, "Fast TreeSHAP", version 2). A row then costs a few
 * comparisons and additions per leaf instead of a walk over all subsets of its path.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { FeatureMatrix } from "./binning.ts";
import type { BoostedForest } from "./predictor.ts";
import { treeShap } from "./tree_shap.ts";

/** Most columns on a path for which all cases are kept; deeper forests are explained by `treeShap`. */
const mostColumns = 8;

/** Rows that pass by a leaf before the next one, so that they and the leaf stay in the cache. */
const rowBlock = 64;

/**
 * SHAP values [rows, columns + 1] as `treeShap` gives them, up to the rounding of float64 sums.
 *
 * @throws {DataError} if the table has another number of columns than the forest was fitted on
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { fitBoostedForest } from "./boosted_forest.ts";
 * import { treeShap } from "./tree_shap.ts";
 * const features = { rows: 4, columns: 2, values: Float64Array.of(1, 9, 2, 8, 3, 9, 4, NaN) };
 * const forest = fitBoostedForest(features, [0, 0, 1, 1], { n_estimators: 5 }, 0);
 * const [fast, exact] = [leafShap(forest, features), treeShap(forest, features)];
 * exact.forEach((value, i) => assert.ok(Math.abs(value - fast[i]) < 1e-12));
 * ```
 */
export function leafShap(forest: BoostedForest, features: FeatureMatrix): Float64Array {
  const { rows, columns, values } = features;
  if (columns !== forest.columns) {
    throw new DataError(
      `Cannot explain: the table has ${columns} columns, the forest was fitted on ${forest.columns}`,
    );
  }
  const paths = leafPaths(forest);
  if (paths === undefined) return treeShap(forest, features);
  const { sizes, column, low, high, missing, firstCase, cases } = paths;
  const mean = meanMargin(forest);
  const width = columns + 1;
  const contributions = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) contributions[i * width + columns] = mean;
  const block = new Float32Array(rowBlock * columns);
  for (let first = 0; first < rows; first += rowBlock) {
    const count = Math.min(rowBlock, rows - first);
    block.set(values.subarray(first * columns, (first + count) * columns));
    for (let leaf = 0, entry = 0; leaf < sizes.length; leaf++) {
      const size = sizes[leaf];
      for (let i = 0; i < count; i++) {
        let passed = 0;
        for (let k = 0; k < size; k++) {
          const value = block[i * columns + column[entry + k]];
          const passes = value === value
            ? value >= low[entry + k] && !(value >= high[entry + k])
            : missing[entry + k] === 1;
          passed |= Number(passes) << k;
        }
        const from = firstCase[leaf] + passed * size;
        const to = (first + i) * width;
        for (let k = 0; k < size; k++) contributions[to + column[entry + k]] += cases[from + k];
      }
      entry += size;
    }
  }
  return contributions;
}

/** The paths to all leaves, one after the other, with each column once. */
interface LeafPaths {
  /** Columns of each path. */
  readonly sizes: Uint8Array; // [leaves]
  readonly column: Int32Array; // [entries], as the next three
  /** A value passes from `low` to below `high`, which is NaN where no end is set. */
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** 1 where a missing value passes. */
  readonly missing: Uint8Array;
  /** Place of a leaf's first case. */
  readonly firstCase: Int32Array; // [leaves]
  /** For each leaf and each set of passed columns (as bits), what every column gets. */
  readonly cases: Float64Array;
}

/** A path under way. */
interface PathEntry {
  column: number;
  low: number;
  high: number | undefined;
  missing: boolean;
  /** Share of the training rows that would follow the path if the column were unknown. */
  zero: number;
}

function leafPaths(forest: BoostedForest): LeafPaths | undefined {
  const { starts, left, right, feature, threshold, defaultLeft, cover } = forest;
  const leaves: { readonly path: readonly PathEntry[]; readonly value: number }[] = [];
  const visit = (root: number, place: number, path: readonly PathEntry[]): boolean => {
    if (left[place] < 0) {
      leaves.push({ path, value: threshold[place] });
      return path.length <= mostColumns;
    }
    const column = feature[place];
    const rest = path.filter((entry) => entry.column !== column);
    const known = path.find((entry) => entry.column === column) ??
      { column, low: -Infinity, high: undefined, missing: true, zero: 1 };
    return [true, false].every((goesLeft) => {
      const child = root + (goesLeft ? left[place] : right[place]);
      return visit(root, child, [...rest, {
        column,
        low: goesLeft ? known.low : Math.max(known.low, threshold[place]),
        high: goesLeft ? Math.min(known.high ?? Infinity, threshold[place]) : known.high,
        missing: known.missing && (defaultLeft[place] === 1) === goesLeft,
        zero: known.zero * cover[child] / cover[place],
      }]);
    });
  };
  for (let tree = 0; tree + 1 < starts.length; tree++) {
    if (!visit(starts[tree], starts[tree], [])) return undefined;
  }
  const entries = leaves.flatMap(({ path }) => path);
  const firstCase = new Int32Array(leaves.length);
  let total = 0;
  leaves.forEach(({ path }, leaf) => {
    firstCase[leaf] = total;
    total += path.length * 2 ** path.length;
  });
  const cases = new Float64Array(total);
  leaves.forEach(({ path, value }, leaf) => fillCases(path, value, cases, firstCase[leaf]));
  return {
    sizes: Uint8Array.from(leaves, ({ path }) => path.length),
    column: Int32Array.from(entries, (entry) => entry.column),
    low: Float32Array.from(entries, (entry) => entry.low),
    high: Float32Array.from(entries, (entry) => entry.high ?? NaN),
    missing: Uint8Array.from(entries, (entry) => Number(entry.missing)),
    firstCase,
    cases,
  };
}

/**
 * The Shapley value of column k in the game "leaf value times the product of its columns", where a
 * known column counts 1 or 0 and an unknown one its `zero`: over all sets s of the other columns,
 * |s|! (m - 1 - |s|)! / m! times the gain of adding k. The sets of one size add up to a coefficient of
 * the product of (one x + zero) over the other columns.
 */
function fillCases(
  path: readonly PathEntry[],
  value: number,
  cases: Float64Array,
  first: number,
): void {
  const size = path.length;
  const weights = shapleyWeights(size);
  const polynomial = new Float64Array(size + 1);
  for (let passed = 0; passed < 2 ** size; passed++) {
    for (let k = 0; k < size; k++) {
      polynomial.fill(0);
      polynomial[0] = 1;
      for (let j = 0, degree = 0; j < size; j++) {
        if (j === k) continue;
        const { zero } = path[j];
        if (passed >> j & 1) {
          degree++;
          for (let d = degree; d > 0; d--) polynomial[d] = polynomial[d] * zero + polynomial[d - 1];
          polynomial[0] *= zero;
        } else {
          for (let d = 0; d <= degree; d++) polynomial[d] *= zero;
        }
      }
      let sum = 0;
      for (let d = 0; d < size; d++) sum += polynomial[d] * weights[d];
      cases[first + passed * size + k] = sum * ((passed >> k & 1) - path[k].zero) * value;
    }
  }
}

/** s! (m - 1 - s)! / m! for s = 0 … m - 1. */
function shapleyWeights(size: number): Float64Array {
  const weights = new Float64Array(size);
  for (let s = 0; s < size; s++) {
    let weight = 1 / size;
    for (let i = 1; i <= s; i++) weight *= i / (size - i);
    weights[s] = weight;
  }
  return weights;
}

/** The mean margin as `treeShap` tells it. */
function meanMargin(forest: BoostedForest): number {
  const features = { rows: 1, columns: forest.columns, values: new Float64Array(forest.columns) };
  return treeShap(forest, features)[forest.columns];
}
