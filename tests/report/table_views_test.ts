import assert from "node:assert/strict";
import { paperTable } from "../../lib/report/paper_table.ts";
import type { ExperimentResult, MetricSummary, ResultRow } from "../../lib/report/results.ts";
import { toLatex } from "../../lib/report/to_latex.ts";
import { toMarkdown } from "../../lib/report/to_markdown.ts";
import { toText } from "../../lib/report/to_text.ts";
import { sampleResult } from "./sample_result.ts";

const number = (mean: number): MetricSummary => ({
  mean,
  std: 0.5,
  values: [mean],
  interval: null,
});
const published = (mean: number) => ({
  table: "8",
  metric: "cl_auroc",
  mean,
  std: null,
  source: "paper",
});

const byClass: ExperimentResult = {
  ...sampleResult,
  view: "classes",
  rows: [["RD4AD", 94, 90], ["RD4AD + Ours", 98, 89]].map(([row, candle, pcb1]): ResultRow => ({
    group: "g",
    row: String(row),
    metrics: { cl_auroc: number((Number(candle) + Number(pcb1)) / 2) },
    paper: [published(94.7)],
    paperClasses: { candle: [published(94.6)], pcb1: [published(96)] },
    classes: {
      candle: { cl_auroc: number(Number(candle)) },
      pcb1: { cl_auroc: number(Number(pcb1)) },
    },
    verdict: "not testable",
  })),
};

Deno.test("a table by class has a column per class and one for the mean, without deviations", () => {
  const table = paperTable(byClass);
  assert.deepEqual(table.columns.map(({ heading }) => heading), ["candle", "pcb1", "Mean"]);
  const lines = toMarkdown(table).split("\n").filter((line) => line.startsWith("| RD4AD"));
  assert.deepEqual(lines, [
    "| RD4AD | 94.0 | **90.0** | 92.0 |",
    "| RD4AD, paper | 94.6 | 96.0 | 94.7 |",
    "| RD4AD + Ours | **98.0** | 89.0 | **93.5** |",
    "| RD4AD + Ours, paper | 94.6 | 96.0 | 94.7 |",
  ]);
});

Deno.test("classes that the paper does not have leave the published mean a column", () => {
  const own = {
    ...byClass,
    rows: byClass.rows.map(({ paperClasses: _, ...row }) => row),
  };
  const table = paperTable(own);
  assert.match(toMarkdown(table), /\| RD4AD \| 94\.0 \| \*\*90\.0\*\* \| 92\.0 \| 94\.7 \|/);
});

Deno.test("a table by type of defect has a line per type under its kind and a column per row", () => {
  const rate = (mean: number, images: number) => ({ ...number(mean), images });
  const result: ExperimentResult = {
    ...sampleResult,
    view: "defects",
    rows: [
      {
        ...sampleResult.rows[0],
        paper: [],
        defects: { wire_on_top: rate(60, 8), burned_wire: rate(50, 11), scratch: rate(10, 3) },
      },
      { ...sampleResult.rows[1], paper: [] },
      {
        ...sampleResult.rows[3],
        paper: [],
        defects: { wire_on_top: rate(70, 8), burned_wire: rate(40, 11), scratch: rate(10, 3) },
      },
    ],
  };
  const table = paperTable(result);
  assert.deepEqual(table.columns.map(({ heading }) => heading), [
    "Images",
    "PatchCore",
    "PatchCore + Ours",
  ]);
  const lines = toMarkdown(table).split("\n").filter((line) => /^\| [*TBs]/.test(line));
  assert.deepEqual(lines, [
    "| *Logical* | | | |",
    "| The wire is on the top of the soldering | 8 | 60.0 | **70.0** |",
    "| *Not seen in training* | | | |",
    "| Burned wire | 11 | **50.0** | 40.0 |",
    "| *Types of this data set* | | | |",
    "| scratch | 3 | **10.0** | **10.0** |",
  ]);
  assert.ok(table.footnotes.some((note) => note.startsWith("RD4AD: needs RD4AD")));
});

Deno.test("a table of texts is printed as it is, with the heading of its names", () => {
  const result: ExperimentResult = {
    ...sampleResult,
    view: "datasets",
    seeds: [],
    rows: [],
    grid: { columns: ["Dataset", "Images"], rows: [["VAD", "5000"], ["a & b", "7"]] },
  };
  const table = paperTable(result);
  assert.match(toMarkdown(table), /\| Dataset \| Images \|\n.*\n\| VAD \| 5000 \|/);
  assert.match(toLatex(table), /Dataset & Images \\\\[^]*a \\& b & 7 \\\\/);
  assert.match(toText(table), /Dataset +Images/);
});

Deno.test("a figure has its pictures in the table's place", () => {
  const result: ExperimentResult = {
    ...sampleResult,
    view: "segmentation",
    rows: [],
    figures: [{ file: "figures/fig5-1.png", caption: "7 segments_of VAD" }],
  };
  const table = paperTable(result);
  assert.match(toMarkdown(table), /!\[7 segments\\_of VAD\]\(figures\/fig5-1\.png\)/);
  assert.match(
    toLatex(table),
    /\\includegraphics\[width=0\.6\\linewidth\]\{figures\/fig5-1\.png\}/,
  );
  assert.doesNotMatch(toLatex(table), /tabular/);
  assert.match(toText(table), /figures\/fig5-1\.png: 7 segments_of VAD/);
});
