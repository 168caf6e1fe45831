/**
 * A backbone: a network whose inner layers detectors take features from, or that is trained as a
 * classifier. The network is written once, in `forward`; everything else is derived from it.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import type { RandomState } from "../base/random.ts";
import {
  describeNetwork,
  type MapLayout,
  type Network,
  type Padding,
  type Parameter,
} from "./network.ts";

/** Pixels 0 … 255 become `(pixel - mean) / std`, per channel R, G, B. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** torchvision's ImageNet statistics, scaled to pixels 0 … 255. */
export const imageNetNormalisation: Normalisation = {
  mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
  std: [0.229 * 255, 0.224 * 255, 0.225 * 255],
};

/** What a network gives: its tapped layers by name, and the feature map that the head takes. */
export interface NetworkOutputs<V> {
  readonly taps: ReadonlyMap<string, V>;
  readonly last: V;
}

/** One definition of a network, read by every kind of `Network` (see network.ts). */
export interface Backbone {
  readonly name: string;
  readonly title: string;
  readonly normalisation: Normalisation;
  readonly padding: Padding;
  /** Added to the variance in batch normalisation. */
  readonly epsilon: number;
  /** The weight of a new batch in the running statistics, torch's convention. */
  readonly momentum: number;
  /** Outputs of the head in the published weights. */
  readonly classes: number;
  /** The network up to the last feature map. */
  readonly forward: <V>(net: Network<V>, x: V) => NetworkOutputs<V>;
  /** Class scores (logits) `[n, classes]` from the last feature map. */
  readonly head: <V>(net: Network<V>, last: V, classes: number) => V;
}

/** Weights by name. */
export type TensorMap = ReadonlyMap<string, NdArray>;
/** Weights by name, all in float32 as the networks take them. */
export type FloatTensorMap = ReadonlyMap<string, NdArray<Float32Array>>;

/**
 * Names and shapes of a backbone's parameters, named and ordered as in the published `state_dict`
 * (without `num_batches_tracked`). `classes` is the size of the head; 0 leaves the head out.
 */
export function parameterShapes(
  backbone: Backbone,
  classes: number = backbone.classes,
): ReadonlyMap<string, readonly number[]> {
  return new Map(
    [...parametersOf(backbone, classes)].map(([name, parameter]) => [name, parameter.shape]),
  );
}

/** The parameters of a backbone with their kinds; see `parameterShapes`. */
export function parametersOf(
  backbone: Backbone,
  classes: number = backbone.classes,
): ReadonlyMap<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  const net = describeNetwork(parameters);
  const { last } = backbone.forward(net, { channels: 3, stride: 1 });
  if (classes > 0) backbone.head(net, last, classes);
  return parameters;
}

/** Channels and stride of each layer that can be tapped, by name, in the order of the network. */
export function tapsOf(backbone: Backbone): ReadonlyMap<string, MapLayout> {
  return backbone.forward(describeNetwork(new Map()), { channels: 3, stride: 1 }).taps;
}

/**
 * Weights to begin a training from scratch with, drawn in the order of `parameterShapes`: convolutions
 * N(0, 2 / fan_out) (He et al. 2015, "fan out"), batch normalisation 1 and 0 with running statistics 0
 * and 1, linear layers U(-b, b) with b = 1 / sqrt(fan_in), as torchvision's networks begin.
 */
export function initialWeights(
  backbone: Backbone,
  random: RandomState,
  classes: number = backbone.classes,
): Map<string, NdArray<Float32Array>> {
  const weights = new Map<string, NdArray<Float32Array>>();
  let fanIn = 1;
  for (const [name, { shape, kind }] of parametersOf(backbone, classes)) {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    if (kind === "convolution") {
      // A depthwise layer has one input channel per group: its fan out counts one group's outputs.
      const groups = shape[1] === 1 ? shape[0] : 1;
      const std = Math.sqrt(2 / (shape[0] / groups * shape[2] * shape[3]));
      for (let i = 0; i < data.length; i++) data[i] = std * random.normal();
    } else if (kind === "normWeight" || kind === "normVariance") {
      data.fill(1);
    } else if (kind === "linearWeight" || kind === "linearBias") {
      if (kind === "linearWeight") fanIn = shape[1];
      const bound = 1 / Math.sqrt(fanIn);
      for (let i = 0; i < data.length; i++) data[i] = random.uniform(-bound, bound);
    }
    weights.set(name, { shape, data });
  }
  return weights;
}
