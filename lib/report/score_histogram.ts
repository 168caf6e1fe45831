/**
 * Histograms of the scores of one row, for good, bad and unseen bad images apart (Figure 6).
 *
 * @module
 */
import type { ScoreRecord } from "./scores_csv.ts";

/**
 * Counts in `bins` equal bins over the range of all scores (the last one includes its end); empty bins
 * are left out. All-equal scores are one bin of width 1 around their value.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const records = [0, 1, 2].map((score) =>
 *   ({ row: "A", seed: 1, image: `${score}`, label: 0 as const, unseen: false, score })
 * );
 * assert.deepEqual(scoreHistogram(records, 2), [
 *   { from: 0, to: 1, kind: "good", count: 1 },
 *   { from: 1, to: 2, kind: "good", count: 2 },
 * ]);
 * ```
 */
export function scoreHistogram(records: readonly ScoreRecord[], bins: number): HistogramBin[] {
  let low = Infinity;
  let high = -Infinity;
  for (const { score } of records) {
    low = Math.min(low, score);
    high = Math.max(high, score);
  }
  if (low === high) [low, high, bins] = [low - 0.5, high + 0.5, 1];
  const counts: Record<ScoreKind, Int32Array> = {
    good: new Int32Array(bins),
    bad: new Int32Array(bins),
    unseen: new Int32Array(bins),
  };
  for (const record of records) {
    const bin = Math.floor((record.score - low) / (high - low) * bins);
    counts[kindOf(record)][Math.min(bin, bins - 1)]++;
  }
  const edge = (i: number) => i === bins ? high : low + (high - low) * i / bins;
  return (["good", "bad", "unseen"] as const).flatMap((kind) =>
    Array.from(counts[kind], (count, i) => ({ from: edge(i), to: edge(i + 1), kind, count }))
      .filter(({ count }) => count > 0)
  );
}

/** Number of images of one kind with a score in [from, to). */
export interface HistogramBin {
  /** Lower end of the bin. */
  readonly from: number;
  /** Upper end; the last bin holds it too. */
  readonly to: number;
  /** What the counted images are. */
  readonly kind: ScoreKind;
  /** At least 1. */
  readonly count: number;
}

/** Good, bad, or bad with a defect of a kind that was not in the training set. */
export type ScoreKind = "good" | "bad" | "unseen";

/** The records of each row, of the row's first seed only; rows in the order of their first record. */
export function groupByRow(records: readonly ScoreRecord[]): Map<string, ScoreRecord[]> {
  const rows = new Map<string, ScoreRecord[]>();
  for (const record of records) {
    const row = rows.get(record.row);
    if (row === undefined) rows.set(record.row, [record]);
    else if (row[0].seed === record.seed) row.push(record);
  }
  return rows;
}

function kindOf({ label, unseen }: ScoreRecord): ScoreKind {
  return label === 0 ? "good" : unseen ? "unseen" : "bad";
}
