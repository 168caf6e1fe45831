/** WRN, the classifier g: ten steps and gradients against torch, its plan, training and scores. */
import assert from "node:assert/strict";
import { DataError, UsageError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import { pretrainedTensors } from "../../lib/maps/trained_network.ts";
import { wrn, wrnStep } from "../../lib/maps/wrn.ts";
import { auroc } from "../../lib/metrics/auroc.ts";
import { parseModel } from "../../lib/onnx/proto.ts";
import { initialWeights } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";
import { parseSafetensors } from "../../lib/weights/safetensors.ts";
import { fitKilled, fitMade, madeImages, madePlan, scoresOf } from "./supervised_fit.ts";
import { largestDrift, stepsCases, trainAsTorch } from "./torch_steps.ts";

for (const one of stepsCases("wrn")) {
  Deno.test(`training steps of WRN on ${one.backbone}: torch's losses and gradients`, async () => {
    const plan = wrn.plan({ ...one, profile: "paper", variant: "paper" });
    const parameters = { ...plan.parameters, batch: one.batch };
    const { losses, tensors } = await trainAsTorch(wrnStep({ ...plan, parameters }), one);
    const drift = largestDrift(losses, one.losses);
    assert.ok(drift < 0.01, `${drift}: ${losses} for ${one.losses}`);
    if (one.gradients === undefined) return;
    // After the first step the momentum is the gradient.
    const errors = Object.entries(one.gradients).map(([name, { most, samples }]) => {
      const { data } = tensors.get(`${name}/momentum`)!;
      return Math.max(...samples.map((sample, i) => {
        const place = Math.floor((data.length - 1) * i / (samples.length - 1));
        return Math.abs(data[place] - sample) / most;
      }));
    }).sort((a, b) => a - b);
    const { median, worst } = one.torchFloat32!;
    assert.ok(errors[errors.length >> 1] <= median, `median ${errors[errors.length >> 1]}`);
    assert.ok(errors.at(-1)! <= worst, `worst ${errors.at(-1)}`);
  });
}

Deno.test("the paper's profile has the paper's settings; the variants differ in their folds", () => {
  const setting = { profile: "paper", size: 256, backbone: "wide_resnet50_2" };
  const plan = wrn.plan({ ...setting, variant: "paper" });
  assert.deepEqual(
    { ...plan, parameters: undefined },
    { parameters: undefined, size: 256, backbone: "wide_resnet50_2", share: 0.8 },
  );
  const { batch, learningRate, momentum } = plan.parameters;
  assert.deepEqual({ batch, learningRate, momentum }, {
    batch: 4,
    learningRate: 0.025,
    momentum: 0.9,
  });
  const folded = wrn.plan({ ...setting, variant: "out-of-fold" });
  assert.deepEqual(folded.parameters, plan.parameters);
  assert.equal(folded.folds, 5);
  const [few, many] = [24, 2400].map((images) => wrn.fitCost(plan, images));
  assert.ok(many.seconds > 50 * few.seconds && many.mebibytes > few.mebibytes);
  assert.throws(() => wrn.plan({ ...setting, variant: "out-of-folds" }), UsageError);
  assert.throws(() => wrn.plan({ ...setting, profile: "huge", variant: "paper" }), RangeError);
});

const short = { epochs: 6, batch: 6 };

Deno.test("a trained WRN tells bad images from good ones it has not seen", async () => {
  const plan = madePlan(wrn, short);
  const model = await fitMade(wrn, plan);
  const { images, labels } = madeImages(30, 9);
  const scores = await scoresOf(wrn, plan, model, images);
  assert.ok(auroc(scores, labels) > 0.9, `${auroc(scores, labels)}`);

  // An image's score does not depend on the images beside it.
  const last = { shape: [1, ...images.shape.slice(1)], data: images.data.slice(-32 * 32 * 3) };
  assert.deepEqual([...await scoresOf(wrn, plan, model, last)], [scores[29]]);

  // The files are ordinary ones.
  const graph = parseModel(model.get("network.onnx")!);
  assert.deepEqual(graph.outputs.map(({ name }) => name), ["score"]);
  const { tensors } = parseSafetensors(model.get("network.safetensors")!, "network");
  assert.deepEqual(tensors.get("fc.weight")!.shape, [1, 96]);
});

Deno.test("the same seed gives the same bytes, another seed does not", async () => {
  const plan = madePlan(wrn, { epochs: 1, batch: 6 });
  const [first, again, other] = [
    await fitMade(wrn, plan),
    await fitMade(wrn, plan),
    await fitMade(wrn, plan, { seed: 334 }),
  ];
  for (const [name, bytes] of first) {
    assert.deepEqual(bytes, again.get(name), name);
    assert.notDeepEqual(bytes, other.get(name), name);
  }
});

Deno.test("a training of WRN killed 6 times ends with the same bytes", async () => {
  const plan = madePlan(wrn, { epochs: 2, batch: 4 });
  assert.deepEqual(await fitKilled(wrn, plan, 6), await fitMade(wrn, plan));
});

Deno.test("a new head takes the place of the published one; a missing layer is said", () => {
  const backbone = backboneNamed("efficientnet_lite0");
  const weights = initialWeights(backbone, new RandomState(1));
  const tensors = pretrainedTensors(backbone, weights, 1);
  assert.ok(tensors.has("_conv_head.weight"));
  assert.ok(!tensors.has("_fc.weight"));
  weights.delete("_conv_stem.weight");
  assert.throws(() => pretrainedTensors(backbone, weights, 1), (error: Error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /efficientnet_lite0.*no tensor _conv_stem.weight/);
    return true;
  });
});
