/**
 * The parts of a table: the shape that the writers (`to_markdown`, `to_latex`, `to_csv`, `to_text`,
 * `to_html`) write out, how a number is written, which metrics there are, and the footnotes.
 *
 * @module
 */
import { profiles } from "../runner/profile.ts";
import type {
  Comparison,
  ExperimentResult,
  Figure,
  MetricName,
  MetricSummary,
  PublishedNumber,
  ResultRow,
  Verdict,
} from "./results.ts";

/** A table ready to be written out. Texts are as given, not yet escaped. */
export interface PaperTable {
  /** Title of the experiment. */
  readonly title: string;
  /** Profile, data set and seeds: what every head of a table must say. */
  readonly subtitle: string;
  /** Heading of the names; "Method" where it is not given. */
  readonly head?: string;
  /** The column of names is not among them. */
  readonly columns: readonly TableColumn[];
  /** Rows under their headings, in the table's order. */
  readonly groups: readonly TableGroup[];
  /** What the signs mean, then notes and assumptions. */
  readonly footnotes: readonly string[];
  /** Pictures with their captions; a figure has no columns. */
  readonly figures?: readonly Figure[];
}

/** A column beside the names. */
export interface TableColumn {
  /** In full. */
  readonly heading: string;
  /** The heading where room is scarce. */
  readonly short: string;
  /** "none" for a column of texts. */
  readonly better: "higher" | "lower" | "none";
  /** Whether the change against the detector alone is shown: for the metrics of the paper's tables. */
  readonly gains: boolean;
  /** Whether any row has a published number, which then has a column of its own. */
  readonly published: boolean;
}

/** A column that holds one metric. */
export interface MetricColumn extends TableColumn {
  /** Metric of the result that the column shows. */
  readonly metric: MetricName;
  /** Which end of the metric is the good one. */
  readonly better: "higher" | "lower";
}

/** Rows under a common heading. */
export interface TableGroup {
  /** The heading; empty where there is none. */
  readonly name: string;
  /** In the table's order. */
  readonly rows: readonly TableRow[];
}

/** A line of the table. */
export interface TableRow {
  /** Stands in the first column. */
  readonly name: string;
  /** Whether it belongs to the row above: a line of published numbers. */
  readonly below?: boolean;
  /** The row of the result that it shows, where it shows one. */
  readonly result?: ResultRow;
  /** One per column; undefined where the row has no such number. */
  readonly cells: readonly TableCell[];
  /** How our numbers compare with the paper's. */
  readonly verdict: Verdict;
  /** Why there are no numbers. */
  readonly error?: string;
  /** A remark of the experiment on this row. */
  readonly note?: string;
}

/** What stands in one place of the table. */
export interface TableCell {
  /** Stands in the place of a number. */
  readonly text?: string;
  /** The number with its spread; undefined where there is none. */
  readonly summary: MetricSummary | undefined;
  /** Whether it is the column's best, among equal ones too. */
  readonly best: boolean;
  /**
   * Change against the detector alone (Table 3: "improvement calculated compared to base method
   * results"), for a row that names its base; `better` follows the metric's direction.
   */
  readonly gain: Change | undefined;
  /** What the paper prints for it; several where it prints it more than once. */
  readonly published: readonly PublishedNumber[];
  /** Ours minus the first published number. */
  readonly difference: Change | undefined;
}

/** A difference in percentage points. */
export interface Change {
  /** Ours minus the other. */
  readonly points: number;
  /** Whether it goes to the metric's good end. */
  readonly better: boolean;
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
  { metric: "aupro", heading: "AUPRO", short: "AUPRO", better: "higher", always: false },
  { metric: "ms_per_image", heading: "ms per image", short: "ms", better: "lower", always: false },
];

/** The arrow of the paper's headings. */
export function arrow(column: Pick<TableColumn, "better">): string {
  return { higher: " ↑", lower: " ↓", none: "" }[column.better];
}

/** Profile, data set and seeds. */
export function subtitle({ profile, dataset, seeds }: ExperimentResult): string {
  return [
    dataset.maps === undefined
      ? `Profile ${profile} (${profiles[profile].description})`
      : `Maps of other tools (${dataset.maps.join(", ")})`,
    `${dataset.name}, ${dataset.images.toLocaleString("en")} images`,
    ...(seeds.length === 0 ? [] : [
      seeds.length === 1
        ? `seed ${seeds[0]}`
        : `mean ± standard deviation over ${seeds.length} seeds`,
    ]),
  ].join("; ");
}

/** The best of some numbers as it is printed, so that rows that look equal are marked alike. */
export function bestText(
  summaries: readonly (MetricSummary | undefined)[],
  column: Pick<TableColumn, "better">,
): string | undefined {
  const means = summaries.flatMap((summary) => summary?.mean ?? []);
  if (means.length < 2) return undefined;
  return oneDecimal(column.better === "higher" ? Math.max(...means) : Math.min(...means));
}

/** What the signs mean, then notes, tests and assumptions. */
export function tableFootnotes(
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
  lines.push(...comparisonLines(result.comparisons ?? []));
  lines.push(...result.assumptions.map(({ id, text }) => `${id}: ${text}`));
  return lines;
}

/** `PatchCore + Ours against PatchCore: Cl. AUROC +11.0 (9.1 to 12.8, p = 0.001, Holm 0.004)`. */
function comparisonLines(comparisons: readonly Comparison[]): string[] {
  const lines = comparisons.map((one) => {
    const heading = metricColumns.find(({ metric }) => metric === one.metric)!.heading;
    const [low, high] = one.interval.map(formatChange);
    const delong = one.delong === null
      ? ""
      : `, DeLong at most ${formatP(Math.max(...one.delong))} in each seed`;
    return `${one.row} against ${one.base}: ${heading} ${formatChange(one.difference)} ` +
      `(${low} to ${high}, p = ${formatP(one.p)}, Holm ${formatP(one.holm)}${delong}).`;
  });
  if (lines.length === 0) return [];
  return [
    "Differences with 95 % intervals and p values by the paired bootstrap over seeds and images, " +
    "corrected for the number of differences by Holm's method:",
    ...lines,
  ];
}

/** Three digits after the point; "< 0.001" below. */
export function formatP(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
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

/** With one decimal, and nothing is minus zero. */
export function oneDecimal(value: number): string {
  const text = value.toFixed(1);
  return text === "-0.0" ? "0.0" : text;
}
