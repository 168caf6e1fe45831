/**
 * The table of the paper as a value: what stands in which cell, which number is best, what was
 * published for it. The writers (`to_markdown`, `to_latex`, `to_csv`, `to_text`, `to_html`) only
 * decide how it looks.
 *
 * @module
 */
import { profiles } from "../runner/profile.ts";
import type {
  ExperimentResult,
  MetricName,
  MetricSummary,
  PublishedNumber,
  ResultRow,
  Verdict,
} from "./results.ts";

/** A table ready to be written out. Texts are as given, not yet escaped. */
export interface PaperTable {
  readonly title: string;
  /** Profile, data set and seeds: what every head of a table must say. */
  readonly subtitle: string;
  readonly columns: readonly TableColumn[];
  /** Rows under their headings, in the table's order. */
  readonly groups: readonly TableGroup[];
  /** What the signs mean, then notes and assumptions. */
  readonly footnotes: readonly string[];
}

export interface TableColumn {
  readonly metric: MetricName;
  readonly heading: string;
  readonly short: string;
  readonly better: "higher" | "lower";
  /** Whether the change against the detector alone is shown: for the metrics of the paper's tables. */
  readonly gains: boolean;
  /** Whether any row has a published number of this metric. */
  readonly published: boolean;
}

export interface TableGroup {
  readonly name: string;
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  readonly name: string;
  /** One per column; undefined where the row has no such number. */
  readonly cells: readonly TableCell[];
  readonly verdict: Verdict;
  readonly error?: string;
  readonly note?: string;
}

export interface TableCell {
  readonly metric: MetricName;
  readonly summary: MetricSummary | undefined;
  /** Whether it is the column's best, among equal ones too. */
  readonly best: boolean;
  /**
   * Change against the detector alone (Table 3: "improvement calculated compared to base method
   * results"), for a row that names its base; `better` follows the metric's direction.
   */
  readonly gain: Change | undefined;
  readonly published: readonly PublishedNumber[];
  /** Ours minus the first published number. */
  readonly difference: Change | undefined;
}

/** A difference in percentage points. */
export interface Change {
  readonly points: number;
  readonly better: boolean;
}

/** The table of `result`. */
export function paperTable(result: ExperimentResult): PaperTable {
  const columns = metricColumns
    .filter(({ metric, always }) =>
      always || result.rows.some((row) => row.metrics[metric] || published(row, metric))
    )
    .map(({ always, ...column }) => ({
      ...column,
      gains: always,
      published: result.rows.some((row) => published(row, column.metric)),
    }));
  const best = new Map(columns.map((column) => [column.metric, bestText(result.rows, column)]));
  const groups: { name: string; rows: TableRow[] }[] = [];
  for (const row of result.rows) {
    if (groups.at(-1)?.name !== row.group) groups.push({ name: row.group, rows: [] });
    groups.at(-1)!.rows.push({
      name: row.row,
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
    footnotes: footnotes(result, columns, groups),
  };
}

/** `91.3 ± 0.4`, or `91.3` where there is no deviation: percent with one decimal, as in the paper. */
export function formatNumber(
  value: { readonly mean: number; readonly std: number | null },
): string {
  const std = value.std === null ? "" : ` ± ${oneDecimal(value.std)}`;
  return `${oneDecimal(value.mean)}${std}`;
}

/** `+2.4`, `−0.3`, `±0.0`: a difference in percentage points with its sign. */
export function formatChange(points: number): string {
  const text = oneDecimal(Math.abs(points));
  if (text === "0.0") return "±0.0";
  return `${points > 0 ? "+" : "−"}${text}`;
}

/**
 * What a table can show, in this order, with the paper's headings and the direction of "better": the
 * two metrics of the paper's tables `always`, the others where a row has them. `short` is the heading
 * where room is scarce.
 */
export const metricColumns: readonly {
  readonly metric: MetricName;
  readonly heading: string;
  readonly short: string;
  readonly better: "higher" | "lower";
  readonly always: boolean;
}[] = [
  {
    metric: "cl_auroc",
    heading: "Cl. AUROC",
    short: "Cl. AUROC",
    better: "higher",
    always: true,
  },
  {
    metric: "fpr95",
    heading: "FPR@95TPR",
    short: "FPR@95TPR",
    better: "lower",
    always: true,
  },
  {
    metric: "cl_auroc_seen",
    heading: "AUROC seen",
    short: "seen",
    better: "higher",
    always: false,
  },
  {
    metric: "cl_auroc_unseen",
    heading: "AUROC unseen",
    short: "unseen",
    better: "higher",
    always: false,
  },
];

/** The arrow of the paper's headings. */
export function arrow(column: { readonly better: "higher" | "lower" }): string {
  return column.better === "higher" ? "↑" : "↓";
}

function subtitle({ profile, dataset, seeds }: ExperimentResult): string {
  return [
    `Profile ${profile} (${profiles[profile].description})`,
    `${dataset.name}, ${dataset.images.toLocaleString("en")} images`,
    seeds.length === 1
      ? `seed ${seeds[0]}`
      : `mean ± standard deviation over ${seeds.length} seeds`,
  ].join("; ");
}

function tableCell(
  row: ResultRow,
  column: TableColumn,
  rows: readonly ResultRow[],
  best: string | undefined,
): TableCell {
  const { metric } = column;
  const summary = row.metrics[metric];
  const base = rows.find((other) => other.row === row.base)?.metrics[metric];
  const numbers = row.paper.filter((number) => number.metric === metric);
  return {
    metric,
    summary,
    best: summary !== undefined && oneDecimal(summary.mean) === best,
    gain: column.gains && summary && base ? change(summary.mean - base.mean, column) : undefined,
    published: numbers,
    difference: summary && numbers[0] && change(summary.mean - numbers[0].mean, column),
  };
}

function change(points: number, { better }: TableColumn): Change {
  return { points, better: better === "higher" ? points >= 0 : points <= 0 };
}

function published(row: ResultRow, metric: MetricName): boolean {
  return row.paper.some((number) => number.metric === metric);
}

/** The best value of a column as it is printed, so that rows that look equal are marked alike. */
function bestText(rows: readonly ResultRow[], column: TableColumn): string | undefined {
  const means = rows.flatMap((row) => row.metrics[column.metric]?.mean ?? []);
  if (means.length < 2) return undefined;
  return oneDecimal(column.better === "higher" ? Math.max(...means) : Math.min(...means));
}

function footnotes(
  result: ExperimentResult,
  columns: readonly TableColumn[],
  groups: readonly TableGroup[],
): string[] {
  const lines: string[] = [];
  if (groups.some(({ rows }) => rows.some(({ cells }) => cells.some(({ gain }) => gain)))) {
    lines.push("In brackets: change against the detector alone, in percentage points.");
  }
  if (columns.some((column) => column.published)) {
    lines.push(
      result.profile === "paper"
        ? "Paper: the number published by the authors."
        : `Paper: the number published by the authors, for reference; profile ${result.profile} is not their setting.`,
    );
  }
  for (const row of result.rows) {
    if (row.note !== undefined) {
      lines.push(row.note.startsWith(row.row) ? row.note : `${row.row}: ${row.note}`);
    }
    const places = otherPlaces(row);
    if (places !== "") lines.push(`${row.row} is also published as ${places}.`);
  }
  lines.push(...result.notes);
  lines.push(...result.assumptions.map(({ id, text }) => `${id}: ${text}`));
  return lines;
}

/** The published numbers that are not shown in the table because another of the same metric is. */
function otherPlaces(row: ResultRow): string {
  const seen = new Set<string>();
  const others: string[] = [];
  for (const number of row.paper) {
    const heading = metricColumns.find(({ metric }) => metric === number.metric)?.heading;
    if (seen.has(number.metric)) {
      others.push(
        `${heading ?? number.metric} ${
          formatNumber(number)
        } (Table ${number.table}, ${number.source})`,
      );
    }
    seen.add(number.metric);
  }
  return others.join(", ");
}

function oneDecimal(value: number): string {
  const text = value.toFixed(1);
  return text === "-0.0" ? "0.0" : text;
}
