/** Each loss, and its gradient, on fixed numbers against torch in float64. */
import assert from "node:assert/strict";
import { gradients } from "../../lib/onnx/gradients.ts";
import { Graph, type Value } from "../../lib/onnx/graph.ts";
import * as losses from "../../lib/onnx/losses.ts";
import { drawn, evaluate, relativeError, torchFixture } from "./drawn.ts";

interface LossCase {
  readonly name: string;
  readonly inputs: readonly { readonly shape: number[]; readonly seed: number }[];
  readonly loss: number;
  readonly gradients: number[][];
}

const targets = (x: Value) =>
  x.graph.constant({ shape: [6], data: Float32Array.of(0, 1, 1, 0, 1, 0) });
const labels = (x: Value) =>
  x.graph.constant({ shape: [6], data: BigInt64Array.of(0n, 2n, 1n, 2n, 0n, 1n) });

const builds: Record<string, (...inputs: Value[]) => Value> = {
  "meanSquaredError": losses.meanSquaredError,
  "binaryCrossEntropy": (x) => losses.binaryCrossEntropy(x, targets(x)),
  "binaryFocalLoss gamma 2 alpha 0.25": (x) =>
    losses.binaryFocalLoss(x, targets(x), { gamma: 2, alpha: 0.25 }),
  "binaryFocalLoss gamma 0.5": (x) => losses.binaryFocalLoss(x, targets(x), { gamma: 0.5 }),
  "binaryFocalLoss gamma 0": (x) => losses.binaryFocalLoss(x, targets(x), { gamma: 0 }),
  "focalLoss": (x) => losses.focalLoss(x, labels(x), { gamma: 2 }),
  "softmaxCrossEntropy": (x) => losses.softmaxCrossEntropy(x, labels(x)),
  "cosineLoss": (a, b, c, d) => losses.cosineLoss([[a, b], [c, d]]),
  "deviationLoss": (scores, normals) => losses.deviationLoss(scores, targets(scores), normals),
};

for (const { name, inputs, loss, gradients: expected } of torchFixture<LossCase[]>("losses")) {
  Deno.test(`loss and gradient as in torch: ${name}`, async () => {
    const graph = new Graph();
    const values = inputs.map(({ shape }, i) => graph.input(`x${i}`, "float32", shape));
    const value = builds[name](...values);
    graph.output("loss", value);
    gradients(value, values).forEach((gradient, i) => graph.output(`d${i}`, gradient));
    const results = await evaluate(
      graph,
      Object.fromEntries(inputs.map(({ shape, seed }, i) => [`x${i}`, drawn(seed, shape)])),
    );
    assert.deepEqual(results.loss.shape, []);
    assert.ok(relativeError(results.loss.data as Float32Array, [loss]) < 1e-6);
    expected.forEach((numbers, i) => {
      assert.ok(relativeError(results[`d${i}`].data as Float32Array, numbers) < 1e-4);
    });
  });
}

Deno.test("the logit losses stay finite for logits of ±1000", async () => {
  for (const loss of [losses.binaryCrossEntropy, losses.binaryFocalLoss]) {
    const graph = new Graph();
    const x = graph.input("x", "float32", [6]);
    const value = loss(x, targets(x));
    graph.output("loss", value);
    graph.output("dx", gradients(value, [x])[0]);
    const extreme = { shape: [6], data: Float32Array.of(1000, 1000, -1000, -1000, 0, 0) };
    const results = await evaluate(graph, { x: extreme });
    assert.ok(Math.abs(Number(results.loss.data[0]) - 2000 / 6) < 1);
    for (const slope of results.dx.data) assert.ok(Number.isFinite(slope));
  }
});

Deno.test("focal losses refuse a negative gamma", () => {
  const x = new Graph().input("x", "float32", [6]);
  assert.throws(() => losses.binaryFocalLoss(x, x, { gamma: -1 }), /gamma is -1/);
});
