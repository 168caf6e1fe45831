import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import type { FeatureMatrix } from "../../lib/forest/binning.ts";
import { fitBoostedForest } from "../../lib/forest/boosted_forest.ts";
import { fitArena, fitBytes, fitState } from "../../lib/forest/fit_state.ts";
import { type ForestParameters, forestParameters } from "../../lib/forest/parameters.ts";
import { predictMargin } from "../../lib/forest/predictor.ts";
import { forestPresets } from "../../lib/forest/presets.ts";
import { forestFromXgboostJson } from "../../lib/forest/xgboost_json.ts";
import { workerThreads } from "../../lib/forest/worker_threads.ts";
import { auroc } from "../../lib/metrics/auroc.ts";
import {
  castingTable,
  drawTable,
  firstRows,
  largestDifference,
  modelCases,
  readFixture,
  rowsOf,
  type Table,
  type TableKind,
} from "./tables.ts";

// Without sampling our trees are xgboost's. Equality ends where sums of gradients are not exact in
// float64 (gradients of very different size): there xgboost's order of adding shows in the last bits
// of weights, and two splits of equal gain may be told apart by them.
for (const given of modelCases()) {
  Deno.test(`without sampling the trees are xgboost's: ${given.name}`, () => {
    const theirs = forestFromXgboostJson(JSON.stringify(given.model));
    const ours = fitBoostedForest(given.features, given.labels, given.parameters, 0);
    assert.deepEqual(ours.starts, theirs.starts);
    assert.deepEqual(ours.left, theirs.left);
    assert.deepEqual(ours.right, theirs.right);
    assert.deepEqual(ours.feature, theirs.feature);
    assert.deepEqual(ours.defaultLeft, theirs.defaultLeft);
    const isSplit = (_: unknown, node: number) => ours.left[node] >= 0;
    const isLeaf = (_: unknown, node: number) => ours.left[node] < 0;
    assert.deepEqual(ours.threshold.filter(isSplit), theirs.threshold.filter(isSplit));
    const leaves = [ours.threshold.filter(isLeaf), theirs.threshold.filter(isLeaf)];
    assert.ok(largestDifference(leaves[0], leaves[1]) <= 1e-7);
    assert.ok(largestDifference(ours.weight, theirs.weight) <= 1e-6);
    const relative = (a: Float32Array, b: Float32Array) =>
      largestDifference(a.map((value, i) => value / (b[i] || 1)), b.map((value) => value ? 1 : 0));
    assert.ok(relative(ours.gain, theirs.gain) <= 1e-4);
    assert.ok(relative(ours.cover, theirs.cover) <= 1e-6);
    assert.ok(Math.abs(ours.base_score - theirs.base_score) <= 1e-7);
    const margins = predictMargin(ours, firstRows(given.features, 100));
    assert.ok(largestDifference(margins, given.margins) <= 1e-6);
  });
}

/** A drawn setting and xgboost's numbers. */
interface DrawnSetting {
  readonly source: [TableKind, number, number, number];
  readonly parameters: Partial<ForestParameters>;
  readonly nodes: number;
  readonly margins: number[];
}

Deno.test("without sampling the trees are xgboost's: settings drawn by chance", () => {
  for (
    const { source, parameters, nodes, margins } of readFixture<DrawnSetting[]>("settings.json")
  ) {
    const { features, labels } = drawTable(...source);
    const forest = fitBoostedForest(features, labels, parameters, 0);
    const what = JSON.stringify([source, parameters]);
    assert.equal(forest.left.length, nodes, what);
    const difference = largestDifference(predictMargin(forest, firstRows(features, 20)), margins);
    assert.ok(difference <= 1e-6 * Math.max(...margins.map(Math.abs)), `${difference} ${what}`);
  }
});

Deno.test("the paper's forest ranks as xgboost's does, over 20 seeds on five tables", async (t) => {
  const drawn = (draw: (seed: number) => Table, train: number) => (seed: number) => {
    const table = draw(1000 + seed);
    const rows = Array.from({ length: table.features.rows }, (_, row) => row);
    return [rowsOf(table, rows.slice(0, train)), rowsOf(table, rows.slice(train))];
  };
  const casting = castingTable();
  const shuffled = (seed: number) =>
    rowsOf(casting, new RandomState(seed).permutation(casting.features.rows));
  const heavy = { scale_pos_weight: 40 };
  const tables: Record<string, [Partial<ForestParameters>, (seed: number) => Table[]]> = {
    "plain": [{}, drawn((seed) => drawTable("plain", 1000, 17, seed), 200)],
    "missing": [{}, drawn((seed) => drawTable("missing", 1000, 17, seed), 200)],
    "imbalanced": [heavy, drawn((seed) => drawTable("imbalanced", 2050, 17, seed), 410)],
    "imbalanced wide": [heavy, drawn((seed) => drawTable("imbalanced", 2460, 33, seed), 820)],
    "casting": [{}, drawn(shuffled, 160)],
  };
  const theirs = readFixture<Record<string, number[]>>("auroc.json");
  for (const [name, [parameters, draw]] of Object.entries(tables)) {
    await t.step(name, () => {
      const differences = theirs[name].map((their, seed) => {
        const [train, test] = draw(seed);
        const given = { ...forestPresets.BRF, ...parameters };
        const forest = fitBoostedForest(train.features, train.labels, given, seed);
        return 100 * auroc(predictMargin(forest, test.features), test.labels) - their;
      });
      assert.equal(differences.length, 20);
      const mean = differences.reduce((sum, difference) => sum + difference) / 20;
      assert.ok(Math.abs(mean) <= 0.2, `mean difference ${mean}`);
    });
  }
});

Deno.test("the seed decides the forest, the number of workers does not", () => {
  // So many trees that workers, for which nobody waits, are there for most of the rounds.
  const { features, labels } = drawTable("missing", 1500, 40, 1);
  const parameters = { ...forestPresets.BRF, num_parallel_tree: 301 };
  const forest = fitBoostedForest(features, labels, parameters, 5);
  for (const workers of [1, 2, 3, 4, 4]) {
    assert.deepEqual(fitBoostedForest(features, labels, parameters, 5, { workers }), forest);
  }
  assert.notDeepEqual(fitBoostedForest(features, labels, parameters, 6), forest);
});

Deno.test("float64 features are rounded to float32 first", () => {
  const { features, labels } = drawTable("plain", 200, 4, 2);
  const given = { n_estimators: 2 };
  const wide = { ...features, values: Float64Array.from(features.values) };
  const forest = fitBoostedForest(features, labels, given, 0);
  assert.deepEqual(fitBoostedForest(wide, labels, given, 0), forest);
  assert.deepEqual(predictMargin(forest, wide), predictMargin(forest, features));
});

Deno.test("rows and columns are drawn in the shares that are asked for", () => {
  const { features, labels } = drawTable("plain", 1000, 20, 3);
  const parameters = {
    n_estimators: 1,
    num_parallel_tree: 400,
    max_depth: 1,
    subsample: 0.3,
    colsample_bytree: 0.05,
    base_score: 0.5,
  };
  const forest = fitBoostedForest(features, labels, parameters, 0);
  const { starts, feature, cover } = forest;
  let rows = 0;
  const used = new Set<number>();
  for (let tree = 0; tree < 400; tree++) {
    rows += cover[starts[tree]] / 0.25; // every row has the hessian 1 / 4
    if (starts[tree + 1] > starts[tree] + 1) used.add(feature[starts[tree]]);
  }
  assert.ok(Math.abs(rows / 400 - 300) < 3 * Math.sqrt(1000 * 0.3 * 0.7 / 400));
  assert.equal(used.size, 20); // one column a tree, and each has its turn
});

Deno.test("a forest without a split worth making predicts the base score and its leaf", () => {
  const features = { rows: 4, columns: 1, values: Float32Array.of(1, 2, 3, 4) };
  const forest = fitBoostedForest(features, [0, 1, 0, 1], { n_estimators: 2 }, 0);
  assert.deepEqual([...forest.starts], [0, 1, 2]);
  assert.deepEqual([...predictMargin(forest, features)], [0, 0, 0, 0]);
});

Deno.test("memory is linear in the rows, and what is promised suffices", () => {
  for (const [n_estimators, max_depth, workers] of [[2, 3, 1], [1, 9, 2], [3, 0, 1]]) {
    const parameters = forestParameters({ n_estimators, num_parallel_tree: 8, max_depth });
    // Up to 4,096 rows sums are kept as well, which do not depend on the rows.
    const bytes = [100, 4000, 5000, 8000, 11000].map((rows) => {
      const { features } = drawTable("plain", rows, 10, 4);
      const arena = fitArena(features, parameters, workers);
      fitState(features, parameters, 0, workerThreads(workers - 1), arena);
      const promised = fitBytes(features, parameters, workers);
      assert.ok(arena.used() <= promised, `${arena.used()} of ${promised}`);
      return arena.used();
    });
    assert.ok(Math.abs(bytes[4] - 2 * bytes[3] + bytes[2]) < 4096, String(bytes));
  }
});

const four: FeatureMatrix = { rows: 4, columns: 1, values: Float32Array.of(1, 2, 3, 4) };

for (
  const [name, features, labels, words] of [
    ["labels all 0", four, [0, 0, 0, 0], /all 4 labels are 0/],
    ["labels all 1", four, [1, 1, 1, 1], /all 4 labels are 1/],
    ["a NaN label", four, [0, 1, NaN, 1], /label 2 is NaN/],
    ["a label of 2", four, [0, 1, 2, 1], /label 2 is 2/],
    ["no rows", { rows: 0, columns: 1, values: new Float32Array(0) }, [], /has 0 rows/],
    [
      "an infinite value",
      { ...four, values: Float32Array.of(1, 2, -Infinity, 4) },
      [0, 1, 0, 1],
      /row 2, column 0 is -Infinity/,
    ],
    [
      "a value beyond float32",
      { ...four, values: Float64Array.of(1, 2, 3, 1e39) },
      [0, 1, 0, 1],
      /row 3, column 0 is 1e\+39/,
    ],
  ] as [string, FeatureMatrix, number[], RegExp][]
) {
  Deno.test(`${name} is an error of the data`, () => {
    assert.throws(() => fitBoostedForest(features, labels, {}, 0), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, words);
      return true;
    });
  });
}

Deno.test("more than 2^31 - 1 cells are refused before anything is allocated", () => {
  const features = { rows: 2 ** 21, columns: 1024, values: new Float32Array(0) };
  assert.throws(() => fitBoostedForest(features, [], {}, 0), /2\^31 - 1 cells: 2097152 rows/);
});

Deno.test("wrong lengths and counts are errors of the call", () => {
  const range = (words: RegExp) => ({ name: "RangeError", message: words });
  assert.throws(() => fitBoostedForest(four, [0, 1], {}, 0), range(/2 labels for 4 rows/));
  assert.throws(
    () => fitBoostedForest({ ...four, columns: 2 }, [0, 1, 0, 1], {}, 0),
    range(/need 8 values, values has 4/),
  );
  assert.throws(
    () => fitBoostedForest(four, [0, 1, 0, 1], {}, 0, { workers: 0 }),
    range(/workers=0 must be/),
  );
});
