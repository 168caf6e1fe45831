/**
 * The table of the paper as a value: what stands in which cell, which number is best, what was
 * published for it. The writers (`to_markdown`, `to_latex`, `to_csv`, `to_text`, `to_html`) only
 * decide how it looks.
 *
 * @module
 */
import type { ExperimentResult, MetricName, ResultRow } from "./results.ts";
import {
  bestText,
  type Change,
  type MetricColumn,
  metricColumns,
  oneDecimal,
  type PaperTable,
  subtitle,
  type TableCell,
  type TableColumn,
  tableFootnotes,
  type TableRow,
} from "./table_parts.ts";
import { classTable, defectTable, gridTable } from "./table_views.ts";

/** The table of `result`, in the form that its view has. */
export function paperTable(result: ExperimentResult): PaperTable {
  switch (result.view) {
    case "classes":
      return classTable(result);
    case "defects":
      return defectTable(result);
    case "datasets":
    case "segmentation":
    case "generated":
      return gridTable(result);
    default:
      return metricTable(result);
  }
}

/** A line per row, a column per metric. */
function metricTable(result: ExperimentResult): PaperTable {
  const columns: MetricColumn[] = metricColumns
    .filter(({ metric, always }) =>
      always || result.rows.some((row) => row.metrics[metric] || published(row, metric))
    )
    .map(({ always, ...column }) => ({
      ...column,
      gains: always,
      published: result.rows.some((row) => published(row, column.metric)),
    }));
  const best = new Map(
    columns.map((column) => [
      column.metric,
      bestText(result.rows.map((row) => row.metrics[column.metric]), column),
    ]),
  );
  const groups: { name: string; rows: TableRow[] }[] = [];
  for (const row of result.rows) {
    if (groups.at(-1)?.name !== row.group) groups.push({ name: row.group, rows: [] });
    groups.at(-1)!.rows.push({
      name: row.row,
      result: row,
      cells: columns.map((column) => tableCell(row, column, result.rows, best.get(column.metric))),
      verdict: row.verdict,
      ...(row.error === undefined ? {} : { error: row.error }),
      ...(row.note === undefined ? {} : { note: row.note }),
    });
  }
  return {
    title: result.title,
    subtitle: subtitle(result),
    columns,
    groups,
    footnotes: tableFootnotes(result, columns, groups),
  };
}

function tableCell(
  row: ResultRow,
  column: MetricColumn,
  rows: readonly ResultRow[],
  best: string | undefined,
): TableCell {
  const { metric } = column;
  const summary = row.metrics[metric];
  const base = rows.find((other) => other.row === row.base)?.metrics[metric];
  const numbers = row.paper.filter((number) => number.metric === metric);
  return {
    summary,
    best: summary !== undefined && oneDecimal(summary.mean) === best,
    gain: column.gains && summary && base ? change(summary.mean - base.mean, column) : undefined,
    published: numbers,
    difference: summary && numbers[0] && change(summary.mean - numbers[0].mean, column),
  };
}

function change(points: number, { better }: Pick<TableColumn, "better">): Change {
  return { points, better: better === "higher" ? points >= 0 : points <= 0 };
}

function published(row: ResultRow, metric: MetricName): boolean {
  return row.paper.some((number) => number.metric === metric);
}
