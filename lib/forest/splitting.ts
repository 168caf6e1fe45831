/**
 * The gain of a split and the best split of a column, given its histogram (Chen and Guestrin 2016,
 * equations 5 to 7; L1 as XGBoost adds it). Sums are float64 and gains float32, rounded at the same
 * places as in XGBoost 2.0.3, so that ties fall the same way.
 *
 * @module
 */
import type { ForestParameters } from "./parameters.ts";

/** The penalties that decide gains and weights, as float32 numbers. */
export interface SplitRule {
  /** L1 penalty, `reg_alpha`. */
  readonly alpha: number;
  /** L2 penalty, `reg_lambda`. */
  readonly lambda: number;
  /** Least sum of hessians in a child. */
  readonly minChildWeight: number;
}

/** The best split of a node so far; `gain` 0 means none. */
export interface Split {
  /** Loss reduction, float32. */
  gain: number;
  /** Of the feature table; -1 while there is no split. */
  column: number;
  /** Last bin that goes left; -1 where only missing values do. */
  bin: number;
  /** Whether missing values go left. */
  defaultLeft: boolean;
  /** Sum of the gradients of the rows that go left. */
  leftGradient: number;
  /** Sum of their hessians. */
  leftHessian: number;
  /** Sum of the gradients of the rows that go right. */
  rightGradient: number;
  /** Sum of their hessians. */
  rightHessian: number;
}

/** The rule that `parameters` set. */
export function splitRule(parameters: ForestParameters): SplitRule {
  return {
    alpha: Math.fround(parameters.reg_alpha),
    lambda: Math.fround(parameters.reg_lambda),
    minChildWeight: Math.fround(parameters.min_child_weight),
  };
}

/** No split yet. */
export function noSplit(): Split {
  return {
    gain: 0,
    column: -1,
    bin: 0,
    defaultLeft: false,
    leftGradient: 0,
    leftHessian: 0,
    rightGradient: 0,
    rightHessian: 0,
  };
}

/** Weight of a node before shrinkage, `-T(G) / (H + lambda)` with soft threshold T; float32. */
export function nodeWeight(gradient: number, hessian: number, rule: SplitRule): number {
  if (hessian < rule.minChildWeight || hessian <= 0) return 0;
  const magnitude = Math.abs(gradient) - rule.alpha;
  if (!(magnitude > 0)) return 0;
  return Math.fround((gradient > 0 ? -magnitude : magnitude) / (hessian + rule.lambda));
}

/** Gain of a node, `T(G)^2 / (H + lambda)`; float32. */
export function nodeGain(gradient: number, hessian: number, rule: SplitRule): number {
  if (hessian <= 0) return 0;
  const magnitude = Math.max(0, Math.abs(gradient) - rule.alpha);
  return Math.fround(Math.fround(magnitude * magnitude) / Math.fround(hessian + rule.lambda));
}

/**
 * Products that bound a gain from above may be off by the float32 roundings of the gain itself, five
 * of at most 2^-24 each; bins whose bound stays below the best gain by more need no division.
 */
export const boundSlack = 1 - 1e-6;

/**
 * Finds the best split of one column, puts it into `best` where it is better, and clears the histogram.
 * Equal gains keep what is there, so columns must come in ascending order and the first bin wins.
 *
 * Missing values are not among the bins: first they go right at every cut, then, if the node has any,
 * left at every cut. (XGBoost asks whether the bins add up to the node, which is the same for exact sums.)
 *
 * @param histogram pairs (gradient, hessian) from `offset` on; the pair after `binCount` bins belongs to
 *   missing values
 * @param gradient, hessian the node's sums; `parentGain` its gain
 */
export function findSplit(
  histogram: Float64Array,
  offset: number,
  binCount: number,
  hasMissing: boolean,
  column: number,
  gradient: number,
  hessian: number,
  parentGain: number,
  rule: SplitRule,
  best: Split,
): void {
  const { alpha, lambda, minChildWeight } = rule;
  const end = offset + 2 * binCount;
  let bound = (best.gain + parentGain) * boundSlack;
  let sumGradient = 0;
  let sumHessian = 0;
  for (let at = offset; at < end; at += 2) {
    const binHessian = histogram[at + 1];
    if (binHessian === 0) continue;
    sumGradient += histogram[at];
    sumHessian += binHessian;
    if (!hasMissing) {
      histogram[at] = 0;
      histogram[at + 1] = 0;
    }
    const otherHessian = hessian - sumHessian;
    if (sumHessian < minChildWeight || otherHessian < minChildWeight) continue;
    const otherGradient = gradient - sumGradient;
    const left = Math.max(0, Math.abs(sumGradient) - alpha);
    const right = Math.max(0, Math.abs(otherGradient) - alpha);
    const leftScale = sumHessian + lambda;
    const rightScale = otherHessian + lambda;
    if (left * left * rightScale + right * right * leftScale < bound * leftScale * rightScale) {
      continue;
    }
    const gain = splitGain(sumGradient, sumHessian, otherGradient, otherHessian, parentGain, rule);
    if (!(gain > best.gain) || gain === Infinity) continue;
    best.gain = gain;
    best.column = column;
    best.bin = (at - offset) >> 1;
    best.defaultLeft = false;
    best.leftGradient = sumGradient;
    best.leftHessian = sumHessian;
    best.rightGradient = otherGradient;
    best.rightHessian = otherHessian;
    bound = (gain + parentGain) * boundSlack;
  }
  if (!hasMissing) return;
  if (histogram[end + 1] !== 0) {
    sumGradient = 0;
    sumHessian = 0;
    for (let at = end - 2; at >= offset; at -= 2) {
      const binHessian = histogram[at + 1];
      if (binHessian === 0) continue;
      sumGradient += histogram[at];
      sumHessian += binHessian;
      const otherHessian = hessian - sumHessian;
      if (sumHessian < minChildWeight || otherHessian < minChildWeight) continue;
      const otherGradient = gradient - sumGradient;
      const gain = splitGain(
        otherGradient,
        otherHessian,
        sumGradient,
        sumHessian,
        parentGain,
        rule,
      );
      if (!(gain > best.gain) || gain === Infinity) continue;
      best.gain = gain;
      best.column = column;
      best.bin = ((at - offset) >> 1) - 1;
      best.defaultLeft = true;
      best.leftGradient = otherGradient;
      best.leftHessian = otherHessian;
      best.rightGradient = sumGradient;
      best.rightHessian = sumHessian;
    }
  }
  histogram.fill(0, offset, end + 2);
}

/** Loss reduction of a split, float32. */
function splitGain(
  leftGradient: number,
  leftHessian: number,
  rightGradient: number,
  rightHessian: number,
  parentGain: number,
  rule: SplitRule,
): number {
  const children = Math.fround(
    nodeGain(leftGradient, leftHessian, rule) + nodeGain(rightGradient, rightHessian, rule),
  );
  return Math.fround(children - parentGain);
}
