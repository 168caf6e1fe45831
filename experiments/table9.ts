/**
 * Table 9: MVTec AD, class by class.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { mvtecSupervised, visaSeeds } from "./protocols.ts";
import { allAndOurs, detectorAlone, detectorAndOurs, type DetectorId } from "./setups.ts";

const detectors: readonly DetectorId[] = ["fastflow", "rd4ad", "efficientad"];

/** Where there are masks, the AUPRO of the detectors stands beside their Cl. AUROC. */
export const table9: Experiment = {
  id: "table9",
  title: "MVTec AD, Cl. AUROC by class",
  source: "Table 9, appendix E",
  shows: "classes",
  layout: "mvtec",
  protocol: mvtecSupervised,
  seeds: visaSeeds,
  allDetectors: detectors,
  rows: [
    ...detectors.map((detector) => detectorAlone(detector, "9")),
    ...detectors.map((detector) => detectorAndOurs(detector, "9", "public_code")),
    allAndOurs(detectors, "9", "public_code"),
  ],
};
