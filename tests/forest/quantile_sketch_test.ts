import assert from "node:assert/strict";
import { quantileCuts } from "../../lib/forest/quantile_sketch.ts";
import { fitCuts } from "../../lib/forest/binning.ts";
import { drawTable, readFixture, type TableKind } from "./tables.ts";

interface CutCase {
  readonly kind: TableKind;
  readonly rows: number;
  readonly seed: number;
  readonly max_bin: number;
  readonly floor: number;
  readonly cuts: number[];
}

for (const { kind, rows, seed, max_bin, floor, cuts } of readFixture<CutCase[]>("cuts.json")) {
  Deno.test(`cuts are xgboost's: ${kind}, ${rows} rows, ${max_bin} bins`, () => {
    const { features } = drawTable(kind, rows, 3, seed);
    const fitted = fitCuts(features, max_bin);
    assert.deepEqual([...fitted.cuts.subarray(0, fitted.starts[1])], cuts.map(Math.fround));
    assert.equal(fitted.floors[0], Math.fround(floor));
  });
}

Deno.test("few distinct values: every one but the least is a cut, and one lies above all", () => {
  const cuts = quantileCuts(Float32Array.of(3, 1, 2, 2, 3), 256);
  assert.deepEqual([...cuts], [2, 3, Math.fround(6 + Math.fround(1e-5))]);
});

Deno.test("a constant column and an empty one have one bin", () => {
  assert.deepEqual([...quantileCuts(new Float32Array(7).fill(-1), 256)], [Math.fround(1e-5)]);
  assert.equal(quantileCuts(new Float32Array(0), 256).length, 1);
});
