/**
 * How much each column matters to a forest: by its splits (XGBoost's five kinds of importance), or by
 * how much a score falls when the column is shuffled; and sums over groups of columns, such as those of
 * one segment or of one detector.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";
import type { FeatureMatrix } from "./binning.ts";
import { type BoostedForest, predictMargin } from "./predictor.ts";

/**
 * Kinds of importance, as `Booster.get_score(importance_type=…)` names them: `weight` counts splits,
 * `gain` and `cover` are means over the column's splits, `total_gain` and `total_cover` sums.
 */
export type ImportanceKind = "weight" | "gain" | "cover" | "total_gain" | "total_cover";

/** The importance of every column [columns]; 0 for columns without a split. */
export function splitImportance(forest: BoostedForest, kind: ImportanceKind): Float64Array {
  const { columns, left, feature, gain, cover } = forest;
  const counts = new Float64Array(columns);
  const sums = new Float64Array(columns);
  const summed = kind === "gain" || kind === "total_gain" ? gain : cover;
  for (let node = 0; node < left.length; node++) {
    if (left[node] < 0) continue;
    counts[feature[node]]++;
    sums[feature[node]] += summed[node];
  }
  if (kind === "weight") return counts;
  if (kind === "total_gain" || kind === "total_cover") return sums;
  return sums.map((sum, column) => counts[column] === 0 ? 0 : sum / counts[column]);
}

/**
 * By how much the score falls when a column is shuffled among the rows, mean over `repeats` (Breiman
 * 2001; scikit-learn's `permutation_importance`). Unlike `splitImportance` it can be asked of images
 * that the forest has not seen.
 *
 * @param score of margins against labels, larger is better, e.g. the AUROC
 * @returns [columns]
 */
export function permutationImportance(
  forest: BoostedForest,
  features: FeatureMatrix,
  labels: Uint8Array,
  score: (margins: Float32Array, labels: Uint8Array) => number,
  random: RandomState,
  repeats = 5,
): Float64Array {
  const { rows, columns } = features;
  const whole = score(predictMargin(forest, features), labels);
  const used = splitImportance(forest, "weight");
  const values = features.values.slice();
  const importance = new Float64Array(columns);
  for (let column = 0; column < columns; column++) {
    if (used[column] === 0) continue;
    let sum = 0;
    for (let repeat = 0; repeat < repeats; repeat++) {
      const order = random.permutation(rows);
      for (let row = 0; row < rows; row++) {
        values[row * columns + column] = features.values[order[row] * columns + column];
      }
      sum += whole - score(predictMargin(forest, { rows, columns, values }), labels);
    }
    importance[column] = sum / repeats;
    for (let row = 0; row < rows; row++) {
      values[row * columns + column] = features.values[row * columns + column];
    }
  }
  return importance;
}
