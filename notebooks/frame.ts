/**
 * What a run found as danfojs data frames, for notebooks: results, scores and features in the long form,
 * one observation a line. Missing numbers are NaN.
 *
 * @module
 */
import { DataFrame } from "danfojs";
import type { FeatureTable } from "../lib/features/feature_table.ts";
import type { ExperimentResult, MetricName, MetricSummary } from "../lib/report/results.ts";
import type { ScoreRecord } from "../lib/report/scores_csv.ts";

/** The columns of {@linkcode resultsFrame}. */
export const resultColumns = {
  group: "heading above the row in the paper",
  row: "name of the row, as in the paper",
  metric: "cl_auroc, fpr95, cl_auroc_seen, cl_auroc_unseen, …",
  mean: "mean over seeds, percent",
  std: "sample standard deviation over seeds, percent; NaN for one seed",
  low: "lower end of the 95 % interval, percent",
  high: "upper end of the 95 % interval, percent",
  seeds: "number of seeds",
  paper: "published mean, percent; NaN where there is none",
  paper_std: "published standard deviation, percent",
  difference: "mean minus published mean, percentage points",
  verdict: "reproduced, within noise, differs, not testable",
} as const;

/** One line for each metric of each row that has numbers, with the published number beside it. */
export function resultsFrame({ rows }: ExperimentResult): DataFrame {
  const lines = rows.flatMap(({ group, row, metrics, paper, verdict, verdicts }) =>
    (Object.entries(metrics) as [MetricName, MetricSummary][]).map(([metric, summary]) => {
      const published = paper.find((one) => one.metric === metric);
      return {
        group,
        row,
        metric,
        mean: summary.mean,
        std: summary.std ?? NaN,
        low: summary.interval?.[0] ?? NaN,
        high: summary.interval?.[1] ?? NaN,
        seeds: summary.values.length,
        paper: published?.mean ?? NaN,
        paper_std: published?.std ?? NaN,
        difference: published === undefined ? NaN : summary.mean - published.mean,
        verdict: verdicts?.[metric]?.verdict ?? verdict,
      };
    })
  );
  return frameOf(lines, Object.keys(resultColumns));
}

/** The columns of {@linkcode scoresFrame}. */
export const scoreFrameColumns = {
  row: "name of the row of the table",
  seed: "seed of the split, the detectors and the forest",
  image: "path of the image, relative to the data set's root",
  label: "0 good, 1 bad",
  unseen: "1 where the type of defect is not among the training images",
  score: "higher is more anomalous; the scale is the row's own",
} as const;

/** One line for each test image, row and seed. */
export function scoresFrame(records: readonly ScoreRecord[]): DataFrame {
  const lines = records.map((one) => ({ ...one, unseen: one.unseen ? 1 : 0 }));
  return frameOf(lines, Object.keys(scoreFrameColumns));
}

/** The columns of {@linkcode featuresFrame}. */
export const featureFrameColumns = {
  image: "path of the image, relative to the data set's root",
  feature: "full name, e.g. PatchCore/pins/q99.5",
  source: "detector or classifier",
  segment: "name of the segment; empty for the whole image",
  statistic: "q99.5, skew, kurtosis, mean, max, score",
  value: "NaN where it is not defined",
} as const;

/** One line for each image and feature. */
export function featuresFrame({ rows, columns, values }: FeatureTable): DataFrame {
  const lines = rows.flatMap((image, i) =>
    columns.map(({ name, source, segment, statistic }, j) => ({
      image,
      feature: name,
      source,
      segment: segment ?? "",
      statistic,
      value: values[i * columns.length + j],
    }))
  );
  return frameOf(lines, Object.keys(featureFrameColumns));
}

/** The lines of a frame with this value in a column. */
export function where(frame: DataFrame, column: string, value: string | number): DataFrame {
  return frame.query((frame.column(column).values as unknown[]).map((one) => one === value));
}

/** A frame that has its columns also when there is no line. */
function frameOf(lines: readonly object[], columns: string[]): DataFrame {
  if (lines.length === 0) return new DataFrame([], { columns });
  const table = lines as readonly Readonly<Record<string, string | number>>[];
  return new DataFrame(table.map((line) => columns.map((name) => line[name])), { columns });
}
