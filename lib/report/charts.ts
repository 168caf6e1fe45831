/**
 * The charts of a result as Vega-Lite specifications: classification AUROC beside the published
 * numbers, the value of every seed, score histograms as in the paper's Figure 6, ROC curves. They are
 * plain data; `render` draws them.
 *
 * Text and lines that are not data are drawn in `currentColor`, so that a chart inside a page follows
 * the page's colours.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { fprAtTprOfRanking, thresholdAtTpr } from "../metrics/fpr_at_tpr.ts";
import { rank } from "../metrics/ranking.ts";
import { rocCurve } from "../metrics/roc_curve.ts";
import { visible } from "./escape.ts";
import { formatNumber, metricColumns } from "./table_parts.ts";
import type { ExperimentResult, MetricName, ResultRow } from "./results.ts";
import { groupByRow, scoreHistogram } from "./score_histogram.ts";
import type { ScoreKind } from "./score_histogram.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** A chart with its words. */
export interface Chart {
  /** File name without ending, and id within a page: letters and hyphens only. */
  readonly name: "auroc" | "seeds" | "scores" | "roc";
  readonly title: string;
  /** The text alternative: what the chart shows, with its numbers. */
  readonly description: string;
  /** A Vega-Lite 6 specification. */
  readonly spec: { readonly [key: string]: Json | undefined };
}

/**
 * The charts that `result` has data for. Histograms and ROC curves show the first seed of each row in
 * `scores`; they are left out where there are no scores.
 */
export function resultCharts(result: ExperimentResult, scores: readonly ScoreRecord[]): Chart[] {
  const rows = result.rows.filter((row) => row.metrics.cl_auroc !== undefined);
  const byRow = groupByRow(scores);
  return [
    ...(rows.length > 0 ? [aurocChart(rows), seedsChart(rows)] : []),
    ...(byRow.size > 0 ? [scoresChart(byRow), rocChart(byRow)] : []),
  ];
}

/** Green, orange and red as in Figure 6, apart in brightness too. */
const kindColours: Readonly<Record<ScoreKind, string>> = {
  good: "#3a9d6b",
  bad: "#f0a030",
  unseen: "#c4283c",
};

const oursColour = "#2f6db3";
const paperColour = "#d1662b";

/** Colours of lines: told apart with common colour blindness, and readable on light and dark. */
const lineColours: readonly string[] = [
  "#2f6db3",
  "#d1662b",
  "#3a9d6b",
  "#b0479a",
  "#8a7a1f",
  "#20a0b0",
  "#c4283c",
  "#7a68c8",
  "#8c6246",
  "#7f7f7f",
];

const config: Json = {
  font: "DejaVu Sans, Verdana, sans-serif",
  background: null,
  aria: false,
  view: { stroke: null },
  axis: {
    domainColor: "currentColor",
    domainOpacity: 0.5,
    tickColor: "currentColor",
    tickOpacity: 0.5,
    gridColor: "currentColor",
    gridOpacity: 0.12,
    labelColor: "currentColor",
    labelFontSize: 11,
    labelLimit: 190,
    titleColor: "currentColor",
    titleFontSize: 11,
    titleFontWeight: "normal",
  },
  legend: {
    symbolLimit: 0,
    labelColor: "currentColor",
    labelFontSize: 11,
    labelLimit: 190,
    titleColor: "currentColor",
    titleFontSize: 11,
    titleFontWeight: "normal",
  },
  title: { color: "currentColor", fontSize: 11, fontWeight: "normal", limit: 210, offset: 6 },
};

/** Our mean as a bar with the deviation over the seeds, the published number as a mark across it. */
function aurocChart(rows: readonly ResultRow[]): Chart {
  const values = rows.map((row, i) => {
    const { mean, std } = row.metrics.cl_auroc!;
    const published = row.paper.find(({ metric }) => metric === "cl_auroc")?.mean ?? null;
    return {
      row: rowLabel(row, i),
      mean,
      low: mean - (std ?? 0),
      high: mean + (std ?? 0),
      published,
    };
  });
  const lowest = Math.min(...values.flatMap(({ low, published }) => [low, published ?? low]));
  // Bars begin at chance, 50 %, so that their lengths can be compared.
  const domain = [lowest < 50 ? 0 : 50, 100];
  const y = { field: "row", type: "nominal", sort: null, title: null } as const;
  const x = (field: string): Json => ({
    field,
    type: "quantitative",
    title: "Cl. AUROC (%)",
    axis: { tickCount: 6 },
    scale: { domain, zero: false },
  });
  const key = (text: string): Json => ({
    datum: text,
    type: "nominal",
    title: null,
    scale: {
      domain: values.some(({ published }) => published !== null) ? ["ours", "paper"] : ["ours"],
      range: [oursColour, paperColour],
    },
  });
  return {
    name: "auroc",
    title: "Classification AUROC, ours and published",
    description: `Bars of the mean Cl. AUROC with the standard deviation over the seeds. ${
      rows.map((row) => {
        const published = row.paper.find(({ metric }) => metric === "cl_auroc");
        const beside = published === undefined ? "" : ` (paper ${formatNumber(published)})`;
        return `${visible(row.row)} ${formatNumber(row.metrics.cl_auroc!)}${beside}`;
      }).join("; ")
    }.`,
    spec: {
      width: 420,
      height: { step: 24 },
      config,
      data: { values },
      layer: [
        {
          mark: { type: "bar", clip: true, height: 14 },
          encoding: { y, x: x("mean"), x2: { datum: domain[0] }, color: key("ours") },
        },
        {
          mark: { type: "rule", color: "currentColor", strokeWidth: 1.5, clip: true },
          encoding: { y, x: x("low"), x2: { field: "high" } },
        },
        {
          transform: [{ filter: "datum.published !== null" }],
          mark: { type: "tick", thickness: 3, size: 20 },
          encoding: { y, x: x("published"), color: key("paper") },
        },
      ],
    },
  };
}

/** A dot for each seed, a mark for the mean, a line for the interval. */
function seedsChart(rows: readonly ResultRow[]): Chart {
  const shown = metricColumns.filter(({ metric }) => rows.some((row) => row.metrics[metric]))
    .slice(0, 2);
  return {
    name: "seeds",
    title: "Every seed",
    description: `A dot for each seed, a bar at the mean, a line for the 95 % interval. ${
      shown.map(({ metric, heading }) =>
        `${heading}: ${
          rows.flatMap((row) => {
            const summary = row.metrics[metric];
            return summary === undefined
              ? []
              : `${visible(row.row)} ${summary.values.map((v) => v.toFixed(1)).join(", ")}`;
          }).join("; ")
        }.`
      ).join(" ")
    }`,
    spec: {
      config,
      spacing: 30,
      hconcat: shown.map(({ metric, heading }, i) => seedPanel(rows, metric, heading, i === 0)),
    },
  };
}

function seedPanel(
  rows: readonly ResultRow[],
  metric: MetricName,
  heading: string,
  labels: boolean,
): Json {
  const label = (row: ResultRow) => rowLabel(row, rows.indexOf(row));
  const measured = rows.filter((row) => row.metrics[metric] !== undefined);
  const seeds = measured.flatMap((row) =>
    row.metrics[metric]!.values.map((value) => ({ row: label(row), value }))
  );
  const means = measured.map((row) => {
    const { mean, interval } = row.metrics[metric]!;
    return { row: label(row), mean, low: interval?.[0] ?? mean, high: interval?.[1] ?? mean };
  });
  const y: Json = {
    field: "row",
    type: "nominal",
    scale: { domain: rows.map(label) },
    title: null,
    axis: labels ? { grid: true } : { grid: true, labels: false, ticks: false },
  };
  const x = (field: string): Json => ({
    field,
    type: "quantitative",
    title: `${heading} (%)`,
    axis: { tickCount: 5 },
    scale: { zero: false, nice: true },
  });
  return {
    width: 240,
    height: { step: 24 },
    layer: [
      {
        data: { values: means },
        mark: { type: "rule", color: oursColour, strokeWidth: 2, opacity: 0.5 },
        encoding: { y, x: x("low"), x2: { field: "high" } },
      },
      {
        data: { values: seeds },
        mark: { type: "point", filled: true, color: oursColour, size: 36, opacity: 0.8 },
        encoding: { y, x: x("value") },
      },
      {
        data: { values: means },
        mark: { type: "tick", color: "currentColor", thickness: 2, size: 14 },
        encoding: { y, x: x("mean") },
      },
    ],
  };
}

/** Distributions of the scores of good, bad and unseen bad images: one panel for each row. */
function scoresChart(byRow: ReadonlyMap<string, readonly ScoreRecord[]>): Chart {
  const rows = [...byRow.keys()];
  const kinds: readonly ScoreKind[] = ["good", "bad", "unseen"];
  const panel = (row: string, i: number): Json => ({
    title: label(row, i),
    width: 200,
    height: 110,
    data: { values: scoreHistogram(byRow.get(row)!, 40).map((bin) => ({ ...bin })) },
    mark: { type: "bar", opacity: 0.7, binSpacing: 0 },
    encoding: {
      x: {
        field: "from",
        type: "quantitative",
        bin: { binned: true },
        title: "score",
        axis: { tickCount: 4, grid: false },
      },
      x2: { field: "to" },
      y: {
        field: "count",
        type: "quantitative",
        stack: null,
        title: "images",
        axis: { tickCount: 3, tickMinStep: 1 },
      },
      color: {
        field: "kind",
        type: "nominal",
        title: null,
        scale: { domain: kinds, range: kinds.map((kind) => kindColours[kind]) },
        legend: { orient: "top" },
      },
    },
  });
  return {
    name: "scores",
    title: "Distribution of scores in the test set",
    description:
      `Histograms as in the paper's Figure 6, for ${visible(rows.join(", "))}: good images ` +
      "green, bad images orange, bad images with defects not seen in training red. The further right " +
      "the red and orange bars stand from the green ones, the better.",
    spec: { config, columns: 3, spacing: 18, concat: rows.map(panel) },
  };
}

/** ROC curves with the point where 95 % of the bad images are found; rows with both labels only. */
function rocChart(byRow: ReadonlyMap<string, readonly ScoreRecord[]>): Chart {
  const rows = [...byRow.keys()].filter((row) =>
    new Set(byRow.get(row)!.map(({ label }) => label)).size === 2
  );
  const labels = rows.map(label);
  const rankings = rows.map((row) =>
    rank(byRow.get(row)!.map(({ score }) => score), byRow.get(row)!.map(({ label }) => label))
  );
  const lines = rankings.flatMap(({ scores, labels: classes }, i) => {
    const { fpr, tpr } = rocCurve(scores, classes);
    return Array.from(
      fpr,
      (rate, order) => ({ row: labels[i], fpr: 100 * rate, tpr: 100 * tpr[order], order }),
    );
  });
  const marks = rankings.map((ranking, i) => {
    const threshold = thresholdAtTpr(ranking);
    const bad = byRow.get(rows[i])!.filter(({ label }) => label === 1);
    const found = bad.filter(({ score }) => score >= threshold).length;
    return {
      row: labels[i],
      fpr: 100 * fprAtTprOfRanking(ranking),
      tpr: 100 * found / bad.length,
    };
  });
  const color: Json = {
    field: "row",
    type: "nominal",
    title: null,
    scale: { domain: labels, range: labels.map((_, i) => lineColours[i % lineColours.length]) },
  };
  const axis = (field: string, title: string): Json => ({
    field,
    type: "quantitative",
    title,
    axis: { tickCount: 6 },
    scale: { domain: [0, 100], nice: false },
  });
  const x = axis("fpr", "false positive rate (%)");
  const y = axis("tpr", "true positive rate (%)");
  return {
    name: "roc",
    title: "ROC curves",
    description: `ROC curves; the point on each is where 95 % of the bad images are found. ${
      rows.map((row, i) => `${visible(row)}: ${marks[i].fpr.toFixed(1)} % false positives`).join(
        "; ",
      )
    }.`,
    spec: {
      width: 340,
      height: 340,
      config,
      layer: [
        {
          data: { values: [{ fpr: 0, tpr: 95, to: 100 }] },
          mark: { type: "rule", color: "currentColor", opacity: 0.5, strokeDash: [4, 4] },
          encoding: { x, x2: { field: "to" }, y },
        },
        {
          data: { values: lines },
          mark: { type: "line", strokeWidth: 1.8, interpolate: "linear" },
          encoding: { x, y, color, order: { field: "order", type: "quantitative" } },
        },
        {
          data: { values: marks },
          mark: { type: "point", filled: true, size: 60, opacity: 1 },
          encoding: { x, y, color },
        },
      ],
    },
  };
}

function rowLabel(row: ResultRow, i: number): string {
  return label(row.row, i);
}

/**
 * A row's name on an axis, cut to what fits; a cut name keeps its place in the table to be unique. Vega
 * looks some texts up in plain objects, so a name that every object has gets a space.
 */
function label(name: string, i: number): string {
  const text = name in Object.prototype ? `${name} ` : visible(name);
  return text.length <= 32 ? text : `${text.slice(0, 26)}… (${i + 1})`;
}
