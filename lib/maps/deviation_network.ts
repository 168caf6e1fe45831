/**
 * What DevNet and DRA share (Pang et al. 2021, "Explainable deep few-shot anomaly detection with
 * deviation networks", section 3; Ding et al. 2022, "Catching both gray and black swans", section 3):
 * the image at two scales, the score of a map as the mean of its largest tenth, and how the networks
 * are trained.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import type { RandomState } from "../base/random.ts";
import type { Value } from "../onnx/graph.ts";
import { conv2d, normalizedImage } from "../onnx/layers.ts";
import { abs, add, gather, mul, reduceMean, reshape, topK } from "../onnx/ops.ts";
import { adam, type Optimizer } from "../onnx/optimizers.ts";
import type { Scope, TensorMap } from "../onnx/parameters.ts";
import type { Backbone } from "../weights/backbone.ts";
import { frozenNetwork } from "../weights/network.ts";

/** What both methods set alike in every profile; the figures of both papers' published training. */
export const deviationSettings = {
  weightDecay: 1e-5,
  /** Largest joint norm of the gradients. */
  clipNorm: 1,
  /** The learning rate's factor after every `dropEpochs` epochs. */
  dropFactor: 0.1,
  /** Deviations that bad images should reach. */
  margin: 5,
  /** Numbers drawn from N(0, 1) at every step, whose mean and deviation good scores should have. */
  normals: 5000,
  /** Share of a map's places whose mean is its score; rounded down, at least one place. */
  topShare: 0.1,
  /** Each half as large as the one before. */
  scales: 2,
} as const;

/** Area of an image at both scales together, by that of the image. */
export const areaOfScales = 1.25;

/** How long a profile trains, and how fast: few steps need a higher learning rate. */
export type DeviationBudget = {
  readonly learningRate: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly batch: number;
  /** Epochs after which the learning rate falls. */
  readonly dropEpochs: number;
};

/** The settings of a method written out. */
export type DeviationParameters =
  & DeviationBudget
  & {
    readonly [name in keyof typeof deviationSettings]: number;
  };

/** Adam with weight decay as L2 in the gradient. */
export function deviationOptimizer({ weightDecay }: DeviationParameters): Optimizer {
  return adam({ weightDecay });
}

/**
 * Images `[n, size, size, 3]` and the same at half the size (rounded down), taken as torch's
 * `interpolate(mode="nearest")` takes them: row i of the half is row floor(i · size / half).
 */
export function twoScales(image: Value): readonly [Value, Value] {
  const size = image.shape[1];
  const half = size >> 1;
  const places = Array.from({ length: half }, (_, i) => Math.floor(i * size / half));
  return [image, gather(gather(image, places, 1), places, 2)];
}

/** The last feature map of the trained backbone at both scales, for evaluation. */
export function frozenScales(backbone: Backbone, image: Value, tensors: TensorMap): Value[] {
  const net = frozenNetwork(image.graph, tensors, backbone);
  return twoScales(image).map((scaled) =>
    backbone.forward(net, normalizedImage(scaled, backbone.normalization)).last
  );
}

/**
 * The plain head: a 1 x 1 convolution to one map, and for each image the mean of the largest absolute
 * values. Parameters `weight`, `bias`.
 *
 * @param features `[n, channels, h, w]`
 * @returns `[n]`
 */
export function plainHead(scope: Scope, features: Value, topShare: number): Value {
  const [n, , height, width] = features.shape;
  const map = abs(reshape(conv2d(scope, features, 1, { kernel: 1 }), [n, height * width]));
  const [largest] = topK(map, topCount(height * width, topShare), { axis: 1 });
  return reduceMean(largest, [1], { keepdims: false });
}

/**
 * Places that make up a map's score.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([196, 64, 49, 16, 4].map((places) => topCount(places, 0.1)), [19, 6, 4, 1, 1]);
 * ```
 */
export function topCount(places: number, topShare: number): number {
  return Math.max(1, Math.floor(topShare * places));
}

/** Mean of the scores at all scales. */
export function meanOfScales(scores: readonly Value[]): Value {
  return mul(scores.reduce((sum, score) => add(sum, score)), 1 / scores.length);
}

/** Fresh numbers from N(0, 1). */
export function normalNumbers(
  shape: readonly number[],
  random: RandomState,
): NdArray<Float32Array> {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < data.length; i++) data[i] = random.normal();
  return { shape, data };
}
