import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import type { FeatureMatrix } from "../../lib/forest/binning.ts";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import { baseMargin } from "../../lib/forest/loss.ts";
import {
  type BoostedForest,
  predictMargin,
  predictProbability,
} from "../../lib/forest/predictor.ts";
import { drawTable, firstRows, largestDifference, modelCases } from "./tables.ts";
import { forestFromXgboostJson } from "../../lib/forest/xgboost_json.ts";

/** The plain walk from node to node. */
function walk(forest: BoostedForest, row: Float32Array): number {
  const { starts, left, right, feature, threshold, defaultLeft } = forest;
  let margin = baseMargin(forest.base_score, forest.objective);
  for (let tree = 0; tree + 1 < starts.length; tree++) {
    let node = starts[tree];
    while (left[node] >= 0) {
      const value = row[feature[node]];
      const goesLeft = Number.isNaN(value) ? defaultLeft[node] === 1 : value < threshold[node];
      node = starts[tree] + (goesLeft ? left[node] : right[node]);
    }
    margin = Math.fround(margin + threshold[node]);
  }
  return margin;
}

Deno.test("the branchless walk equals the plain one, for every number of rows", () => {
  const { features, labels } = drawTable("missing", 150, 6, 1);
  const parameters = { n_estimators: 8, num_parallel_tree: 3, subsample: 0.7, max_depth: 7 };
  const forest = fitBoostedForest(features, labels, parameters, 1);
  const random = new RandomState(2);
  for (const rows of [1, 2, 3, 4, 5, 31, 32, 33, 67]) {
    const values = Float32Array.from(
      { length: rows * 6 },
      () => random.random() < 0.2 ? NaN : random.uniform(-2, 2),
    );
    const table: FeatureMatrix = { rows, columns: 6, values };
    const expected = Array.from(
      { length: rows },
      (_, i) => walk(forest, values.subarray(6 * i, 6 * i + 6)),
    );
    assert.deepEqual([...predictMargin(forest, table)], expected);
  }
});

/** The forest with every tree's nodes numbered way after way (depth first). */
function depthFirst(forest: BoostedForest): BoostedForest {
  const { starts, left, right } = forest;
  const order: number[] = [];
  const numbers = new Int32Array(left.length);
  for (let tree = 0; tree + 1 < starts.length; tree++) {
    const visit = (node: number) => {
      numbers[node] = order.length - starts[tree];
      order.push(node);
      if (left[node] < 0) return;
      visit(starts[tree] + left[node]);
      visit(starts[tree] + right[node]);
    };
    visit(starts[tree]);
  }
  const renumbered = (children: Int32Array) =>
    Int32Array.from(order, (node) => {
      const tree = starts.findLastIndex((start) => start <= node);
      return children[node] < 0 ? -1 : numbers[starts[tree] + children[node]];
    });
  const { feature, threshold, defaultLeft } = forest;
  return {
    ...forest,
    left: renumbered(left),
    right: renumbered(right),
    feature: Int32Array.from(order, (node) => feature[node]),
    threshold: Float32Array.from(order, (node) => threshold[node]),
    defaultLeft: Uint8Array.from(order, (node) => defaultLeft[node]),
  };
}

Deno.test("the walk does not depend on how nodes are numbered; trees that are none are refused", () => {
  const { features, labels } = drawTable("missing", 150, 6, 1);
  const forest = fitBoostedForest(features, labels, { n_estimators: 5 }, 1);
  const other = depthFirst(forest);
  assert.notDeepEqual(other.left, forest.left);
  assert.deepEqual(predictMargin(other, features), predictMargin(forest, features));
  const ring = { ...forest, right: forest.right.map((child) => child < 0 ? -1 : 0) };
  assert.throws(() => predictMargin(ring, features), DataError);
});

Deno.test("probabilities are xgboost's", () => {
  for (const { model, features, probabilities } of modelCases()) {
    const forest = forestFromXgboostJson(JSON.stringify(model));
    const ours = predictProbability(forest, firstRows(features, 12));
    assert.ok(largestDifference(ours, probabilities) < 2e-7);
  }
});

Deno.test("a table of another width is refused", () => {
  const { features, labels } = drawTable("plain", 50, 4, 1);
  const forest = fitBoostedForest(features, labels, { n_estimators: 1 }, 0);
  assert.throws(
    () => predictMargin(forest, { rows: 1, columns: 3, values: new Float32Array(3) }),
    (error) => error instanceof DataError && /3 columns.* fitted on 4/.test(error.message),
  );
});
