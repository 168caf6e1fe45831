/**
 * Which images of a class train the detectors, train the forest and test it, for one seed.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { Dataset, Sample } from "../images/sample.ts";
import { halveGood, holdTenthOfGood, lowShotBad, moveBadToTraining } from "../images/splits.ts";
import type { Protocol } from "./experiment.ts";

/** The images of one class and seed by purpose, each in canonical order. */
export interface SplitImages {
  /** Good images that the detectors are trained on. */
  readonly detectorGood: readonly Sample[];
  /** Good images that the forest is trained on; no detector has seen them. */
  readonly forestGood: readonly Sample[];
  /** Bad images that the forest is trained on; empty where they are generated. */
  readonly forestBad: readonly Sample[];
  /** All training images, good and bad: what supervised methods choose their share from. */
  readonly training: readonly Sample[];
  /** Images that the metrics are computed on, after the protocol moved any. */
  readonly test: readonly Sample[];
  /**
   * Images that the detectors make maps of: all they were not trained on, whatever the protocol does
   * with them, so that tables with other protocols share the maps.
   */
  readonly mapped: readonly Sample[];
}

/**
 * Splits the images of class `name` as the protocol says.
 *
 * @param position place of the seed in the experiment's list of seeds: which low-shot list
 * @throws {DataError} when a part would be empty
 */
export function splitImages(
  dataset: Dataset,
  name: string,
  protocol: Protocol,
  seed: number,
  position: number,
): SplitImages {
  const samples = dataset.samples.filter((sample) => sample.class === name);
  const part = (split: Sample["split"], label: 0 | 1) =>
    samples.filter((sample) => sample.split === split && sample.label === label);
  const good = part("train", 0);
  const { detectors, forest } = goodParts(dataset, protocol, good, seed);
  const testBad = part("test", 1);
  checkParts(dataset, name, [
    ...(dataset.layout === "maps"
      ? []
      : [["good training images for the detectors", detectors.length, "train/good"] as const]),
    ["good training images for the forest", forest.length, "train/good"],
    ["good test images", part("test", 0).length, "test/good"],
    ["bad test images", testBad.length, "test/bad"],
  ]);
  const { bad, test } = badImages(protocol, dataset, part("train", 1), testBad, seed, position);
  if (protocol.bad !== "generated") {
    checkParts(dataset, name, [["bad training images", bad.length, "train/bad"]]);
  }
  const fitted = new Set(detectors);
  return {
    detectorGood: detectors,
    forestGood: forest,
    forestBad: bad,
    training: [...good, ...bad],
    test: [...part("test", 0), ...test],
    mapped: samples.filter((sample) => !fitted.has(sample)),
  };
}

/** The good training images by purpose. Imported maps are of images that no detector was trained on. */
function goodParts(
  { layout }: Dataset,
  protocol: Protocol,
  good: readonly Sample[],
  seed: number,
): { readonly detectors: readonly Sample[]; readonly forest: readonly Sample[] } {
  if (layout === "maps") return { detectors: [], forest: good };
  return protocol.good === "halves" ? halveGood(good, seed) : holdTenthOfGood(good);
}

/** The bad images that train the forest, and those that test it. */
function badImages(
  { bad, moved }: Protocol,
  dataset: Dataset,
  training: readonly Sample[],
  test: readonly Sample[],
  seed: number,
  position: number,
): { readonly bad: readonly Sample[]; readonly test: readonly Sample[] } {
  switch (bad) {
    case "all":
      return { bad: training, test };
    case "low_shot":
      return { bad: lowShotBad(training, dataset.lowShot, position, seed), test };
    case "generated":
      return { bad: [], test };
    case "from_test": {
      const split = moveBadToTraining(test, moved!, seed);
      return { bad: split.training, test: split.test };
    }
  }
}

function checkParts(
  dataset: Dataset,
  name: string,
  parts: readonly (readonly [what: string, count: number, folder: string])[],
): void {
  for (const [what, count, folder] of parts) {
    if (count > 0) continue;
    const whose = new Set(dataset.samples.map((sample) => sample.class)).size > 1
      ? ` of class ${name}`
      : "";
    throw new DataError(`Cannot split ${dataset.name}: there are no ${what}${whose}`, {
      remedy: `Put images into ${folder} of the data folder (two at least into train/good).`,
    });
  }
}
