import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import {
  type ImportanceKind,
  permutationImportance,
  splitImportance,
} from "../../lib/forest/importance.ts";
import { forestFromXgboostJson } from "../../lib/forest/xgboost_json.ts";
import { auroc } from "../../lib/metrics/auroc.ts";
import { drawTable, modelCases } from "./tables.ts";

Deno.test("importances are those of xgboost's get_score", () => {
  for (const { model, importance } of modelCases()) {
    const forest = forestFromXgboostJson(JSON.stringify(model));
    for (const [kind, scores] of Object.entries(importance)) {
      const ours = splitImportance(forest, kind as ImportanceKind);
      ours.forEach((value, column) => {
        const their = scores[`f${column}`] ?? 0;
        assert.ok(Math.abs(value - their) <= 1e-5 * their, `${kind} of ${column}`);
      });
    }
  }
});

Deno.test("shuffling hurts by the columns that carry the label, and by no unused one", () => {
  const { features, labels } = drawTable("plain", 600, 6, 2);
  const forest = fitBoostedForest(features, labels, { n_estimators: 20, max_depth: 3 }, 0);
  const before = features.values.slice();
  const importance = permutationImportance(
    forest,
    features,
    labels,
    auroc,
    new RandomState(1),
  );
  assert.deepEqual(features.values, before);
  const carrying = Math.min(...importance.subarray(0, 4));
  const noise = Math.max(...importance.subarray(4));
  assert.ok(carrying > noise, `${importance}`);
  assert.ok(importance[0] > 0.1);
  const unused = fitBoostedForest(features, labels, { n_estimators: 1, max_depth: 1 }, 0);
  const single = permutationImportance(unused, features, labels, auroc, new RandomState(1));
  assert.equal(single.filter((value) => value !== 0).length, 1);
});
