/** DRA: ten steps against torch, its plan, batches, references, training. */
import assert from "node:assert/strict";
import { dra, type DraParameters, draRate, draStep } from "../../lib/maps/dra.ts";
import { auroc } from "../../lib/metrics/auroc.ts";
import { parseModel } from "../../lib/onnx/proto.ts";
import { parseSafetensors } from "../../lib/weights/safetensors.ts";
import { fitKilled, fitMade, madeImages, madePlan, madeSize, scoresOf } from "./supervised_fit.ts";
import { largestDrift, stepsCases, trainAsTorch } from "./torch_steps.ts";

for (const one of stepsCases("dra")) {
  Deno.test(`ten steps of DRA on ${one.backbone} give torch's losses`, async () => {
    const plan = madePlan(dra, { batch: one.batch });
    const step = draStep({ ...plan, size: one.size, backbone: one.backbone });
    const { losses } = await trainAsTorch(step, one);
    const drift = largestDrift(losses, one.losses);
    assert.ok(drift < 0.01, `${drift}: ${losses} for ${one.losses}`);
  });
}

Deno.test("the paper's profile trains ResNet-18 for 30 epochs, the rate falling one epoch early", () => {
  const setting = { profile: "paper", size: 448, backbone: "wide_resnet50_2", variant: "paper" };
  const { parameters, ...plan } = dra.plan(setting);
  assert.deepEqual(plan, { size: 448, backbone: "resnet18", share: 1 });
  const { epochs, stepsPerEpoch, batch, referenceImages } = parameters as unknown as DraParameters;
  assert.deepEqual([epochs, stepsPerEpoch, batch, referenceImages], [30, 20, 48, 5]);
  const rate = draRate(parameters as unknown as DraParameters);
  const rates = Array.from({ length: 30 }, (_, epoch) => rate(1 + 20 * epoch).toExponential(0));
  const expected = [
    ...new Array(9).fill("2e-4"),
    ...new Array(10).fill("2e-5"),
    ...new Array(10).fill("2e-6"),
    "2e-7",
  ];
  assert.deepEqual(rates, expected);
});

const few = { epochs: 1, stepsPerEpoch: 4, batch: 9, referenceDraws: 4 };

Deno.test("a trained DRA gives bad images the higher scores", async () => {
  const plan = madePlan(dra, {
    epochs: 12,
    stepsPerEpoch: 4,
    batch: 12,
    dropEpochs: 12,
    learningRate: 2e-3,
  });
  const model = await fitMade(dra, plan);
  const { images, labels } = madeImages(30, 9);
  const scores = await scoresOf(dra, plan, model, images);
  assert.ok(auroc(scores, labels) > 0.9, `${auroc(scores, labels)}`);
  const graph = parseModel(model.get("network.onnx")!);
  assert.deepEqual(graph.outputs.map(({ name }) => name), [
    "score",
    "holistic",
    "seen",
    "pseudo",
    "composite",
  ]);
});

Deno.test("a score does not depend on order and neighbours; it does on the reference draw", async () => {
  const plan = madePlan(dra, few);
  const model = await fitMade(dra, plan);
  const { tensors } = parseSafetensors(model.get("references.safetensors")!, "references");
  assert.deepEqual([...tensors].map(([name, { shape }]) => [name, shape]).sort(), [
    ["references:0", [4, 96, 2, 2]],
    ["references:1", [4, 96, 1, 1]],
  ]);
  const { images } = madeImages(6, 9);
  const scores = await scoresOf(dra, plan, model, images);
  const length = madeSize * madeSize * 3;
  const reversed = new Uint8Array(6 * length);
  for (let i = 0; i < 6; i++) {
    reversed.set(images.data.subarray(i * length, (i + 1) * length), (5 - i) * length);
  }
  const backwards = await scoresOf(dra, plan, model, { shape: images.shape, data: reversed });
  assert.deepEqual([...backwards].reverse(), [...scores]);

  const one = { ...plan, parameters: { ...plan.parameters, referenceDraws: 1 } };
  const fixed = await scoresOf(dra, one, model, images);
  assert.ok(fixed.some((score, i) => score !== scores[i]));
});

Deno.test("clean references are one fixed batch, drawn ones are not clean", async () => {
  const clean = madePlan(dra, { ...few, referenceDraws: 1 }, "clean-references");
  assert.equal(clean.parameters.references, "clean");
  const drawn = madePlan(dra, { ...few, referenceDraws: 1 });
  const [cleanModel, drawnModel] = [await fitMade(dra, clean), await fitMade(dra, drawn)];
  assert.notDeepEqual(
    cleanModel.get("references.safetensors"),
    drawnModel.get("references.safetensors"),
  );
  assert.deepEqual(await fitMade(dra, clean), cleanModel);
});

Deno.test("a training of DRA killed 3 times ends with the same bytes", async () => {
  const plan = madePlan(dra, { ...few, stepsPerEpoch: 10 });
  assert.deepEqual(await fitKilled(dra, plan, 3), await fitMade(dra, plan));
});
