/**
 * Figure 5: the static segmentation map of VAD over an image.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { vadHighShot } from "./protocols.ts";

/** One image of the class under its segments; nothing is trained. */
export const fig5: Experiment = {
  id: "fig5",
  title: "Segmentation map over an image (VAD)",
  source: "Figure 5, section 5",
  shows: "segmentation",
  layout: "vad",
  protocol: vadHighShot,
  seeds: [],
  allDetectors: [],
  rows: [],
};
