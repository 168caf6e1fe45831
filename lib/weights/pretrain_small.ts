/**
 * Pretrains the embedded product's `small` backbone on drawn patterns with the harness's own engine:
 * the origin of `weights/small.safetensors`, which it regenerates bit for bit on one class of machine.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { softmaxCrossEntropy } from "../onnx/losses.ts";
import { add, split } from "../onnx/ops.ts";
import { adam, cosineRate } from "../onnx/optimizers.ts";
import { scopeOf, trainableParameters } from "../onnx/parameters.ts";
import {
  networkTensors,
  train,
  type TrainingProgress,
  type TrainingStep,
  trainingStep,
} from "../onnx/training.ts";
import { parameterShapes, trainableBackbone } from "./backbone.ts";
import { small } from "./backbones/small.ts";
import { drawPatterns, patternSize, patternTraits } from "./drawn_patterns.ts";

/** How the published weights were trained. */
export const smallPretraining = {
  seed: 20240617,
  steps: 1800,
  batch: 64,
  learningRate: 3e-3,
  weightDecay: 1e-5,
} as const;

/** Options of `trainSmallBackbone`. */
export interface PretrainingOptions {
  /** Of the training; fewer serve tests. @default the published number */
  readonly steps?: number;
  /** Called after every step. */
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Ends the training after the current step. */
  readonly signal?: AbortSignal;
}

/**
 * Trains `small` to tell the traits of drawn patterns and returns its tensors without the head, which is
 * what `weights/small.safetensors` holds.
 *
 * @throws {DivergenceError} if the loss stops being finite
 * @throws {InterruptedError} if the signal is given
 */
export async function trainSmallBackbone(
  options: PretrainingOptions = {},
): Promise<Map<string, NdArray<Float32Array>>> {
  const tensors = await trainSmallClassifier(options);
  return new Map([...parameterShapes(small, 0).keys()].map((name) => [name, tensors.get(name)!]));
}

/** `trainSmallBackbone`, with the head: for measuring what was learned. */
export async function trainSmallClassifier(
  options: PretrainingOptions = {},
): Promise<Map<string, NdArray<Float32Array>>> {
  const { seed, batch, learningRate } = smallPretraining;
  const { steps = smallPretraining.steps, onProgress, signal } = options;
  const step = patternStep();
  const state = await train(step, {
    name: "the small backbone",
    steps,
    seed,
    learningRate: cosineRate(learningRate, steps),
    batch: (_, random) => {
      const { images, labels } = drawPatterns(batch, random);
      return { image: images, ...labels };
    },
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  return networkTensors(step, state);
}

/** Outputs of the head: one per kind of each trait. */
const outputs = [...patternTraits.values()].reduce((sum, kinds) => sum + kinds.length, 0);

/** The head's outputs [n, outputs] as logits of each trait. */
function logitsByTrait(logits: Value): ReadonlyMap<string, Value> {
  const parts = split(logits, [...patternTraits.values()].map((kinds) => kinds.length), 1);
  return new Map([...patternTraits.keys()].map((trait, i) => [trait, parts[i]]));
}

/** One step of training: the loss is the sum of the traits' cross-entropies. */
function patternStep(): TrainingStep {
  const { batch, weightDecay } = smallPretraining;
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const image = graph.input("image", "uint8", [batch, patternSize, patternSize, 3]);
  const { logits } = trainableBackbone(small, image, scopeOf(parameters), { classes: outputs });
  const losses = [...logitsByTrait(logits!)].map(([trait, value]) =>
    softmaxCrossEntropy(value, graph.input(trait, "int64", [batch]))
  );
  const loss = losses.reduce((sum, part) => add(sum, part));
  return trainingStep({ parameters, loss, optimizer: adam({ weightDecay }) });
}
