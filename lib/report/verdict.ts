/**
 * The verdict on a number beside its published one. It is given only where the run is the paper's: its
 * data, its budgets, its weights, all its seeds. Everywhere else the number is "not testable", with the
 * reason.
 *
 * With the published mean m and deviation s, ours m' with deviation s' and 95 % interval [l, h]:
 *
 * - reproduced: |m' - m| <= s + 0.05 (half a printed digit), or 0.5 where no deviation is published;
 * - within noise: m lies in [l, h], or |m' - m| <= 2 sqrt(s² + s'²);
 * - differs: otherwise.
 *
 * Where the authors published several values of a cell, the nearest counts, and the reason names it.
 *
 * @module
 */
import type { CellVerdict, Metrics, MetricSummary, PublishedNumber, Verdict } from "./results.ts";

/** Difference in points that counts as the same number where no deviation is published. */
const withoutDeviation = 0.5;
const halfDigit = 0.05;

/**
 * The verdict on each metric that has a published number.
 *
 * @param obstacles why the run is not the paper's; empty where it is
 * @param assumptions ids of the open assumptions that the row depends on
 */
export function verdictsOf(
  metrics: Metrics,
  published: readonly PublishedNumber[],
  obstacles: readonly string[],
  assumptions: readonly string[],
): Record<string, CellVerdict> {
  const verdicts: Record<string, CellVerdict> = {};
  for (const [metric, numbers] of Map.groupBy(published, (number) => number.metric)) {
    const summary = metrics[metric as keyof Metrics];
    verdicts[metric] = summary === undefined
      ? { verdict: "not testable", reason: "the row has no such number" }
      : obstacles.length > 0
      ? { verdict: "not testable", reason: obstacles.join("; ") }
      : verdictOn(summary, numbers, assumptions);
  }
  return verdicts;
}

/**
 * The verdict on one number against the nearest of `published`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const ours = { mean: 91.9, std: 0.4, values: [91.5, 92.3], interval: [91.2, 92.6] } as const;
 * const paper = { table: "3", metric: "cl_auroc", mean: 91.7, std: 0.3, source: "paper" };
 * assert.equal(verdictOn(ours, [paper], []).verdict, "reproduced");
 * assert.equal(verdictOn(ours, [{ ...paper, mean: 91.3 }], []).verdict, "within noise");
 * assert.equal(verdictOn(ours, [{ ...paper, mean: 88 }], []).verdict, "differs");
 * ```
 */
export function verdictOn(
  summary: MetricSummary,
  published: readonly PublishedNumber[],
  assumptions: readonly string[],
): CellVerdict {
  const nearest =
    [...published].sort((a, b) =>
      Math.abs(summary.mean - a.mean) - Math.abs(summary.mean - b.mean)
    )[0];
  const { mean, std } = nearest;
  const difference = Math.abs(summary.mean - mean);
  const { interval } = summary;
  const verdict: Verdict = difference <= (std === null ? withoutDeviation : std + halfDigit)
    ? "reproduced"
    : interval !== null && mean >= interval[0] && mean <= interval[1] ||
        difference <= 2 * Math.hypot(std ?? 0, summary.std ?? 0)
    ? "within noise"
    : "differs";
  const which = published.length > 1
    ? ` (of ${published.length} published values the nearest)`
    : "";
  const open = verdict === "reproduced" || assumptions.length === 0
    ? ""
    : `; open assumptions: ${assumptions.join(", ")}`;
  return {
    verdict,
    reason: `${(summary.mean - mean).toFixed(2)} points from ${mean} ± ${std ?? "?"}, ` +
      `Table ${nearest.table}, ${nearest.source}${which}${open}`,
  };
}

/** The verdict on a row: the worst of its numbers. */
export function worstVerdict(verdicts: readonly CellVerdict[]): Verdict {
  const order: readonly Verdict[] = ["differs", "not testable", "within noise", "reproduced"];
  return order.find((one) => verdicts.some(({ verdict }) => verdict === one)) ?? "not testable";
}
