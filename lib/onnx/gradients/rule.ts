/**
 * What a gradient rule is given and gives, and what several rules share.
 *
 * @module
 */
import { type Graph, type GraphNode, sizeOf, type Value } from "../graph.ts";
import { reduceSum, reshape } from "../ops.ts";

/** One operator call, with the gradients of its outputs (undefined where nothing depends on one). */
export interface GradientCall {
  /** Where the gradient's nodes are added. */
  readonly graph: Graph;
  /** The call, as it stands in the graph. */
  readonly node: GraphNode;
  /** In the order of the outputs, each of its output's shape. */
  readonly outputGradients: readonly (Value | undefined)[];
  /** Gradients of `sources` where `y`, made from them, has the gradient `dy`. */
  readonly through: (y: Value, dy: Value, sources: readonly Value[]) => readonly Value[];
}

/**
 * The gradient of one input: undefined where it is 0, `"none"` where there is no rule for it, so that
 * asking for it is an error.
 */
export type InputGradient = Value | undefined | "none";

/** Gradients of an operator's inputs, in their order; missing ones at the end are undefined. */
export type GradientRule = (call: GradientCall) => readonly InputGradient[];

/** A rule for an operator of one output: `(dy, inputs, y, node, call) => input gradients`. */
export function ruleOfOutput(
  rule: (
    dy: Value,
    inputs: readonly Value[],
    y: Value,
    node: GraphNode,
    call: GradientCall,
  ) => readonly InputGradient[],
): GradientRule {
  return (call) => {
    const { node, outputGradients: [dy] } = call;
    return dy === undefined
      ? []
      : rule(dy, node.inputs as readonly Value[], node.outputs[0], node, call);
  };
}

/** `gradient` summed over the axes along which a value of `shape` was broadcast. */
export function unbroadcast(gradient: Value, shape: readonly number[]): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) =>
    axis < extra || (size !== 1 && shape[axis - extra] === 1) ? [axis] : []
  );
  const sum = sumOver(gradient, axes);
  return String(sum.shape) === String(shape) ? sum : reshape(sum, shape);
}

/**
 * Sum over `axes` (ascending), kept as axes of size 1. The contiguous axes at the end go first, as the
 * rows of a matrix: that is the case the runtime is fast at.
 */
function sumOver(x: Value, axes: readonly number[]): Value {
  if (axes.length === 0) return x;
  const rank = x.shape.length;
  let tail = 0;
  while (tail < axes.length && axes[axes.length - 1 - tail] === rank - 1 - tail) tail++;
  const kept = x.shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  if (tail === 0 || tail === axes.length) return reduceSum(x, axes);
  const rows = x.shape.slice(0, rank - tail);
  const sums = reduceSum(reshape(x, [sizeOf(rows), -1]), [1]);
  return reshape(reduceSum(reshape(sums, rows), axes.slice(0, -tail)), kept);
}

/** Sum of a [n, channels, …] value over all axes but the channels: [channels]. */
export function sumPerChannel(x: Value): Value {
  const [n, channels] = x.shape;
  const sums = reduceSum(reshape(x, [n * channels, -1]), [1]);
  return reduceSum(reshape(sums, [n, channels]), [0], { keepdims: false });
}
