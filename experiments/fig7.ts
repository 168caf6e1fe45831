/**
 * Figure 7: segmentation maps of VisA over images of several classes.
 *
 * @module
 */
import type { Experiment } from "../lib/runner/experiment.ts";
import { visaSupervised } from "./protocols.ts";

/** One image of each class under its segments; nothing is trained. */
export const fig7: Experiment = {
  id: "fig7",
  title: "Segmentation maps over images (VisA)",
  source: "Figure 7, section 5.4",
  shows: "segmentation",
  layout: "visa",
  protocol: visaSupervised,
  seeds: [],
  allDetectors: [],
  rows: [],
};
