/**
 * Table 3: high-shot supervised benchmark (VAD). The one-class detectors of Table 2 stand above the
 * paper's rows, so that the improvement over them is seen.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";
import { detectorAlone, detectorAndOurs, type DetectorId, supervised } from "./setups.ts";

const detectors: readonly DetectorId[] = ["fastflow", "rd4ad", "patchcore", "efficientad"];

export const table3: Experiment = {
  id: "table3",
  title: "High-shot supervised benchmark (VAD)",
  source: "Table 3, section 5.2; detectors alone from Table 2",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: ["patchcore", "fastflow", "rd4ad", "efficientad"],
  rows: [
    ...detectors.map((detector) => detectorAlone(detector, "2")),
    supervised("devnet", "3"),
    supervised("dra", "3"),
    supervised("wrn", "3"),
    ...detectors.map((detector) => detectorAndOurs(detector, "3")),
    {
      group: "SegAD (Ours)",
      row: "All AD + Ours",
      method: { kind: "segad", detectors: ["patchcore", "fastflow", "rd4ad", "efficientad"] },
      note: "All AD + Ours is not a row of the paper's Table 3.",
    },
    {
      group: "SegAD (Ours)",
      row: "AllAD+WRN+Ours",
      method: {
        kind: "segad",
        detectors: ["patchcore", "fastflow", "rd4ad", "efficientad"],
        classifier: "wrn",
      },
      paper: { table: "3", row: "AllAD+WRN+Ours" },
    },
  ],
};
