/**
 * Table 2: one-class benchmark (VAD). No bad image is used: the forest's bad images are its good ones
 * with generated defects.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadOneClass, vadSeeds } from "./protocols.ts";
import {
  allAndOurs,
  detectorAlone,
  detectorAndOurs,
  type DetectorId,
  vadDetectors,
} from "./setups.ts";

/** The caption: EfficientAD is not among them. */
const allDetectors: readonly DetectorId[] = ["patchcore", "fastflow", "rd4ad"];

/** Detectors alone, and SegAD on generated defects. */
export const table2: Experiment = {
  id: "table2",
  title: "One-class benchmark (VAD)",
  source: "Table 2, section 5.1",
  layout: "vad",
  protocol: vadOneClass,
  seeds: vadSeeds,
  allDetectors,
  rows: [
    ...vadDetectors.map((detector) => detectorAlone(detector, "2")),
    ...vadDetectors.map((detector) => detectorAndOurs(detector, "2")),
    allAndOurs(allDetectors, "2"),
  ],
};
