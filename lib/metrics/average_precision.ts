/**
 * Average precision: AP = sum over falling thresholds t of (R(t) - R(t before)) P(t), with the recall
 * R(t) = share of the bad images with score >= t and the precision P(t) = share of bad images among
 * those with score >= t; equal scores are one threshold (scikit-learn's `average_precision_score`, no
 * interpolation). Unlike AUROC it depends on the share of bad images.
 *
 * @module
 */
import { countBoth, rank, type Ranking } from "./ranking.ts";

/**
 * Average precision in (0, 1] of scores against labels (0 good, 1 bad).
 *
 * @throws {RangeError} for a single class, a NaN score, lengths that differ
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const value = averagePrecision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
 * assert.ok(Math.abs(value - 5 / 6) < 1e-15);
 * ```
 */
export function averagePrecision(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return averagePrecisionOfRanking(rank(scores, labels));
}

/** Average precision of a ranking, where image i counts `counts[i]` times. */
export function averagePrecisionOfRanking(ranking: Ranking, counts?: Uint32Array): number {
  const { bad } = countBoth(ranking, counts, "average precision");
  const { order, scores, labels } = ranking;
  let found = 0;
  let called = 0;
  let area = 0;
  for (let k = order.length - 1; k >= 0;) {
    const score = scores[order[k]];
    let badHere = 0;
    for (; k >= 0 && scores[order[k]] === score; k--) {
      const count = counts === undefined ? 1 : counts[order[k]];
      called += count;
      if (labels[order[k]] === 1) badHere += count;
    }
    found += badHere;
    if (badHere > 0) area += badHere * (found / called);
  }
  return area / bad;
}
