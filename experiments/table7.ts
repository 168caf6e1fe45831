/**
 * Table 7 lists the types of defects of VAD. On the embedded product, whose defects have known types,
 * it says more: the share of each type that each setup finds where it finds 95 % of all bad images.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";
import {
  allAndWrnAndOurs,
  allFour,
  detectorAlone,
  detectorAndOurs,
  supervised,
  unpublished,
  vadDetectors,
} from "./setups.ts";

/** Detection rates by type of defect, where types are known. */
export const table7: Experiment = {
  id: "table7",
  title: "Types of defects, detection rate at 95 % TPR",
  source: "Table 7, appendix C (types only)",
  shows: "defects",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: allFour,
  rows: [
    ...vadDetectors.map((detector) => detectorAlone(detector, "2")),
    supervised("wrn", "3"),
    ...vadDetectors.map((detector) => detectorAndOurs(detector, "3")),
    allAndWrnAndOurs,
  ].map((row) => unpublished(row)),
};
