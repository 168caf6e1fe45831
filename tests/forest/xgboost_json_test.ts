import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError } from "../../lib/base/errors.ts";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import { predictMargin } from "../../lib/forest/predictor.ts";
import { forestPresets } from "../../lib/forest/presets.ts";
import { forestFromXgboostJson, forestToXgboostJson } from "../../lib/forest/xgboost_json.ts";
import { objectives, ourModel, type ReadModel, readModelsPath } from "./our_model.ts";
import { drawTable, firstRows, largestDifference, modelCases } from "./tables.ts";

for (const { name, model, features, margins } of modelCases()) {
  Deno.test(`xgboost's model predicts the same margins here: ${name}`, () => {
    const forest = forestFromXgboostJson(JSON.stringify(model));
    const ours = predictMargin(forest, firstRows(features, 100));
    assert.ok(largestDifference(ours, margins) <= 1e-6);
  });

  Deno.test(`a model read and written again is xgboost's own text: ${name}`, () => {
    const forest = forestFromXgboostJson(JSON.stringify(model));
    const again = JSON.parse(forestToXgboostJson(forest));
    // Whether the base score was estimated is not kept: it does not matter to predictions.
    const booster = (text: unknown) => {
      const learner = { ...(text as { learner: { learner_model_param: Json } }).learner };
      learner.learner_model_param = { ...learner.learner_model_param, boost_from_average: "1" };
      return asFloat32({ ...(text as Json), learner });
    };
    assert.deepEqual(booster(again), booster(model));
  });
}

type Json = Record<string, unknown>;

/** The value with every number, or text of one, rounded to float32. */
function asFloat32(value: unknown): unknown {
  if (typeof value === "number") return Math.fround(value) + 0; // one zero
  if (typeof value === "string" && value !== "" && Number.isFinite(Number(value))) {
    return Math.fround(Number(value));
  }
  if (Array.isArray(value)) return value.map(asFloat32);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asFloat32(item)]));
}

Deno.test("a written forest is read back bit for bit", () => {
  const { features, labels } = drawTable("missing", 300, 6, 8);
  const parameters = { ...forestPresets.BRF, num_parallel_tree: 10, scale_pos_weight: 3 };
  const forest = fitBoostedForest(features, labels, parameters, 4);
  assert.deepEqual(forestFromXgboostJson(forestToXgboostJson(forest)), forest);
});

Deno.test("whole numbers among weights keep their point, which xgboost insists on", () => {
  const features = { rows: 4, columns: 1, values: Float32Array.of(1, 2, 3, 4) };
  const forest = fitBoostedForest(features, [0, 0, 1, 1], { min_child_weight: 0 }, 0);
  const text = forestToXgboostJson(forest);
  for (const name of ["base_weights", "loss_changes", "split_conditions", "sum_hessian"]) {
    const lists = [...text.matchAll(new RegExp(`"${name}":\\[([^\\]]*)\\]`, "g"))];
    assert.equal(lists.length, 100);
    for (const [, list] of lists) assert.ok(list.split(",").every((item) => /[.e]/.test(item)));
  }
});

for (const objective of objectives) {
  Deno.test(`xgboost reads our model and predicts the same margins: ${objective}`, async () => {
    const { text, margins, names } = ourModel(objective);
    const read = JSON.parse(await Deno.readTextFile(readModelsPath))[objective] as ReadModel;
    assert.equal(sha256(text), read.sha256, "the model is another: run tests/forest/our_model.ts");
    const difference = largestDifference(margins, read.margins);
    assert.ok(difference <= 1e-6, `${difference}`);
    assert.deepEqual(read.names, names);
  });
}

for (
  const [name, change, words] of [
    ["a file that is not JSON", undefined, /it is not JSON/],
    ["a missing part", (model: Json) => delete model.learner, /learner\..* is missing/],
    ["another objective", (model: Json) => {
      ((model.learner as Json).objective as Json).name = "reg:squarederror";
    }, /objective is reg:squarederror/],
    ["another booster", (model: Json) => {
      ((model.learner as Json).gradient_booster as Json).name = "gblinear";
    }, /booster is gblinear/],
    ["a child that is not there", (model: Json) => {
      (firstTree(model).left_children as number[])[0] = 900;
    }, /node 0 has the child 900/],
    ["a circle", (model: Json) => {
      (firstTree(model).left_children as number[])[1] = 0;
    }, /node 1 has the child 0/],
    ["a column that is not there", (model: Json) => {
      (firstTree(model).split_indices as number[])[0] = 77;
    }, /node 0 splits column 77 of 8/],
    ["lists of different lengths", (model: Json) => {
      (firstTree(model).sum_hessian as number[]).pop();
    }, /lists have \d+ and \d+ nodes/],
    ["a categorical split", (model: Json) => {
      (firstTree(model).split_type as number[])[0] = 1;
    }, /node 0 is a categorical split/],
    ["a weight that is no number", (model: Json) => {
      (firstTree(model).split_conditions as unknown[])[0] = "many";
    }, /node 0 has threshold many/],
  ] as [string, ((model: Json) => void) | undefined, RegExp][]
) {
  Deno.test(`${name} is an error of the data that names the file`, () => {
    const { model } = modelCases()[0];
    change?.(model);
    const text = change === undefined ? "{" : JSON.stringify(model);
    assert.throws(() => forestFromXgboostJson(text, "models/a.json"), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /^Cannot read models\/a\.json as an XGBoost JSON model: /);
      assert.match(error.message, words);
      return true;
    });
  });
}

function firstTree(model: Json): Json {
  const booster = (model.learner as Json).gradient_booster as Json;
  return ((booster.model as Json).trees as Json[])[0];
}
