/**
 * Layers, written once for training and for evaluation.
 *
 * A layer takes a `Scope` (see `parameters.ts`), the input and its options; its parameters are named
 * as torch names them (`weight`, `bias`, `running_mean`, `running_var`), below the scope's path, so a
 * network whose scopes follow torchvision's module names takes torchvision's weights as they are. All
 * images are [n, channels, height, width] inside a graph.
 *
 * ```ts ignore
 * function basicBlock(scope: Scope, x: Value, channels: number, stride: number): Value {
 *   let y = conv2d(scope.at("conv1"), x, channels, { kernel: 3, stride, padding: 1, bias: false });
 *   y = relu(batchNorm(scope.at("bn1"), y));
 *   y = conv2d(scope.at("conv2"), y, channels, { kernel: 3, padding: 1, bias: false });
 *   y = batchNorm(scope.at("bn2"), y);
 *   if (stride === 1 && x.shape[1] === channels) return relu(add(y, x));
 *   const short = conv2d(scope.at("downsample", 0), x, channels, { kernel: 1, stride, bias: false });
 *   return relu(add(y, batchNorm(scope.at("downsample", 1), short)));
 * }
 *
 * // evaluation: weights are constants
 * const graph = new Graph();
 * const image = normalizedImage(graph.input("image", "uint8", [4, 256, 256, 3]));
 * graph.output("layer1", basicBlock(scopeOf(frozenParameters(graph, tensors)).at("layer1", 0), image, 64, 1));
 *
 * // training: weights are graph inputs; gradients.ts, optimizers.ts and training.ts do the rest
 * const trained = trainableParameters(graph);
 * const y = basicBlock(scopeOf(trained).at("layer1", 0), image, 64, 1);
 * ```
 *
 * Which mode it is stands in `scope.parameters.training`; a network need not look.
 *
 * @module
 */
import type { Value } from "./graph.ts";
import {
  add,
  averagePool,
  batchNormalization,
  batchNormalizationTraining,
  cast,
  clip,
  conv,
  convTranspose,
  gemm,
  globalAveragePool,
  layerNormalization,
  lessOrEqual,
  maxPool,
  mul,
  reshape,
  resize,
  transpose,
} from "./ops.ts";
import {
  constantInit,
  type Initializer,
  kaimingNormalFanOut,
  type Scope,
  torchDefaultInit,
} from "./parameters.ts";

export { frozenParameters, type Scope, scopeOf, trainableParameters } from "./parameters.ts";
export { relu } from "./ops.ts";

/** Options of conv2d. */
export interface Conv2dOptions {
  /** Kernel size, for both axes. */
  readonly kernel: number;
  /** Step of the window, for both axes. @default 1 */
  readonly stride?: number;
  /** On all four sides, or [top, left, bottom, right]. @default 0 */
  readonly padding?: number | readonly [number, number, number, number];
  /** Parts of the channels that are convolved each on their own. @default 1 */
  readonly groups?: number;
  /** Step between the kernel's elements, for both axes. @default 1 */
  readonly dilation?: number;
  /** Whether a number per output channel is added. @default true */
  readonly bias?: boolean;
  /** Of the weight. @default torch's default, or Kaiming normal by fan-out without a bias */
  readonly initial?: Initializer;
}

/** Convolution to `channels` output channels: parameters `weight` [out, in / groups, k, k], `bias`. */
export function conv2d(scope: Scope, x: Value, channels: number, options: Conv2dOptions): Value {
  const { kernel, stride = 1, padding = 0, groups = 1, dilation = 1, bias = true } = options;
  const perGroup = x.shape[1] / groups;
  const fanIn = perGroup * kernel * kernel;
  const initial = options.initial ?? (bias ? torchDefaultInit(fanIn) : kaimingNormalFanOut);
  const weight = scope.parameters.parameter(
    scope.nameOf("weight"),
    [channels, perGroup, kernel, kernel],
    initial,
  );
  return conv(x, weight, bias ? biasOf(scope, channels, torchDefaultInit(fanIn)) : undefined, {
    strides: [stride, stride],
    pads: typeof padding === "number" ? new Array(4).fill(padding) : padding,
    dilations: [dilation, dilation],
    group: groups,
  });
}

/** Options of convTranspose2d. */
export interface ConvTranspose2dOptions {
  /** Kernel size, for both axes. */
  readonly kernel: number;
  /** Step between the places of the inputs in the output, for both axes. @default 1 */
  readonly stride?: number;
  /** Taken off on all four sides of the output. @default 0 */
  readonly padding?: number;
  /** Added at the bottom and on the right of the output. @default 0 */
  readonly outputPadding?: number;
  /** Whether a number per output channel is added. @default true */
  readonly bias?: boolean;
  /** Of the weight. @default torch's default */
  readonly initial?: Initializer;
}

/** Transposed convolution: parameters `weight` [in, out, k, k], `bias`. */
export function convTranspose2d(
  scope: Scope,
  x: Value,
  channels: number,
  options: ConvTranspose2dOptions,
): Value {
  const { kernel, stride = 1, padding = 0, outputPadding = 0, bias = true } = options;
  const initial = torchDefaultInit(channels * kernel * kernel);
  const weight = scope.parameters.parameter(
    scope.nameOf("weight"),
    [x.shape[1], channels, kernel, kernel],
    options.initial ?? initial,
  );
  return convTranspose(x, weight, bias ? biasOf(scope, channels, initial) : undefined, {
    strides: [stride, stride],
    pads: new Array(4).fill(padding),
    output_padding: [outputPadding, outputPadding],
  });
}

/** Options of batchNorm. */
export interface BatchNormOptions {
  /** Added to the variance. @default 1e-5 */
  readonly epsilon?: number;
  /** Share of the batch's statistics in the running ones. @default 0.1 */
  readonly momentum?: number;
}

/**
 * Batch normalization per channel: parameters `weight`, `bias`, statistics `running_mean`,
 * `running_var`. In training by the batch's own statistics, which also move the running ones, the
 * variance with M / (M - 1) as torch does (M = elements per channel).
 */
export function batchNorm(scope: Scope, x: Value, options: BatchNormOptions = {}): Value {
  const { epsilon = 1e-5, momentum = 0.1 } = options;
  const { parameters } = scope;
  const shape = [x.shape[1]];
  const scale = parameters.parameter(scope.nameOf("weight"), shape, constantInit(1));
  const bias = parameters.parameter(scope.nameOf("bias"), shape, constantInit(0));
  const names = { mean: scope.nameOf("running_mean"), variance: scope.nameOf("running_var") };
  parameters.statistic(names.mean, shape, constantInit(0));
  parameters.statistic(names.variance, shape, constantInit(1));
  const mean = parameters.latest(names.mean);
  const variance = parameters.latest(names.variance);
  if (!parameters.training) return batchNormalization(x, scale, bias, mean, variance, { epsilon });
  const [y, batchMean, batchVariance] = batchNormalizationTraining(
    x,
    scale,
    bias,
    mean,
    variance,
    { epsilon },
  );
  const count = x.shape[0] * x.shape.slice(2).reduce((product, size) => product * size, 1);
  const moved = (old: Value, now: Value, factor: number) =>
    add(mul(old, 1 - momentum), mul(now, momentum * factor));
  parameters.update(names.mean, moved(mean, batchMean, 1));
  parameters.update(names.variance, moved(variance, batchVariance, count / Math.max(1, count - 1)));
  return y;
}

/** Options of linear. */
export interface LinearOptions {
  /** Whether a number per output is added. @default true */
  readonly bias?: boolean;
  /** Of the weight. @default torch's default */
  readonly initial?: Initializer;
}

/** x Wᵀ + b for x of shape [n, in]: parameters `weight` [out, in], `bias`. */
export function linear(
  scope: Scope,
  x: Value,
  features: number,
  options: LinearOptions = {},
): Value {
  const { bias = true } = options;
  const initial = torchDefaultInit(x.shape[1]);
  const weight = scope.parameters.parameter(
    scope.nameOf("weight"),
    [features, x.shape[1]],
    options.initial ?? initial,
  );
  return gemm(x, weight, bias ? biasOf(scope, features, initial) : undefined, { transB: true });
}

/** Normalization over all axes but the first, with affine `weight` and `bias` of that shape. */
export function layerNorm(scope: Scope, x: Value, options: { epsilon?: number } = {}): Value {
  const shape = x.shape.slice(1);
  const weight = scope.parameters.parameter(scope.nameOf("weight"), shape, constantInit(1));
  const bias = scope.parameters.parameter(scope.nameOf("bias"), shape, constantInit(0));
  return layerNormalization(x, weight, bias, { axis: 1, epsilon: options.epsilon ?? 1e-5 })[0];
}

/** min(max(x, 0), 6) */
export function relu6(x: Value): Value {
  return clip(x, 0, 6);
}

/** Options of the pooling layers. */
export interface Pool2dOptions {
  /** Side of the square window. */
  readonly kernel: number;
  /** Step of the window, for both axes. @default the kernel size */
  readonly stride?: number;
  /** On all four sides; it takes no part in the result. @default 0 */
  readonly padding?: number;
}

/** Largest element of each window. */
export function maxPool2d(x: Value, options: Pool2dOptions): Value {
  return maxPool(x, poolOptions(options));
}

/** Mean of each window; padding counts as zeros, as in torch's default. */
export function averagePool2d(x: Value, options: Pool2dOptions): Value {
  return averagePool(x, { ...poolOptions(options), count_include_pad: true });
}

/** Mean over height and width: [n, channels]. */
export function globalAveragePool2d(x: Value): Value {
  return reshape(globalAveragePool(x), x.shape.slice(0, 2));
}

function poolOptions({ kernel, stride = kernel, padding = 0 }: Pool2dOptions) {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: new Array<number>(4).fill(padding),
  };
}

/**
 * Dropout: in training each element is set to 0 with `probability`, the others divided by
 * (1 - probability); otherwise x itself. The random bytes are fed at every step, so that a run can be
 * repeated and resumed; the probability is rounded to a 256th.
 */
export function dropout(scope: Scope, x: Value, probability: number): Value {
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`Cannot build dropout: probability is ${probability}, not in [0, 1)`);
  }
  const kept = 256 - Math.round(256 * probability);
  if (!scope.parameters.training || kept === 256) return x;
  const bytes = scope.parameters.noise(scope.nameOf("noise"), x.shape);
  // A byte is at most kept - 1 in kept of 256 cases.
  const mask = cast(lessOrEqual(cast(bytes, "float32"), kept - 1), "float32");
  return mul(x, mul(mask, 256 / kept));
}

/** Bilinear interpolation to height × width, as torch's `interpolate`. */
export function resizeBilinear(
  x: Value,
  height: number,
  width: number,
  options: {
    /** @default false */
    readonly alignCorners?: boolean;
  } = {},
): Value {
  const [n, channels, h, w] = x.shape;
  if (h === height && w === width) return x;
  return resize(x, [n, channels, height, width], {
    mode: "linear",
    coordinate_transformation_mode: options.alignCorners ? "align_corners" : "half_pixel",
  });
}

/** Mean and standard deviation of ImageNet's pixels in [0, 1], red, green, blue. */
export const imageNetNormalization = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
} as const;

/**
 * A graph's images [n, height, width, 3] (uint8, or float 0 … 255) as the network's input
 * [n, 3, height, width]: pixel / 255, less the mean, by the deviation, per channel.
 */
export function normalizedImage(
  image: Value,
  normalization: { readonly mean: readonly number[]; readonly deviation: readonly number[] } =
    imageNetNormalization,
): Value {
  const { graph } = image;
  const { mean, deviation } = normalization;
  const vector = (numbers: readonly number[]) =>
    graph.constant({ shape: [3], data: Float32Array.from(numbers) });
  // Batch normalization is the fastest way to an affine map per channel.
  return batchNormalization(
    cast(transpose(image, [0, 3, 1, 2]), "float32"),
    vector(deviation.map((d) => 1 / (255 * d))),
    vector(mean.map((m, i) => -m / deviation[i])),
    vector([0, 0, 0]),
    vector([1, 1, 1]),
    { epsilon: 0 },
  );
}

function biasOf(scope: Scope, channels: number, initial: Initializer): Value {
  return scope.parameters.parameter(scope.nameOf("bias"), [channels], initial);
}
