/**
 * Gradients of the matrix products.
 *
 * @module
 */
import type { Value } from "../graph.ts";
import { einsum, gemm, matMul, mul, reshape, transpose } from "../ops.ts";
import { intOf } from "../shapes.ts";
import { type GradientRule, ruleOfOutput, unbroadcast } from "./rule.ts";

/** dA = dY Bᵀ, dB = Aᵀ dY; vectors as matrices of one row or column. */
export const matMulGradient: GradientRule = ruleOfOutput((dy, [a, b]) => {
  const rows = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const columns = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  const batch = dy.shape.slice(
    0,
    dy.shape.length - (a.shape.length > 1 ? 1 : 0) - (b.shape.length > 1 ? 1 : 0),
  );
  const full = reshape(dy, [...batch, rows.shape.at(-2)!, columns.shape.at(-1)!]);
  const da = unbroadcast(matMul(full, swapped(columns)), rows.shape);
  const db = unbroadcast(matMul(swapped(rows), full), columns.shape);
  return [reshape(da, a.shape), reshape(db, b.shape)];
});

/** The last two axes exchanged. */
function swapped(x: Value): Value {
  const rank = x.shape.length;
  return transpose(x, [
    ...Array.from({ length: rank - 2 }, (_, i) => i),
    rank - 1,
    rank - 2,
  ]);
}

/** The transposed cases follow from (A B)ᵀ = Bᵀ Aᵀ. */
export const gemmGradient: GradientRule = ruleOfOutput((dy, [a, b, c], _, node) => {
  const alpha = intOf(node.attributes, "alpha", 1);
  const beta = intOf(node.attributes, "beta", 1);
  const transA = intOf(node.attributes, "transA", 0) === 1;
  const transB = intOf(node.attributes, "transB", 0) === 1;
  const da = transA
    ? gemm(b, dy, undefined, { alpha, transA: transB, transB: true })
    : gemm(dy, b, undefined, { alpha, transB: !transB });
  const db = transB
    ? gemm(dy, a, undefined, { alpha, transA: true, transB: transA })
    : gemm(a, dy, undefined, { alpha, transA: !transA });
  if (c === undefined) return [da, db];
  return [da, db, unbroadcast(beta === 1 ? dy : mul(dy, beta), c.shape)];
});

/**
 * The gradient of a term is the sum of products of the output's gradient and the other terms. Every
 * letter of the term must stand in one of those, once.
 */
export const einsumGradient: GradientRule = ruleOfOutput((dy, inputs, _, node) => {
  const attribute = node.attributes["equation"];
  const equation = (attribute.kind === "string" ? attribute.value : "").replaceAll(" ", "");
  const [left, right] = equation.split("->");
  const terms = left.split(",");
  return terms.map((term, i) => {
    const others = terms.filter((_, j) => j !== i);
    const letters = new Set([right, ...others].join(""));
    if (new Set(term).size !== term.length || [...term].some((letter) => !letters.has(letter))) {
      return "none";
    }
    return einsum(
      `${[right, ...others].join(",")}->${term}`,
      dy,
      ...inputs.filter((_, j) => j !== i),
    );
  });
});
