/**
 * Which images train what: the splits of the paper and of its public code, drawn as NumPy and
 * scikit-learn draw them. Pure functions over lists in canonical order; every one of them returns its
 * parts in canonical order too, so that the order of a shuffle never reaches a detector.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { childSeed, RandomState } from "../base/random.ts";
import { compareText, type Sample } from "./sample.ts";

/** Two parts of 0 … n-1, in the order in which scikit-learn gives them. */
export interface TrainTestIndices {
  /** Positions of the training part, shuffled. */
  readonly train: Uint32Array;
  /** Positions of the test part, shuffled. */
  readonly test: Uint32Array;
}

/**
 * scikit-learn's `train_test_split(range(n), test_size=…, random_state=seed)`: a permutation whose head
 * is the test part. `testSize` below 1 is a fraction (rounded up), otherwise a number of items.
 *
 * @throws {RangeError} where one of the parts would be empty
 * @example The ten bad images of VisA that the public code moves to training
 * ```ts
 * import assert from "node:assert/strict";
 * const { train } = trainTestSplit(100, 90, 333);
 * assert.deepEqual([...train], [23, 71, 29, 83, 60, 46, 51, 35, 77, 12]);
 * ```
 */
export function trainTestSplit(n: number, testSize: number, seed: number): TrainTestIndices {
  const fraction = testSize > 0 && testSize < 1;
  const count = fraction ? Math.ceil(testSize * n) : testSize;
  if (!Number.isInteger(count) || count < 1 || count >= n) {
    throw new RangeError(`Cannot split ${n} items: test size is ${testSize}`);
  }
  const permutation = new RandomState(seed).permutation(n);
  return { train: permutation.slice(count), test: permutation.slice(0, count) };
}

/**
 * VAD (paper section 5): the good training images halved per seed. The first half of
 * `RandomState(seed).permutation(n)`, rounded up, trains the detectors, the rest the forest.
 */
export function halveGood<T>(
  good: readonly T[],
  seed: number,
): { readonly detectors: T[]; readonly forest: T[] } {
  const permutation = new RandomState(seed).permutation(good.length);
  const half = Math.ceil(good.length / 2);
  return {
    detectors: pick(good, permutation.subarray(0, half)),
    forest: pick(good, permutation.subarray(half)),
  };
}

/**
 * The images of the training set that classifier g is trained on (paper section 5.3: 80 %; 1,600 good
 * and 800 bad of VAD), and the rest. Good and bad are drawn apart, each from a stream of its own, so
 * the choice does not depend on how the good ones are halved. Numbers are rounded, at least 1.
 */
export function classifierSplit(
  training: readonly Sample[],
  seed: number,
  share = 0.8,
): { readonly seen: Sample[]; readonly held: Sample[] } {
  if (!(share > 0 && share <= 1)) {
    throw new RangeError(`Cannot split training images: share is ${share}, not in (0, 1]`);
  }
  const chosen = new Set<Sample>();
  for (const label of [0, 1] as const) {
    const group = training.filter((sample) => sample.label === label);
    const count = Math.min(group.length, Math.max(1, Math.round(share * group.length)));
    const random = new RandomState(childSeed(seed, "classifier", label));
    for (const sample of random.sample(group, count)) chosen.add(sample);
  }
  return {
    seen: training.filter((sample) => chosen.has(sample)),
    held: training.filter((sample) => !chosen.has(sample)),
  };
}

/**
 * The training images in `count` parts of nearly equal size, for out-of-fold scores of classifier g.
 * Good and bad ones are dealt out apart, each in an order of its own.
 *
 * @throws {UsageError} where there are fewer good or bad images than parts
 */
export function classifierFolds(
  training: readonly Sample[],
  seed: number,
  count: number,
): Sample[][] {
  const folds = new Map<Sample, number>();
  for (const label of [0, 1] as const) {
    const group = training.filter((sample) => sample.label === label);
    if (group.length < count) {
      throw new UsageError(
        `Cannot train out of ${count} folds: there are ${group.length} ${
          label === 0 ? "good" : "bad"
        } training images`,
        { remedy: "Add training images, or train one model: --variant wrn=paper." },
      );
    }
    const random = new RandomState(childSeed(seed, "folds", label));
    random.permutation(group.length).forEach((place, i) => folds.set(group[place], i % count));
  }
  return Array.from(
    { length: count },
    (_, fold) => training.filter((sample) => folds.get(sample) === fold),
  );
}

/** Number of images in a seeded low-shot list: 10 % of the bad images, 1 to 100. */
export function lowShotSize(bad: number): number {
  return Math.min(100, Math.max(1, Math.ceil(bad / 10)));
}

/**
 * Low-shot (paper section 5): the bad training images of one list. With `lists` (`low_shot_train.json`)
 * it is the list at `position`, keys in numerical order where all are numbers. Without, `lowShotSize`
 * images are drawn by `seed`.
 *
 * @param position place of the seed in the experiment's list of seeds, from 0
 * @throws {UsageError} where there are fewer lists than `position` asks for
 */
export function lowShotBad(
  bad: readonly Sample[],
  lists: Readonly<Record<string, readonly string[]>> | undefined,
  position: number,
  seed: number,
): Sample[] {
  if (lists === undefined) {
    const random = new RandomState(childSeed(seed, "low-shot"));
    const chosen = new Set(random.sample(bad, bad.length === 0 ? 0 : lowShotSize(bad.length)));
    return bad.filter((sample) => chosen.has(sample));
  }
  const keys = sortedKeys(lists);
  if (!(position in keys)) {
    throw new UsageError(
      `Cannot choose low-shot images for seed number ${
        position + 1
      }: there are ${keys.length} lists`,
      { remedy: `Use --seeds ${keys.length} or fewer, or add lists to low_shot_train.json.` },
    );
  }
  const names = new Set(lists[keys[position]].map((name) => `train/bad/${name}`));
  return bad.filter(({ id }) => names.has(id));
}

/**
 * VisA and MVTec AD in the supervised protocol (paper section 5; public code): `count` of the bad test
 * images of one class are moved to training, by `train_test_split(test_size = n - count)` over the bad
 * images in canonical order.
 *
 * @throws {UsageError} where no bad image would be left to test on
 */
export function moveBadToTraining(
  bad: readonly Sample[],
  count: number,
  seed: number,
): { readonly training: Sample[]; readonly test: Sample[] } {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`Cannot move bad images to training: count is ${count}`);
  }
  if (count >= bad.length) {
    throw new UsageError(
      `Cannot move ${count} bad images to training: there are ${bad.length}, and one must be left`,
      { remedy: "Add bad test images, or move fewer." },
    );
  }
  const { train, test } = trainTestSplit(bad.length, bad.length - count, seed);
  return { training: pick(bad, train), test: pick(bad, test) };
}

/** Seed of the split of good images in the public code's EfficientAD. */
const efficientAdSeed = 333;

/**
 * The good training images of one class of VisA or MVTec AD: a tenth, rounded up, fits the quantiles
 * of EfficientAD and trains the forest, the rest trains the detectors. The tenth is the head of
 * `RandomState(333).permutation(n)` whatever the seed of the run, as in the public code.
 */
export function holdTenthOfGood<T>(
  good: readonly T[],
  seed: number = efficientAdSeed,
): { readonly detectors: T[]; readonly forest: T[] } {
  const permutation = new RandomState(seed).permutation(good.length);
  const tenth = Math.ceil(0.1 * good.length);
  return {
    detectors: pick(good, permutation.subarray(tenth)),
    forest: pick(good, permutation.subarray(0, tenth)),
  };
}

/** The items at `indices`, in the order of `items`. */
function pick<T>(items: readonly T[], indices: Uint32Array): T[] {
  return Array.from(indices.slice().sort(), (index) => items[index]);
}

function sortedKeys(lists: Readonly<Record<string, unknown>>): string[] {
  const keys = Object.keys(lists);
  return keys.every((key) => /^\d+$/.test(key))
    ? keys.sort((a, b) => Number(a) - Number(b))
    : keys.sort(compareText);
}
