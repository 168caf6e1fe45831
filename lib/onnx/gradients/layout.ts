/**
 * Gradients of the operators that only move elements.
 *
 * @module
 */
import { sizeOf, type Value } from "../graph.ts";
import {
  concat,
  expand,
  filled,
  gather,
  pad,
  reshape,
  scatterElements,
  slice,
  split,
  transpose,
  unsqueeze,
} from "../ops.ts";
import { axisOf, constantInts, intOf, intsOf } from "../shapes.ts";
import {
  type GradientCall,
  type GradientRule,
  type InputGradient,
  ruleOfOutput,
  unbroadcast,
} from "./rule.ts";

/** Reshape, Flatten, Squeeze, Unsqueeze. */
export const reshapeGradient: GradientRule = ruleOfOutput((dy, [x]) => [reshape(dy, x.shape)]);

/** dy with the axes in their old order. */
export const transposeGradient: GradientRule = ruleOfOutput((dy, [x], _, node) => {
  const rank = x.shape.length;
  const perm = intsOf(node.attributes, "perm", x.shape.map((_, i) => rank - 1 - i));
  return [transpose(dy, perm.map((_, axis) => perm.indexOf(axis)))];
});

/** dy summed over the axes that were expanded. */
export const expandGradient: GradientRule = ruleOfOutput((dy, [x]) => [unbroadcast(dy, x.shape)]);

/** The part of dy that each value was put at. */
export const concatGradient: GradientRule = ruleOfOutput((dy, inputs, _, node) => {
  const axis = axisOf("Concat", intOf(node.attributes, "axis", 0), dy.shape.length);
  return inputs.length === 1 ? [dy] : split(dy, inputs.map((input) => input.shape[axis]), axis);
});

/** The parts' gradients one after the other; zeros for a part that nothing depends on. */
export function splitGradient(
  { graph, node, outputGradients }: GradientCall,
): readonly InputGradient[] {
  const x = node.inputs[0]!;
  const axis = axisOf("Split", intOf(node.attributes, "axis", 0), x.shape.length);
  return [concat(
    outputGradients.map((gradient, i) => gradient ?? filled(graph, node.outputs[i].shape, 0)),
    axis,
  )];
}

/** The slice put back among zeros: between its elements for steps, then before and after. */
export const sliceGradient: GradientRule = ruleOfOutput((dy, inputs) => {
  const [x, startsValue, , axesValue, stepsValue] = inputs;
  const starts = constantInts("Slice", "starts", startsValue);
  const axes = axesValue ? constantInts("Slice", "axes", axesValue) : starts.map((_, i) => i);
  const steps = stepsValue ? constantInts("Slice", "steps", stepsValue) : starts.map(() => 1);
  const rank = x.shape.length;
  const before = new Array<number>(rank).fill(0);
  const after = new Array<number>(rank).fill(0);
  let gradient = dy;
  starts.forEach((start, i) => {
    const axis = axisOf("Slice", axes[i], rank);
    const size = x.shape[axis];
    const count = dy.shape[axis];
    let first = Math.min(start < 0 ? start + size : start, steps[i] < 0 ? size - 1 : size);
    first = Math.max(0, first);
    if (steps[i] < 0) {
      gradient = reversed(gradient, axis);
      first += (count - 1) * steps[i];
    }
    gradient = spread(gradient, axis, Math.abs(steps[i]));
    before[axis] = first;
    after[axis] = size - first - gradient.shape[axis];
  });
  return [
    [...before, ...after].every((n) => n === 0) ? gradient : pad(gradient, [...before, ...after]),
  ];
});

function reversed(x: Value, axis: number): Value {
  return slice(x, [x.shape[axis] - 1], [-x.shape[axis] - 1], [axis], [-1]);
}

/** `x` with `step` - 1 zeros between its elements along `axis`. */
function spread(x: Value, axis: number, step: number): Value {
  if (step === 1 || x.shape[axis] === 1) return x;
  const rank = x.shape.length + 1;
  const pads = new Array<number>(2 * rank).fill(0);
  pads[rank + axis + 1] = step - 1;
  const wide = pad(unsqueeze(x, [axis + 1]), pads);
  const count = x.shape[axis] * step;
  const joined = reshape(wide, x.shape.with(axis, count));
  return slice(joined, [0], [count - step + 1], [axis]);
}

/** For constant padding: the middle of the gradient. */
export const padGradient: GradientRule = ruleOfOutput(
  (dy, [x, padsValue, , axesValue], _, node) => {
    const mode = node.attributes["mode"];
    if (mode?.kind === "string" && mode.value !== "constant") return ["none"];
    const pads = constantInts("Pad", "pads", padsValue);
    const axes = axesValue ? constantInts("Pad", "axes", axesValue) : x.shape.map((_, i) => i);
    const starts = pads.slice(0, axes.length);
    return [slice(dy, starts, axes.map((axis, i) => starts[i] + x.shape.at(axis)!), axes)];
  },
);

/**
 * Added up at the places the elements came from; an index may occur many times. A constant permutation
 * is undone by its inverse instead, which is far cheaper.
 */
export const gatherGradient: GradientRule = ruleOfOutput((dy, [x, indices], _, node) => {
  const axis = axisOf("Gather", intOf(node.attributes, "axis", 0), x.shape.length);
  const inverse = inversePermutation(indices, x.shape[axis]);
  if (inverse !== undefined) return [gather(dy, inverse, axis)];
  const count = sizeOf(indices.shape);
  const flat = x.shape.with(axis, count);
  const places = expand(reshape(indices, x.shape.map((_, i) => i === axis ? count : 1)), flat);
  const zeros = filled(x.graph, x.shape, 0);
  return [scatterElements(zeros, places, reshape(dy, flat), { axis, reduction: "add" })];
});

/** Where each of `size` elements went, if `indices` is a constant that names each of them once. */
function inversePermutation(indices: Value, size: number): number[] | undefined {
  const { constant } = indices;
  if (constant === undefined || indices.shape.length !== 1 || indices.shape[0] !== size) {
    return undefined;
  }
  const inverse = new Array<number>(size).fill(-1);
  constant.data.forEach((index, place) => inverse[Number(index)] = place);
  return inverse.includes(-1) ? undefined : inverse;
}

/** Added up at the places the elements came from. */
export const gatherElementsGradient: GradientRule = ruleOfOutput((dy, [x, indices], _, node) => {
  const axis = axisOf("GatherElements", intOf(node.attributes, "axis", 0), x.shape.length);
  const zeros = filled(x.graph, x.shape, 0);
  return [scatterElements(zeros, indices, dy, { axis, reduction: "add" })];
});

/** The chosen elements get their gradients, the others 0. */
export function topKGradient(
  { graph, node, outputGradients: [dy] }: GradientCall,
): readonly InputGradient[] {
  if (dy === undefined) return [];
  const x = node.inputs[0]!;
  const axis = axisOf("TopK", intOf(node.attributes, "axis", -1), x.shape.length);
  return [scatterElements(filled(graph, x.shape, 0), node.outputs[1], dy, { axis })];
}
