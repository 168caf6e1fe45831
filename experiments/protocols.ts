/**
 * The paper's protocols: which images train the detectors, the forest and the classifier.
 *
 * @module
 */
import type { Protocol } from "../lib/runner/experiment.ts";

/** Section 5.1: no bad image is used; the forest's are made from its good ones. */
export const vadOneClass: Protocol = {
  id: "vad-one-class",
  description:
    "good training images halved per seed (detectors, forest); the forest's bad images " +
    "are generated from its good ones",
  good: "halves",
  bad: "generated",
};

/** Section 5.2: half of the good training images for the detectors, the other half and all bad ones for the forest. */
export const vadHighShot: Protocol = {
  id: "vad-high-shot",
  description: "good training images halved per seed (detectors, forest), all bad training images",
  good: "halves",
  bad: "all",
};

/** Section 5.3: as above with the bad training images of one low-shot list per seed. */
export const vadLowShot: Protocol = {
  id: "vad-low-shot",
  description:
    "good training images halved per seed (detectors, forest), the bad training images " +
    "of one low-shot list per seed",
  good: "halves",
  bad: "low_shot",
};

/**
 * Section 5.4 and the public code: a tenth of the good training images and ten bad test images of each
 * class train the forest; which ten depends on the seed.
 */
export const visaSupervised: Protocol = {
  id: "visa-supervised",
  description:
    "nine tenths of the good training images for the detectors, a tenth and ten bad test " +
    "images per class and seed for the forest",
  good: "tenth",
  bad: "from_test",
  moved: 10,
  detectorSeed: 333,
};

/** Appendix E: as VisA, with twenty bad images. */
export const mvtecSupervised: Protocol = {
  id: "mvtec-supervised",
  description:
    "nine tenths of the good training images for the detectors, a tenth and twenty bad " +
    "test images per class and seed for the forest",
  good: "tenth",
  bad: "from_test",
  moved: 20,
  detectorSeed: 333,
};

/** The ten seeds of the public code, in its order. */
export const visaSeeds: readonly number[] = [
  333,
  576,
  725,
  823,
  831,
  902,
  226,
  598,
  874,
  589,
];

/**
 * Seeds of the VAD tables. The paper averages five splits and does not name their seeds; these are the
 * first five of the public code's list for VisA (assumption vad-seeds).
 */
export const vadSeeds: readonly number[] = visaSeeds.slice(0, 5);
