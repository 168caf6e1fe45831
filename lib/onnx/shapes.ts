/**
 * Types and static shapes of an operator's outputs, one rule per operator in a table. A shape that
 * depends on data (the target of Reshape, the axes of ReduceSum) is read from a constant input.
 *
 * The rules follow ONNX opset 21: https://onnx.ai/onnx/operators/
 *
 * @module
 */
import { type Attributes, type ElementType, type Signature, sizeOf, type Value } from "./graph.ts";

/** An operator's inputs; an optional one that is left out is undefined. */
export type Inputs = readonly (Value | undefined)[];

/** Outputs of one operator call from its inputs, attributes and number of outputs asked for. */
export type ShapeRule = (
  inputs: Inputs,
  attributes: Attributes,
  outputs: number,
) => readonly Signature[];

/**
 * Types and shapes of the outputs of `operator`.
 *
 * @throws {RangeError} if the operator is unknown or the inputs do not fit together
 */
export function inferOutputs(
  operator: string,
  domain: string,
  inputs: Inputs,
  attributes: Attributes,
  outputs = 1,
): readonly Signature[] {
  const name = domain === "" ? operator : `${domain}.${operator}`;
  const rule = shapeRules.get(name);
  if (rule === undefined) throw new RangeError(`Cannot infer shapes: operator ${name} is unknown`);
  return rule(inputs, attributes, outputs);
}

/** The shape that `a` and `b` have together under NumPy's broadcasting. */
function broadcastShapes(
  operator: string,
  a: readonly number[],
  b: readonly number[],
): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new RangeError(`Cannot build ${operator}: shapes [${a}] and [${b}] do not broadcast`);
    }
    return p === 1 ? q : p;
  });
}

/** An axis in [-rank, rank) as one in [0, rank). */
export function axisOf(operator: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(`Cannot build ${operator}: axis is ${axis}, the rank ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Integers of a constant input. */
export function constantInts(operator: string, what: string, value: Value | undefined): number[] {
  if (value?.constant === undefined) {
    throw new RangeError(`Cannot build ${operator}: ${what} is not a constant`);
  }
  return Array.from(value.constant.data as ArrayLike<number | bigint>, Number);
}

/** A number attribute, or the default. */
export function intOf(attributes: Attributes, name: string, otherwise: number): number {
  const attribute = attributes[name];
  return attribute?.kind === "int" || attribute?.kind === "float" ? attribute.value : otherwise;
}

/** An integer-list attribute, or the default. */
export function intsOf(
  attributes: Attributes,
  name: string,
  otherwise: readonly number[],
): readonly number[] {
  const attribute = attributes[name];
  return attribute?.kind === "ints" ? attribute.value : otherwise;
}

const same: ShapeRule = ([x]) => [{ type: x!.type, shape: x!.shape }];

function binary(operator: string, type?: ElementType): ShapeRule {
  return ([a, b]) => {
    if (a!.type !== b!.type) {
      throw new RangeError(`Cannot build ${operator}: element types ${a!.type} and ${b!.type}`);
    }
    return [{ type: type ?? a!.type, shape: broadcastShapes(operator, a!.shape, b!.shape) }];
  };
}

function reduce(operator: string, type?: ElementType): ShapeRule {
  return ([x, axes], attributes) => {
    const rank = x!.shape.length;
    const chosen = axes !== undefined
      ? constantInts(operator, "axes", axes).map((axis) => axisOf(operator, axis, rank))
      : x!.shape.map((_, i) => i);
    const keep = intOf(attributes, "keepdims", 1) === 1;
    const shape = x!.shape.flatMap((size, i) => chosen.includes(i) ? (keep ? [1] : []) : [size]);
    return [{ type: type ?? x!.type, shape }];
  };
}

const arg: ShapeRule = ([x], attributes) => {
  const axis = axisOf("ArgMax", intOf(attributes, "axis", 0), x!.shape.length);
  const keep = intOf(attributes, "keepdims", 1) === 1;
  const shape = x!.shape.flatMap((size, i) => i === axis ? (keep ? [1] : []) : [size]);
  return [{ type: "int64", shape }];
};

/** Output size along one axis of a convolution or pooling window. */
function windowed(
  operator: string,
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  pads: number,
  ceil = false,
): number {
  const room = size + pads - dilation * (kernel - 1) - 1;
  if (room < 0) {
    throw new RangeError(
      `Cannot build ${operator}: window ${kernel} (dilation ${dilation}) is larger than ${size} + ${pads} padding`,
    );
  }
  return (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
}

const conv: ShapeRule = ([x, w, b], attributes) => {
  const [n, c, ...spatial] = x!.shape;
  const [out, perGroup, ...kernel] = w!.shape;
  const group = intOf(attributes, "group", 1);
  if (spatial.length !== kernel.length || perGroup * group !== c || out % group !== 0) {
    throw new RangeError(
      `Cannot build Conv: input [${x!.shape}], weight [${w!.shape}], group ${group}`,
    );
  }
  if (b !== undefined && (b.shape.length !== 1 || b.shape[0] !== out)) {
    throw new RangeError(`Cannot build Conv: bias [${b.shape}] for ${out} output channels`);
  }
  const { strides, pads, dilations } = windowAttributes(attributes, spatial.length);
  const sizes = spatial.map((size, i) =>
    windowed("Conv", size, kernel[i], strides[i], dilations[i], pads[i] + pads[i + spatial.length])
  );
  return [{ type: x!.type, shape: [n, out, ...sizes] }];
};

const convTranspose: ShapeRule = ([x, w], attributes) => {
  const [n, c, ...spatial] = x!.shape;
  const [cin, perGroup, ...kernel] = w!.shape;
  const group = intOf(attributes, "group", 1);
  if (spatial.length !== kernel.length || cin !== c || c % group !== 0) {
    throw new RangeError(
      `Cannot build ConvTranspose: input [${x!.shape}], weight [${w!.shape}], group ${group}`,
    );
  }
  const rank = spatial.length;
  const { strides, pads, dilations } = windowAttributes(attributes, rank);
  const extra = intsOf(attributes, "output_padding", spatial.map(() => 0));
  const sizes = spatial.map((size, i) =>
    strides[i] * (size - 1) + extra[i] + dilations[i] * (kernel[i] - 1) + 1 - pads[i] -
    pads[i + rank]
  );
  return [{ type: x!.type, shape: [n, perGroup * group, ...sizes] }];
};

/** Strides, pads and dilations of a window operator with ONNX's defaults. */
export function windowAttributes(
  attributes: Attributes,
  rank: number,
): { strides: readonly number[]; pads: readonly number[]; dilations: readonly number[] } {
  const padding = attributes["auto_pad"];
  if (padding?.kind === "string" && padding.value !== "NOTSET") {
    throw new RangeError(`Cannot infer shapes: auto_pad is ${padding.value}, not explicit pads`);
  }
  const ones = new Array(rank).fill(1);
  return {
    strides: intsOf(attributes, "strides", ones),
    pads: intsOf(attributes, "pads", new Array(2 * rank).fill(0)),
    dilations: intsOf(attributes, "dilations", ones),
  };
}

/** Strides, pads, dilations and group of a convolution over two axes. */
export interface ConvWindow {
  /** Per axis. */
  readonly strides: readonly number[];
  /** At the beginning of both axes, then at the end. */
  readonly pads: readonly number[];
  /** Step between the kernel's elements, per axis. */
  readonly dilations: readonly number[];
  /** Parts of the channels that are convolved each on their own. */
  readonly group: number;
}

/** The window of a convolution over two axes, with ONNX's defaults. */
export function convWindow(attributes: Attributes): ConvWindow {
  return { ...windowAttributes(attributes, 2), group: intOf(attributes, "group", 1) };
}

function pool(operator: string): ShapeRule {
  return ([x], attributes, outputs) => {
    const [n, c, ...spatial] = x!.shape;
    const rank = spatial.length;
    const kernel = intsOf(attributes, "kernel_shape", []);
    if (kernel.length !== rank) {
      throw new RangeError(`Cannot build ${operator}: kernel [${kernel}] on [${x!.shape}]`);
    }
    const { strides, pads, dilations } = windowAttributes(attributes, rank);
    const ceil = intOf(attributes, "ceil_mode", 0) === 1;
    const sizes = spatial.map((size, i) => {
      const count = windowed(
        operator,
        size,
        kernel[i],
        strides[i],
        dilations[i],
        pads[i] + pads[i + rank],
        ceil,
      );
      // With ceil_mode a last window that would begin in the right padding is left out.
      return ceil && (count - 1) * strides[i] >= size + pads[i] ? count - 1 : count;
    });
    const shape = [n, c, ...sizes];
    const first: Signature = { type: x!.type, shape };
    return outputs > 1 ? [first, { type: "int64", shape }] : [first];
  };
}

const matMul: ShapeRule = ([a, b]) => {
  if (a!.type !== b!.type) {
    throw new RangeError(`Cannot build MatMul: element types ${a!.type} and ${b!.type}`);
  }
  const p = a!.shape.length === 1 ? [1, a!.shape[0]] : a!.shape;
  const q = b!.shape.length === 1 ? [b!.shape[0], 1] : b!.shape;
  if (p.length < 2 || q.length < 2 || p.at(-1) !== q.at(-2)) {
    throw new RangeError(`Cannot build MatMul: shapes [${a!.shape}] and [${b!.shape}]`);
  }
  const shape = broadcastShapes("MatMul", p.slice(0, -2), q.slice(0, -2));
  if (a!.shape.length > 1) shape.push(p.at(-2)!);
  if (b!.shape.length > 1) shape.push(q.at(-1)!);
  return [{ type: a!.type, shape }];
};

const gemm: ShapeRule = ([a, b, c], attributes) => {
  const [m, k] = intOf(attributes, "transA", 0) ? [a!.shape[1], a!.shape[0]] : a!.shape;
  const [l, n] = intOf(attributes, "transB", 0) ? [b!.shape[1], b!.shape[0]] : b!.shape;
  if (a!.shape.length !== 2 || b!.shape.length !== 2 || k !== l) {
    throw new RangeError(`Cannot build Gemm: shapes [${a!.shape}] and [${b!.shape}]`);
  }
  if (c !== undefined) {
    const sum = broadcastShapes("Gemm", c.shape, [m, n]);
    if (sum.length !== 2 || sum[0] !== m || sum[1] !== n) {
      throw new RangeError(`Cannot build Gemm: addend [${c.shape}] for [${m},${n}]`);
    }
  }
  return [{ type: a!.type, shape: [m, n] }];
};

const reshape: ShapeRule = ([x, target]) => {
  const asked = constantInts("Reshape", "shape", target);
  const shape = asked.map((size, i) => size === 0 ? x!.shape[i] : size);
  const known = shape.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const full = shape.map((size) => size === -1 ? sizeOf(x!.shape) / known : size);
  if (sizeOf(full) !== sizeOf(x!.shape) || full.some((size) => !Number.isInteger(size))) {
    throw new RangeError(`Cannot build Reshape: [${x!.shape}] as [${asked}]`);
  }
  return [{ type: x!.type, shape: full }];
};

const transpose: ShapeRule = ([x], attributes) => {
  const rank = x!.shape.length;
  const perm = intsOf(attributes, "perm", x!.shape.map((_, i) => rank - 1 - i));
  if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== rank) {
    throw new RangeError(`Cannot build Transpose: perm [${perm}] of [${x!.shape}]`);
  }
  return [{ type: x!.type, shape: perm.map((axis) => x!.shape[axis]) }];
};

const concat: ShapeRule = (inputs, attributes) => {
  const first = inputs[0]!;
  const axis = axisOf("Concat", intOf(attributes, "axis", 0), first.shape.length);
  let total = 0;
  for (const input of inputs) {
    const fits = input!.type === first.type && input!.shape.length === first.shape.length &&
      input!.shape.every((size, i) => i === axis || size === first.shape[i]);
    if (!fits) {
      throw new RangeError(
        `Cannot build Concat: [${first.shape}] and [${input!.shape}] along axis ${axis}`,
      );
    }
    total += input!.shape[axis];
  }
  return [{ type: first.type, shape: first.shape.with(axis, total) }];
};

const slice: ShapeRule = ([x, startsValue, endsValue, axesValue, stepsValue]) => {
  const starts = constantInts("Slice", "starts", startsValue);
  const ends = constantInts("Slice", "ends", endsValue);
  const axes = axesValue ? constantInts("Slice", "axes", axesValue) : starts.map((_, i) => i);
  const steps = stepsValue ? constantInts("Slice", "steps", stepsValue) : starts.map(() => 1);
  const shape = [...x!.shape];
  for (let i = 0; i < starts.length; i++) {
    const axis = axisOf("Slice", axes[i], shape.length);
    shape[axis] = sliceLength(x!.shape[axis], starts[i], ends[i], steps[i]);
  }
  return [{ type: x!.type, shape }];
};

function sliceLength(size: number, start: number, end: number, step: number): number {
  if (step === 0) throw new RangeError("Cannot build Slice: a step is 0");
  const least = step > 0 ? 0 : -1;
  const most = step > 0 ? size : size - 1;
  const bound = (at: number) => Math.min(most, Math.max(least, at < 0 ? at + size : at));
  return Math.max(0, Math.ceil((bound(end) - bound(start)) / step));
}

const split: ShapeRule = ([x, sizesValue], attributes, outputs) => {
  const axis = axisOf("Split", intOf(attributes, "axis", 0), x!.shape.length);
  const part = Math.ceil(x!.shape[axis] / outputs);
  const sizes = sizesValue
    ? constantInts("Split", "split", sizesValue)
    : Array.from({ length: outputs }, (_, i) => Math.min(part, x!.shape[axis] - i * part));
  if (sizes.length !== outputs || sizes.reduce((a, b) => a + b, 0) !== x!.shape[axis]) {
    throw new RangeError(`Cannot build Split: [${x!.shape}] into [${sizes}] along axis ${axis}`);
  }
  return sizes.map((size) => ({ type: x!.type, shape: x!.shape.with(axis, size) }));
};

const pad: ShapeRule = ([x, padsValue, , axesValue]) => {
  const pads = constantInts("Pad", "pads", padsValue);
  const axes = axesValue ? constantInts("Pad", "axes", axesValue) : x!.shape.map((_, i) => i);
  if (pads.length !== 2 * axes.length) {
    throw new RangeError(`Cannot build Pad: ${pads.length} pads for ${axes.length} axes`);
  }
  const shape = [...x!.shape];
  axes.forEach((axis, i) => {
    shape[axisOf("Pad", axis, shape.length)] += pads[i] + pads[i + axes.length];
  });
  return [{ type: x!.type, shape }];
};

const gather: ShapeRule = ([x, indices], attributes) => {
  const axis = axisOf("Gather", intOf(attributes, "axis", 0), x!.shape.length);
  const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
  return [{ type: x!.type, shape }];
};

const resize: ShapeRule = ([x, , scales, sizes]) => {
  if (sizes !== undefined) {
    return [{ type: x!.type, shape: constantInts("Resize", "sizes", sizes) }];
  }
  if (scales?.constant === undefined) {
    throw new RangeError("Cannot build Resize: scales are not a constant");
  }
  const factors = scales.constant.data as Float32Array;
  return [{ type: x!.type, shape: x!.shape.map((size, i) => Math.floor(size * factors[i])) }];
};

const castTypes: Readonly<Record<number, ElementType>> = {
  1: "float32",
  2: "uint8",
  6: "int32",
  7: "int64",
  9: "bool",
  11: "float64",
};

const cast: ShapeRule = ([x], attributes) => {
  const type = castTypes[intOf(attributes, "to", 0)];
  if (type === undefined) {
    throw new RangeError(`Cannot build Cast: type number ${intOf(attributes, "to", 0)}`);
  }
  return [{ type, shape: x!.shape }];
};

const where: ShapeRule = ([condition, a, b]) => {
  if (a!.type !== b!.type || condition!.type !== "bool") {
    throw new RangeError(
      `Cannot build Where: element types ${condition!.type}, ${a!.type}, ${b!.type}`,
    );
  }
  const both = broadcastShapes("Where", a!.shape, b!.shape);
  return [{ type: a!.type, shape: broadcastShapes("Where", condition!.shape, both) }];
};

const topK: ShapeRule = ([x, kValue], attributes) => {
  const axis = axisOf("TopK", intOf(attributes, "axis", -1), x!.shape.length);
  const [k] = constantInts("TopK", "k", kValue);
  if (k < 1 || k > x!.shape[axis]) {
    throw new RangeError(`Cannot build TopK: k is ${k}, axis ${axis} has ${x!.shape[axis]}`);
  }
  const shape = x!.shape.with(axis, k);
  return [{ type: x!.type, shape }, { type: "int64", shape }];
};

const einsum: ShapeRule = (inputs, attributes) => {
  const attribute = attributes["equation"];
  const equation = (attribute?.kind === "string" ? attribute.value : "").replaceAll(" ", "");
  const [left, right] = equation.split("->");
  const terms = left.split(",");
  if (right === undefined || terms.length !== inputs.length || equation.includes(".")) {
    throw new RangeError(
      `Cannot build Einsum: equation is ${JSON.stringify(equation)} (write it out, with "->")`,
    );
  }
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    const shape = inputs[i]!.shape;
    const fits = term.length === shape.length && [...term].every((letter, axis) => {
      const size = sizes.get(letter) ?? shape[axis];
      sizes.set(letter, size);
      return size === shape[axis];
    });
    if (!fits) throw new RangeError(`Cannot build Einsum: term ${term} for shape [${shape}]`);
  });
  return [{ type: inputs[0]!.type, shape: [...right].map((letter) => sizes.get(letter)!) }];
};

const expand: ShapeRule = ([x, target]) => {
  const shape = broadcastShapes("Expand", x!.shape, constantInts("Expand", "shape", target));
  return [{ type: x!.type, shape }];
};

const batchNormalization: ShapeRule = ([x, scale, ...rest], _attributes, outputs) => {
  const channels = x!.shape[1];
  for (const vector of [scale, ...rest]) {
    if (vector!.shape.length !== 1 || vector!.shape[0] !== channels) {
      throw new RangeError(
        `Cannot build BatchNormalization: vector [${vector!.shape}] for input [${x!.shape}]`,
      );
    }
  }
  const first: Signature = { type: x!.type, shape: x!.shape };
  const statistic: Signature = { type: x!.type, shape: [channels] };
  return outputs > 1 ? [first, statistic, statistic] : [first];
};

const layerNormalization: ShapeRule = ([x], attributes, outputs) => {
  const axis = axisOf("LayerNormalization", intOf(attributes, "axis", -1), x!.shape.length);
  const first: Signature = { type: x!.type, shape: x!.shape };
  const statistic: Signature = {
    type: "float32",
    shape: x!.shape.map((size, i) => i < axis ? size : 1),
  };
  return [first, statistic, statistic].slice(0, outputs);
};

const squeeze: ShapeRule = ([x, axesValue]) => {
  const axes = axesValue === undefined
    ? x!.shape.flatMap((size, i) => size === 1 ? [i] : [])
    : constantInts("Squeeze", "axes", axesValue).map((a) => axisOf("Squeeze", a, x!.shape.length));
  if (axes.some((axis) => x!.shape[axis] !== 1)) {
    throw new RangeError(`Cannot build Squeeze: axes [${axes}] of [${x!.shape}]`);
  }
  return [{ type: x!.type, shape: x!.shape.filter((_, i) => !axes.includes(i)) }];
};

const unsqueeze: ShapeRule = ([x, axesValue]) => {
  const axes = constantInts("Unsqueeze", "axes", axesValue);
  const rank = x!.shape.length + axes.length;
  const chosen = axes.map((axis) => axisOf("Unsqueeze", axis, rank));
  const rest = [...x!.shape];
  const shape = Array.from({ length: rank }, (_, i) => chosen.includes(i) ? 1 : rest.shift()!);
  return [{ type: x!.type, shape }];
};

const globalPool: ShapeRule = (
  [x],
) => [{
  type: x!.type,
  shape: [...x!.shape.slice(0, 2), ...x!.shape.slice(2).map(() => 1)],
}];

const flatten: ShapeRule = ([x], attributes) => {
  const axis = intOf(attributes, "axis", 1);
  const shape = [sizeOf(x!.shape.slice(0, axis)), sizeOf(x!.shape.slice(axis))];
  return [{ type: x!.type, shape }];
};

/** Sum, Max and Min take any number of inputs. */
function variadic(operator: string): ShapeRule {
  return (inputs) => {
    const shape = inputs.reduce<readonly number[]>(
      (joint, input) => broadcastShapes(operator, joint, input!.shape),
      [],
    );
    return [{ type: inputs[0]!.type, shape }];
  };
}

const reorderOutput: ShapeRule = ([x], attributes) => [{
  type: x!.type,
  shape: x!.shape.with(1, intOf(attributes, "channels", x!.shape[1])),
}];

/** The elementwise operators of one input, whose output is like their input. */
const unaryOperators = [
  "Abs",
  "Ceil",
  "Cos",
  "Elu",
  "Erf",
  "Exp",
  "Floor",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "Log",
  "LogSoftmax",
  "Neg",
  "Reciprocal",
  "Relu",
  "Round",
  "Sigmoid",
  "Sign",
  "Sin",
  "Softmax",
  "Softplus",
  "Sqrt",
  "Tanh",
] as const;

const reductions = [
  "ReduceL1",
  "ReduceL2",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceProd",
  "ReduceSum",
  "ReduceSumSquare",
];

/** One rule per operator; operators outside ONNX's own domain carry it as a prefix. */
export const shapeRules: ReadonlyMap<string, ShapeRule> = new Map<string, ShapeRule>([
  ...unaryOperators.map((name): [string, ShapeRule] => [name, same]),
  ...["Add", "Sub", "Mul", "Div", "Pow", "Mod"].map((name): [string, ShapeRule] => [
    name,
    binary(name),
  ]),
  ...["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or"].map((
    name,
  ): [string, ShapeRule] => [name, binary(name, "bool")]),
  ...reductions.map((name): [string, ShapeRule] => [name, reduce(name)]),
  ["Not", same],
  ["Clip", same],
  ["ArgMax", arg],
  ["ArgMin", arg],
  ["Conv", conv],
  ["ConvTranspose", convTranspose],
  ["MaxPool", pool("MaxPool")],
  ["AveragePool", pool("AveragePool")],
  ["GlobalAveragePool", globalPool],
  ["GlobalMaxPool", globalPool],
  ["MatMul", matMul],
  ["Gemm", gemm],
  ["Reshape", reshape],
  ["Flatten", flatten],
  ["Transpose", transpose],
  ["Concat", concat],
  ["Slice", slice],
  ["Split", split],
  ["Pad", pad],
  ["Gather", gather],
  ["GatherElements", ([x, indices]) => [{ type: x!.type, shape: indices!.shape }]],
  ["ScatterElements", same],
  ["Resize", resize],
  ["Cast", cast],
  ["Where", where],
  ["TopK", topK],
  ["Einsum", einsum],
  ["Expand", expand],
  ["Squeeze", squeeze],
  ["Unsqueeze", unsqueeze],
  ["CumSum", same],
  ["Sum", variadic("Sum")],
  ["Max", variadic("Max")],
  ["Min", variadic("Min")],
  ["BatchNormalization", batchNormalization],
  ["LayerNormalization", layerNormalization],
  ["MaxUnpool", ([x, , target]) => [{
    type: x!.type,
    shape: constantInts("MaxUnpool", "output_shape", target),
  }]],
  ["com.microsoft.nchwc.ReorderInput", same],
  ["com.microsoft.nchwc.ReorderOutput", reorderOutput],
  ["com.microsoft.nchwc.Conv", conv],
]);
