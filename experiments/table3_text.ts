/**
 * What the text around Table 3 adds: the practical setup EfficientAD + WRN + Ours (section 5.2), and DRA
 * at the image size of its authors (section 5).
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";
import { detectorAndWrnAndOurs, supervised } from "./setups.ts";

/** Their published numbers stand in the text, not in a table. */
export const table3Text: Experiment = {
  id: "table3-text",
  title: "High-shot supervised benchmark (VAD): setups of the text",
  source: "sections 5 and 5.2",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: [],
  rows: [
    supervised("dra", "3"),
    {
      group: "Supervised Anomaly Detection",
      row: "DRA at 448 x 448",
      method: { kind: "supervised", method: "dra", size: 448 },
      paper: { table: "3", row: "DRA at 448 x 448" },
      base: "DRA",
      note:
        "where the profile's images are smaller than the paper's 256 pixels, its are smaller alike.",
    },
    supervised("wrn", "3"),
    {
      ...detectorAndWrnAndOurs("efficientad"),
      paper: { table: "3", row: "EfficientAD + WRN + Ours" },
      base: "WRN",
    },
  ],
};
