/**
 * Trainings on the features of a frozen backbone: epochs of shuffled batches, checkpoints, progress.
 * What is trained comes as a `TrainingStep` for a batch size, whose inputs beside parameters are the
 * feature maps under the names of their taps.
 *
 * @module
 */
import { childSeed, RandomState } from "../base/random.ts";
import { constantRate, cosineRate, type Schedule } from "../onnx/optimizers.ts";
import { networkTensors, type TrainingStep } from "../onnx/training.ts";
import { trainWithCheckpoints } from "./checkpoints.ts";
import type { FitCost, FitInput } from "./detector.ts";
import {
  featureBytes,
  type FeatureLayout,
  mostKeptBytes,
  openFrozenFeatures,
} from "./frozen_features.ts";

/** How long and how fast is trained. Plain JSON: it is part of keys. */
export interface TrainingBudget {
  /** Passes through the training images, or steps. */
  readonly length: { readonly epochs: number } | { readonly steps: number };
  /** Images per step. */
  readonly batch: number;
  /** Of an epoch whose images do not fill it: taken as it is, or left out. */
  readonly lastBatch: "kept" | "dropped";
  /** At the first step. */
  readonly learningRate: number;
  /** Whether the rate stays, or falls to 0 along half a cosine. */
  readonly schedule: "constant" | "cosine";
}

/** A training on features. */
export interface FeatureTraining {
  /** Stands in messages. */
  readonly name: string;
  /** Name in `lib/weights/backbones.ts`. */
  readonly backbone: string;
  /** Side of the images in pixels. */
  readonly size: number;
  /** How long and how fast. */
  readonly budget: TrainingBudget;
  /** The step for a batch of so many images. */
  readonly stepFor: (batch: number) => TrainingStep;
}

/** Runs the training and returns the network's tensors. */
export async function trainOnFeatures(
  { name, backbone, size, budget, stepFor }: FeatureTraining,
  { blocks, images, weights, seed, progress, checkpoints }: FitInput,
): Promise<ReturnType<typeof networkTensors>> {
  const batches = shuffledBatches(images, budget, childSeed(seed, "batches"));
  const steps = stepsOf(budget, batches);
  const features = await openFrozenFeatures(backbone, size, weights!, blocks, images, {
    onProgress: (done) => progress(0, steps, `features of ${done} of ${images} images`),
  });
  try {
    const step = stepFor(batches.size);
    const last = batches.lastSize === batches.size ? step : stepFor(batches.lastSize);
    const state = await trainWithCheckpoints(step, {
      name,
      steps,
      seed,
      learningRate: rateOf(budget, steps),
      stepAt: (number) => number % batches.perEpoch === 0 ? last : step,
      batch: (number) => features.of(batches.at(number)),
      onProgress: ({ step, of, loss }) => progress(step, of, `loss ${loss.toPrecision(4)}`),
    }, checkpoints);
    return networkTensors(step, state);
  } finally {
    await features.close();
  }
}

/**
 * What such a training takes on one core, from timings of both detectors on all backbones: time grows
 * with places · channels², memory with the features of a batch.
 */
export function trainingCost(
  layouts: readonly FeatureLayout[],
  budget: TrainingBudget,
  images: number,
): FitCost {
  const batches = shuffledBatches(images, budget, 0);
  const work = layouts.reduce((sum, { channels, side }) => sum + (channels * side) ** 2, 0);
  const perImage = featureBytes(layouts);
  const kept = images * perImage <= mostKeptBytes ? images * perImage : 0;
  return {
    seconds: 2 + 0.02 * images + stepsOf(budget, batches) * batches.size * work * 6e-9,
    mebibytes: 300 + (kept + 45 * batches.size * perImage) / 2 ** 20,
  };
}

function stepsOf({ length }: TrainingBudget, { perEpoch }: ShuffledBatches): number {
  return "steps" in length ? length.steps : length.epochs * perEpoch;
}

/** The batches of a training. */
export interface ShuffledBatches {
  /** Steps of an epoch. */
  readonly perEpoch: number;
  /** Images of a batch, but for an epoch's last. */
  readonly size: number;
  /** Size of an epoch's last batch. */
  readonly lastSize: number;
  /** The images of a step, counted from 1. */
  at(step: number): Uint32Array;
}

/**
 * Every epoch takes all images in an order of its own, drawn from `seed` and the epoch's number, so that
 * a step's batch does not depend on the steps before. With fewer images than a batch has, one batch is
 * all of them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const batches = shuffledBatches(10, { batch: 4, lastBatch: "kept" }, 1);
 * assert.deepEqual([batches.perEpoch, batches.size, batches.lastSize], [3, 4, 2]);
 * const epoch = [1, 2, 3].flatMap((step) => [...batches.at(step)]);
 * assert.deepEqual(epoch.sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
 * ```
 */
export function shuffledBatches(
  images: number,
  { batch, lastBatch }: Pick<TrainingBudget, "batch" | "lastBatch">,
  seed: number,
): ShuffledBatches {
  if (images < 1) throw new RangeError("Cannot train: there are no images");
  const size = Math.min(batch, images);
  const rest = lastBatch === "kept" ? images % size : 0;
  const perEpoch = Math.floor(images / size) + (rest > 0 ? 1 : 0);
  let order: { readonly epoch: number; readonly places: Uint32Array } | undefined;
  return {
    perEpoch,
    size,
    lastSize: rest > 0 ? rest : size,
    at(step) {
      const epoch = Math.floor((step - 1) / perEpoch);
      if (order?.epoch !== epoch) {
        const random = new RandomState(childSeed(seed, "epoch", epoch));
        order = { epoch, places: Uint32Array.from(random.permutation(images)) };
      }
      const first = (step - 1) % perEpoch * size;
      return order.places.slice(first, Math.min(first + size, images));
    },
  };
}

function rateOf({ learningRate, schedule }: TrainingBudget, steps: number): Schedule {
  return schedule === "constant" ? constantRate(learningRate) : cosineRate(learningRate, steps);
}
