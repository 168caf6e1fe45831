/**
 * Images in the order of their scores: what every ranking metric starts from. A ranking is made once;
 * a metric of it can then be taken with a multiplicity per image, in linear time, which is how the
 * bootstrap draws thousands of samples without sorting again.
 *
 * @module
 */

/** Scored images in ascending order of score. */
export interface Ranking {
  /** Indices of the images, by ascending score; equal scores by ascending index. */
  readonly order: Uint32Array;
  /** `[images]`, higher is more anomalous. */
  readonly scores: ArrayLike<number>;
  /** `[images]`, 0 good and 1 bad. */
  readonly labels: ArrayLike<number>;
}

/** A metric of a ranking, where image i counts `counts[i]` times (once without `counts`). */
export type RankingMetric = (ranking: Ranking, counts?: Uint32Array) => number;

/**
 * The ranking of scored images.
 *
 * @param scores finite or infinite numbers, higher is more anomalous
 * @param labels 0 good, 1 bad
 * @throws {RangeError} when the lengths differ, a score is NaN or a label is neither 0 nor 1
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([...rank([0.3, 0.1, 0.2], [1, 0, 0]).order], [1, 2, 0]);
 * ```
 */
export function rank(scores: ArrayLike<number>, labels: ArrayLike<number>): Ranking {
  if (scores.length !== labels.length) {
    throw new RangeError(`Cannot rank ${scores.length} scores with ${labels.length} labels`);
  }
  const order = new Uint32Array(scores.length);
  for (let i = 0; i < order.length; i++) {
    if (Number.isNaN(scores[i])) throw new RangeError(`Cannot rank scores: score ${i} is NaN`);
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new RangeError(`Cannot rank scores: label ${i} is ${labels[i]}, not 0 or 1`);
    }
    order[i] = i;
  }
  order.sort((i, j) => scores[i] < scores[j] ? -1 : scores[i] > scores[j] ? 1 : i - j);
  return { order, scores, labels };
}

/** Numbers of good and bad images, counted with their multiplicity. */
export interface ClassCounts {
  /** Number of good images. */
  readonly good: number;
  /** Number of bad images. */
  readonly bad: number;
}

/**
 * How many good and bad images there are.
 *
 * @param metric name for the message
 * @throws {RangeError} when there are none of either: a ranking metric needs both
 */
export function countBoth(
  ranking: Ranking,
  counts: Uint32Array | undefined,
  metric: string,
): ClassCounts {
  const { labels } = ranking;
  let good = 0;
  let bad = 0;
  for (let i = 0; i < labels.length; i++) {
    const count = counts === undefined ? 1 : counts[i];
    if (labels[i] === 1) bad += count;
    else good += count;
  }
  if (good === 0 || bad === 0) {
    throw new RangeError(
      `Cannot compute ${metric}: there are ${good} good and ${bad} bad images, and it needs both`,
    );
  }
  return { good, bad };
}
