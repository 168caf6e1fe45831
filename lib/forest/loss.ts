/**
 * Logistic loss: its gradients, and the prediction that boosting starts from. Computed in float32 as
 * XGBoost does, since the trees' ties depend on it.
 *
 * @module
 */
import type { ForestParameters } from "./parameters.ts";

/** `1 / (1 + exp(-margin))` in float32. */
export function sigmoid(margin: number): number {
  const exponential = Math.fround(Math.exp(Math.min(-margin, Math.fround(88.7))));
  return Math.fround(1 / Math.fround(Math.fround(exponential + 1) + Math.fround(1e-16)));
}

/**
 * Writes first and second derivatives of the loss by the margin, `w (p - y)` and `w p (1 - p)`, where
 * `w` is `scale_pos_weight` for label 1.
 *
 * @param pairs overwritten with (gradient, hessian) per row; float32 numbers in float64
 */
export function logisticGradients(
  margins: Float32Array,
  labels: Uint8Array,
  scalePosWeight: number,
  pairs: Float64Array, // [rows, 2]
): void {
  const f32 = Math.fround;
  const positiveWeight = f32(scalePosWeight);
  for (let i = 0; i < margins.length; i++) {
    const probability = sigmoid(margins[i]);
    const weight = labels[i] === 1 ? positiveWeight : 1;
    const curvature = Math.max(f32(probability * f32(1 - probability)), f32(1e-16));
    pairs[2 * i] = f32(f32(probability - labels[i]) * weight);
    pairs[2 * i + 1] = f32(curvature * weight);
  }
}

/**
 * The starting prediction in XGBoost's terms, float32: a probability for `binary:logistic`, a margin for
 * `binary:logitraw`. Where `parameters.base_score` is null it is one Newton step from margin 0.
 */
export function baseScore(labels: Uint8Array, parameters: ForestParameters): number {
  if (parameters.base_score !== null) return Math.fround(parameters.base_score);
  const pairs = new Float64Array(2 * labels.length);
  logisticGradients(new Float32Array(labels.length), labels, parameters.scale_pos_weight, pairs);
  let gradient = 0;
  let hessian = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    gradient += pairs[i];
    hessian += pairs[i + 1];
  }
  const margin = Math.fround(-gradient / Math.max(hessian, Math.fround(1e-6))) + 0; // not -0
  return parameters.objective === "binary:logistic" ? sigmoid(margin) : margin;
}

/** The margin that a base score stands for, float32. */
export function baseMargin(score: number, objective: ForestParameters["objective"]): number {
  if (objective === "binary:logitraw") return score;
  return -Math.fround(Math.log(Math.fround(Math.fround(1 / score) - 1)));
}
