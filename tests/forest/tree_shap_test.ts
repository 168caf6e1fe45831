import assert from "node:assert/strict";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import { type BoostedForest, predictMargin } from "../../lib/forest/predictor.ts";
import { treeShap } from "../../lib/forest/tree_shap.ts";
import { forestFromXgboostJson } from "../../lib/forest/xgboost_json.ts";
import { drawTable, firstRows, largestDifference, modelCases } from "./tables.ts";

for (const { name, model, features, contributions } of modelCases()) {
  Deno.test(`SHAP values are xgboost's pred_contribs: ${name}`, () => {
    const forest = forestFromXgboostJson(JSON.stringify(model));
    const ours = treeShap(forest, firstRows(features, 12));
    assert.ok(largestDifference(ours, contributions) <= 1e-5);
  });
}

Deno.test("SHAP values equal Shapley's formula over all sets of columns", () => {
  const { features, labels } = drawTable("missing", 200, 4, 3);
  const forest = fitBoostedForest(features, labels, { n_estimators: 3, max_depth: 4 }, 0);
  const rows = firstRows(features, 20);
  const ours = treeShap(forest, rows);
  for (let row = 0; row < 20; row++) {
    const values = rows.values.subarray(4 * row, 4 * row + 4);
    const expected = shapley(forest, values);
    assert.ok(largestDifference(ours.subarray(5 * row, 5 * row + 4), expected) < 1e-12);
  }
});

Deno.test("a row's SHAP values and the mean add up to its margin", () => {
  const { features, labels } = drawTable("imbalanced", 410, 9, 4);
  const forest = fitBoostedForest(features, labels, {
    n_estimators: 10,
    num_parallel_tree: 5,
    subsample: 0.6,
    colsample_bynode: 0.6,
    scale_pos_weight: 40,
  }, 0);
  const ours = treeShap(forest, features);
  predictMargin(forest, features).forEach((margin, row) => {
    const sum = ours.subarray(10 * row, 10 * row + 10).reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - margin) < 1e-5);
  });
});

/** Shapley values by their definition; an unknown column follows both ways by their covers. */
function shapley(forest: BoostedForest, row: ArrayLike<number>): number[] {
  const { columns, starts, left, right, feature, threshold, defaultLeft, cover } = forest;
  const expect = (root: number, node: number, known: number): number => {
    const place = root + node;
    if (left[place] < 0) return threshold[place];
    const [a, b] = [left[place], right[place]];
    if ((known >> feature[place] & 1) === 1) {
      const value = row[feature[place]];
      const goesLeft = Number.isNaN(value) ? defaultLeft[place] === 1 : value < threshold[place];
      return expect(root, goesLeft ? a : b, known);
    }
    return (cover[root + a] * expect(root, a, known) + cover[root + b] * expect(root, b, known)) /
      cover[place];
  };
  const worth = Array.from({ length: 2 ** columns }, (_, known) => {
    let sum = 0;
    for (let tree = 0; tree + 1 < starts.length; tree++) sum += expect(starts[tree], 0, known);
    return sum;
  });
  const factorial = (n: number): number => n < 2 ? 1 : n * factorial(n - 1);
  return Array.from({ length: columns }, (_, column) => {
    let sum = 0;
    for (let known = 0; known < 2 ** columns; known++) {
      if ((known >> column & 1) === 1) continue;
      const size = known.toString(2).replaceAll("0", "").length;
      const weight = factorial(size) * factorial(columns - size - 1) / factorial(columns);
      sum += weight * (worth[known | 1 << column] - worth[known]);
    }
    return sum;
  });
}
