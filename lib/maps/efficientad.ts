/**
 * EfficientAD (Batzner et al. 2024): a student that repeats a teacher's features on good images only, and
 * an autoencoder that repeats them through a bottleneck of 64 numbers; where they disagree, something is
 * unusual. Networks, losses and maps follow the implementation that the paper used (its appendix B):
 * medium networks, nelson1425/EfficientAD. Teacher and student describe a patch of 33 x 33 pixels at each
 * place of a grid of a quarter of the image's size; parameters are named as in that code's
 * `nn.Sequential`s, so published teachers fit as they are.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { quantile } from "../base/statistics.ts";
import { evaluationModel } from "../onnx/evaluation_model.ts";
import { Graph, sizeOf, type Value } from "../onnx/graph.ts";
import {
  averagePool2d,
  batchNorm,
  conv2d,
  type Conv2dOptions,
  dropout,
  normalizedImage,
  relu,
  resizeBilinear,
} from "../onnx/layers.ts";
import { mean, meanSquaredError } from "../onnx/losses.ts";
import {
  add,
  cast,
  div,
  greaterOrEqual,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  split,
  sub,
  topK,
} from "../onnx/ops.ts";
import { adam, type Schedule, steppedRate } from "../onnx/optimizers.ts";
import {
  frozenParameters,
  initialTensors,
  type Scope,
  scopeOf,
  type TensorMap,
  trainableParameters,
} from "../onnx/parameters.ts";
import { modelBytes } from "../onnx/proto.ts";
import { type Device, openSession, type Session } from "../onnx/session.ts";
import { type TrainingStep, trainingStep } from "../onnx/training.ts";
import { resizeMap } from "./anomaly_map.ts";

/** Channels of the networks. */
export interface EfficientAdWidths {
  /** First convolution of teacher and student. */
  readonly stem: number;
  /** Their second to fourth convolution. */
  readonly trunk: number;
  /** Features of the teacher and of the autoencoder; the student has twice as many. */
  readonly features: number;
  /** First two convolutions of the autoencoder; the others have twice as many. */
  readonly autoencoder: number;
}

/** The medium networks of the publication. */
export const mediumWidths: EfficientAdWidths = {
  stem: 256,
  trunk: 512,
  features: 384,
  autoencoder: 32,
};

/** What decides the networks. Plain JSON: it goes into keys. */
export interface EfficientAdNetworks {
  /** Edge length of the images in pixels, a multiple of 64 from 128 on. */
  readonly size: number;
  /** Channels of the three networks. */
  readonly widths: EfficientAdWidths;
  /** Zeros around the inputs of teacher and student: their grid is size / 4, without them size / 4 - 8. */
  readonly padding: boolean;
}

/** Switches of the losses. Plain JSON. */
export interface EfficientAdLosses {
  /** Only distances from this quantile on train the student. */
  readonly hardQuantile: number;
  /** Dropout in the autoencoder's decoder. */
  readonly dropout: number;
  /** Whether the autoencoder sees another (augmented) image than the student's first half. */
  readonly augmented: boolean;
  /** Whether a penalty image is given at every step. */
  readonly penalty: boolean;
}

/**
 * Side of the grid of teacher, student and autoencoder.
 *
 * @throws {RangeError} if the size of the images does not fit the networks
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(efficientAdGrid({ size: 256, widths: mediumWidths, padding: true }), 64);
 * assert.equal(efficientAdGrid({ size: 256, widths: mediumWidths, padding: false }), 56);
 * ```
 */
export function efficientAdGrid({ size, padding }: EfficientAdNetworks): number {
  if (!Number.isInteger(size) || size < 128 || size % 64 !== 0) {
    throw new RangeError(
      `Cannot build EfficientAD: size is ${size}, not a multiple of 64 from 128 on`,
    );
  }
  return size / 4 - (padding ? 0 : 8);
}

/**
 * The patch description network, medium: teacher and student (publication, table 6).
 *
 * @param image normalized, `[n, 3, h, w]`
 * @returns `[n, outputs, grid, grid]`
 */
export function patchDescription(
  scope: Scope,
  image: Value,
  outputs: number,
  networks: Pick<EfficientAdNetworks, "widths" | "padding">,
  layer: ConvolutionLayer = plainLayer,
): Value {
  const { widths: { stem, trunk } } = networks;
  const pad = networks.padding ? 1 : 0;
  const pool = (x: Value) => averagePool2d(x, { kernel: 2, padding: pad });
  let x = relu(layer(scope.at(0), image, stem, { kernel: 4, padding: 3 * pad }));
  x = relu(layer(scope.at(3), pool(x), trunk, { kernel: 4, padding: 3 * pad }));
  x = relu(layer(scope.at(6), pool(x), trunk, { kernel: 1 }));
  x = relu(layer(scope.at(8), x, trunk, { kernel: 3, padding: pad }));
  x = relu(layer(scope.at(10), x, outputs, { kernel: 4 }));
  return layer(scope.at(12), x, outputs, { kernel: 1 });
}

/**
 * The autoencoder (publication, tables 7 and 8): five halvings and a convolution to one place, then
 * bilinear steps up. For 256 pixels its sizes are 3, 8, 15, 32, 63, 127 and the grid; other images scale
 * them.
 *
 * @param image normalized, `[n, 3, size, size]`
 * @returns `[n, features, grid, grid]`
 */
export function autoencoder(
  scope: Scope,
  image: Value,
  networks: EfficientAdNetworks,
  dropoutProbability: number,
  layer: ConvolutionLayer = plainLayer,
): Value {
  const { size, widths: { features, autoencoder: narrow } } = networks;
  const wide = 2 * narrow;
  let x = image;
  [narrow, narrow, wide, wide, wide].forEach((channels, i) => {
    x = relu(layer(scope.at(2 * i), x, channels, { kernel: 4, stride: 2, padding: 1 }));
  });
  x = layer(scope.at(10), x, wide, { kernel: size / 32 });
  const sides = [size / 64 - 1, size / 32, size / 16 - 1, size / 8, size / 4 - 1, size / 2 - 1];
  sides.forEach((side, i) => {
    const block = 11 + 4 * i; // up-sampling, convolution, ReLU, dropout
    x = resizeBilinear(x, side, side);
    x = relu(layer(scope.at(block + 1), x, wide, { kernel: 4, padding: 2 }));
    x = dropout(scope.at(block + 3), x, dropoutProbability);
  });
  const grid = efficientAdGrid(networks);
  x = relu(layer(scope.at(36), resizeBilinear(x, grid, grid), wide, { kernel: 3, padding: 1 }));
  return layer(scope.at(38), x, features, { kernel: 3, padding: 1 });
}

/** The convolution of a module. */
export type ConvolutionLayer = (
  scope: Scope,
  x: Value,
  channels: number,
  options: Conv2dOptions,
) => Value;

const plainLayer: ConvolutionLayer = conv2d;

/**
 * Mean of the elements of `distance` that are not below their quantile `q` (0.999 in the publication).
 * The quantile is `torch.quantile`'s, its rank in float32 and interpolated between two elements; only the
 * elements above have to be sorted for it. Equal elements are all in or all out.
 */
export function hardFeatureLoss(distance: Value, q: number): Value {
  const count = sizeOf(distance.shape);
  const position = Math.fround(Math.fround(q) * (count - 1));
  const below = Math.floor(position);
  const fraction = position - below;
  const flat = reshape(distance, [count]);
  const largest = topK(flat, count - below)[0];
  const at = (place: number) => slice(largest, [place], [place + 1]);
  const low = at(count - below - 1);
  const high = at(Math.max(0, count - below - 2));
  const threshold = fraction === 0
    ? low
    : fraction < 0.5
    ? add(low, mul(sub(high, low), fraction))
    : sub(high, mul(sub(high, low), 1 - fraction));
  const hard = cast(greaterOrEqual(flat, threshold), "float32");
  const sum = (x: Value) => reduceSum(x, undefined, { keepdims: false });
  return div(sum(mul(flat, hard)), sum(hard));
}

const normEpsilon = 1e-5;

/**
 * Convolution and batch normalization, whose parameters are below the convolution's `norm`; to be folded
 * by `foldedTensors`.
 *
 * @param momentum share of the batch in the running statistics
 */
export function normalizedLayer(momentum: number): ConvolutionLayer {
  return (scope, x, channels, options) =>
    batchNorm(scope.at("norm"), conv2d(scope, x, channels, { ...options, bias: false }), {
      epsilon: normEpsilon,
      momentum,
    });
}

/**
 * The tensors of a network of `normalizedLayer`s as those of the plain network: weight · s and
 * bias - mean · s with s = gamma / deviation. Layers without normalization stay.
 */
export function foldedTensors(tensors: TensorMap): Map<string, NdArray<Float32Array>> {
  const folded = new Map<string, NdArray<Float32Array>>();
  for (const [name, tensor] of tensors as ReadonlyMap<string, NdArray<Float32Array>>) {
    if (name.includes(".norm.")) continue;
    const layer = name.replace(/\.[a-z]+$/, "");
    const statistics = ["weight", "bias", "running_mean", "running_var"].map((kind) =>
      tensors.get(`${layer}.norm.${kind}`)?.data as Float32Array | undefined
    );
    const [gamma, beta, mean, variance] = statistics;
    if (gamma === undefined) {
      folded.set(name, tensor);
      continue;
    }
    const scales = Float64Array.from(
      gamma,
      (g, i) => g / Math.sqrt(variance![i] + normEpsilon),
    );
    const perOutput = tensor.data.length / scales.length;
    folded.set(name, {
      shape: tensor.shape,
      data: tensor.data.map((number, i) => number * scales[Math.floor(i / perOutput)]),
    });
    folded.set(`${layer}.bias`, {
      shape: [scales.length],
      data: beta!.map((number, i) => number - mean![i] * scales[i]),
    });
  }
  return folded;
}

/** The losses of one step; the last is the sum of the others. */
interface EfficientAdLossValues {
  readonly hard: Value;
  readonly penalty: Value | undefined;
  readonly autoencoder: Value;
  readonly studentAutoencoder: Value;
  readonly total: Value;
}

/**
 * The losses (publication, equations 1 to 5, and algorithm 1). No gradient is held back: the autoencoder
 * also learns from the student's loss, as in the code.
 *
 * @param images normalized `[1, 3, size, size]`: the training image, the image for the autoencoder (the
 * same value where there is no augmentation), the penalty image
 * @param teacher scope of the normalized teacher
 */
function efficientAdLosses(
  images: { readonly image: Value; readonly augmented: Value; readonly penalty?: Value },
  teacher: Scope,
  trained: Scope,
  networks: EfficientAdNetworks,
  { hardQuantile, dropout }: Pick<EfficientAdLosses, "hardQuantile" | "dropout">,
): EfficientAdLossValues {
  const { features } = networks.widths;
  const teach = (image: Value) => patchDescription(teacher, image, features, networks);
  /** The student's answer to the teacher, and the one to the autoencoder. */
  const study = (image: Value) =>
    split(
      patchDescription(trained.at("student"), image, 2 * features, networks),
      [features, features],
      1,
    );
  const { image, augmented } = images;
  const taught = teach(image);
  const studied = study(image);
  const [aim, answer] = augmented === image
    ? [taught, studied[1]]
    : [teach(augmented), study(augmented)[1]];
  const difference = sub(taught, studied[0]);
  const hard = hardFeatureLoss(mul(difference, difference), hardQuantile);
  const decoded = autoencoder(trained.at("autoencoder"), augmented, networks, dropout);
  const autoencoderLoss = meanSquaredError(aim, decoded);
  const studentAutoencoder = meanSquaredError(decoded, answer);
  let penalty: Value | undefined;
  if (images.penalty !== undefined) {
    const reply = study(images.penalty)[0];
    penalty = mean(mul(reply, reply));
  }
  const studentLoss = penalty === undefined ? hard : add(hard, penalty);
  return {
    hard,
    penalty,
    autoencoder: autoencoderLoss,
    studentAutoencoder,
    total: add(add(studentLoss, autoencoderLoss), studentAutoencoder),
  };
}

/**
 * One training step as a graph: inputs `image` (uint8 `[1, size, size, 3]`), `augmented` (float32, pixels
 * 0 … 255) and `penalty` (uint8) as the switches say; Adam with L2 decay over student and autoencoder.
 *
 * @param teacher the teacher with its outputs normalized (`normalizedTeacher`), names as `0.weight`
 */
export function efficientAdStep(
  teacher: TensorMap,
  networks: EfficientAdNetworks,
  losses: EfficientAdLosses,
  weightDecay: number,
): TrainingStep {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const shape = [1, networks.size, networks.size, 3];
  const image = normalizedImage(graph.input("image", "uint8", shape));
  const values = efficientAdLosses(
    {
      image,
      augmented: losses.augmented
        ? normalizedImage(graph.input("augmented", "float32", shape))
        : image,
      ...(losses.penalty
        ? { penalty: normalizedImage(graph.input("penalty", "uint8", shape)) }
        : {}),
    },
    scopeOf(frozenParameters(graph, teacher, "the teacher")),
    scopeOf(parameters),
    networks,
    losses,
  );
  const { hard, penalty, autoencoder, studentAutoencoder } = values;
  return trainingStep({
    parameters,
    loss: values.total,
    optimizer: adam({ weightDecay }),
    // The transforms of two or three images at once would take half as much memory again.
    winograd: !losses.augmented && !losses.penalty,
    reports: { hard, autoencoder, studentAutoencoder, ...(penalty ? { penalty } : {}) },
  });
}

/**
 * First weights of student and autoencoder such that on training images every channel has mean 0 and
 * variance 1 before its ReLU (Mishkin and Matas 2016, "All you need is a good init"); last layers and the
 * bottleneck begin as torch's. From torch's first weights little of an image reaches the sixth layer, and
 * thousands of steps go into growing it, which smaller budgets do not have.
 *
 * @param images uint8 `[n, size, size, 3]`, all seen at once
 */
export async function normalizedStart(
  networks: EfficientAdNetworks,
  images: NdArray<Uint8Array>,
  seed: number,
): Promise<Map<string, NdArray<Float32Array>>> {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const scope = scopeOf(parameters);
  const image = normalizedImage(graph.input("image", "uint8", images.shape));
  const normalized = normalizedLayer(1);
  const layer: ConvolutionLayer = (scope, x, channels, options) =>
    /^(student\.12|autoencoder\.(10|38))$/.test(scope.path)
      ? conv2d(scope, x, channels, options)
      : normalized(scope, x, channels, options);
  const { features } = networks.widths;
  patchDescription(scope.at("student"), image, 2 * features, networks, layer);
  autoencoder(scope.at("autoencoder"), image, networks, 0, layer);
  for (const [name, value] of parameters.updates) graph.output(`next:${name}`, value);
  const tensors = initialTensors(parameters.records, seed);
  const session = await openSession(modelBytes(graph), { name: "EfficientAD's first weights" });
  try {
    const known = session.inputs.filter((name) => tensors.has(name));
    const outputs = await session.run({
      image: images,
      ...Object.fromEntries(known.map((name) => [name, tensors.get(name)!])),
    });
    for (const name of parameters.updates.keys()) {
      tensors.set(name, outputs[`next:${name}`] as NdArray<Float32Array>);
    }
  } finally {
    await session.close();
  }
  return foldedTensors(tensors);
}

/** The rate, a tenth of it for the last twentieth of the steps: StepLR at int(0.95 steps). */
export function efficientAdRate(rate: number, steps: number): Schedule {
  return steppedRate(rate, { every: Math.max(1, Math.floor(0.95 * steps)), factor: 0.1 });
}

/** A patch description network ready to be run on single images. */
export function openPatchDescription(
  tensors: TensorMap,
  outputs: number,
  networks: EfficientAdNetworks,
  device: Device = "cpu",
): Promise<Session> {
  const { size } = networks;
  const model = evaluationModel(tensors, (graph, scope) => {
    const image = normalizedImage(graph.input("image", "uint8", [1, size, size, 3]));
    return { features: patchDescription(scope, image, outputs, networks) };
  });
  return openSession(model, { device, name: "the teacher" });
}

/** Mean and standard deviation of each feature. */
export interface FeatureMoments {
  /** `[features]` */
  readonly mean: Float64Array;
  /** `[features]` */
  readonly deviation: Float64Array;
}

/**
 * Moments of the teacher's features over images: the mean of the images' means, and the root of the mean
 * of the images' mean squared distances from it. One pass over the images gives both: each image's
 * squares are taken about its own mean.
 */
export class MomentsOfFeatures {
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  readonly #spreads: Float64Array;
  #images = 0;

  /** No images yet; each will have so many features. */
  constructor(readonly features: number) {
    this.#sums = new Float64Array(features);
    this.#squares = new Float64Array(features);
    this.#spreads = new Float64Array(features);
  }

  /**
   * Takes an image in.
   *
   * @param values `[features, places]`, read only here
   */
  add(values: Float32Array): void {
    const places = values.length / this.features;
    for (let feature = 0, at = 0; feature < this.features; feature++, at += places) {
      let sum = 0;
      for (let i = at; i < at + places; i++) sum += values[i];
      const own = sum / places;
      let spread = 0;
      for (let i = at; i < at + places; i++) spread += (values[i] - own) * (values[i] - own);
      this.#sums[feature] += own;
      this.#squares[feature] += own * own;
      this.#spreads[feature] += spread / places;
    }
    this.#images++;
  }

  /** Over the images added so far, at least one. */
  moments(): FeatureMoments {
    const mean = this.#sums.map((sum) => sum / this.#images);
    const deviation = mean.map((center, i) => {
      const between = Math.max(0, this.#squares[i] / this.#images - center * center);
      return Math.sqrt(this.#spreads[i] / this.#images + between);
    });
    return { mean, deviation };
  }
}

/**
 * The teacher whose outputs are (output - mean) / deviation: both go into its last convolution, so that
 * every later use of the teacher has them for free. A feature that never changes is only centred.
 *
 * @param teacher names as `12.weight`
 */
export function normalizedTeacher(
  teacher: TensorMap,
  { mean, deviation }: FeatureMoments,
): Map<string, NdArray<Float32Array>> {
  const tensors = new Map(teacher as ReadonlyMap<string, NdArray<Float32Array>>);
  const weight = tensors.get("12.weight")!;
  const bias = tensors.get("12.bias")!;
  const inputs = weight.shape[1];
  const scales = deviation.map((number) => number > 0 ? 1 / number : 1);
  tensors.set("12.weight", {
    shape: weight.shape,
    data: weight.data.map((number, i) => number * scales[Math.floor(i / inputs)]),
  });
  tensors.set("12.bias", {
    shape: bias.shape,
    data: bias.data.map((number, i) => (number - mean[i]) * scales[i]),
  });
  return tensors;
}

/** Quantiles 0.9 and 0.995 of the two kinds of maps of good images: what becomes 0 and 0.1. */
export interface MapQuantiles {
  /** Of the maps by which student and teacher differ. */
  readonly student: readonly [number, number];
  /** Of the maps by which student and autoencoder differ. */
  readonly autoencoder: readonly [number, number];
}

/** The two maps of one image before they are normalized, `[grid, grid]`. */
export interface MapPair {
  /** Where student and teacher differ: mean over the features of the squared distances. */
  readonly student: Float32Array;
  /** Where student and autoencoder differ, likewise. */
  readonly autoencoder: Float32Array;
}

/** How the two maps become one. Plain JSON. */
export interface EfficientAdMapping {
  /** Zeros around the map, in places of the grid: what the networks without padding have lost. */
  readonly border: number;
  /**
   * What is normalized: `native` maps, the zeros added to the combined map (official code); maps with
   * their zeros up-sampled to the `image`'s size (anomalib). Only the quantiles depend on the up-sampling.
   */
  readonly normalized: "native" | "image";
}

/**
 * Quantiles of the maps of good images that no network was trained on.
 *
 * @param grid side of the maps
 * @param size side of the images
 */
export function mapQuantiles(
  pairs: readonly MapPair[],
  grid: number,
  size: number,
  { border, normalized }: EfficientAdMapping,
): MapQuantiles {
  const quantilesOf = (kind: keyof MapPair): [number, number] => {
    const maps = pairs.map((pair) => {
      if (normalized === "native") return pair[kind];
      const side = grid + 2 * border;
      return resizeMap(bordered(pair[kind], grid, border), side, side, size, size, "bilinear");
    });
    const all = new Float32Array(maps.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const map of maps) {
      all.set(map, at);
      at += map.length;
    }
    return [quantile(all, 0.9), quantile(all, 0.995)];
  };
  return { student: quantilesOf("student"), autoencoder: quantilesOf("autoencoder") };
}

/**
 * The anomaly map: half of each map, normalized so that the quantile 0.9 of good images is 0 and the
 * quantile 0.995 is 0.1. Values may be negative.
 *
 * @returns `[grid + 2 border, grid + 2 border]`
 */
export function combinedMap(
  pair: MapPair,
  grid: number,
  quantiles: MapQuantiles,
  { border, normalized }: EfficientAdMapping,
): Float32Array {
  const before = normalized === "image" ? border : 0;
  const [student, autoencoder] = (["student", "autoencoder"] as const).map((kind) =>
    bordered(pair[kind], grid, before)
  );
  const [studentLow, studentHigh] = quantiles.student;
  const [autoencoderLow, autoencoderHigh] = quantiles.autoencoder;
  const combined = student.map((value, i) =>
    0.05 * (value - studentLow) / (studentHigh - studentLow) +
    0.05 * (autoencoder[i] - autoencoderLow) / (autoencoderHigh - autoencoderLow)
  );
  return bordered(combined, grid + 2 * before, border - before);
}

/** `map` `[side, side]` with `border` zeros on every side. */
function bordered(map: Float32Array, side: number, border: number): Float32Array {
  if (border === 0) return map;
  const wide = side + 2 * border;
  const result = new Float32Array(wide * wide);
  for (let row = 0; row < side; row++) {
    result.set(map.subarray(row * side, (row + 1) * side), (row + border) * wide + border);
  }
  return result;
}

/** The trained networks, ready for maps. */
export interface OpenEfficientAd {
  /**
   * Both maps of one image, in new arrays.
   *
   * @param pixels RGB, `[size, size, 3]`
   */
  maps(pixels: Uint8Array): Promise<MapPair>;
  /** Frees the runtime's memory. */
  close(): Promise<void>;
}

/**
 * Opens teacher, student and autoencoder for maps: means over the features of the squared differences.
 *
 * @param tensors names as `teacher.0.weight`, `student.…`, `autoencoder.…`, the teacher normalized
 * @throws {DataError} if a tensor is missing or of another shape
 */
export async function openEfficientAd(
  tensors: TensorMap,
  networks: EfficientAdNetworks,
  device: Device = "cpu",
): Promise<OpenEfficientAd> {
  const model = mapsModel(tensors, networks);
  const session = await openSession(model, { device, name: "EfficientAD" });
  const shape = [1, networks.size, networks.size, 3];
  return {
    maps: async (pixels) => {
      const outputs = await session.run({ image: { shape, data: pixels } });
      return {
        student: outputs.student.data as Float32Array,
        autoencoder: outputs.autoencoder.data as Float32Array,
      };
    },
    close: () => session.close(),
  };
}

function mapsModel(tensors: TensorMap, networks: EfficientAdNetworks): Uint8Array {
  const { size, widths: { features } } = networks;
  const distance = (a: Value, b: Value) => {
    const difference = sub(a, b);
    return reduceMean(mul(difference, difference), [1]);
  };
  return evaluationModel(tensors, (graph, scope) => {
    const image = normalizedImage(graph.input("image", "uint8", [1, size, size, 3]));
    const taught = patchDescription(scope.at("teacher"), image, features, networks);
    const student = patchDescription(scope.at("student"), image, 2 * features, networks);
    const [studied, answer] = split(student, [features, features], 1);
    const decoded = autoencoder(scope.at("autoencoder"), image, networks, 0);
    return { student: distance(taught, studied), autoencoder: distance(decoded, answer) };
  });
}
