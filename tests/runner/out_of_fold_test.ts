/** Scores out of fold: no image of the training set is scored by a model that was trained on it. */
import assert from "node:assert/strict";
import { UsageError } from "../../lib/base/errors.ts";
import { npyBytes, parseNpy } from "../../lib/base/npy.ts";
import { makeDataset, type Sample } from "../../lib/images/sample.ts";
import { classifierFolds } from "../../lib/images/splits.ts";
import { numericsClass } from "../../lib/onnx/session.ts";
import type { ExperimentRow } from "../../lib/runner/experiment.ts";
import { planExperiment, type RunSetting } from "../../lib/runner/plan.ts";
import type { PlannedSegmentation } from "../../lib/runner/planned_segmentation.ts";
import { profiles } from "../../lib/runner/profile.ts";
import type { Stage } from "../../lib/runner/stage.ts";
import type { StageContext } from "../../lib/runner/stage_kind.ts";
import { outOfFoldKind } from "../../lib/runner/stages/out_of_fold.ts";
import { table3 } from "../../experiments/table3.ts";

/** 100 good and 40 bad training images, which fill several packs, and some to test on. */
function madeSamples(): Sample[] {
  const part = (split: Sample["split"], label: 0 | 1, count: number): Sample[] =>
    Array.from({ length: count }, (_, i) => {
      const id = `${split}/${label === 0 ? "good" : "bad"}/${String(i).padStart(3, "0")}.png`;
      return { id, class: "vad", split, label, unseen: false, digest: `digest of ${id}` };
    });
  return [
    ...part("train", 0, 100),
    ...part("train", 1, 40),
    ...part("test", 0, 6),
    ...part("test", 1, 6),
  ];
}

const map: PlannedSegmentation = { kind: "map", spec: "whole", segments: ["all"], digest: "0" };
const setting: RunSetting = {
  dataset: makeDataset({
    name: "made",
    layout: "vad",
    samples: madeSamples(),
    source: { kind: "folder", root: "nowhere" },
  }),
  profile: profiles.demo,
  seeds: [333],
  variants: { wrn: "out-of-fold" },
  backbone: "small",
  weights: new Map([["small", { backbone: "small", file: "nowhere", digest: "1" }]]),
  segmentations: new Map([["vad", map]]),
  wholeImage: map,
  numerics: numericsClass("cpu"),
};
const row: ExperimentRow = {
  group: "SegAD",
  row: "PatchCore + WRN + Ours",
  method: { kind: "segad", detectors: ["patchcore"], classifier: "wrn" },
};

/** Stages of one kind among those that `stage` needs. */
function needs(stage: Stage, kind: string): Stage[] {
  return stage.needs.filter(({ input }) => input.stage === kind);
}

/** Digests of the images that a stage reads: the `rows` of its pixels. */
function imagesOf(stage: Stage, rows: readonly (readonly number[])[]): string[] {
  return needs(stage, "pixels").flatMap((pixels, pack) => {
    const { images } = pixels.input.parameters as unknown as { images: string[] };
    return rows[pack].map((place) => images[place]);
  });
}

Deno.test("training images are scored by the one model that did not see them, others by all", () => {
  const [{ cells, obstacle }] = planExperiment(table3, [row], setting).rows;
  assert.equal(obstacle, undefined);
  const combined = needs(cells[0].scores, "out_of_fold");
  assert.equal(combined.length, 3);
  let [training, testing] = [0, 0];
  for (const stage of combined) {
    const predictions = needs(stage, "predict").map((predict) => {
      const { rows } = predict.input.parameters as unknown as { rows: number[] };
      const [train] = needs(predict, "train");
      const trained = train.input.parameters as unknown as { rows: number[][]; labels: number[] };
      assert.equal(trained.labels.length, 112);
      assert.equal(trained.labels.filter((label) => label === 1).length, 32);
      return {
        images: imagesOf(predict, [rows]),
        seen: new Set(imagesOf(train, trained.rows)),
        model: train.key,
      };
    });
    const { sources } = stage.input.parameters as unknown as { sources: [number, number][][] };
    for (const list of sources) {
      const scored = list.map(([which, place]) => ({
        ...predictions[which],
        image: predictions[which].images[place],
      }));
      const [{ image }] = scored;
      for (const one of scored) {
        assert.equal(one.image, image);
        assert.ok(!one.seen.has(image), `${image} was seen`);
      }
      assert.equal(new Set(scored.map(({ model }) => model)).size, scored.length);
      if (image.includes("train")) training++;
      else testing++;
      assert.equal(scored.length, image.includes("train") ? 1 : 5, image);
    }
  }
  // Half of the good images belong to the detectors.
  assert.deepEqual([training, testing], [90, 12]);
});

Deno.test("without the variant one model is trained, on 80 % of the training images", () => {
  const [{ cells }] = planExperiment(table3, [row], { ...setting, variants: {} }).rows;
  assert.equal(needs(cells[0].scores, "out_of_fold").length, 0);
  const models = new Set(needs(cells[0].scores, "predict").flatMap((one) => needs(one, "train")));
  assert.equal(models.size, 1);
});

Deno.test("the combined score is the mean over an image's models", async () => {
  const scores = [[1, 2, 3], [10, 20]];
  const payload = await outOfFoldKind.run({
    parameters: { sources: [[[0, 2]], [[0, 0], [1, 1]], [[1, 0]]] },
    count: (role: string) => role === "predict" ? 2 : 0,
    read: (_role: string, index: number) => {
      const data = Float64Array.from(scores[index]);
      return Promise.resolve(new Map([["scores.npy", npyBytes({ shape: [data.length], data })]]));
    },
  } as unknown as StageContext);
  assert.deepEqual([...parseNpy(payload.get("scores.npy")!).data], [3, 10.5, 10]);
});

Deno.test("folds share out good and bad images evenly, by the seed; too few images are said", () => {
  const training = madeSamples().filter(({ split }) => split === "train");
  const folds = classifierFolds(training, 333, 5);
  assert.deepEqual(folds.map((fold) => fold.length), [28, 28, 28, 28, 28]);
  for (const fold of folds) assert.equal(fold.filter(({ label }) => label === 1).length, 8);
  assert.equal(new Set(folds.flat()).size, training.length);
  assert.deepEqual(classifierFolds(training, 333, 5), folds);
  assert.notDeepEqual(classifierFolds(training, 334, 5), folds);
  const few = training.filter(({ label }, i) => label === 0 || i < 104);
  assert.throws(() => classifierFolds(few, 333, 5), (error: Error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /there are 4 bad training images/);
    return true;
  });
});
