/**
 * Table 5: supervised benchmark on VisA, means over its classes.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { visaSeeds, visaSupervised } from "./protocols.ts";
import { visaDetectors, visaRows } from "./visa_rows.ts";

/** Shares all its stages with Table 8. */
export const table5: Experiment = {
  id: "table5",
  title: "Supervised benchmark (VisA)",
  source: "Table 5, section 5.4",
  layout: "visa",
  protocol: visaSupervised,
  seeds: visaSeeds,
  allDetectors: visaDetectors,
  rows: visaRows("5"),
};
