/**
 * Table 8: supervised benchmark on VisA, class by class.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { visaSeeds, visaSupervised } from "./protocols.ts";
import { visaDetectors, visaRows } from "./visa_rows.ts";

/** Shares all its stages with Table 5. */
export const table8: Experiment = {
  id: "table8",
  title: "Supervised benchmark (VisA), Cl. AUROC by class",
  source: "Table 8, appendix D",
  shows: "classes",
  layout: "visa",
  protocol: visaSupervised,
  seeds: visaSeeds,
  allDetectors: visaDetectors,
  rows: visaRows("8"),
};
