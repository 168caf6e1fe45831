/**
 * Made-up results in the views that are not a line per row with a column per metric, for the tests of
 * the writers.
 *
 * @module
 */
import type { ExperimentResult, MetricSummary, ResultRow } from "../../lib/report/results.ts";
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

/** Cl. AUROC by class: Tables 8 and 9. */
export const byClass: ExperimentResult = {
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

const rate = (mean: number, images: number) => ({ ...number(mean), images });
/** Detection rates by type of defect: Table 7. */
export const byDefect: ExperimentResult = {
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

/** Texts: Table 1. */
export const ofDatasets: ExperimentResult = {
  ...sampleResult,
  view: "datasets",
  seeds: [],
  rows: [],
  grid: { columns: ["Dataset", "Images"], rows: [["VAD", "5000"], ["a & b", "7"]] },
};

/** A picture instead of a table: Figures 5, 7 and 8. */
export const ofFigure: ExperimentResult = {
  ...sampleResult,
  view: "segmentation",
  rows: [],
  figures: [{ file: "figures/fig5-1.png", caption: "7 segments_of VAD" }],
};
