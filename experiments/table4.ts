/**
 * Table 4: low-shot supervised benchmark (VAD): 100 bad training images, chosen anew per seed.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadLowShot, vadSeeds } from "./protocols.ts";
import {
  allAndOurs,
  allFour,
  detectorAlone,
  detectorAndOurs,
  supervised,
  vadDetectors,
} from "./setups.ts";

/** The setups of Table 3 with a tenth of the bad images. */
export const table4: Experiment = {
  id: "table4",
  title: "Low-shot supervised benchmark (VAD)",
  source: "Table 4, section 5.3; detectors alone from Table 2",
  layout: "vad",
  protocol: vadLowShot,
  seeds: vadSeeds,
  allDetectors: allFour,
  rows: [
    ...vadDetectors.map((detector) => detectorAlone(detector, "2")),
    supervised("devnet", "4"),
    supervised("dra", "4"),
    supervised("wrn", "4"),
    ...vadDetectors.map((detector) => detectorAndOurs(detector, "4")),
    allAndOurs(allFour, "4"),
  ],
};
