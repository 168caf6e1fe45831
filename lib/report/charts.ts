/**
 * The charts of a result as Vega-Lite specifications: classification AUROC beside the published
 * numbers, the improvement over the detectors alone, the value of every seed, score histograms as in
 * the paper's Figure 6, ROC curves, AUROC against time, the importance of segments. They are plain
 * data; `render` draws them.
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
import { labelPlaces } from "./label_places.ts";
import { formatChange, formatNumber, metricColumns } from "./table_parts.ts";
import type { ExperimentResult, MetricName, ResultRow } from "./results.ts";
import type { RowImportance } from "./row_importance.ts";
import { groupByRow, scoreHistogram } from "./score_histogram.ts";
import type { ScoreKind } from "./score_histogram.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** A chart with its words. */
export interface Chart {
  /** File name without ending, and id within a page: letters and hyphens only. */
  readonly name: string;
  /** Stands above the chart. */
  readonly title: string;
  /** The text alternative: what the chart shows, with its numbers. */
  readonly description: string;
  /** A Vega-Lite specification with its data inside. */
  readonly spec: ChartSpec;
  /** What a page shows instead of the whole: parts that it can put under one another. */
  readonly panels?: readonly ChartPanel[];
}

/** A Vega-Lite 6 specification. */
export type ChartSpec = { readonly [key: string]: Json | undefined };

/** A part of a chart. A selection called `range` in it chooses scores of `row`. */
export interface ChartPanel {
  /** Id within a page. */
  readonly name: string;
  /** A Vega-Lite specification with its data inside. */
  readonly spec: ChartSpec;
  /** The row that is shown, where it is one only. */
  readonly row?: string;
}

/**
 * The charts that `result` has data for. Histograms and ROC curves show the first seed of each row in
 * `scores`; they are left out where there are no scores.
 */
export function resultCharts(
  result: ExperimentResult,
  scores: readonly ScoreRecord[],
  importances: readonly RowImportance[] = [],
): Chart[] {
  const rows = result.rows.filter((row) => row.metrics.cl_auroc !== undefined);
  const improved = rows.filter(({ base }) => rows.some(({ row }) => row === base));
  const timed = rows.filter(({ metrics }) => metrics.ms_per_image !== undefined);
  const byRow = groupByRow(scores);
  return [
    ...(rows.length > 0 ? [aurocChart(rows)] : []),
    ...(improved.length > 0 ? [improvementChart(improved, rows, result)] : []),
    ...(rows.length > 0 ? [seedsChart(rows, result.seeds)] : []),
    ...(byRow.size > 0 ? [scoresChart(byRow), rocChart(byRow)] : []),
    ...(timed.length > 0 ? [speedChart(timed)] : []),
    ...(importances.length > 0 ? [importanceChart(importances)] : []),
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

/** Fonts and colours of all charts. */
export const chartConfig: Json = {
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
    labelLimit: 240,
    titleColor: "currentColor",
    titleFontSize: 11,
    titleFontWeight: "normal",
  },
  title: { color: "currentColor", fontSize: 11, fontWeight: "normal", limit: 210, offset: 6 },
};

/** Our mean as a bar with the deviation over the seeds, the published number as a mark across it. */
function aurocChart(rows: readonly ResultRow[]): Chart {
  const values = rows.map((row, i) => {
    const { mean, std, interval } = row.metrics.cl_auroc!;
    const published = row.paper.find(({ metric }) => metric === "cl_auroc");
    return {
      row: rowLabel(row, i),
      mean,
      low: mean - (std ?? 0),
      high: mean + (std ?? 0),
      published: published?.mean ?? null,
      ours: formatNumber(row.metrics.cl_auroc!),
      interval: interval === null ? "–" : formatRange(interval),
      paper: published === undefined
        ? "–"
        : `${formatNumber(published)} (Table ${published.table}, ${published.source})`,
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
    legend: { orient: "top" },
    scale: {
      domain: values.some(({ published }) => published !== null) ? ["ours", "paper"] : ["ours"],
      range: [oursColour, paperColour],
    },
  });
  const tooltip = tooltips({
    row: "row",
    ours: "Cl. AUROC",
    interval: "95 % interval",
    paper: "published",
  });
  return {
    name: "auroc",
    title: values.some(({ published }) => published !== null)
      ? "Classification AUROC, ours and published"
      : "Classification AUROC",
    description: `Bars of the mean Cl. AUROC with the standard deviation over the seeds. ${
      rows.map((row) => {
        const published = row.paper.find(({ metric }) => metric === "cl_auroc");
        const beside = published === undefined ? "" : ` (paper ${formatNumber(published)})`;
        return `${visible(row.row)} ${formatNumber(row.metrics.cl_auroc!)}${beside}`;
      }).join("; ")
    }.`,
    spec: {
      width: 270,
      height: { step: 24 },
      config: chartConfig,
      data: { values },
      layer: [
        {
          mark: { type: "bar", clip: true, height: 14 },
          encoding: { y, x: x("mean"), x2: { datum: domain[0] }, color: key("ours"), tooltip },
        },
        {
          mark: { type: "rule", color: "currentColor", strokeWidth: 1.5, clip: true },
          encoding: { y, x: x("low"), x2: { field: "high" } },
        },
        {
          transform: [{ filter: "datum.published !== null" }],
          mark: { type: "tick", thickness: 3, size: 20, opacity: 1 },
          encoding: { y, x: x("published"), color: key("paper"), tooltip },
        },
      ],
    },
  };
}

/**
 * Each row minus its base, with the interval of the paired comparison where there is one, else with a
 * dot for each seed, and the difference of the published numbers.
 */
function improvementChart(
  improved: readonly ResultRow[],
  rows: readonly ResultRow[],
  { comparisons = [] }: ExperimentResult,
): Chart {
  const values = improved.map((row, i) => {
    const base = rows.find((one) => one.row === row.base)!;
    const [ours, theirs] = [row.metrics.cl_auroc!, base.metrics.cl_auroc!];
    const compared = comparisons.find((one) => one.metric === "cl_auroc" && one.row === row.row);
    const [published, before] = [row, base].map(({ paper }) =>
      paper.find(({ metric }) => metric === "cl_auroc")?.mean
    );
    const gain = compared?.difference ?? ours.mean - theirs.mean;
    return {
      row: rowLabel(row, i),
      base: visible(base.row),
      gain,
      low: compared?.interval[0] ?? gain,
      high: compared?.interval[1] ?? gain,
      change: formatChange(gain),
      interval: compared === undefined ? "–" : formatRange(compared.interval),
      p: compared === undefined ? "–" : compared.holm.toPrecision(2),
      published: published === undefined || before === undefined ? null : published - before,
      seeds: ours.values.length === theirs.values.length && compared === undefined
        ? ours.values.map((value, seed) => value - theirs.values[seed])
        : [],
    };
  });
  const seeds = values.flatMap(({ row, seeds }) => seeds.map((value) => ({ row, value })));
  const hasPublished = values.some(({ published }) => published !== null);
  const y: Json = {
    field: "row",
    type: "nominal",
    sort: null,
    title: null,
    axis: { grid: false },
  };
  const x = (field: string): Json => ({
    field,
    type: "quantitative",
    title: "Cl. AUROC, points above the detector alone",
    axis: { tickCount: 6 },
  });
  const color = (text: string): Json => ({
    datum: text,
    type: "nominal",
    title: null,
    legend: { orient: "top" },
    scale: {
      domain: hasPublished ? ["ours", "paper"] : ["ours"],
      range: [oursColour, paperColour],
    },
  });
  const tooltip = tooltips({
    row: "row",
    base: "compared with",
    change: "points",
    interval: "95 % interval",
    p: "p (Holm)",
  });
  return {
    name: "improvement",
    title: "Improvement over the detector alone",
    description: `Cl. AUROC of each row minus that of the row it builds on, in percentage points. ${
      values.map(({ row, base, change, interval }) =>
        `${row} ${change} against ${base}${interval === "–" ? "" : ` (${interval})`}`
      ).join("; ")
    }.`,
    spec: {
      width: 270,
      height: { step: 24 },
      config: chartConfig,
      layer: [
        {
          data: { values },
          mark: { type: "bar", height: 14 },
          encoding: { y, x: x("gain"), color: color("ours"), tooltip },
        },
        {
          data: { values },
          mark: { type: "rule", color: "currentColor", strokeWidth: 1.5 },
          encoding: { y, x: x("low"), x2: { field: "high" } },
        },
        {
          data: { values: seeds },
          mark: { type: "point", filled: true, color: "currentColor", size: 16, opacity: 0.7 },
          encoding: { y, x: x("value") },
        },
        {
          data: { values: values.filter(({ published }) => published !== null) },
          mark: { type: "tick", thickness: 3, size: 20, opacity: 1 },
          encoding: { y, x: x("published"), color: color("paper") },
        },
        {
          data: { values: [{ zero: 0 }] },
          mark: { type: "rule", color: "currentColor", opacity: 0.6 },
          encoding: { x: x("zero") },
        },
      ]
        // Vega cannot scale a layer that has no data.
        .filter(({ data }) => data.values.length > 0),
    },
  };
}

/** A dot for each seed, a mark for the mean, a line for the interval. */
function seedsChart(rows: readonly ResultRow[], seeds: readonly number[]): Chart {
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
      config: chartConfig,
      spacing: 30,
      hconcat: shown.map(({ metric, heading }, i) =>
        seedPanel(rows, seeds, metric, heading, i === 0)
      ),
    },
    panels: shown.map(({ metric, heading }, i) => ({
      name: `seeds-${i}`,
      spec: { config: chartConfig, ...seedPanel(rows, seeds, metric, heading, true) },
    })),
  };
}

function seedPanel(
  rows: readonly ResultRow[],
  seeds: readonly number[],
  metric: MetricName,
  heading: string,
  labels: boolean,
): ChartSpec {
  const label = (row: ResultRow) => rowLabel(row, rows.indexOf(row));
  const measured = rows.filter((row) => row.metrics[metric] !== undefined);
  const values = measured.flatMap((row) =>
    row.metrics[metric]!.values.map((value, i) => ({
      row: label(row),
      value,
      seed: seeds[i] === undefined ? "–" : String(seeds[i]),
      text: `${value.toFixed(2)} %`,
    }))
  );
  const means = measured.map((row) => {
    const { mean, interval } = row.metrics[metric]!;
    return {
      row: label(row),
      mean,
      low: interval?.[0] ?? mean,
      high: interval?.[1] ?? mean,
      text: formatNumber(row.metrics[metric]!),
      interval: interval === null ? "–" : formatRange(interval),
    };
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
  const meanTips = tooltips({ row: "row", text: heading, interval: "95 % interval" });
  return {
    width: 240,
    height: { step: 24 },
    layer: [
      {
        data: { values: means },
        mark: { type: "rule", color: oursColour, strokeWidth: 2, opacity: 0.5 },
        encoding: { y, x: x("low"), x2: { field: "high" }, tooltip: meanTips },
      },
      {
        data: { values: means },
        mark: { type: "tick", color: "currentColor", thickness: 2, size: 14 },
        encoding: { y, x: x("mean"), tooltip: meanTips },
      },
      {
        data: { values },
        mark: { type: "point", filled: true, color: oursColour, size: 36, opacity: 0.8 },
        encoding: {
          y,
          x: x("value"),
          tooltip: tooltips({ row: "row", seed: "seed", text: heading }),
        },
      },
    ],
  };
}

/**
 * Distributions of the scores of good, bad and unseen bad images: one panel for each row, as in Figure
 * 6. In a page a range of scores can be chosen.
 */
function scoresChart(byRow: ReadonlyMap<string, readonly ScoreRecord[]>): Chart {
  const rows = [...byRow.keys()];
  return {
    name: "scores",
    title: "Distribution of scores in the test set",
    description:
      `Histograms as in the paper's Figure 6, for ${visible(rows.join(", "))}: good images ` +
      "green, bad images orange, bad images with defects not seen in training red. The further right " +
      "the red and orange bars stand from the green ones, the better.",
    spec: {
      config: chartConfig,
      columns: 3,
      spacing: 18,
      concat: rows.map((row, i) => scoresPanel(label(row, i), byRow.get(row)!)),
    },
    panels: rows.map((row, i) => ({
      name: `scores-${i}`,
      row,
      spec: {
        config: chartConfig,
        ...scoresPanel(label(row, i), byRow.get(row)!),
        width: 250,
        height: 130,
        params: [{ name: "range", select: { type: "interval", encodings: ["x"] } }],
      },
    })),
  };
}

function scoresPanel(title: string, records: readonly ScoreRecord[]): ChartSpec {
  const kinds: readonly ScoreKind[] = ["good", "bad", "unseen"];
  const values = scoreHistogram(records, 40).map((bin) => ({
    ...bin,
    scores: `${formatScore(bin.from)} to ${formatScore(bin.to)}`,
  }));
  return {
    title,
    width: 200,
    height: 110,
    data: { values },
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
      tooltip: tooltips({ kind: "images", scores: "scores", count: "number" }),
    },
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
    const fpr = 100 * fprAtTprOfRanking(ranking);
    return {
      row: labels[i],
      fpr,
      tpr: 100 * found / bad.length,
      text: `${fpr.toFixed(1)} %`,
      threshold: formatScore(threshold),
    };
  });
  // Places to point at, about 100 on each curve.
  const stride = Math.max(1, Math.ceil(lines.length / Math.max(1, rows.length) / 100));
  const color: Json = {
    field: "row",
    type: "nominal",
    title: null,
    scale: { domain: labels, range: labels.map((_, i) => lineColours[i % lineColours.length]) },
  };
  // Where colours come again, lines are dashed and points are triangles.
  const again = (first: Json, further: Json): Json => ({
    field: "row",
    type: "nominal",
    title: null,
    scale: {
      domain: labels,
      range: labels.map((_, i) => i < lineColours.length ? first : further),
    },
  });
  const several = labels.length > lineColours.length;
  const strokeDash = several ? { strokeDash: again([1, 0], [5, 2]) } : {};
  const shape = several ? { shape: again("circle", "triangle-up") } : {};
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
      width: 310,
      height: 310,
      config: chartConfig,
      layer: [
        {
          data: { values: [{ fpr: 0, tpr: 95, to: 100 }] },
          mark: { type: "rule", color: "currentColor", opacity: 0.5, strokeDash: [4, 4] },
          encoding: { x, x2: { field: "to" }, y },
        },
        {
          data: { values: lines },
          mark: { type: "line", strokeWidth: 1.8, interpolate: "linear" },
          encoding: { x, y, color, ...strokeDash, order: { field: "order", type: "quantitative" } },
        },
        {
          data: { values: lines.filter(({ order }) => order % stride === 0) },
          mark: { type: "point", filled: true, size: 60, opacity: 0 },
          encoding: {
            x,
            y,
            tooltip: tooltips({ row: "row", fpr: "false positives %", tpr: "found %" }, ".1f"),
          },
        },
        {
          data: { values: marks },
          mark: { type: "point", filled: true, size: 60, opacity: 1 },
          encoding: {
            x,
            y,
            color,
            ...shape,
            tooltip: tooltips({
              row: "row",
              text: "FPR@95TPR",
              threshold: "threshold",
            }),
          },
        },
      ],
    },
  };
}

/** AUROC against the time for an image, which has a logarithmic scale. */
function speedChart(rows: readonly ResultRow[]): Chart {
  const [width, height] = [380, 260];
  const times = rows.map(({ metrics }) => metrics.ms_per_image!.mean);
  const aurocs = rows.map(({ metrics }) => metrics.cl_auroc!.mean);
  const [logLow, logHigh] = withMargin(times.map(Math.log));
  const [low, high] = withMargin(aurocs);
  const places = labelPlaces(
    rows.map((row, i) => ({
      x: width * (Math.log(times[i]) - logLow) / (logHigh - logLow),
      y: height * (high - aurocs[i]) / (high - low),
      text: rowLabel(row, i),
    })),
    height,
  );
  const values = rows.map((row, i) => ({
    row: rowLabel(row, i),
    ms: times[i],
    auroc: aurocs[i],
    time: `${times[i].toPrecision(3)} ms`,
    text: formatNumber(row.metrics.cl_auroc!),
    ...places[i],
  }));
  const x: Json = {
    field: "ms",
    type: "quantitative",
    title: "milliseconds per image",
    scale: { type: "log", domain: [Math.exp(logLow), Math.exp(logHigh)], nice: false },
    axis: { tickCount: 5, grid: false },
  };
  const y: Json = {
    field: "auroc",
    type: "quantitative",
    title: "Cl. AUROC (%)",
    scale: { domain: [low, high], nice: false },
    axis: { tickCount: 5 },
  };
  return {
    name: "speed",
    title: "Classification AUROC against time",
    description: `The further left and up, the better. ${
      values.map(({ row, time, text }) => `${row} ${text} in ${time}`).join("; ")
    }.`,
    spec: {
      width,
      height,
      config: chartConfig,
      data: { values },
      layer: [
        {
          mark: { type: "point", filled: true, size: 70, color: oursColour, opacity: 0.9 },
          encoding: {
            x,
            y,
            tooltip: tooltips({ row: "row", text: "Cl. AUROC", time: "per image" }),
          },
        },
        {
          mark: {
            type: "text",
            align: { expr: "datum.align" },
            dx: { expr: "datum.dx" },
            dy: { expr: "datum.dy" },
            color: "currentColor",
            fontSize: 11,
          },
          encoding: { x, y, text: { field: "row" } },
        },
      ],
    },
  };
}

/** Ends of a scale that leaves a twelfth of the numbers' span on both sides. */
function withMargin(numbers: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const margin = (most - least) / 12 || 0.5;
  return [least - margin, most + margin];
}

/** The shares of the segments in what a row's forests look at, drawn over the segmentation map. */
function importanceChart(importances: readonly RowImportance[]): Chart {
  const largest = Math.max(
    ...importances.flatMap(({ shares }) => shares.map(({ share }) => 100 * share)),
  );
  const most = Math.max(10, Math.ceil(largest / 10) * 10);
  const panels = importances.map((importance, i) => importancePanel(importance, i, most));
  return {
    name: "importance",
    title: "What the forests look at",
    description:
      "The share of each segment in the total gain of the splits, mean over the seeds. " +
      importances.map(({ row, shares, rest }) =>
        `${visible(row)}: ${
          [
            ...shares.map(({ segment, share }) => `${visible(segment)} ${formatShare(share)}`),
            ...rest.map(({ source, share }) => `${visible(source)} ${formatShare(share)}`),
          ].join(", ")
        }.`
      ).join(" "),
    spec: { config: chartConfig, columns: 3, spacing: 22, concat: panels },
    panels: importances.map(({ row }, i) => ({
      name: `importance-${i}`,
      row,
      spec: { config: chartConfig, ...panels[i] },
    })),
  };
}

function importancePanel(
  { row, width, height, outlines, shares, rest }: RowImportance,
  i: number,
  most: number,
): ChartSpec {
  const values = outlines.filter(({ loops }) => loops.length > 0).map((outline) => {
    const { segment, loops, anchor, room } = outline;
    const share = shares.find((one) => one.segment === segment);
    return {
      type: "Feature",
      // A ring is closed by its first corner; d3 draws the loops of a hole the other way round.
      geometry: { type: "Polygon", coordinates: loops.map((loop) => [...loop, loop[0]]) },
      segment: visible(segment),
      share: 100 * (share?.share ?? 0),
      text: formatShare(share?.share ?? 0),
      sources: (share?.sources ?? []).map((one) =>
        `${visible(one.source)} ${formatShare(one.share)}`
      ).join(", "),
      x: anchor![0],
      y: anchor![1],
      hasRoom: room / width > 0.05,
    };
  });
  const outside = rest.map(({ source, share }) => `${visible(source)} ${formatShare(share)}`);
  const scale: Json = { domain: [0, most], range: ["#f4f7fb", "#1f5a9d"] };
  return {
    title: outside.length === 0
      ? label(row, i)
      : { text: label(row, i), subtitle: `and ${outside.join(", ")}` },
    width: 200,
    height: Math.round(200 * height / width),
    projection: { type: "identity", reflectY: false },
    data: { values },
    layer: [
      {
        mark: { type: "geoshape", stroke: "#5b6b7c", strokeWidth: 0.6 },
        encoding: {
          color: {
            field: "share",
            type: "quantitative",
            title: "% of the gain",
            scale,
            legend: { orient: "bottom", gradientLength: 180, gradientThickness: 8, tickCount: 5 },
          },
          tooltip: tooltips({ segment: "segment", text: "share", sources: "of it" }),
        },
      },
      {
        transform: [{ filter: "datum.hasRoom" }],
        mark: { type: "text", fontSize: 10 },
        encoding: {
          longitude: { field: "x", type: "quantitative" },
          latitude: { field: "y", type: "quantitative" },
          text: { field: "text" },
          color: {
            condition: { test: `datum.share > ${0.6 * most}`, value: "#fff" },
            value: "#1d1f21",
          },
        },
      },
    ],
  };
}

/** Fields of a mark that a page shows when it is pointed at, with their names. */
function tooltips(fields: Readonly<Record<string, string>>, format?: string): Json {
  return Object.entries(fields).map(([field, title]) => ({
    field,
    title,
    type: format !== undefined && field !== "row" ? "quantitative" : "nominal",
    ...(format === undefined || field === "row" ? {} : { format }),
  }));
}

function formatRange([low, high]: readonly [number, number]): string {
  return `${low.toFixed(1)} to ${high.toFixed(1)}`;
}

function formatScore(score: number): string {
  return String(Number(score.toPrecision(4)));
}

function formatShare(share: number): string {
  const percent = 100 * share;
  return `${percent >= 9.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
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
