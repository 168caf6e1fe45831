/**
 * Gradients of the reductions.
 *
 * @module
 */
import { sizeOf, type Value } from "../graph.ts";
import { cast, div, equal, expand, mul, reduceSum, reshape } from "../ops.ts";
import { axisOf, constantInts } from "../shapes.ts";
import { safeReciprocal } from "./elementwise.ts";
import { type GradientRule, ruleOfOutput } from "./rule.ts";

/** The reduced axes of a call, and its shape with them kept as 1. */
function reducedAxes(x: Value, axes: Value | undefined): { axes: number[]; kept: number[] } {
  const rank = x.shape.length;
  const chosen = axes === undefined
    ? x.shape.map((_, axis) => axis)
    : constantInts("Reduce", "axes", axes).map((axis) => axisOf("Reduce", axis, rank));
  return { axes: chosen, kept: x.shape.map((size, axis) => chosen.includes(axis) ? 1 : size) };
}

/** dy, repeated along the reduced axes. */
export const reduceSumGradient: GradientRule = ruleOfOutput((dy, [x, axes]) => [
  expand(reshape(dy, reducedAxes(x, axes).kept), x.shape),
]);

/** dy / count, repeated along the reduced axes. */
export const reduceMeanGradient: GradientRule = ruleOfOutput((dy, [x, axes], y) => {
  const share = mul(dy, sizeOf(y.shape) / sizeOf(x.shape));
  return [expand(reshape(share, reducedAxes(x, axes).kept), x.shape)];
});

/** 2 x dy */
export const reduceSumSquareGradient: GradientRule = ruleOfOutput((dy, [x, axes]) => [
  mul(x, reshape(mul(dy, 2), reducedAxes(x, axes).kept)),
]);

/** dy x / y, and 0 where y = 0, as in torch. */
export const reduceL2Gradient: GradientRule = ruleOfOutput((dy, [x, axes], y) => [
  mul(x, reshape(mul(dy, safeReciprocal(y)), reducedAxes(x, axes).kept)),
]);

/** For maximum and minimum: shared evenly by the elements that are equal to it, as torch's `amax`. */
export const reduceMaxGradient: GradientRule = ruleOfOutput((dy, [x, axesValue], y) => {
  const { axes, kept } = reducedAxes(x, axesValue);
  const chosen = cast(equal(x, reshape(y, kept)), "float32");
  return [mul(chosen, div(reshape(dy, kept), reduceSum(chosen, axes)))];
});
