/**
 * False positive rate at 95 % true positive rate, in the three definitions that circulate. With the
 * good scores g, the bad scores b and the share f = 0.05 of bad images that may be missed:
 *
 * - `"segad"` (default; public SegAD code, method details 3.0): t = the f quantile of b, linear
 *   between neighbours (pandas' `quantile(0.05)`); FPR = 1 - mean(g < t). A good image at the threshold
 *   counts as a false positive.
 * - `"step_roc"`: the ROC curve as a step function: t = the largest score with mean(b >= t) >= 1 - f;
 *   FPR = mean(g >= t). Always a point of the curve.
 * - `"pg5"` (anomalib's "presorted good with 5 % bad missed", method details 3.8): t as in `"segad"`;
 *   FPR = 1 - mean(g <= t). A good image at the threshold counts as good. (anomalib computes in
 *   float32, and versions of it compare with <; those give the number of `"segad"`.)
 *
 * When all scores are equal, or the good ones tie with t, the definitions part: `"segad"` and
 * `"step_roc"` give 1 (100 ± 0 as EfficientAD + Ours in Table 2), `"pg5"` gives 0.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { interpolate, quantilePosition } from "../base/statistics.ts";
import { countBoth, rank, type Ranking } from "./ranking.ts";

/** The definitions, by name. */
export const fprDefinitions = ["segad", "step_roc", "pg5"] as const;
/** Name of one of the definitions. */
export type FprDefinition = typeof fprDefinitions[number];

/** Options of `fprAtTpr`. */
export interface FprAtTprOptions {
  /**
   * Which definition.
   *
   * @default "segad"
   */
  readonly definition?: FprDefinition;
  /**
   * Share of bad images that may be missed, 1 - TPR, in [0, 1).
   * @default 0.05
   */
  readonly missed?: number;
}

/**
 * FPR at 95 % TPR in [0, 1] of scores against labels (0 good, 1 bad).
 *
 * @throws {RangeError} for a single class, a NaN score, lengths that differ
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const scores = [1, 2, 3, 4, 3, 5];
 * const labels = [0, 0, 0, 0, 1, 1];
 * // The quantile of the bad scores 3 and 5 is 3.1, which the good 4 exceeds.
 * assert.equal(fprAtTpr(scores, labels), 0.25);
 * assert.equal(fprAtTpr(scores, labels, { definition: "step_roc" }), 0.5);
 * ```
 */
export function fprAtTpr(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: FprAtTprOptions = {},
): number {
  return fprAtTprOfRanking(rank(scores, labels), options);
}

/** As `fprAtTpr`, of a ranking where image i counts `counts[i]` times. */
export function fprAtTprOfRanking(
  ranking: Ranking,
  options: FprAtTprOptions = {},
  counts?: Uint32Array,
): number {
  const { good } = countBoth(ranking, counts, "FPR@95TPR");
  const { definition = "segad" } = options;
  const threshold = thresholdAtTpr(ranking, options, counts);
  const { scores, labels } = ranking;
  let accepted = 0;
  for (let i = 0; i < scores.length; i++) {
    if (labels[i] === 1) continue;
    if (scores[i] < threshold || (definition === "pg5" && scores[i] === threshold)) {
      accepted += counts === undefined ? 1 : counts[i];
    }
  }
  // As the references compute it: one minus a mean, or a mean.
  return definition === "step_roc" ? (good - accepted) / good : 1 - accepted / good;
}

/** The threshold t of the definition: an image is called bad when its score is at least t. */
export function thresholdAtTpr(
  ranking: Ranking,
  options: FprAtTprOptions = {},
  counts?: Uint32Array,
): number {
  const { definition = "segad", missed = 0.05 } = options;
  if (!fprDefinitions.includes(definition)) {
    throw unknownName("definition of FPR@95TPR", definition, fprDefinitions);
  }
  if (!(missed >= 0 && missed < 1)) {
    throw new RangeError(`Cannot compute FPR@95TPR: missed is ${missed}, not in [0, 1)`);
  }
  const { bad } = countBoth(ranking, counts, "FPR@95TPR");
  if (definition === "step_roc") return stepThreshold(ranking, counts, bad, 1 - missed);
  const { lower, fraction } = quantilePosition(missed, bad);
  const [low, high] = badScoresAt(ranking, counts, lower);
  return interpolate(low, high, fraction);
}

/** The bad scores at positions `position` and `position + 1` in ascending order (the last twice). */
function badScoresAt(
  { order, scores, labels }: Ranking,
  counts: Uint32Array | undefined,
  position: number,
): readonly [number, number] {
  let seen = 0;
  let low: number | undefined;
  for (const i of order) {
    if (labels[i] !== 1) continue;
    seen += counts === undefined ? 1 : counts[i];
    if (low === undefined && seen > position) low = scores[i];
    if (seen > position + 1) return [low!, scores[i]];
  }
  return [low!, low!];
}

/** The largest score that at least the share `rate` of the bad images reach. */
function stepThreshold(
  { order, scores, labels }: Ranking,
  counts: Uint32Array | undefined,
  bad: number,
  rate: number,
): number {
  let found = 0;
  for (let k = order.length - 1; k >= 0; k--) {
    const i = order[k];
    if (labels[i] !== 1) continue;
    found += counts === undefined ? 1 : counts[i];
    if (found / bad >= rate) return scores[i];
  }
  return -Infinity;
}
