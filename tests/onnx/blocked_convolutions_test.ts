/** Blocked convolutions: the same numbers as plain ones, for every kind that is replaced. */
import assert from "node:assert/strict";
import { convolutionBlock, withBlockedConvolutions } from "../../lib/onnx/blocked_convolutions.ts";
import { flippedWeight, flippedWeightSource } from "../../lib/onnx/flipped_weight.ts";
import { gradients } from "../../lib/onnx/gradients.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { add, conv, mul, reduceSum, relu, transpose } from "../../lib/onnx/ops.ts";
import { drawn, evaluate, relativeError } from "./drawn.ts";

const block = await convolutionBlock();

/** A step of two convolutions, one depthwise, with all gradients. */
function stepGraph(): Graph {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 16, 12, 12]);
  const w = graph.input("w", "float32", [32, 16, 3, 3]);
  const planes = graph.input("planes", "float32", [32, 1, 5, 5]);
  const narrow = graph.input("narrow", "float32", [3, 32, 3, 3]);
  const pads = [1, 1, 1, 1];
  let y = relu(conv(x, w, undefined, { pads }));
  y = relu(add(conv(y, planes, undefined, { pads: [2, 2, 2, 2], group: 32 }), y));
  y = conv(y, narrow, undefined, { pads });
  const loss = reduceSum(mul(y, y), undefined, { keepdims: false });
  graph.output("loss", loss);
  gradients(loss, [x, w, planes, narrow]).forEach((slope, i) => graph.output(`d${i}`, slope));
  return graph;
}

Deno.test({
  name: "on x86-64 the runtime has blocked convolutions of 8 or 16 channels",
  ignore: Deno.build.arch !== "x86_64",
  fn: () => assert.ok(block === 8 || block === 16),
});

Deno.test({
  name: "a step with blocked convolutions gives the plain step's numbers",
  ignore: block === undefined,
  fn: async () => {
    const graph = stepGraph();
    const blocked = withBlockedConvolutions(graph, block!);
    const inDomain = (g: Graph) =>
      g.nodes.filter((node) => node.operator === "Conv" && node.domain !== "").length;
    assert.equal(inDomain(graph), 0);
    // Both first convolutions and their input gradients; 3 channels make no block.
    assert.equal(inDomain(blocked), 4);
    const feeds = {
      x: drawn(1, [2, 16, 12, 12]),
      w: drawn(2, [32, 16, 3, 3], 0.1),
      planes: drawn(3, [32, 1, 5, 5], 0.1),
      narrow: drawn(4, [3, 32, 3, 3], 0.1),
    };
    const plain = await evaluate(graph, feeds);
    const results = await evaluate(blocked, feeds);
    for (const [name, { shape, data }] of Object.entries(plain)) {
      assert.deepEqual(results[name].shape, shape);
      const error = relativeError(results[name].data as Float32Array, data as Float32Array);
      assert.ok(error < 1e-5, `${name}: ${error}`);
    }
  },
});

Deno.test("a flipped weight is known as such, another transposed one is not", async () => {
  const graph = new Graph();
  const w = graph.input("w", "float32", [2, 3, 2, 2]);
  const flipped = flippedWeight(w);
  assert.equal(flippedWeightSource(flipped), w);
  assert.equal(flippedWeightSource(transpose(w, [1, 0, 2, 3])), undefined);
  assert.equal(flippedWeightSource(w), undefined);
  graph.output("flipped", flipped);
  const data = Float32Array.from({ length: 24 }, (_, i) => i);
  const { flipped: result } = await evaluate(graph, { w: { shape: [2, 3, 2, 2], data } });
  // By hand: [in, out] exchanged, four places backwards.
  assert.deepEqual(
    [...result.data],
    [0, 1, 2].flatMap((i) =>
      [0, 1].flatMap((o) => [3, 2, 1, 0].map((place) => 12 * o + 4 * i + place))
    ),
  );
});
