/**
 * One function per ONNX operator, with ONNX's names for operators and options and ONNX's defaults
 * (opset 21). A function takes values, adds a node to their graph and returns the outputs; where ONNX
 * takes an int64 tensor of shapes, axes or pads, the function takes numbers. Elementwise operators of
 * two inputs also take a plain number for one of them.
 *
 * Reference: https://onnx.ai/onnx/operators/
 *
 * @module
 */
import {
  type Attribute,
  type Attributes,
  type ElementType,
  type Graph,
  sizeOf,
  type Value,
} from "./graph.ts";
import { inferOutputs } from "./shapes.ts";

/** A value, or a number that becomes a constant scalar of the other operand's type. */
export type Operand = Value | number;

/**
 * Adds one operator call to `graph`, its outputs' types and shapes inferred.
 *
 * @throws {RangeError} if the inputs do not fit together
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Graph } from "./graph.ts";
 * const x = new Graph().input("x", "float32", [1, 3, 32, 32]);
 * const w = x.graph.input("w", "float32", [8, 3, 3, 3]);
 * assert.deepEqual(conv(x, w, undefined, { strides: [2, 2] }).shape, [1, 8, 15, 15]);
 * assert.deepEqual(operator(x.graph, "Neg", [x])[0].shape, x.shape);
 * ```
 */
export function operator(
  graph: Graph,
  name: string,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes = {},
  outputs = 1,
  domain = "",
): readonly Value[] {
  const signatures = inferOutputs(name, domain, inputs, attributes, outputs);
  return graph.node(name, inputs, attributes, signatures, domain);
}

const int = (value: number): Attribute => ({ kind: "int", value });
const flag = (value: boolean): Attribute => ({ kind: "int", value: value ? 1 : 0 });
const float = (value: number): Attribute => ({ kind: "float", value });
const ints = (value: readonly number[]): Attribute => ({ kind: "ints", value });
const text = (value: string): Attribute => ({ kind: "string", value });

/** The attributes that are given, without the undefined ones. */
function given(attributes: Record<string, Attribute | undefined>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, Attribute] =>
      entry[1] !== undefined
    ),
  );
}

const unary = (name: string) => (x: Value): Value => operator(x.graph, name, [x])[0];

function binary(name: string): (a: Operand, b: Operand) => Value {
  return (a, b) => {
    const known = typeof a === "number" ? b : a;
    if (typeof known === "number") {
      throw new TypeError(`Cannot build ${name}: neither operand is a value`);
    }
    const value = (operand: Operand) =>
      typeof operand === "number" ? known.graph.scalar(operand, known.type) : operand;
    return operator(known.graph, name, [value(a), value(b)])[0];
  };
}

// Elementwise, one input

/** |x| */
export const abs: (x: Value) => Value = unary("Abs");
/** Smallest integer not below x. */
export const ceil: (x: Value) => Value = unary("Ceil");
/** Error function. */
export const erf: (x: Value) => Value = unary("Erf");
/** eˣ */
export const exp: (x: Value) => Value = unary("Exp");
/** Largest integer not above x. */
export const floor: (x: Value) => Value = unary("Floor");
/** x Φ(x), Φ the normal distribution function. */
export const gelu: (x: Value) => Value = unary("Gelu");
/** x · hardSigmoid(x; 1/6, 1/2) */
export const hardSwish: (x: Value) => Value = unary("HardSwish");
/** x itself, under another name. */
export const identity: (x: Value) => Value = unary("Identity");
/** Natural logarithm. */
export const log: (x: Value) => Value = unary("Log");
/** -x */
export const neg: (x: Value) => Value = unary("Neg");
/** Logical not of a bool. */
export const not: (x: Value) => Value = unary("Not");
/** 1/x */
export const reciprocal: (x: Value) => Value = unary("Reciprocal");
/** max(x, 0) */
export const relu: (x: Value) => Value = unary("Relu");
/** Nearest integer, halves to even. */
export const round: (x: Value) => Value = unary("Round");
/** 1 / (1 + e⁻ˣ) */
export const sigmoid: (x: Value) => Value = unary("Sigmoid");
/** -1, 0 or 1 */
export const sign: (x: Value) => Value = unary("Sign");
/** ln(1 + eˣ) */
export const softplus: (x: Value) => Value = unary("Softplus");
/** Square root. */
export const sqrt: (x: Value) => Value = unary("Sqrt");
/** Hyperbolic tangent. */
export const tanh: (x: Value) => Value = unary("Tanh");

/** min(max(x, min), max); a bound that is left out does not bound. */
export function clip(x: Value, min?: number, max?: number): Value {
  const bound = (value?: number) => value === undefined ? undefined : x.graph.scalar(value, x.type);
  return operator(x.graph, "Clip", [x, bound(min), bound(max)])[0];
}

/** max(0, min(1, alpha·x + beta)) */
export function hardSigmoid(x: Value, options: { alpha?: number; beta?: number } = {}): Value {
  const { alpha = 0.2, beta = 0.5 } = options;
  return operator(x.graph, "HardSigmoid", [x], { alpha: float(alpha), beta: float(beta) })[0];
}

/** x where x ≥ 0, alpha·x elsewhere. */
export function leakyRelu(x: Value, options: { alpha?: number } = {}): Value {
  return operator(x.graph, "LeakyRelu", [x], { alpha: float(options.alpha ?? 0.01) })[0];
}

/** eˣ / Σ eˣ along `axis`. */
export function softmax(x: Value, axis = -1): Value {
  return operator(x.graph, "Softmax", [x], { axis: int(axis) })[0];
}

/** x - ln Σ eˣ along `axis`. */
export function logSoftmax(x: Value, axis = -1): Value {
  return operator(x.graph, "LogSoftmax", [x], { axis: int(axis) })[0];
}

/** The same numbers in another element type; floats to integers are cut towards zero. */
export function cast(x: Value, to: ElementType): Value {
  if (x.type === to) return x;
  return operator(x.graph, "Cast", [x], { to: int(onnxTypeNumbers[to]) })[0];
}

/** ONNX's numbers of the element types (TensorProto.DataType). */
export const onnxTypeNumbers: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
};

// Elementwise, two inputs, with broadcasting

/** a + b */
export const add: (a: Operand, b: Operand) => Value = binary("Add");
/** a - b */
export const sub: (a: Operand, b: Operand) => Value = binary("Sub");
/** a · b */
export const mul: (a: Operand, b: Operand) => Value = binary("Mul");
/** a / b */
export const div: (a: Operand, b: Operand) => Value = binary("Div");
/** a to the power b */
export const pow: (a: Operand, b: Operand) => Value = binary("Pow");
/** The larger of a and b. */
export const max: (a: Operand, b: Operand) => Value = binary("Max");
/** The smaller of a and b. */
export const min: (a: Operand, b: Operand) => Value = binary("Min");
/** a > b, as bool */
export const greater: (a: Operand, b: Operand) => Value = binary("Greater");
/** a ≥ b, as bool */
export const greaterOrEqual: (a: Operand, b: Operand) => Value = binary("GreaterOrEqual");
/** a < b, as bool */
export const less: (a: Operand, b: Operand) => Value = binary("Less");
/** a ≤ b, as bool */
export const lessOrEqual: (a: Operand, b: Operand) => Value = binary("LessOrEqual");
/** a = b, as bool */
export const equal: (a: Operand, b: Operand) => Value = binary("Equal");

/** `a` where `condition` holds, `b` elsewhere. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const type = typeof a !== "number" ? a.type : typeof b !== "number" ? b.type : "float32";
  const value = (operand: Operand) =>
    typeof operand === "number" ? condition.graph.scalar(operand, type) : operand;
  return operator(condition.graph, "Where", [condition, value(a), value(b)])[0];
}

// Reductions

/** Options of the reductions. */
export interface ReduceOptions {
  /** Whether a reduced axis stays, with length 1. @default true */
  readonly keepdims?: boolean;
}

function reduction(name: string): Reduction {
  return (x, axes, options = {}) => {
    if (axes !== undefined && axes.length === 0) return x;
    const inputs = axes === undefined ? [x] : [x, x.graph.ints(axes)];
    return operator(x.graph, name, inputs, { keepdims: flag(options.keepdims ?? true) })[0];
  };
}

/** A reduction over `axes`, over all of them if they are left out. */
export type Reduction = (x: Value, axes?: readonly number[], options?: ReduceOptions) => Value;
/** Largest element along `axes` (all, if left out). */
export const reduceMax: Reduction = reduction("ReduceMax");
/** Mean along `axes` (all, if left out). */
export const reduceMean: Reduction = reduction("ReduceMean");
/** Smallest element along `axes` (all, if left out). */
export const reduceMin: Reduction = reduction("ReduceMin");
/** Sum along `axes` (all, if left out). */
export const reduceSum: Reduction = reduction("ReduceSum");
/** Sum of squares along `axes` (all, if left out). */
export const reduceSumSquare: Reduction = reduction("ReduceSumSquare");
/** Euclidean norm along `axes` (all, if left out). */
export const reduceL2: Reduction = reduction("ReduceL2");

/** Options of argMax and argMin. */
export interface ArgOptions extends ReduceOptions {
  /** Counted from the end if below 0. @default 0 */
  readonly axis?: number;
}

/** int64 index of the largest element along an axis, the first of equal ones. */
export function argMax(x: Value, options: ArgOptions = {}): Value {
  const { axis = 0, keepdims = true } = options;
  return operator(x.graph, "ArgMax", [x], { axis: int(axis), keepdims: flag(keepdims) })[0];
}

/** int64 index of the smallest element along an axis, the first of equal ones. */
export function argMin(x: Value, options: ArgOptions = {}): Value {
  const { axis = 0, keepdims = true } = options;
  return operator(x.graph, "ArgMin", [x], { axis: int(axis), keepdims: flag(keepdims) })[0];
}

/** Options of topK. */
export interface TopKOptions {
  /** Counted from the end if below 0. @default -1 */
  readonly axis?: number;
  /** Whether the largest elements are taken, or the smallest. @default true */
  readonly largest?: boolean;
  /** Whether they come in order, the best first. @default true */
  readonly sorted?: boolean;
}

/** The `k` largest (or smallest) elements along an axis, and their int64 indices. */
export function topK(x: Value, k: number, options: TopKOptions = {}): [Value, Value] {
  const { axis = -1, largest = true, sorted = true } = options;
  const [values, indices] = operator(x.graph, "TopK", [x, x.graph.ints([k])], {
    axis: int(axis),
    largest: flag(largest),
    sorted: flag(sorted),
  }, 2);
  return [values, indices];
}

// Matrix products

/** Matrix product with NumPy's rules for more than two dimensions. */
export function matMul(a: Value, b: Value): Value {
  return operator(a.graph, "MatMul", [a, b])[0];
}

/** Options of gemm. */
export interface GemmOptions {
  /** Factor of the product. @default 1 */
  readonly alpha?: number;
  /** Factor of `c`. @default 1 */
  readonly beta?: number;
  /** Whether `a` is transposed first. @default false */
  readonly transA?: boolean;
  /** Whether `b` is transposed first. @default false */
  readonly transB?: boolean;
}

/** alpha · A B + beta · C for matrices, either of A and B transposed on request. */
export function gemm(a: Value, b: Value, c?: Value, options: GemmOptions = {}): Value {
  const { alpha = 1, beta = 1, transA = false, transB = false } = options;
  return operator(a.graph, "Gemm", c === undefined ? [a, b] : [a, b, c], {
    alpha: float(alpha),
    beta: float(beta),
    transA: flag(transA),
    transB: flag(transB),
  })[0];
}

/** Sum of products by an equation such as `"bij,bjk->bik"`. */
export function einsum(equation: string, ...inputs: readonly Value[]): Value {
  return operator(inputs[0].graph, "Einsum", inputs, { equation: text(equation) })[0];
}

// Convolution and pooling; x is [n, channels, height, width]

/** Options of conv. */
export interface ConvOptions {
  /** Of the window, per spatial axis. @default all 1 */
  readonly strides?: readonly number[];
  /** Padding at the beginning of each axis, then at the end. @default all 0 */
  readonly pads?: readonly number[];
  /** Step between the kernel's elements, per spatial axis. @default all 1 */
  readonly dilations?: readonly number[];
  /** Parts of the channels that are convolved each on their own. @default 1 */
  readonly group?: number;
}

/** Convolution; `w` is [out, in / group, kernel …], `b` is [out]. */
export function conv(x: Value, w: Value, b?: Value, options: ConvOptions = {}): Value {
  return operator(
    x.graph,
    "Conv",
    b === undefined ? [x, w] : [x, w, b],
    convAttributes(w, options),
  )[0];
}

/** Conv's attributes written out in full. */
function convAttributes(w: Value, options: ConvOptions): Attributes {
  const rank = w.shape.length - 2;
  const ones = new Array(rank).fill(1);
  return {
    kernel_shape: ints(w.shape.slice(2)),
    strides: ints(options.strides ?? ones),
    pads: ints(options.pads ?? new Array(2 * rank).fill(0)),
    dilations: ints(options.dilations ?? ones),
    group: int(options.group ?? 1),
  };
}

/** Options of convTranspose. */
export interface ConvTransposeOptions extends ConvOptions {
  /** Added to the end of each axis of the output. @default all 0 */
  readonly output_padding?: readonly number[];
}

/** Transposed convolution; `w` is [in, out / group, kernel …], `b` is [out]. */
export function convTranspose(
  x: Value,
  w: Value,
  b?: Value,
  options: ConvTransposeOptions = {},
): Value {
  const attributes = {
    ...convAttributes(w, options),
    ...given({ output_padding: options.output_padding && ints(options.output_padding) }),
  };
  return operator(x.graph, "ConvTranspose", b === undefined ? [x, w] : [x, w, b], attributes)[0];
}

/** Options of the pooling operators. */
export interface PoolOptions {
  /** Of the window, per spatial axis. */
  readonly kernel_shape: readonly number[];
  /** Of the window, per spatial axis. @default all 1 */
  readonly strides?: readonly number[];
  /** Padding at the beginning of each axis, then at the end. @default all 0 */
  readonly pads?: readonly number[];
  /** Whether a window that reaches over the end gives a place of its own. @default false */
  readonly ceil_mode?: boolean;
}

function poolAttributes(options: PoolOptions): Attributes {
  const rank = options.kernel_shape.length;
  return {
    kernel_shape: ints(options.kernel_shape),
    strides: ints(options.strides ?? new Array(rank).fill(1)),
    pads: ints(options.pads ?? new Array(2 * rank).fill(0)),
    ceil_mode: flag(options.ceil_mode ?? false),
  };
}

/** Largest element of each window. */
export function maxPool(x: Value, options: PoolOptions): Value {
  return operator(x.graph, "MaxPool", [x], poolAttributes(options))[0];
}

/** `maxPool`, and where each one lies: int64 indices into the whole flat tensor (much slower). */
export function maxPoolWithIndices(x: Value, options: PoolOptions): [Value, Value] {
  const [y, indices] = operator(x.graph, "MaxPool", [x], poolAttributes(options), 2);
  return [y, indices];
}

/** Mean of each window; padding counts as elements of value 0 on request. */
export function averagePool(
  x: Value,
  options: PoolOptions & {
    /** @default false */
    readonly count_include_pad?: boolean;
  },
): Value {
  return operator(x.graph, "AveragePool", [x], {
    ...poolAttributes(options),
    count_include_pad: flag(options.count_include_pad ?? false),
  })[0];
}

/** Mean over height and width, kept as axes of size 1. */
export const globalAveragePool: (x: Value) => Value = unary("GlobalAveragePool");
/** Largest element over height and width, kept as axes of size 1. */
export const globalMaxPool: (x: Value) => Value = unary("GlobalMaxPool");

/** Puts elements back where `maxPoolWithIndices` found them; zeros elsewhere. */
export function maxUnpool(
  x: Value,
  indices: Value,
  options: PoolOptions & { readonly output_shape: readonly number[] },
): Value {
  const inputs = [x, indices, x.graph.ints(options.output_shape)];
  const { ceil_mode: _, ...attributes } = poolAttributes(options);
  return operator(x.graph, "MaxUnpool", inputs, attributes)[0];
}

// Normalization

/** (x - mean) / √(variance + epsilon) · scale + bias, per channel (axis 1). */
export function batchNormalization(
  x: Value,
  scale: Value,
  bias: Value,
  mean: Value,
  variance: Value,
  options: {
    /** @default 1e-5 */
    readonly epsilon?: number;
  } = {},
): Value {
  const attributes = { epsilon: float(options.epsilon ?? 1e-5) };
  return operator(x.graph, "BatchNormalization", [x, scale, bias, mean, variance], attributes)[0];
}

/**
 * BatchNormalization with the batch's own statistics, and those statistics: mean and biased variance.
 *
 * The runtime writes the statistics over the buffers of inputs 4 and 5, whatever they are, so this
 * function takes none: it makes private ones by negating `mean` and `variance`, values of shape
 * [channels] that must be computed or inputs of the graph (a constant could be folded and shared) and
 * no other call's (equal nodes are merged by the runtime). With momentum 0 their numbers do not matter
 * as long as they are finite.
 */
export function batchNormalizationTraining(
  x: Value,
  scale: Value,
  bias: Value,
  mean: Value,
  variance: Value,
  options: { readonly epsilon?: number } = {},
): [Value, Value, Value] {
  const [y, batchMean, batchVariance] = operator(
    x.graph,
    "BatchNormalization",
    [x, scale, bias, neg(mean), neg(variance)],
    { epsilon: float(options.epsilon ?? 1e-5), momentum: float(0), training_mode: int(1) },
    3,
  );
  return [y, batchMean, batchVariance];
}

/** Options of layerNormalization. */
export interface LayerNormalizationOptions {
  /** First axis that is normalized. @default -1 */
  readonly axis?: number;
  /** Added to the variance. @default 1e-5 */
  readonly epsilon?: number;
}

/** (x - mean) / √(variance + epsilon) · scale + bias over the axes from `axis` on; then mean and 1/deviation. */
export function layerNormalization(
  x: Value,
  scale: Value,
  bias?: Value,
  options: LayerNormalizationOptions = {},
): [Value, Value, Value] {
  const { axis = -1, epsilon = 1e-5 } = options;
  const inputs = bias === undefined ? [x, scale] : [x, scale, bias];
  const attributes = { axis: int(axis), epsilon: float(epsilon) };
  const [y, mean, inverse] = operator(x.graph, "LayerNormalization", inputs, attributes, 3);
  return [y, mean, inverse];
}

// Layout

/** The same elements under another shape; one size may be -1, and 0 keeps the input's size. */
export function reshape(x: Value, shape: readonly number[]): Value {
  return operator(x.graph, "Reshape", [x, x.graph.ints(shape)])[0];
}

/** A matrix: the axes before `axis` as rows, the others as columns. */
export function flatten(x: Value, axis = 1): Value {
  return operator(x.graph, "Flatten", [x], { axis: int(axis) })[0];
}

/** Axes in another order: output axis i is input axis perm[i]; reversed, if left out. */
export function transpose(x: Value, perm?: readonly number[]): Value {
  return operator(x.graph, "Transpose", [x], given({ perm: perm && ints(perm) }))[0];
}

/** Without the given axes of size 1 (all such axes, if left out). */
export function squeeze(x: Value, axes?: readonly number[]): Value {
  return operator(x.graph, "Squeeze", axes === undefined ? [x] : [x, x.graph.ints(axes)])[0];
}

/** With new axes of size 1 at the given places of the result. */
export function unsqueeze(x: Value, axes: readonly number[]): Value {
  return operator(x.graph, "Unsqueeze", [x, x.graph.ints(axes)])[0];
}

/** The values one after the other along `axis`. */
export function concat(values: readonly Value[], axis: number): Value {
  if (values.length === 0) throw new RangeError("Cannot build Concat: there are no values");
  return operator(values[0].graph, "Concat", values, { axis: int(axis) })[0];
}

/** Elements `starts` ≤ i < `ends` along `axes` (the first axes, if left out), every `steps`. */
export function slice(
  x: Value,
  starts: readonly number[],
  ends: readonly number[],
  axes?: readonly number[],
  steps?: readonly number[],
): Value {
  const graph = x.graph;
  const inputs: (Value | undefined)[] = [x, graph.ints(starts), graph.ints(ends)];
  if (axes !== undefined || steps !== undefined) {
    inputs.push(graph.ints(axes ?? starts.map((_, i) => i)));
  }
  if (steps !== undefined) inputs.push(graph.ints(steps));
  return operator(graph, "Slice", inputs)[0];
}

/** Parts of the given sizes along `axis`. */
export function split(x: Value, sizes: readonly number[], axis = 0): readonly Value[] {
  return operator(
    x.graph,
    "Split",
    [x, x.graph.ints(sizes)],
    { axis: int(axis) },
    sizes.length,
  );
}

/** Options of pad. */
export interface PadOptions {
  /** What stands in the new places. @default "constant" */
  readonly mode?: "constant" | "reflect" | "edge" | "wrap";
  /** The number that "constant" adds. @default 0 */
  readonly constant_value?: number;
}

/** More elements at the beginning (first half of `pads`) and end (second half) of every axis. */
export function pad(x: Value, pads: readonly number[], options: PadOptions = {}): Value {
  const { mode = "constant", constant_value = 0 } = options;
  const inputs = [x, x.graph.ints(pads), x.graph.scalar(constant_value, x.type)];
  return operator(x.graph, "Pad", inputs, { mode: text(mode) })[0];
}

/** Elements of `x` along `axis` at the int64 `indices`, or at constant ones given as numbers. */
export function gather(x: Value, indices: Value | readonly number[], axis = 0): Value {
  const at = "graph" in indices ? indices : x.graph.ints(indices);
  return operator(x.graph, "Gather", [x, at], { axis: int(axis) })[0];
}

/** Elements of `x` at int64 `indices` of the same rank, along `axis`. */
export function gatherElements(x: Value, indices: Value, axis = 0): Value {
  return operator(x.graph, "GatherElements", [x, indices], { axis: int(axis) })[0];
}

/** `x` with `updates` written, added … at int64 `indices` along `axis`. */
export function scatterElements(
  x: Value,
  indices: Value,
  updates: Value,
  options: {
    /** @default 0 */
    readonly axis?: number;
    /** @default "none" */
    readonly reduction?: "none" | "add" | "mul" | "max" | "min";
  } = {},
): Value {
  const { axis = 0, reduction = "none" } = options;
  const attributes = { axis: int(axis), reduction: text(reduction) };
  return operator(x.graph, "ScatterElements", [x, indices, updates], attributes)[0];
}

/** `x` broadcast with `shape`. */
export function expand(x: Value, shape: readonly number[]): Value {
  return operator(x.graph, "Expand", [x, x.graph.ints(shape)])[0];
}

/** A constant tensor of one number, without storing it many times: a broadcast scalar. */
export function filled(graph: Graph, shape: readonly number[], value: number): Value {
  const scalar = graph.scalar(value);
  return sizeOf(shape) === 1 && shape.length === 0 ? scalar : expand(scalar, shape);
}

/** Options of resize. */
export interface ResizeOptions {
  /** How a value between the grid's places is made. @default "nearest" */
  readonly mode?: "nearest" | "linear" | "cubic";
  /** Which place of `x` a place of the result is taken from. @default "half_pixel" */
  readonly coordinate_transformation_mode?:
    | "half_pixel"
    | "pytorch_half_pixel"
    | "align_corners"
    | "asymmetric";
  /** To which place "nearest" rounds. @default "round_prefer_floor" */
  readonly nearest_mode?: "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil";
}

/** `x` sampled on a grid of another size; `sizes` counts every axis. */
export function resize(x: Value, sizes: readonly number[], options: ResizeOptions = {}): Value {
  const {
    mode = "nearest",
    coordinate_transformation_mode = "half_pixel",
    nearest_mode = "round_prefer_floor",
  } = options;
  return operator(x.graph, "Resize", [x, undefined, undefined, x.graph.ints(sizes)], {
    mode: text(mode),
    coordinate_transformation_mode: text(coordinate_transformation_mode),
    nearest_mode: text(nearest_mode),
  })[0];
}
