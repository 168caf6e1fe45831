/**
 * A backbone: a network whose inner layers detectors take features from, or that is trained as a
 * classifier. The network is written once, in `forward` and `head`; its parameters, their first
 * numbers, its taps and its graphs are derived from that.
 *
 * ```ts ignore
 * // Features of frozen weights, as PatchCore takes them:
 * const graph = new Graph();
 * const image = graph.input("image", "uint8", [1, 256, 256, 3]);
 * const { taps } = frozenBackbone(backboneNamed("small"), image, weights.tensors);
 * graph.output("layer2", taps.get("layer2")!);
 *
 * // A classifier with two classes that is trained:
 * const { logits } = trainableBackbone(backboneNamed("small"), image, scopeOf(parameters), { classes: 2 });
 * ```
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import type { RandomState } from "../base/random.ts";
import type { Value } from "../onnx/graph.ts";
import { normalizedImage } from "../onnx/layers.ts";
import type { Scope, TensorMap } from "../onnx/parameters.ts";
import {
  describeNetwork,
  frozenNetwork,
  type MapLayout,
  type Network,
  type NetworkOptions,
  type Parameter,
  trainableNetwork,
} from "./network.ts";

/** Pixels 0 … 255 become `(pixel / 255 - mean) / deviation`, per channel R, G, B. */
export interface Normalization {
  /** In parts of 255. */
  readonly mean: readonly [number, number, number];
  /** In parts of 255, above 0. */
  readonly deviation: readonly [number, number, number];
}

/** What a network gives: its tapped layers by name, and the feature map that the head takes. */
export interface NetworkOutputs<V> {
  /** From shallow to deep, by the names that detectors' settings use. */
  readonly taps: ReadonlyMap<string, V>;
  /** The deepest feature map. */
  readonly last: V;
}

/** One definition of a network, read by every kind of `Network` (see network.ts). */
export interface Backbone extends NetworkOptions {
  /** As settings and `--backbone` name it. */
  readonly name: string;
  /** As tables and messages name it. */
  readonly title: string;
  /** What the weights were trained with. */
  readonly normalization: Normalization;
  /** Outputs of the head in the published weights; 0 if they have none. */
  readonly classes: number;
  /** The network up to the last feature map. */
  readonly forward: <V>(net: Network<V>, x: V) => NetworkOutputs<V>;
  /** Class scores (logits) `[n, classes]` from the last feature map. */
  readonly head: <V>(net: Network<V>, last: V, classes: number) => V;
}

/** A backbone in a graph: its taps by name, and the logits where a head was asked for. */
export interface BackboneValues {
  /** From shallow to deep, each `[n, channels, h, w]`. */
  readonly taps: ReadonlyMap<string, Value>;
  /** The deepest feature map, `[n, channels, h, w]`. */
  readonly last: Value;
  /** `[n, classes]`, before the softmax. */
  readonly logits: Value | undefined;
}

/**
 * The backbone over constant weights, in evaluation mode, with batch normalisation folded into the
 * convolutions. What the graph's outputs do not need is left out when it is written, so unused layers
 * cost nothing.
 *
 * @param image pixels 0 … 255, `[n, h, w, 3]`, uint8 or float32
 * @param tensors weights under the names of `parameterShapes`
 * @param options `classes` outputs of the head; 0 (the default) leaves it out
 * @throws {RangeError} if a weight is missing or of another shape
 */
export function frozenBackbone(
  backbone: Backbone,
  image: Value,
  tensors: TensorMap,
  options: { readonly classes?: number } = {},
): BackboneValues {
  const net = frozenNetwork(image.graph, tensors, backbone);
  return buildBackbone(backbone, net, image, options.classes ?? 0);
}

/**
 * The backbone over the parameters of `scope`: in training mode or not as its provider says.
 *
 * @param image pixels 0 … 255, `[n, h, w, 3]`, uint8 or float32
 * @param options `classes` outputs of the head; 0 (the default) leaves it out
 */
export function trainableBackbone(
  backbone: Backbone,
  image: Value,
  scope: Scope,
  options: { readonly classes?: number } = {},
): BackboneValues {
  return buildBackbone(backbone, trainableNetwork(scope, backbone), image, options.classes ?? 0);
}

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

/** Channels and stride of each layer that can be tapped, by name, in the order of the network. */
export function tapsOf(backbone: Backbone): ReadonlyMap<string, MapLayout> {
  return backbone.forward(describeNetwork(new Map()), { channels: 3, stride: 1 }).taps;
}

/**
 * Weights to begin a training from scratch with, drawn in the order of `parameterShapes` as torchvision
 * does: convolutions N(0, 2 / fan_out), batch normalisation 1 and 0 with running statistics 0 and 1,
 * linear layers U(-b, b) with b = 1 / √fan_in.
 */
export function initialWeights(
  backbone: Backbone,
  random: RandomState,
  classes: number = backbone.classes,
): Map<string, NdArray<Float32Array>> {
  return new Map(
    [...parametersOf(backbone, classes)].map(([name, { shape, initial }]) => [
      name,
      { shape, data: initial(shape, random) },
    ]),
  );
}

function parametersOf(backbone: Backbone, classes: number): ReadonlyMap<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  const net = describeNetwork(parameters);
  const { last } = backbone.forward(net, { channels: 3, stride: 1 });
  if (classes > 0) backbone.head(net, last, classes);
  return parameters;
}

function buildBackbone(
  backbone: Backbone,
  net: Network<Value>,
  image: Value,
  classes: number,
): BackboneValues {
  const { taps, last } = backbone.forward(net, normalizedImage(image, backbone.normalization));
  return { taps, last, logits: classes > 0 ? backbone.head(net, last, classes) : undefined };
}
