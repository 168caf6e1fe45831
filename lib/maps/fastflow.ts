/**
 * FastFlow (Yu et al. 2021): the features of each of three layers of a frozen backbone are normalized
 * and sent through a normalizing flow of their own, trained to make good images' features standard
 * normal; where a place's output is far from 0, the image is unlikely there.
 *
 * The flow is that of the published code (method details 3.2): affine coupling blocks as in FrEIA's
 * AllInOneBlock. One block, for x of C channels split into x1 (C - ⌊C/2⌋) and x2 (⌊C/2⌋):
 *
 *     a = 0.1 · subnet(x1)                       conv, ReLU, conv; 2 ⌊C/2⌋ channels, split into p, t
 *     s = clamp · tanh(p)
 *     y = ((x1, x2 · eˢ + t) · g + o)[permutation],   g = 0.1 · softplus(global_scale; beta 0.5)
 *
 * with the logarithm of its Jacobian's determinant Σ s + height · width · Σ ln g. Permutations are
 * drawn once and are part of the model. Parameters are named as in anomalib.
 *
 * @module
 */
import { childSeed, RandomState } from "../base/random.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { conv2d, layerNorm, relu, resizeBilinear } from "../onnx/layers.ts";
import {
  add,
  concat,
  conv,
  exp,
  gather,
  log,
  mul,
  neg,
  reduceMean,
  reduceSum,
  reduceSumSquare,
  reshape,
  softplus,
  split,
  sub,
  tanh,
} from "../onnx/ops.ts";
import { adam } from "../onnx/optimizers.ts";
import {
  constantInit,
  type Scope,
  scopeOf,
  torchDefaultInit,
  trainableParameters,
} from "../onnx/parameters.ts";
import { type TrainingStep, trainingStep } from "../onnx/training.ts";
import type { FeatureLayout } from "./frozen_features.ts";

/** What shapes the flows. Plain JSON: it is part of keys. */
export interface FlowSettings {
  /** Coupling blocks for each layer. */
  readonly flowSteps: number;
  /** Kernels of the subnets: 3 × 3 in all blocks, or 3 × 3 and 1 × 1 in turn. */
  readonly kernels: "3x3" | "alternating";
  /** Channels inside a subnet by those that go in. */
  readonly hiddenRatio: number;
  /** Largest |s|. */
  readonly clamp: number;
}

/** For each layer and each block of its flow: output channel i is input channel permutation[i]. */
export type FlowPermutations = readonly (readonly (readonly number[])[])[];

/** The outputs of the flows of all layers. */
export interface FlowOutputs {
  /** `[n, channels, side, side]` of each layer. */
  readonly hidden: readonly Value[];
  /** Sum over layers of the mean over the batch of Σ z² / 2 - ln |det J|: a scalar. */
  readonly loss: Value;
}

/**
 * A training step for batches of `batch` images: Adam with torch's weight decay. Its inputs are the
 * layers' features under the names of their taps.
 */
export function fastFlowStep(
  layouts: readonly FeatureLayout[],
  batch: number,
  settings: FlowSettings,
  permutations: FlowPermutations,
  weightDecay: number,
): TrainingStep {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const features = layouts.map(({ tap, channels, side }) =>
    graph.input(tap, "float32", [batch, channels, side, side])
  );
  const { loss } = flowOutputs(scopeOf(parameters), features, settings, permutations);
  return trainingStep({ parameters, loss, optimizer: adam({ weightDecay }) });
}

/** Normalization and flow of each layer's features. */
export function flowOutputs(
  scope: Scope,
  features: readonly Value[],
  settings: FlowSettings,
  permutations: FlowPermutations,
): FlowOutputs {
  const flows = features.map((feature, layer) => {
    let x = layerNorm(scope.at("norms", layer), feature);
    const blocks = scope.at("fast_flow_blocks", layer, "module_list");
    const determinants = permutations[layer].map((permutation, block) => {
      const kernel = settings.kernels === "alternating" && block % 2 === 1 ? 1 : 3;
      const coupled = coupling(blocks.at(block), x, kernel, settings, permutation);
      x = coupled.y;
      return coupled.logDeterminant;
    });
    const squares = mul(total(x, reduceSumSquare), 0.5 / x.shape[0]);
    return { z: x, loss: determinants.reduce((loss, part) => sub(loss, part), squares) };
  });
  return {
    hidden: flows.map(({ z }) => z),
    loss: flows.map(({ loss }) => loss).reduce((sum, loss) => add(sum, loss)),
  };
}

/**
 * The anomaly map: the mean over layers of -exp(-mean z² / 2), the mean over channels, brought to
 * `size` pixels (bilinear, pixel centres aligned). Values lie between -1 (normal) and 0.
 *
 * @returns `[n, 1, size, size]`
 */
export function fastFlowMap(hidden: readonly Value[], size: number): Value {
  const maps = hidden.map((z) => {
    const density = exp(mul(reduceMean(mul(z, z), [1]), -0.5));
    return resizeBilinear(neg(density), size, size);
  });
  return mul(maps.reduce((sum, map) => add(sum, map)), 1 / maps.length);
}

/** Random permutations of all blocks, each from a stream of its own. */
export function drawPermutations(
  layouts: readonly FeatureLayout[],
  { flowSteps }: FlowSettings,
  seed: number,
): FlowPermutations {
  return layouts.map(({ channels }, layer) =>
    Array.from({ length: flowSteps }, (_, block) => {
      const random = new RandomState(childSeed(seed, "permutation", layer, block));
      return [...random.permutation(channels)];
    })
  );
}

/** One coupling block, and Σ s / n + height · width · Σ ln g: its part of the mean log-determinant. */
function coupling(
  scope: Scope,
  x: Value,
  kernel: number,
  { hiddenRatio, clamp }: FlowSettings,
  permutation: readonly number[],
): { readonly y: Value; readonly logDeterminant: Value } {
  const [n, channels, height, width] = x.shape;
  const moved = Math.floor(channels / 2);
  const [x1, x2] = split(x, [channels - moved, moved], 1);
  const [p, t] = split(subnet(scope.at("subnet"), x1, 2 * moved, kernel, hiddenRatio), [
    moved,
    moved,
  ], 1);
  const bend = tanh(p);
  const y2 = add(mul(x2, exp(mul(bend, clamp))), t);
  const affine = (name: string, initial: number) =>
    scope.parameters.parameter(scope.nameOf(name), [1, channels, 1, 1], constantInit(initial));
  const scale = mul(softplus(mul(affine("global_scale", unitScale), 0.5)), 0.2);
  const y = add(mul(concat([x1, y2], 1), scale), affine("global_offset", 0));
  return {
    y: gather(y, permutation, 1),
    logDeterminant: add(
      mul(total(bend, reduceSum), clamp / n),
      mul(reduceSum(log(scale), undefined, { keepdims: false }), height * width),
    ),
  };
}

/** The number whose 0.1 · softplus(beta 0.5), 0.2 · ln(1 + e^(g / 2)), is 1. */
const unitScale = 2 * Math.log(Math.exp(5) - 1);

/** 0.1 · (conv, ReLU, conv): the factor is taken into the last convolution's weights. */
function subnet(
  scope: Scope,
  x: Value,
  channels: number,
  kernel: number,
  hiddenRatio: number,
): Value {
  const inputs = x.shape[1];
  const hidden = Math.floor(inputs * hiddenRatio);
  const padding = kernel >> 1;
  const h = relu(conv2d(scope.at(1), x, hidden, { kernel, padding }));
  const { parameters, nameOf } = scope.at(4);
  const initial = torchDefaultInit(hidden * kernel * kernel);
  const weight = parameters.parameter(
    nameOf("weight"),
    [channels, hidden, kernel, kernel],
    initial,
  );
  const bias = parameters.parameter(nameOf("bias"), [channels], initial);
  return conv(h, mul(weight, 0.1), mul(bias, 0.1), { pads: new Array(4).fill(padding) });
}

/** A reduction over all elements, rows first: the runtime is fast at that, and sums stay short. */
function total(x: Value, reduction: typeof reduceSum): Value {
  const rows = reshape(x, [x.shape[0] * x.shape[1], -1]);
  return reduceSum(reduction(rows, [1]), undefined, { keepdims: false });
}
