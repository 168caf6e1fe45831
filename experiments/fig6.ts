/**
 * Figure 6: distributions of the scores of good, bad and unseen bad images for a detector, the
 * classifier, and SegAD with both.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot, vadSeeds } from "./protocols.ts";
import { detectorAlone, detectorAndWrnAndOurs, supervised, unpublished } from "./setups.ts";

/** Three rows, drawn as histograms of scores. */
export const fig6: Experiment = {
  id: "fig6",
  title: "Distributions of scores in the test set (VAD)",
  source: "Figure 6, section 5.2",
  layout: "vad",
  protocol: vadHighShot,
  seeds: vadSeeds,
  allDetectors: [],
  rows: [
    unpublished(detectorAlone("patchcore", "2")),
    unpublished(supervised("wrn", "3")),
    { ...detectorAndWrnAndOurs("patchcore"), base: "PatchCore" },
  ],
};
