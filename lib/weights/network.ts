/**
 * How a backbone is written down: once, as a function over a `Network`, which reads it in one of three
 * ways. `describeNetwork` finds names, shapes and first numbers of the parameters; `frozenNetwork`
 * builds the graph for evaluation with batch normalisation folded into the convolutions;
 * `trainableNetwork` builds it over the layers of `lib/onnx`, for training.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import {
  batchNorm,
  conv2d,
  globalAveragePool2d,
  linear,
  maxPool2d,
  relu6,
} from "../onnx/layers.ts";
import { add, conv, gemm, relu } from "../onnx/ops.ts";
import {
  constantInit,
  type Initializer,
  kaimingNormalFanOut,
  type Scope,
  type TensorMap,
  torchDefaultInit,
} from "../onnx/parameters.ts";

/** How a convolution without bias, followed by batch normalisation, is laid out. */
export interface ConvolutionLayout {
  /** Of the output. */
  readonly channels: number;
  /** Side of the square kernel, odd. */
  readonly kernel: number;
  /** Along both axes. @default 1 */
  readonly stride?: number;
  /** The number of input channels for a depthwise convolution. @default 1 */
  readonly groups?: number;
}

/**
 * The operations a backbone is made of. `V` is what flows through: a feature map of the shape
 * `[n, channels, h, w]` (a graph's value, or its description), after `meanPool` `[n, channels]`.
 */
export interface Network<V> {
  /** Convolution (parameter `<conv>.weight`) and batch normalisation (`<norm>.weight`, …) of its output. */
  convNorm(x: V, conv: string, norm: string, layout: ConvolutionLayout): V;
  /** max(x, 0). */
  relu(x: V): V;
  /** min(max(x, 0), 6). */
  relu6(x: V): V;
  /** Sum of two maps of the same shape. */
  add(a: V, b: V): V;
  /** Maximum over 3 x 3, stride 2, padding 1. */
  maxPool(x: V): V;
  /** Mean over all places: `[n, channels]`. */
  meanPool(x: V): V;
  /** Fully connected layer (parameters `<name>.weight`, `<name>.bias`) with `outputs` outputs. */
  linear(x: V, name: string, outputs: number): V;
}

/** What all layers of a network share. */
export interface NetworkOptions {
  /** Where convolutions place their padding. */
  readonly padding: Padding;
  /** Added to the variance in batch normalisation. */
  readonly epsilon: number;
  /** The weight of a new batch in the running statistics, torch's convention. */
  readonly momentum: number;
}

/** Padding of convolutions: torch's, equal on both sides, or TensorFlow's "same". */
export type Padding = "symmetric" | "same";

/** One parameter of a network: its shape as torch stores it, and how a training from scratch begins. */
export interface Parameter {
  /**
   * Of a convolution `[channels, inputs / groups, kernel, kernel]`, of a linear layer `[outputs,
   * inputs]`.
   */
  readonly shape: readonly number[];
  /** Draws the first numbers of a training from scratch. */
  readonly initial: Initializer;
}

/** What is known of a feature map before there is a graph. */
export interface MapLayout {
  /** Of the map, at least 1. */
  readonly channels: number;
  /** Pixels of the input per place of the map, along each side. */
  readonly stride: number;
}

/**
 * Zeros before and after an input of `size` rows (or columns) for a convolution. Symmetric:
 * `floor(kernel / 2)` on both sides. Same: as many as give `ceil(size / stride)` outputs, the odd one
 * after (TensorFlow's SAME).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(paddingOf("same", 256, 3, 2), [0, 1]);
 * assert.deepEqual(paddingOf("symmetric", 256, 3, 2), [1, 1]);
 * ```
 */
export function paddingOf(
  padding: Padding,
  size: number,
  kernel: number,
  stride: number,
): [number, number] {
  if (padding === "symmetric") return [kernel >> 1, kernel >> 1];
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size);
  return [total >> 1, total - (total >> 1)];
}

/** Reads a network for its parameters, which are collected in order in `parameters`. */
export function describeNetwork(parameters: Map<string, Parameter>): Network<MapLayout> {
  const define = (name: string, shape: readonly number[], initial: Initializer) => {
    if (parameters.has(name)) throw new RangeError(`Cannot define parameter ${name} twice`);
    parameters.set(name, { shape, initial });
  };
  return {
    convNorm(x, conv, norm, { channels, kernel, stride = 1, groups = 1 }) {
      const shape = [channels, x.channels / groups, kernel, kernel];
      define(`${conv}.weight`, shape, kaimingNormalFanOut);
      define(`${norm}.weight`, [channels], constantInit(1));
      define(`${norm}.bias`, [channels], constantInit(0));
      define(`${norm}.running_mean`, [channels], constantInit(0));
      define(`${norm}.running_var`, [channels], constantInit(1));
      return { channels, stride: x.stride * stride };
    },
    relu: (x) => x,
    relu6: (x) => x,
    add: (a) => a,
    maxPool: (x) => ({ channels: x.channels, stride: x.stride * 2 }),
    meanPool: (x) => x,
    linear(x, name, outputs) {
      define(`${name}.weight`, [outputs, x.channels], torchDefaultInit(x.channels));
      define(`${name}.bias`, [outputs], torchDefaultInit(x.channels));
      return { channels: outputs, stride: x.stride };
    },
  };
}

/** Builds a network over the parameters of `scope`, convolution and batch normalisation apart. */
export function trainableNetwork(scope: Scope, options: NetworkOptions): Network<Value> {
  return {
    ...plainOperations,
    convNorm(x, conv, norm, { channels, kernel, stride = 1, groups = 1 }) {
      const padding = padsOf(x, kernel, stride, options.padding);
      const convolution = { kernel, stride, padding, groups, bias: false };
      return batchNorm(scope.at(norm), conv2d(scope.at(conv), x, channels, convolution), options);
    },
    linear: (x, name, outputs) => linear(scope.at(name), x, outputs),
  };
}

/**
 * Builds a network over constant weights. A convolution and the batch normalisation behind it become
 * one convolution: weight · s and bias - mean · s with s = weight / √(variance + epsilon) per channel,
 * computed in float64 and rounded once.
 *
 * @throws {RangeError} if a weight is missing or of another shape
 */
export function frozenNetwork(
  graph: Graph,
  tensors: TensorMap,
  options: NetworkOptions,
): Network<Value> {
  const get = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name);
    if (!(tensor?.data instanceof Float32Array) || String(tensor.shape) !== String(shape)) {
      throw new RangeError(
        `Cannot build network: weight ${name} is ${
          tensor === undefined ? "missing" : `[${tensor.shape}] ${tensor.data.constructor.name}`
        }, it must be [${shape}] Float32Array`,
      );
    }
    return tensor.data;
  };
  const constant = (shape: readonly number[], data: Float32Array) =>
    graph.constant({ shape, data } satisfies NdArray);
  const fold = (convName: string, norm: string, shape: readonly number[]): [Value, Value] => {
    const [channels] = shape;
    const weight = get(`${convName}.weight`, shape);
    const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
      .map((name) => get(`${norm}.${name}`, [channels]));
    const folded = new Float32Array(weight.length);
    const bias = new Float32Array(channels);
    const perChannel = weight.length / channels;
    for (let channel = 0; channel < channels; channel++) {
      const scale = gamma[channel] / Math.sqrt(variance[channel] + options.epsilon);
      bias[channel] = beta[channel] - mean[channel] * scale;
      const end = (channel + 1) * perChannel;
      for (let i = channel * perChannel; i < end; i++) folded[i] = weight[i] * scale;
    }
    return [constant(shape, folded), constant([channels], bias)];
  };
  /** What `fold` made, by convolution: a network that is applied twice holds its weights once. */
  const made = new Map<string, [weight: Value, bias: Value]>();
  return {
    ...plainOperations,
    convNorm(x, convName, norm, { channels, kernel, stride = 1, groups = 1 }) {
      const shape = [channels, x.shape[1] / groups, kernel, kernel];
      if (!made.has(convName)) made.set(convName, fold(convName, norm, shape));
      const [weight, bias] = made.get(convName)!;
      return conv(x, weight, bias, {
        strides: [stride, stride],
        pads: padsOf(x, kernel, stride, options.padding),
        group: groups,
      });
    },
    linear(x, name, outputs) {
      const weight = constant([outputs, x.shape[1]], get(`${name}.weight`, [outputs, x.shape[1]]));
      return gemm(x, weight, constant([outputs], get(`${name}.bias`, [outputs])), { transB: true });
    },
  };
}

/** The operations without parameters. */
const plainOperations: Omit<Network<Value>, "convNorm" | "linear"> = {
  relu,
  relu6,
  add,
  maxPool: (x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
  meanPool: globalAveragePool2d,
};

/** [top, left, bottom, right]. */
function padsOf(
  x: Value,
  kernel: number,
  stride: number,
  padding: Padding,
): [number, number, number, number] {
  const [top, bottom] = paddingOf(padding, x.shape[2], kernel, stride);
  const [left, right] = paddingOf(padding, x.shape[3], kernel, stride);
  return [top, left, bottom, right];
}
