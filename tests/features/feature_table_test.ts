import assert from "node:assert/strict";
import { UsageError } from "../../lib/base/errors.ts";
import {
  featureColumns,
  type FeatureInput,
  type FeatureSet,
  featureTable,
  sumOverColumns,
  takeRows,
} from "../../lib/features/feature_table.ts";

const segments = ["ground", "part"];
/** Two images, two segments; the statistic s of segment l of image i is 1000 d + 100 i + 10 l + s. */
function statisticsOf(detector: string, d: number) {
  const values = Float64Array.from(
    { length: 2 * 2 * 5 },
    (_, k) => 1000 * d + 100 * Math.floor(k / 10) + 10 * (Math.floor(k / 5) % 2) + k % 5,
  );
  return { detector, segments: values, maxima: Float64Array.of(1000 * d + 99, 1000 * d + 199) };
}
const input: FeatureInput = {
  rows: ["a.png", "b.png"],
  segments,
  detectors: [statisticsOf("PatchCore", 1), statisticsOf("RD4AD", 2)],
  classifier: { classifier: "WRN", scores: Float64Array.of(0.25, 0.75) },
};
const { classifier: _, ...withoutClassifier } = input;

Deno.test('the feature set "paper" is [g, q, z, c, m] with detectors, then segments within', () => {
  const { columns, values } = featureTable("paper", input);
  assert.deepEqual(columns.map(({ name }) => name), [
    "WRN/score",
    ...["q99.5", "skew", "kurtosis", "mean"].flatMap((statistic) => [
      `PatchCore/ground/${statistic}`,
      `PatchCore/part/${statistic}`,
      `RD4AD/ground/${statistic}`,
      `RD4AD/part/${statistic}`,
    ]),
  ]);
  assert.deepEqual(
    [...values.subarray(17)],
    [0.75, 1100, 1110, 2100, 2110, 1101, 1111, 2101, 2111, 1102, 1112, 2102, 2112]
      .concat([1103, 1113, 2103, 2113]),
  );
});

Deno.test('the feature set "paper" has K L 4 columns, and one more with a classifier', () => {
  assert.equal(featureTable("paper", withoutClassifier).columns.length, 2 * 2 * 4);
  assert.equal(featureTable("paper", input).columns.length, 2 * 2 * 4 + 1);
});

Deno.test('the feature set "public_code" goes by segment, detector, statistic; maxima last', () => {
  const { columns, values } = featureTable("public_code", withoutClassifier);
  assert.equal(columns.length, 2 * (4 * 2 + 1));
  assert.deepEqual(columns.map(({ name }) => name).slice(3, 10), [
    "PatchCore/ground/mean",
    "RD4AD/ground/q99.5",
    "RD4AD/ground/skew",
    "RD4AD/ground/kurtosis",
    "RD4AD/ground/mean",
    "PatchCore/part/q99.5",
    "PatchCore/part/skew",
  ]);
  assert.deepEqual(
    [...values.subarray(0, 18)],
    [1000, 1001, 1002, 1003, 2000, 2001, 2002, 2003, 1010, 1011, 1012, 1013, 2010, 2011, 2012, 2013]
      .concat([1099, 2099]),
  );
});

Deno.test('the feature set "max_per_segment" is the maximum of each segment', () => {
  const { values } = featureTable("max_per_segment", withoutClassifier);
  assert.deepEqual([...values], [1004, 1014, 2004, 2014, 1104, 1114, 2104, 2114]);
});

Deno.test("columns say where they come from", () => {
  const columns = featureColumns("public_code", ["PatchCore"], ["part"], "WRN");
  assert.deepEqual(columns[0], {
    name: "PatchCore/part/q99.5",
    source: "PatchCore",
    segment: "part",
    statistic: "q99.5",
  });
  assert.deepEqual(columns.at(-2), {
    name: "PatchCore/max",
    source: "PatchCore",
    segment: null,
    statistic: "max",
  });
  assert.equal(columns.at(-1)!.name, "WRN/score");
});

Deno.test("sumOverColumns() adds importances up per segment, detector and statistic", () => {
  const { columns } = featureTable("paper", input);
  const importances = columns.map((_, j) => j + 1);
  assert.deepEqual([...sumOverColumns(columns, importances, "segment")], [
    ["image", 1],
    ["ground", 2 + 4 + 6 + 8 + 10 + 12 + 14 + 16],
    ["part", 3 + 5 + 7 + 9 + 11 + 13 + 15 + 17],
  ]);
  assert.deepEqual([...sumOverColumns(columns, importances, "source").keys()], [
    "WRN",
    "PatchCore",
    "RD4AD",
  ]);
  assert.throws(() => sumOverColumns(columns, [1], "segment"), RangeError);
});

Deno.test("takeRows() copies rows in the order asked for", () => {
  const table = featureTable("max_per_segment", withoutClassifier);
  const taken = takeRows(table, [1, 0, 1]);
  assert.deepEqual(taken.rows, ["b.png", "a.png", "b.png"]);
  assert.deepEqual([...taken.values.subarray(0, 5)], [1104, 1114, 2104, 2114, 1004]);
  assert.throws(() => takeRows(table, [2]), { name: "RangeError", message: /row 2 .* with 2/ });
});

Deno.test("featureTable() refuses what does not fit together", () => {
  const refused = (change: Partial<FeatureInput>, message: RegExp) =>
    assert.throws(() => featureTable("paper", { ...input, ...change }), {
      name: "RangeError",
      message,
    });
  refused({ detectors: [] }, /there is no detector/);
  refused({ detectors: [input.detectors[0], input.detectors[0]] }, /two sources are named "Patch/);
  refused({ segments: ["a", "a"] }, /two segments are named "a"/);
  refused({ rows: ["a.png"] }, /PatchCore has 20 statistics and 2 maxima for 1 images/);
  refused({ classifier: { classifier: "WRN", scores: Float64Array.of(1) } }, /WRN has 1 scores/);
  assert.throws(
    () => featureTable("papers" as FeatureSet, input),
    (error) => error instanceof UsageError && /did you mean "paper"/.test(error.message),
  );
});
