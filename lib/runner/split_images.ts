/**
 * Which images of a class train the detectors, train the forest and test it, for one seed.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { Dataset, Sample } from "../images/sample.ts";
import { halveGood } from "../images/splits.ts";
import type { Protocol } from "./experiment.ts";

/** The images of one class and seed by purpose, each in canonical order. */
export interface SplitImages {
  /** Good images that the detectors are trained on. */
  readonly detectorGood: readonly Sample[];
  /** Good images that the forest is trained on; no detector has seen them. */
  readonly forestGood: readonly Sample[];
  /** Bad images that the forest is trained on. */
  readonly forestBad: readonly Sample[];
  /** All training images, good and bad: what supervised methods choose their share from. */
  readonly training: readonly Sample[];
  readonly test: readonly Sample[];
}

/**
 * Splits the images of class `name` as the protocol says.
 *
 * @throws {DataError} when a part would be empty
 */
export function splitImages(
  dataset: Dataset,
  name: string,
  _protocol: Protocol,
  seed: number,
): SplitImages {
  const samples = dataset.samples.filter((sample) => sample.class === name);
  const training = samples.filter(({ split }) => split === "train");
  const { detectors, forest } = halveGood(training.filter(({ label }) => label === 0), seed);
  const split: SplitImages = {
    detectorGood: detectors,
    forestGood: forest,
    forestBad: training.filter(({ label }) => label === 1),
    training,
    test: samples.filter((sample) => sample.split === "test"),
  };
  const empty: [string, readonly Sample[], string][] = [
    ["good training images for the detectors", split.detectorGood, "train/good"],
    ["good training images for the forest", split.forestGood, "train/good"],
    ["bad training images", split.forestBad, "train/bad"],
    ["good test images", split.test.filter(({ label }) => label === 0), "test/good"],
    ["bad test images", split.test.filter(({ label }) => label === 1), "test/bad"],
  ];
  for (const [what, images, folder] of empty) {
    if (images.length > 0) continue;
    throw new DataError(`Cannot split ${dataset.name}: there are no ${what}`, {
      remedy: `Put images into ${folder} of the data folder (two at least into train/good).`,
    });
  }
  return split;
}
