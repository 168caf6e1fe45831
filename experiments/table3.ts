/**
 * Table 3: high-shot supervised benchmark (VAD). The one-class detectors of Table 2 stand above the
 * paper's rows, so that the improvement over them is seen.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";
import {
  allAndOurs,
  allAndWrnAndOurs,
  allFour,
  detectorAlone,
  detectorAndOurs,
  supervised,
  unpublished,
  vadDetectors,
} from "./setups.ts";

/** Detectors alone, supervised methods, and every setup of SegAD. */
export const table3: Experiment = {
  id: "table3",
  title: "High-shot supervised benchmark (VAD)",
  source: "Table 3, section 5.2; detectors alone from Table 2",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: allFour,
  rows: [
    ...vadDetectors.map((detector) => detectorAlone(detector, "2")),
    supervised("devnet", "3"),
    supervised("dra", "3"),
    supervised("wrn", "3"),
    ...vadDetectors.map((detector) => detectorAndOurs(detector, "3")),
    unpublished(allAndOurs(allFour, "3"), "is not a row of the paper's Table 3."),
    allAndWrnAndOurs,
  ],
};
