/**
 * The cells of a table: mean ± standard deviation over seeds, and means over classes.
 *
 * Means are taken over unrounded values, first over the seeds of a class, then over classes, as in the
 * public SegAD code (method details 3.0); averaging printed values can differ by 0.1.
 *
 * @module
 */
import { mean, standardDeviation } from "../base/statistics.ts";

/** The two standard deviations: over n - 1, or over n. */
export type Spread = "sample" | "population";

/**
 * The standard deviation of every table. The paper reports "mean results ± standard deviation" and
 * does not say which. The seeds are a sample from all seeds one could have taken, so the unbiased
 * variance over n - 1 is used (pandas' default); NumPy's default, over n, is smaller by the factor
 * sqrt((n - 1) / n): 0.894 for five seeds, 0.949 for ten.
 */
export const tableSpread: Spread = "sample";

/** One cell of a table. */
export interface Summary {
  /** Mean of the values. */
  readonly mean: number;
  /** Standard deviation over seeds; null for a single seed. */
  readonly std: number | null;
  /** One value per seed, in the order of the seeds. */
  readonly values: readonly number[];
}

/**
 * Mean and standard deviation over seeds.
 *
 * @param values one per seed, at least one
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(summarize([91, 92, 93]), { mean: 92, std: 1, values: [91, 92, 93] });
 * ```
 */
export function summarize(values: readonly number[], spread: Spread = tableSpread): Summary {
  return {
    mean: mean(values),
    std: values.length < 2 ? null : standardDeviation(values, spread),
    values,
  };
}

/**
 * Summary over classes: the mean over classes of each class's mean over seeds; the standard deviation
 * is that of the seeds' means over classes, which needs the same number of seeds in each class.
 *
 * @param classes values per class, one per seed
 * @throws {RangeError} for no class, or numbers of seeds that differ
 */
export function summarizeClasses(
  classes: readonly (readonly number[])[],
  spread: Spread = tableSpread,
): Summary {
  if (classes.length === 0 || classes.some((values) => values.length !== classes[0].length)) {
    throw new RangeError(
      `Cannot summarize classes: they have ${classes.map((values) => values.length)} seeds`,
    );
  }
  const bySeed = classes[0].map((_, seed) => mean(classes.map((values) => values[seed])));
  return { ...summarize(bySeed, spread), mean: mean(classes.map((values) => mean(values))) };
}
