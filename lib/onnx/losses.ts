/**
 * Losses as scalars of a graph. Targets are float32 graph inputs: 1 for the positive (bad) class.
 *
 * @module
 */
import type { Value } from "./graph.ts";
import {
  abs,
  add,
  cast,
  div,
  exp,
  gatherElements,
  logSoftmax,
  max,
  mul,
  neg,
  pow,
  reduceL2,
  reduceMean,
  reduceSum,
  reduceSumSquare,
  relu,
  reshape,
  sigmoid,
  softplus,
  sqrt,
  sub,
  unsqueeze,
} from "./ops.ts";

/** Mean over all elements, a scalar of shape []. */
export function mean(x: Value): Value {
  return reduceMean(x, undefined, { keepdims: false });
}

/** Mean of (a - b)². */
export function meanSquaredError(a: Value, b: Value): Value {
  const difference = sub(a, b);
  return mean(mul(difference, difference));
}

/** Mean of -t ln p - (1 - t) ln(1 - p), p the sigmoid of `logits`, in the form that cannot overflow. */
export function binaryCrossEntropy(logits: Value, targets: Value): Value {
  return mean(sub(softplus(logits), mul(logits, targets)));
}

/** Options of the focal losses. */
export interface FocalOptions {
  /** Exponent of (1 - p). @default 2 */
  readonly gamma?: number;
  /** Weight of the positive class, (1 - alpha) of the negative; left out, both weigh 1. */
  readonly alpha?: number;
}

/**
 * Focal loss of one logit per image: mean of -α_t (1 - p_t)^γ ln p_t, with p_t the probability given to
 * the true class (Lin et al. 2017, "Focal loss for dense object detection", equation 5).
 */
export function binaryFocalLoss(logits: Value, targets: Value, options: FocalOptions = {}): Value {
  const { gamma = 2, alpha } = options;
  checkGamma(gamma);
  const signed = mul(logits, sub(mul(targets, 2), 1)); // the logit of the true class
  let loss = softplus(neg(signed)); // -ln p_t
  if (gamma > 0) loss = mul(loss, pow(sigmoid(neg(signed)), gamma));
  if (alpha !== undefined) {
    loss = mul(loss, add(mul(targets, 2 * alpha - 1), 1 - alpha));
  }
  return mean(loss);
}

/**
 * Focal loss over classes: mean of -(1 - p_t)^γ ln p_t, p the softmax of `logits` [n, classes], t the
 * int64 `labels` [n].
 */
export function focalLoss(
  logits: Value,
  labels: Value,
  options: { readonly gamma?: number } = {},
): Value {
  const { gamma = 2 } = options;
  checkGamma(gamma);
  const logTrue = logLikelihood(logits, labels);
  if (gamma === 0) return neg(mean(logTrue));
  return neg(mean(mul(logTrue, pow(sub(1, exp(logTrue)), gamma))));
}

/** Mean of -ln p_t, p the softmax of `logits` [n, classes], t the int64 `labels` [n]. */
export function softmaxCrossEntropy(logits: Value, labels: Value): Value {
  return neg(mean(logLikelihood(logits, labels)));
}

/** ln of the probability given to the true class, [n, 1]. */
function logLikelihood(logits: Value, labels: Value): Value {
  return gatherElements(logSoftmax(logits, 1), unsqueeze(cast(labels, "int64"), [1]), 1);
}

/**
 * Sum over pairs of feature maps of the mean over the batch of 1 - cos(a, b), each image's map taken as
 * one vector (reverse distillation's loss in its published code).
 */
export function cosineLoss(pairs: readonly (readonly [Value, Value])[]): Value {
  return pairs.map(([a, b]) => {
    const [n] = a.shape;
    const p = reshape(a, [n, -1]);
    const q = reshape(b, [n, -1]);
    const norm = (x: Value) => max(reduceL2(x, [1]), 1e-8);
    return mean(sub(1, div(reduceSum(mul(p, q), [1]), mul(norm(p), norm(q)))));
  }).reduce((total, loss) => add(total, loss));
}

/**
 * Deviation loss (Pang et al. 2021, "Explainable deep few-shot anomaly detection with deviation
 * networks", equations 3 and 4): with dev = (score - mean) / std of `normals`, numbers drawn from
 * N(0, 1) at every step, the mean of |dev| for good images and of max(margin - dev, 0) for bad ones.
 *
 * @param scores any shape
 * @param targets the same shape
 * @param normals [count]; the standard deviation is the sample's (count - 1)
 */
export function deviationLoss(
  scores: Value,
  targets: Value,
  normals: Value,
  options: {
    /** @default 5 */
    readonly margin?: number;
    /** Weights of a weighted mean, the scores' shape, not all 0. @default all 1 */
    readonly weights?: Value;
  } = {},
): Value {
  const { margin = 5, weights } = options;
  const center = mean(normals);
  const spread = reduceSumSquare(sub(normals, center), undefined, { keepdims: false });
  const deviation = div(sub(scores, center), sqrt(div(spread, normals.shape[0] - 1)));
  const good = mul(sub(1, targets), abs(deviation));
  const bad = mul(targets, relu(sub(margin, deviation)));
  const losses = add(good, bad);
  if (weights === undefined) return mean(losses);
  const sum = (x: Value) => reduceSum(x, undefined, { keepdims: false });
  return div(sum(mul(weights, losses)), sum(weights));
}

function checkGamma(gamma: number): void {
  if (!(gamma >= 0)) throw new RangeError(`Cannot build focal loss: gamma is ${gamma}, not >= 0`);
}
