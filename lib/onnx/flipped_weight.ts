/**
 * Convolution weights turned for the gradient of the input: input and output channels exchanged, each
 * kernel turned by 180 degrees.
 *
 * @module
 */
import { type GraphNode, sizeOf, type Value } from "./graph.ts";
import { gather, reshape, transpose } from "./ops.ts";
import { intOf, intsOf } from "./shapes.ts";

/** [out, in, k, k] as [in, out, k, k], each kernel turned by 180 degrees. */
export function flippedWeight(w: Value): Value {
  const [out, inputs, ...kernel] = w.shape;
  const area = sizeOf(kernel);
  if (area === 1) return transpose(w, [1, 0, 2, 3]);
  // Places to the front, so that turning moves whole matrices.
  const places = transpose(reshape(w, [out, inputs, area]), [2, 1, 0]);
  const turned = gather(places, reversedPlaces(area), 0);
  return reshape(transpose(turned, [1, 2, 0]), [inputs, out, ...kernel]);
}

/** The weight that `value` is the flipped one of, if it was made by `flippedWeight`. */
export function flippedWeightSource(value: Value): Value | undefined {
  const { graph } = value;
  const steps: ((node: GraphNode) => boolean)[] = [
    (node) => node.operator === "Reshape",
    (node) => isTranspose(node, [1, 2, 0]),
    (node) => node.operator === "Gather" && intOf(node.attributes, "axis", 0) === 0,
    (node) => isTranspose(node, [2, 1, 0]),
    (node) => node.operator === "Reshape",
  ];
  let at = value;
  for (const fits of steps) {
    const node = graph.producer(at);
    if (node === undefined || !fits(node)) return undefined;
    at = node.inputs[0]!;
  }
  const [inputs, out, ...kernel] = value.shape;
  return String(at.shape) === String([out, inputs, ...kernel]) ? at : undefined;
}

/** area - 1, …, 1, 0: the places of a kernel turned by 180 degrees. */
export function reversedPlaces(area: number): number[] {
  return Array.from({ length: area }, (_, i) => area - 1 - i);
}

function isTranspose(node: GraphNode, perm: readonly number[]): boolean {
  return node.operator === "Transpose" &&
    String(intsOf(node.attributes, "perm", [])) === String(perm);
}
