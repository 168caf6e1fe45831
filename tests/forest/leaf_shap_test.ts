import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import { forestFiles, readForest } from "../../lib/forest/forest_files.ts";
import { leafShap } from "../../lib/forest/leaf_shap.ts";
import { forestPresets } from "../../lib/forest/presets.ts";
import { treeShap } from "../../lib/forest/tree_shap.ts";

/** A table with ties and missing values. */
function table(rows: number, columns: number, seed: number) {
  const random = new RandomState(seed);
  const values = Float64Array.from(
    { length: rows * columns },
    () => random.random() < 0.1 ? NaN : Math.round(random.normal() * 8) / 8,
  );
  const labels = Uint8Array.from({ length: rows }, (_, i) => Number(values[i * columns] > 0.2));
  return { features: { rows, columns, values }, labels };
}

Deno.test("SHAP by leaves is TreeSHAP, for the paper's forest and for deep trees", () => {
  const { features, labels } = table(150, 9, 3);
  const shown = { ...features, values: features.values.slice() };
  for (let i = 0; i < shown.values.length; i += 40) {
    shown.values[i] = i % 80 === 0 ? Infinity : -Infinity;
  }
  const settings = [
    { ...forestPresets.BRF, num_parallel_tree: 20 },
    { n_estimators: 3, max_depth: 8, colsample_bynode: 0.5 },
    { n_estimators: 3, max_depth: 0, min_child_weight: 0 },
    { n_estimators: 1, gamma: 1e9 },
  ];
  for (const parameters of settings) {
    const forest = fitBoostedForest(features, labels, parameters, 1);
    const [fast, exact] = [leafShap(forest, shown), treeShap(forest, shown)];
    assert.equal(fast.length, exact.length);
    const largest = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    exact.forEach((value: number, i: number) => {
      assert.ok(
        Math.abs(value - fast[i]) <= 1e-12 * Math.max(1, largest),
        `${i}: ${fast[i]} ${value}`,
      );
    });
  }
});

Deno.test("a table of another width is refused", () => {
  const { features, labels } = table(40, 3, 1);
  const forest = fitBoostedForest(features, labels, { n_estimators: 1 }, 0);
  assert.throws(
    () => leafShap(forest, { rows: 1, columns: 2, values: new Float64Array(2) }),
    /the table has 2 columns, the forest was fitted on 3/,
  );
});

Deno.test("a forest's files read back as the forest; files that do not fit are refused", () => {
  const { features, labels } = table(60, 4, 2);
  const forest = fitBoostedForest(features, labels, { n_estimators: 2 }, 0);
  const files = forestFiles(forest);
  assert.deepEqual(readForest(files), forest);
  const other = forestFiles(fitBoostedForest(features, labels, { n_estimators: 3 }, 0));
  const mixed = new Map([...files, ["forest.json", other.get("forest.json")!] as const]);
  assert.throws(() => readForest(mixed), /Cannot read a forest: its table is/);
});
