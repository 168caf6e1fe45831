/**
 * A result as CSV, one line per row, class and metric: `table.csv`. Numbers have all their digits.
 *
 * @module
 */
import { stringify } from "csv-stringify/sync";
import { escapeFormula, visible } from "./escape.ts";
import { metricColumns } from "./table_parts.ts";
import type { ExperimentResult, Metrics, ResultRow } from "./results.ts";

/** The columns of `table.csv`. */
export const tableCsvColumns = [
  "experiment",
  "profile",
  "dataset",
  "group",
  "row",
  "class",
  "metric",
  "mean",
  "std",
  "interval_low",
  "interval_high",
  "values",
  "paper_table",
  "paper_mean",
  "paper_std",
  "paper_source",
  "difference",
  "verdict",
  "error",
] as const;

type Line = Partial<Record<typeof tableCsvColumns[number], string | number | null>>;

/**
 * The result as CSV text. `class` is empty for the row as a whole, `values` holds the value of each
 * seed separated by spaces; a row that could not be run is one line with its `error`.
 */
export function toCsv(result: ExperimentResult): string {
  const lines = result.rows.flatMap((row): Line[] => {
    const head: Line = {
      experiment: result.experiment,
      profile: result.profile,
      dataset: result.dataset.name,
      group: row.group,
      row: row.row,
      verdict: row.verdict,
    };
    const numbers = [
      ...metricLines(row.metrics, row),
      ...Object.entries(row.classes ?? {}).flatMap(([name, metrics]) =>
        metricLines(metrics).map((line) => ({ class: name, ...line }))
      ),
    ];
    if (numbers.length === 0) return [{ ...head, error: row.error ?? "" }];
    return numbers.map((line) => ({ ...head, ...line, error: row.error ?? "" }));
  });
  return stringify([
    [...tableCsvColumns],
    ...lines.map((line) => tableCsvColumns.map((column) => cell(line[column]))),
  ]);
}

/** One line per metric; with `row`, its published numbers beside ours. */
function metricLines(metrics: Metrics, row?: ResultRow): Line[] {
  return metricColumns.flatMap(({ metric }): Line[] => {
    const summary = metrics[metric];
    const published = row?.paper.find((number) => number.metric === metric);
    if (summary === undefined && published === undefined) return [];
    return [{
      metric,
      ...(summary && {
        mean: summary.mean,
        std: summary.std,
        interval_low: summary.interval?.[0] ?? null,
        interval_high: summary.interval?.[1] ?? null,
        values: summary.values.join(" "),
      }),
      ...(published && {
        paper_table: published.table,
        paper_mean: published.mean,
        paper_std: published.std,
        paper_source: published.source,
      }),
      ...(summary && published && { difference: summary.mean - published.mean }),
    }];
  });
}

/** Numbers as they are, in the shortest form that reads back as the same number; texts made safe. */
function cell(value: string | number | null | undefined): string {
  if (typeof value === "number") return String(value);
  return value === null || value === undefined ? "" : escapeFormula(visible(value));
}
