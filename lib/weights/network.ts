/**
 * How a backbone is written down: once, as a function over a `Network`, which reads it in one of three
 * ways. `describeNetwork` here finds parameter names and shapes; `frozenNetwork` builds the graph for
 * evaluation with batch normalisation folded in; `trainableNetwork` builds it over the layers with
 * parameters, for training.
 *
 * @module
 */

/** How a convolution without bias, followed by batch normalisation, is laid out. */
export interface ConvolutionLayout {
  readonly channels: number; // of the output
  readonly kernel: number; // square
  readonly stride?: number; // 1
  /** 1, or the number of input channels for a depthwise convolution. Default 1. */
  readonly groups?: number;
}

/**
 * The operations a backbone is made of. `V` is what flows through: a feature map of the shape
 * `[n, channels, h, w]` (graph value or its description), after `meanPool` `[n, channels]`.
 */
export interface Network<V> {
  /** Convolution (parameter `<conv>.weight`) and batch normalisation (`<norm>.weight`, …) of its output. */
  convNorm(x: V, conv: string, norm: string, layout: ConvolutionLayout): V;
  relu(x: V): V;
  /** min(max(x, 0), 6). */
  relu6(x: V): V;
  add(a: V, b: V): V;
  /** Maximum over 3 x 3, stride 2, padding 1. */
  maxPool(x: V): V;
  /** Mean over all places: `[n, channels]`. */
  meanPool(x: V): V;
  /** Fully connected layer (parameters `<name>.weight`, `<name>.bias`) with `outputs` outputs. */
  linear(x: V, name: string, outputs: number): V;
}

/** What kind of layer a parameter belongs to, which decides how it is initialised. */
export type ParameterKind =
  | "convolution"
  | "normWeight"
  | "normBias"
  | "normMean"
  | "normVariance"
  | "linearWeight"
  | "linearBias";

/** One parameter of a network: its shape as torch stores it, and what it is. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
}

/** What is known of a feature map before there is a graph. */
export interface MapLayout {
  readonly channels: number;
  /** Pixels of the input per place of the map, along each side. */
  readonly stride: number;
}

/** Where convolutions place their padding: torch's equally on both sides, TensorFlow's "same". */
export type Padding = "symmetric" | "same";

/**
 * Rows (or columns) of zeros before and after an input of `size` for a convolution with odd or even
 * `kernel`. Symmetric: `floor(kernel / 2)` on both sides. Same: as many as give `ceil(size / stride)`
 * outputs, the odd one after (TensorFlow's SAME).
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

/** Reads a network for the names and shapes of its parameters, collected in order in `parameters`. */
export function describeNetwork(parameters: Map<string, Parameter>): Network<MapLayout> {
  const add = (name: string, kind: ParameterKind, ...shape: number[]) => {
    if (parameters.has(name)) throw new TypeError(`Cannot describe network: ${name} appears twice`);
    parameters.set(name, { shape, kind });
  };
  return {
    convNorm(x, conv, norm, { channels, kernel, stride = 1, groups = 1 }) {
      add(`${conv}.weight`, "convolution", channels, x.channels / groups, kernel, kernel);
      add(`${norm}.weight`, "normWeight", channels);
      add(`${norm}.bias`, "normBias", channels);
      add(`${norm}.running_mean`, "normMean", channels);
      add(`${norm}.running_var`, "normVariance", channels);
      return { channels, stride: x.stride * stride };
    },
    relu: (x) => x,
    relu6: (x) => x,
    add: (a) => a,
    maxPool: (x) => ({ channels: x.channels, stride: x.stride * 2 }),
    meanPool: (x) => x,
    linear(x, name, outputs) {
      add(`${name}.weight`, "linearWeight", outputs, x.channels);
      add(`${name}.bias`, "linearBias", outputs);
      return { channels: outputs, stride: x.stride };
    },
  };
}
