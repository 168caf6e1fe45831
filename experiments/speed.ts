/**
 * Inference time of every setup on this machine, beside its Cl. AUROC. The paper says that SegAD "adds a
 * negligible time" (section 4.1) and prints no times.
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
  detectorAndWrnAndOurs,
  supervised,
  unpublished,
  vadDetectors,
} from "./setups.ts";

/** Milliseconds per image by the steps of each setup, measured while nothing else runs. */
export const speed: Experiment = {
  id: "speed",
  title: "Inference time and Cl. AUROC of every setup (VAD, high-shot)",
  source: "sections 4.1, 4.2 and 5.2 (no times are published)",
  shows: "speed",
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
    allAndOurs(allFour, "3"),
    detectorAndWrnAndOurs("efficientad"),
    allAndWrnAndOurs,
  ].map((row) => unpublished(row)),
};
