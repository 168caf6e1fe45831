/**
 * Area under the ROC curve, by rank arithmetic.
 *
 * With the good scores g and the bad scores b, AUROC = P(b > g) + P(b = g) / 2 = U / (|g| |b|), the
 * Mann-Whitney statistic (paper, section 5: "Cl. AUROC" when the scores are of images). Twice U is an
 * integer, so the result is the exact fraction rounded once; scikit-learn's `roc_auc_score` adds up
 * trapezoids in floating point and agrees to the last bit or two. Ties count one half. With a single
 * class it is undefined: an error, never 0.5.
 *
 * @module
 */
import { countBoth, rank, type Ranking } from "./ranking.ts";

/**
 * AUROC in [0, 1] of scores against labels (0 good, 1 bad).
 *
 * @throws {RangeError} for a single class, a NaN score, lengths that differ
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(auroc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]), 0.875);
 * ```
 */
export function auroc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return aurocOfRanking(rank(scores, labels));
}

/** AUROC of a ranking, where image i counts `counts[i]` times. */
export function aurocOfRanking(ranking: Ranking, counts?: Uint32Array): number {
  const { good, bad } = countBoth(ranking, counts, "AUROC");
  const { order, scores, labels } = ranking;
  let goodBelow = 0;
  let twiceU = 0;
  for (let i = 0; i < order.length;) {
    const score = scores[order[i]];
    let goodHere = 0;
    let badHere = 0;
    for (; i < order.length && scores[order[i]] === score; i++) {
      const count = counts === undefined ? 1 : counts[order[i]];
      if (labels[order[i]] === 1) badHere += count;
      else goodHere += count;
    }
    twiceU += badHere * (2 * goodBelow + goodHere);
    goodBelow += goodHere;
  }
  return twiceU / (2 * good * bad);
}
