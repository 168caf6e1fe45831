/**
 * The ROC curve as points for charts: for each threshold t, FPR = mean(good >= t) and
 * TPR = mean(bad >= t) (scikit-learn's `roc_curve`). The straight line through neighbouring points is
 * the curve whose area is the AUROC.
 *
 * @module
 */
import { countBoth, rank } from "./ranking.ts";

/** Points from (0, 0) to (1, 1), by falling threshold. */
export interface RocCurve {
  /** False positive rates, rising from 0 to 1. */
  readonly fpr: Float64Array;
  /** True positive rates at the same thresholds. */
  readonly tpr: Float64Array;
  /** `thresholds[0]` is Infinity: nothing is called bad. */
  readonly thresholds: Float64Array;
}

/**
 * The ROC curve of scores against labels (0 good, 1 bad), without the points that lie on the straight
 * line between their neighbours (`drop_intermediate=True`).
 *
 * @throws {RangeError} for a single class, a NaN score, lengths that differ
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const curve = rocCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
 * assert.deepEqual([...curve.fpr], [0, 0, 0.5, 0.5, 1]);
 * assert.deepEqual([...curve.tpr], [0, 0.5, 0.5, 1, 1]);
 * ```
 */
export function rocCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): RocCurve {
  const ranking = rank(scores, labels);
  const { good, bad } = countBoth(ranking, undefined, "a ROC curve");
  const { order } = ranking;
  const points: { fp: number; tp: number; threshold: number }[] = [];
  let fp = 0;
  let tp = 0;
  for (let k = order.length - 1; k >= 0; k--) {
    if (labels[order[k]] === 1) tp++;
    else fp++;
    const threshold = scores[order[k]];
    if (k > 0 && scores[order[k - 1]] === threshold) continue;
    points.push({ fp, tp, threshold });
  }
  const kept = points.filter((point, i) => {
    if (i === 0 || i === points.length - 1) return true;
    const [before, after] = [points[i - 1], points[i + 1]];
    return before.fp + after.fp !== 2 * point.fp || before.tp + after.tp !== 2 * point.tp;
  });
  kept.unshift({ fp: 0, tp: 0, threshold: Infinity });
  return {
    fpr: Float64Array.from(kept, (point) => point.fp / good),
    tpr: Float64Array.from(kept, (point) => point.tp / bad),
    thresholds: Float64Array.from(kept, (point) => point.threshold),
  };
}
