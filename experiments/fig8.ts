/**
 * Figure 8: generated defects of the one-class benchmark.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadOneClass, vadSeeds } from "./protocols.ts";

/** Good images with a generated defect of each kind; nothing is trained. */
export const fig8: Experiment = {
  id: "fig8",
  title: "Generated defects (VAD)",
  source: "Figure 8, appendix A.2",
  shows: "generated",
  layout: "vad",
  protocol: vadOneClass,
  seeds: vadSeeds.slice(0, 1),
  allDetectors: [],
  rows: [],
};
