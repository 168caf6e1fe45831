/**
 * Table 6: ablation on the high-shot benchmark. Each row is the mean over the four detectors.
 *
 * @module
 */
import type { Experiment, ExperimentRow, SingleMethod } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";
import { allFour, type DetectorId } from "./setups.ts";

/** Section 5.5 in the order of the table: what is taken away from SegAD, or put in a part's place. */
const ablations: readonly {
  readonly row: string;
  readonly method: (detector: DetectorId) => SingleMethod;
  readonly note: string;
}[] = [
  {
    row: "An. Det.",
    method: (detector) => ({ kind: "detector", detector }),
    note: "the maximum of the anomaly map.",
  },
  {
    row: "One Seg.",
    method: (detector) => ({ kind: "segad", detectors: [detector], segments: "one" }),
    note: "the features f over the whole image.",
  },
  {
    row: "Max.",
    method: (detector) => ({
      kind: "segad",
      detectors: [detector],
      features: "max_per_segment",
    }),
    note: "the maximum of each segment instead of the features f.",
  },
  {
    row: "BT",
    method: (detector) => ({ kind: "segad", detectors: [detector], forest: "BT" }),
    note: "boosted trees instead of the boosted random forest.",
  },
  {
    row: "RF",
    method: (detector) => ({ kind: "segad", detectors: [detector], forest: "RF" }),
    note: "a random forest instead of the boosted random forest.",
  },
  {
    row: "SegAD",
    method: (detector) => ({ kind: "segad", detectors: [detector] }),
    note: "features f per segment, boosted random forest.",
  },
];

/** What each part of SegAD is worth: a row leaves one out, or exchanges it. */
export const table6: Experiment = {
  id: "table6",
  title: "Ablation study (VAD, high-shot), means over four detectors",
  source: "Table 6, section 5.5",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: allFour,
  rows: ablations.map(({ row, method, note }): ExperimentRow => ({
    group: "Ablation",
    row,
    method: { kind: "mean", of: allFour.map(method) },
    paper: { table: "6", row },
    note,
    ...(row === "An. Det." ? {} : { base: "An. Det." }),
  })),
};
