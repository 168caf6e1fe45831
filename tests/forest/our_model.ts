/**
 * A forest of ours in XGBoost's format, for the test that xgboost reads it. xgboost's margins for it are
 * in `tests/fixtures/xgboost/ours_read.json` with the SHA-256 of the text that it read; this file writes
 * them anew:
 *
 * ```sh
 * PEER_PYTHON=python3 deno run -A --config tests/deno.json tests/forest/our_model.ts
 * ```
 *
 * `PEER_PYTHON` names a Python with xgboost 2.0.3.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { sha256 } from "../../lib/base/digest.ts";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import type { ForestObjective } from "../../lib/forest/parameters.ts";
import { predictMargin } from "../../lib/forest/predictor.ts";
import { forestPresets } from "../../lib/forest/presets.ts";
import { forestToXgboostJson } from "../../lib/forest/xgboost_json.ts";
import { drawTable } from "./tables.ts";

export const objectives: readonly ForestObjective[] = ["binary:logistic", "binary:logitraw"];

/** What xgboost said of one of our models. */
export interface ReadModel {
  /** SHA-256 of the model's text. */
  readonly sha256: string;
  readonly margins: readonly number[];
  readonly names: readonly string[];
}

export const readModelsPath = fileURLToPath(
  new URL("../fixtures/xgboost/ours_read.json", import.meta.url),
);

/** A forest with missing values, its text for xgboost, and its own margins. */
export function ourModel(objective: ForestObjective): {
  readonly text: string;
  readonly features: Float32Array;
  readonly margins: ArrayLike<number>;
  readonly names: readonly string[];
} {
  const { features, labels } = drawTable("missing", 400, 7, 9);
  const parameters = { ...forestPresets.BRF, num_parallel_tree: 20, objective };
  const forest = fitBoostedForest(features, labels, parameters, 4);
  const names = Array.from({ length: 7 }, (_, column) => `segment${column}_mean`);
  return {
    text: forestToXgboostJson(forest, names),
    features: features.values as Float32Array,
    margins: predictMargin(forest, features),
    names,
  };
}

const script = `
import json, sys, numpy, xgboost
assert xgboost.__version__ == "2.0.3"
booster = xgboost.Booster(model_file=sys.argv[1] + "/model.json")
table = numpy.fromfile(sys.argv[1] + "/features.f32", "<f4").reshape(-1, 7)
table = xgboost.DMatrix(table, feature_names=booster.feature_names)
margins = booster.predict(table, output_margin=True).astype(float).tolist()
print(json.dumps({"margins": margins, "names": booster.feature_names}))
`;

if (import.meta.main) {
  const models: Record<string, ReadModel> = {};
  for (const objective of objectives) {
    const folder = await Deno.makeTempDir();
    const { text, features } = ourModel(objective);
    await Deno.writeTextFile(`${folder}/model.json`, text);
    await Deno.writeFile(`${folder}/features.f32`, new Uint8Array(features.buffer));
    const python = Deno.env.get("PEER_PYTHON") ?? "python3";
    const { stdout } = await new Deno.Command(python, { args: ["-c", script, folder] }).output();
    const said = JSON.parse(new TextDecoder().decode(stdout));
    models[objective] = { sha256: sha256(text), ...said };
    await Deno.remove(folder, { recursive: true });
  }
  await Deno.writeTextFile(readModelsPath, JSON.stringify(models) + "\n");
}
