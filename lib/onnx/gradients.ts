/**
 * Reverse-mode differentiation: adds to a graph the nodes that compute the gradients of a scalar. Each
 * operator has one rule, in the table below. A rule may add more nodes than are needed in the end; what
 * no output needs is left out when the graph is written.
 *
 * The formulations are the fastest ones measured on onnxruntime's CPU provider, which has no training
 * operators; each rule's file says what it does and why.
 *
 * @module
 */
import { type GraphNode, nodesFor, type Value } from "./graph.ts";
import { add, filled } from "./ops.ts";
import { convGradient, convTransposeGradient } from "./gradients/convolution.ts";
import {
  absGradient,
  addGradient,
  castGradient,
  clipGradient,
  cosGradient,
  divGradient,
  erfGradient,
  expGradient,
  hardSigmoidGradient,
  hardSwishGradient,
  identityGradient,
  leakyReluGradient,
  logGradient,
  maxGradient,
  minGradient,
  mulGradient,
  negGradient,
  powGradient,
  reciprocalGradient,
  reluGradient,
  sigmoidGradient,
  sinGradient,
  softplusGradient,
  sqrtGradient,
  subGradient,
  sumGradient,
  tanhGradient,
  whereGradient,
} from "./gradients/elementwise.ts";
import {
  concatGradient,
  expandGradient,
  gatherElementsGradient,
  gatherGradient,
  padGradient,
  reshapeGradient,
  sliceGradient,
  splitGradient,
  topKGradient,
  transposeGradient,
} from "./gradients/layout.ts";
import { einsumGradient, gemmGradient, matMulGradient } from "./gradients/matrix.ts";
import {
  batchNormalizationGradient,
  layerNormalizationGradient,
  logSoftmaxGradient,
  softmaxGradient,
} from "./gradients/normalization.ts";
import {
  averagePoolGradient,
  globalAveragePoolGradient,
  maxPoolGradient,
  resizeGradient,
} from "./gradients/sampling.ts";
import {
  reduceL2Gradient,
  reduceMaxGradient,
  reduceMeanGradient,
  reduceSumGradient,
  reduceSumSquareGradient,
} from "./gradients/reduction.ts";
import type { GradientCall, GradientRule } from "./gradients/rule.ts";

/** The rule of each operator that has a derivative. */
export const gradientRules: ReadonlyMap<string, GradientRule> = new Map([
  ["Abs", absGradient],
  ["Add", addGradient],
  ["AveragePool", averagePoolGradient],
  ["BatchNormalization", batchNormalizationGradient],
  ["Cast", castGradient],
  ["Clip", clipGradient],
  ["Concat", concatGradient],
  ["Conv", convGradient],
  ["ConvTranspose", convTransposeGradient],
  ["Cos", cosGradient],
  ["Div", divGradient],
  ["Einsum", einsumGradient],
  ["Erf", erfGradient],
  ["Exp", expGradient],
  ["Expand", expandGradient],
  ["Flatten", reshapeGradient],
  ["Gather", gatherGradient],
  ["GatherElements", gatherElementsGradient],
  ["Gemm", gemmGradient],
  ["GlobalAveragePool", globalAveragePoolGradient],
  ["HardSigmoid", hardSigmoidGradient],
  ["HardSwish", hardSwishGradient],
  ["Identity", identityGradient],
  ["LayerNormalization", layerNormalizationGradient],
  ["LeakyRelu", leakyReluGradient],
  ["Log", logGradient],
  ["LogSoftmax", logSoftmaxGradient],
  ["MatMul", matMulGradient],
  ["Max", maxGradient],
  ["MaxPool", maxPoolGradient],
  ["Min", minGradient],
  ["Mul", mulGradient],
  ["Neg", negGradient],
  ["Pad", padGradient],
  ["Pow", powGradient],
  ["Reciprocal", reciprocalGradient],
  ["ReduceL2", reduceL2Gradient],
  ["ReduceMax", reduceMaxGradient],
  ["ReduceMean", reduceMeanGradient],
  ["ReduceMin", reduceMaxGradient],
  ["ReduceSum", reduceSumGradient],
  ["ReduceSumSquare", reduceSumSquareGradient],
  ["Relu", reluGradient],
  ["Reshape", reshapeGradient],
  ["Resize", resizeGradient],
  ["Sigmoid", sigmoidGradient],
  ["Sin", sinGradient],
  ["Slice", sliceGradient],
  ["Softmax", softmaxGradient],
  ["Softplus", softplusGradient],
  ["Split", splitGradient],
  ["Sqrt", sqrtGradient],
  ["Squeeze", reshapeGradient],
  ["Sub", subGradient],
  ["Sum", sumGradient],
  ["Tanh", tanhGradient],
  ["TopK", topKGradient],
  ["Transpose", transposeGradient],
  ["Unsqueeze", reshapeGradient],
  ["Where", whereGradient],
]);

/** Operators whose output is piecewise constant: their derivative is 0 wherever there is one. */
const withoutGradient: ReadonlySet<string> = new Set([
  "And",
  "ArgMax",
  "ArgMin",
  "Ceil",
  "Equal",
  "Floor",
  "Greater",
  "GreaterOrEqual",
  "Less",
  "LessOrEqual",
  "Not",
  "Or",
  "Round",
  "Sign",
]);

/** Options of `gradients`. */
export interface GradientOptions {
  /** Values through which nothing flows back, as torch's `detach`. @default none */
  readonly stop?: readonly Value[];
}

/**
 * Gradients of the scalar `loss` for each of `sources`, in their order; zeros where the loss does not
 * depend on a source.
 *
 * @throws {RangeError} if the loss is not a float32 scalar, or a path to a source leads through an
 *   operator without a rule
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Graph } from "./graph.ts";
 * import { mul, reduceSum } from "./ops.ts";
 * const graph = new Graph();
 * const x = graph.input("x", "float32", [3]);
 * const [dx] = gradients(reduceSum(mul(x, x), undefined, { keepdims: false }), [x]);
 * assert.deepEqual(dx.shape, [3]);
 * ```
 */
export function gradients(
  loss: Value,
  sources: readonly Value[],
  options: GradientOptions = {},
): Value[] {
  const { graph } = loss;
  if (loss.type !== "float32" || loss.shape.some((size) => size !== 1)) {
    throw new RangeError(
      `Cannot differentiate ${loss.name}: it is ${loss.type} [${loss.shape}], not a float32 scalar`,
    );
  }
  const before = graph.nodes.length;
  const one = filled(graph, loss.shape, 1);
  const slopes = gradientsThrough(loss, one, sources, new Set(options.stop));
  // What depends on no gradient, as the mask of a ReLU, stands before what does: the runtime first makes
  // the input that stands last, and so makes such values when they are needed, not long before.
  const added = graph.nodes.splice(before);
  const later = dependents(added, [one], new Set());
  const isLater = ({ outputs }: GraphNode) => outputs.some((output) => later.has(output));
  graph.nodes.push(...added.filter((node) => !isLater(node)), ...added.filter(isLater));
  return slopes;
}

/** Gradients of `sources` where `y` has the gradient `dy`. */
function gradientsThrough(
  y: Value,
  dy: Value,
  sources: readonly Value[],
  stopped: ReadonlySet<Value>,
): Value[] {
  const { graph } = y;
  const path = nodesFor(graph, [y]);
  const relevant = dependents(path, sources, stopped);
  const parts = new Map<Value, Value[]>([[y, [dy]]]);
  const through: GradientCall["through"] = (y, dy, sources) =>
    gradientsThrough(y, dy, sources, new Set());

  for (const node of path.reverse()) {
    if (!node.outputs.some((output) => relevant.has(output))) continue;
    const outputGradients = node.outputs.map((output) =>
      stopped.has(output) ? undefined : summed(parts, output)
    );
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    const inputGradients = ruleOf(node)({ graph, node, outputGradients, through });
    node.inputs.forEach((input, i) => {
      if (input === undefined || !relevant.has(input)) return;
      const gradient = inputGradients[i];
      if (gradient === undefined) return;
      if (gradient === "none") {
        throw new RangeError(
          `Cannot differentiate ${node.operator}: there is no rule for its input ${i}`,
        );
      }
      parts.set(input, [...parts.get(input) ?? [], gradient]);
    });
  }
  return sources.map((source) => summed(parts, source) ?? filled(graph, source.shape, 0));
}

/** The values on `path` that depend on `sources`, the sources included. */
function dependents(
  path: readonly GraphNode[],
  sources: readonly Value[],
  stopped: ReadonlySet<Value>,
): Set<Value> {
  const found = new Set<Value>(sources);
  for (const node of path) {
    if (!node.inputs.some((input) => input !== undefined && found.has(input))) continue;
    for (const output of node.outputs) if (!stopped.has(output)) found.add(output);
  }
  return found;
}

/** The gradient of `value`: its parts added up, once. */
function summed(parts: Map<Value, Value[]>, value: Value): Value | undefined {
  const list = parts.get(value);
  if (list === undefined) return undefined;
  const sum = list.reduce((total, part) => add(total, part));
  parts.set(value, [sum]);
  return sum;
}

function ruleOf(node: GraphNode): GradientRule {
  if (withoutGradient.has(node.operator)) return () => [];
  const rule = gradientRules.get(node.operator);
  if (rule === undefined) {
    throw new RangeError(`Cannot differentiate ${node.operator}: it has no gradient rule`);
  }
  return rule;
}
