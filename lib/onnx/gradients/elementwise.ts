/**
 * Gradients of the elementwise operators.
 *
 * @module
 */
import type { Value } from "../graph.ts";
import { intOf } from "../shapes.ts";
import {
  add,
  cast,
  div,
  equal,
  exp,
  greater,
  hardSigmoid,
  less,
  lessOrEqual,
  mul,
  neg,
  operator,
  pow,
  reciprocal,
  sigmoid,
  sign,
  sub,
  where,
} from "../ops.ts";
import { type GradientRule, ruleOfOutput, unbroadcast } from "./rule.ts";

/** 0 and 1 as float32 from a bool. */
const mask = (condition: Value) => cast(condition, "float32");

/** 1 where x > 0 and 0 where x = 0, for x that is not negative: the cheapest form that was found. */
const positive = (x: Value) => hardSigmoid(x, { alpha: 1e30, beta: 0 });

/** dy for both. */
export const addGradient: GradientRule = ruleOfOutput((dy, [a, b]) => [
  unbroadcast(dy, a.shape),
  unbroadcast(dy, b.shape),
]);

/** dy and -dy. */
export const subGradient: GradientRule = ruleOfOutput((dy, [a, b]) => [
  unbroadcast(dy, a.shape),
  neg(unbroadcast(dy, b.shape)),
]);

/** dy b and dy a. */
export const mulGradient: GradientRule = ruleOfOutput((dy, [a, b]) => [
  unbroadcast(mul(dy, b), a.shape),
  unbroadcast(mul(dy, a), b.shape),
]);

/** a / b: dy / b and -(dy / b) y. */
export const divGradient: GradientRule = ruleOfOutput((dy, [a, b], y) => {
  const da = div(dy, b);
  return [unbroadcast(da, a.shape), neg(unbroadcast(mul(da, y), b.shape))];
});

/** For a constant exponent only. */
export const powGradient: GradientRule = ruleOfOutput((dy, [a, b]) => {
  if (b.constant === undefined) return ["none", "none"];
  const exponents = b.constant.data as Float32Array;
  const slope = exponents.length === 1 && exponents[0] === 2
    ? mul(a, 2)
    : mul(b, pow(a, sub(b, 1)));
  return [unbroadcast(mul(dy, slope), a.shape), "none"];
});

/** The larger of two gets the gradient; equal ones half each, as in torch. */
export const maxGradient: GradientRule = ruleOfOutput((dy, inputs) =>
  extremum(dy, inputs, (a, b) => greater(a, b))
);

/** The smaller of two gets the gradient; equal ones half each, as in torch. */
export const minGradient: GradientRule = ruleOfOutput((dy, inputs) =>
  extremum(dy, inputs, (a, b) => less(a, b))
);

function extremum(
  dy: Value,
  inputs: readonly Value[],
  wins: (a: Value, b: Value) => Value,
): readonly (Value | "none")[] {
  if (inputs.length !== 2) return inputs.map(() => "none");
  const [a, b] = inputs;
  const share = add(mask(wins(a, b)), mul(mask(equal(a, b)), 0.5));
  return [
    unbroadcast(mul(dy, share), a.shape),
    unbroadcast(mul(dy, sub(1, share)), b.shape),
  ];
}

/** dy for each operand. */
export const sumGradient: GradientRule = ruleOfOutput((dy, inputs) =>
  inputs.map((input) => unbroadcast(dy, input.shape))
);

/** dy where the operand was taken, 0 elsewhere. */
export const whereGradient: GradientRule = ruleOfOutput((dy, [condition, a, b]) => [
  undefined,
  unbroadcast(where(condition, dy, 0), a.shape),
  unbroadcast(where(condition, 0, dy), b.shape),
]);

/** dy */
export const identityGradient: GradientRule = ruleOfOutput((dy) => [dy]);
/** -dy */
export const negGradient: GradientRule = ruleOfOutput((dy) => [neg(dy)]);
/** dy y */
export const expGradient: GradientRule = ruleOfOutput((dy, _, y) => [mul(dy, y)]);
/** dy / x */
export const logGradient: GradientRule = ruleOfOutput((dy, [x]) => [div(dy, x)]);
/** dy / (2 y) */
export const sqrtGradient: GradientRule = ruleOfOutput((dy, _, y) => [div(mul(dy, 0.5), y)]);
/** dy sign(x), 0 at x = 0. */
export const absGradient: GradientRule = ruleOfOutput((dy, [x]) => [mul(dy, sign(x))]);
/** dy cos x */
export const sinGradient: GradientRule = ruleOfOutput((dy, [x]) => [
  mul(dy, operator(x.graph, "Cos", [x])[0]),
]);
/** -dy sin x */
export const cosGradient: GradientRule = ruleOfOutput((dy, [x]) => [
  neg(mul(dy, operator(x.graph, "Sin", [x])[0])),
]);

/** -dy y² */
export const reciprocalGradient: GradientRule = ruleOfOutput((dy, _, y) => [
  neg(mul(dy, mul(y, y))),
]);

/** dy y (1 - y) */
export const sigmoidGradient: GradientRule = ruleOfOutput((dy, _, y) => [
  mul(dy, mul(y, sub(1, y))),
]);

/** dy (1 - y²) */
export const tanhGradient: GradientRule = ruleOfOutput((dy, _, y) => [
  mul(dy, sub(1, mul(y, y))),
]);

/** dy / (1 + e⁻ˣ) */
export const softplusGradient: GradientRule = ruleOfOutput((dy, [x]) => [mul(dy, sigmoid(x))]);

/** 2 / √π · e^(-x²) */
export const erfGradient: GradientRule = ruleOfOutput((dy, [x]) => [
  mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
]);

/** 0 at x = 0, as in torch. */
export const reluGradient: GradientRule = ruleOfOutput((dy, _, y) => [mul(dy, positive(y))]);

/** alpha at x = 0, as in torch. */
export const leakyReluGradient: GradientRule = ruleOfOutput((dy, [x], _, node) => {
  const alpha = intOf(node.attributes, "alpha", 0.01);
  return [mul(dy, where(greater(x, 0), 1, x.graph.scalar(alpha)))];
});

/** 0 at and beyond the bounds, as torch's hardtanh and relu6. */
export const clipGradient: GradientRule = ruleOfOutput((dy, [, least, most], y) => {
  let inside: Value | undefined;
  if (least !== undefined) inside = positive(sub(y, least));
  if (most !== undefined) {
    const below = positive(sub(most, y));
    inside = inside === undefined ? below : mul(inside, below);
  }
  return [inside === undefined ? dy : mul(dy, inside)];
});

/** alpha strictly between the bounds. */
export const hardSigmoidGradient: GradientRule = ruleOfOutput((dy, _, y, node) => {
  const alpha = intOf(node.attributes, "alpha", 0.2);
  return [mul(dy, mul(mul(positive(y), positive(sub(1, y))), alpha))];
});

/** x / 3 + 1/2 for -3 < x < 3, beyond that 0 and 1. */
export const hardSwishGradient: GradientRule = ruleOfOutput((dy, [x]) => {
  const inner = add(mul(x, 1 / 3), 0.5);
  return [mul(dy, where(lessOrEqual(x, -3), 0, where(less(x, 3), inner, 1)))];
});

/** From float to float only; integers have no gradient. */
export const castGradient: GradientRule = ruleOfOutput((dy, [x]) => [
  x.type === "float32" || x.type === "float64" ? cast(dy, x.type) : undefined,
]);

/** Re-used by other rules: 1 / x without a division by 0 where x = 0. */
export const safeReciprocal = (x: Value): Value => where(equal(x, 0), 0, reciprocal(x));
