/** DevNet: ten steps against torch, its plan, its scores, training. */
import assert from "node:assert/strict";
import { devNet, devNetStep } from "../../lib/maps/devnet.ts";
import { plainHead, twoScales } from "../../lib/maps/deviation_network.ts";
import { auroc } from "../../lib/metrics/auroc.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { frozenParameters, scopeOf } from "../../lib/onnx/parameters.ts";
import { evaluate } from "../onnx/drawn.ts";
import { fitKilled, fitMade, madeImages, madePlan, scoresOf } from "./supervised_fit.ts";
import { largestDrift, stepsCases, trainAsTorch } from "./torch_steps.ts";

for (const one of stepsCases("devnet")) {
  Deno.test(`ten steps of DevNet on ${one.backbone} give torch's losses`, async () => {
    const plan = madePlan(devNet, { batch: one.batch });
    const step = devNetStep({ ...plan, size: one.size, backbone: one.backbone });
    const { losses } = await trainAsTorch(step, one);
    const drift = largestDrift(losses, one.losses);
    assert.ok(drift < 0.01, `${drift}: ${losses} for ${one.losses}`);
  });
}

Deno.test("the paper's profile trains ResNet-18 for 50 epochs of 20 steps at any size", () => {
  for (const size of [128, 256, 448]) {
    const setting = { profile: "paper", size, backbone: "wide_resnet50_2", variant: "paper" };
    const { parameters, ...plan } = devNet.plan(setting);
    assert.deepEqual(plan, { size, backbone: "resnet18", share: 1 });
    const { epochs, stepsPerEpoch, batch, dropEpochs, normals, margin, clipNorm } = parameters;
    assert.deepEqual(
      { epochs, stepsPerEpoch, batch, dropEpochs, normals, margin, clipNorm },
      {
        epochs: 50,
        stepsPerEpoch: 20,
        batch: 48,
        dropEpochs: 10,
        normals: 5000,
        margin: 5,
        clipNorm: 1,
      },
    );
  }
});

Deno.test("the half image takes every second pixel, of odd sizes torch's nearest ones", async () => {
  for (const [size, places] of [[4, [0, 2]], [7, [0, 2, 4]]] as const) {
    const graph = new Graph();
    const [whole, half] = twoScales(graph.input("image", "uint8", [1, size, size, 3]));
    assert.deepEqual(half.shape, [1, size >> 1, size >> 1, 3]);
    graph.output("whole", whole);
    graph.output("half", half);
    const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => i);
    const results = await evaluate(graph, { image: { shape: [1, size, size, 3], data } });
    const expected = places.flatMap((y) =>
      places.flatMap((x) => [0, 1, 2].map((c) => (y * size + x) * 3 + c))
    );
    assert.deepEqual([...results.half.data], expected);
  }
});

Deno.test("a map's score is the mean of its largest absolute tenth", async () => {
  const graph = new Graph();
  const tensors = new Map([
    ["weight", { shape: [1, 1, 1, 1], data: Float32Array.of(2) }],
    ["bias", { shape: [1], data: Float32Array.of(0.5) }],
  ]);
  const features = graph.input("features", "float32", [1, 1, 5, 5]);
  graph.output("score", plainHead(scopeOf(frozenParameters(graph, tensors)), features, 0.1));
  const data = Float32Array.from({ length: 25 }, (_, i) => i === 7 ? -10 : i === 8 ? 4 : 0.1);
  const { score } = await evaluate(graph, { features: { shape: [1, 1, 5, 5], data } });
  assert.deepEqual([...score.data], [(19.5 + 8.5) / 2]);
});

Deno.test("a trained DevNet gives bad images the higher scores, the same bytes by the same seed", async () => {
  const plan = madePlan(devNet, {
    epochs: 10,
    stepsPerEpoch: 4,
    batch: 12,
    dropEpochs: 8,
    learningRate: 2e-3,
  });
  const model = await fitMade(devNet, plan);
  const { images, labels } = madeImages(30, 9);
  const scores = await scoresOf(devNet, plan, model, images);
  assert.ok(auroc(scores, labels) > 0.9, `${auroc(scores, labels)}`);
  assert.ok(scores.every((score) => score >= 0));

  const few = madePlan(devNet, { epochs: 1, stepsPerEpoch: 3, batch: 12 });
  const [first, again, other] = [
    await fitMade(devNet, few),
    await fitMade(devNet, few),
    await fitMade(devNet, few, { seed: 334 }),
  ];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first.get("network.onnx"), other.get("network.onnx"));
});

Deno.test("a training of DevNet killed 6 times ends with the same bytes", async () => {
  const plan = madePlan(devNet, { epochs: 3, stepsPerEpoch: 5, batch: 12 });
  assert.deepEqual(await fitKilled(devNet, plan, 6), await fitMade(devNet, plan));
});
