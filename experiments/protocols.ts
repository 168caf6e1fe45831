/**
 * The paper's protocols: which images train the detectors, the forest and the classifier.
 *
 * @module
 */
import type { Protocol } from "../lib/runner/experiment.ts";

/** Section 5.2: half of the good training images for the detectors, the other half and all bad ones for the forest. */
export const vadHighShot: Protocol = {
  id: "vad-high-shot",
  description: "good training images halved per seed (detectors, forest), all bad training images",
  bad: "all",
};

/**
 * Seeds of the VAD tables. The paper averages five splits and does not name their seeds; these are the
 * first five of the public code's list for VisA (assumption vad-seeds).
 */
export const vadSeeds: readonly number[] = [333, 576, 725, 823, 831];
