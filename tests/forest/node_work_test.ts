import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { type Arena, kernelArena, plainArena } from "../../lib/forest/arena.ts";
import { binFeatures, fitCuts } from "../../lib/forest/binning.ts";
import { kernelNodeWork } from "../../lib/forest/node_kernel.ts";
import {
  type NodeScratch,
  nodeScratch,
  type NodeWork,
  plainNodeWork,
} from "../../lib/forest/node_work.ts";
import { nodeGain, type SplitRule } from "../../lib/forest/splitting.ts";
import { drawTable, type TableKind } from "./tables.ts";

interface Bench {
  readonly work: NodeWork;
  readonly scratch: NodeScratch;
}

const rowCount = 900;
const columnCount = 11;

/** Both ways of doing a node's steps, on the same table and gradients. */
function bothWays(kind: TableKind, maxBin: number, rule: SplitRule): [Bench, Bench, Float64Array] {
  const { features } = drawTable(kind, rowCount, columnCount, 1);
  const cuts = fitCuts(features, maxBin);
  const random = new RandomState(2);
  const drawn = Float64Array.from({ length: 2 * rowCount }, (_, i) => {
    const number = i % 2 === 0 ? random.uniform(-1, 1) : random.uniform(0.01, 0.25);
    return Math.round(number * 2 ** 20) / 2 ** 20; // sums are exact, whatever the order
  });
  const bench = (arena: Arena): Bench => {
    const binned = binFeatures(features, cuts, arena);
    const pairs = arena.float64(2 * rowCount);
    pairs.set(drawn);
    const scratch = nodeScratch(binned, arena);
    const { memory } = arena;
    const work = memory === undefined
      ? plainNodeWork(binned, pairs, scratch, rule)
      : kernelNodeWork(memory, binned, pairs, scratch, rule);
    return { work, scratch };
  };
  return [bench(plainArena(false)), bench(kernelArena(16e6)), drawn];
}

const rule = { alpha: 1, lambda: 1, minChildWeight: 1 };
for (
  const [name, kind, maxBin, own] of [
    ["256 bins", "plain", 256, rule],
    ["few bins", "coarse", 256, rule],
    ["an odd number of bins", "plain", 37, rule],
    ["missing values", "missing", 64, rule],
    ["many bins", "plain", 600, rule],
    ["no penalties", "missing", 256, { alpha: 0, lambda: 0, minChildWeight: 0 }],
    ["a large L1 penalty", "plain", 256, { alpha: 8, lambda: 0.5, minChildWeight: 0 }],
  ] as [string, TableKind, number, SplitRule][]
) {
  Deno.test(`the kernel finds the plain twin's splits: ${name}`, () => {
    const [plain, kernel, pairs] = bothWays(kind, maxBin, own);
    const random = new RandomState(3);
    let found = 0;
    for (let trial = 0; trial < 300; trial++) {
      // Nodes of all sizes, rows and columns drawn as a tree draws them.
      const share = [0.005, 0.02, 0.1, 0.4, 0.9][trial % 5];
      const rows = Array.from({ length: rowCount }, (_, row) => row)
        .filter(() => random.random() < share);
      const columns = Array.from({ length: columnCount }, (_, column) => column)
        .filter(() => random.random() < 0.6);
      if (rows.length < 2 || columns.length === 0) continue;
      let [gradient, hessian] = [0, 0];
      for (const row of rows) {
        gradient += pairs[2 * row];
        hessian += pairs[2 * row + 1];
      }
      const begin = trial % 7;
      const splits = [plain, kernel].map(({ work, scratch }) => {
        scratch.rows.set(rows, begin);
        scratch.columns.set(columns);
        const parentGain = nodeGain(gradient, hessian, own);
        const end = begin + rows.length;
        const split = {
          ...work.bestSplit(begin, end, columns.length, gradient, hessian, parentGain),
        };
        assert.ok(scratch.histogram.every((sum) => sum === 0), "histograms are cleared");
        assert.ok(scratch.marks.every((mark) => mark === 0), "marks are cleared");
        return split;
      });
      assert.equal(splits[0].gain, splits[1].gain);
      if (splits[0].gain === 0) continue;
      assert.deepEqual(splits[0], splits[1]);
      found++;
      const { column, bin } = splits[0];
      const missing = trial % 2 === 0 ? -1 : 3;
      const places = [plain, kernel].map(({ work }) =>
        work.divide(begin, begin + rows.length, column, bin, missing)
      );
      assert.equal(places[0], places[1]);
      assert.deepEqual(
        plain.scratch.rows.subarray(0, begin + rows.length),
        kernel.scratch.rows.subarray(0, begin + rows.length),
      );
    }
    assert.ok(found > 50, `${found} splits`);
  });
}

// The oracle tries every cut of every column with sums over the rows, by XGBoost's rules.
Deno.test("the plain twin finds the best of all splits", () => {
  const own = { alpha: 0.5, lambda: 1, minChildWeight: 0.5 };
  const { features } = drawTable("missing", 60, 3, 5);
  const binned = binFeatures(features, fitCuts(features, 256));
  const random = new RandomState(6);
  const pairs = Float64Array.from(
    { length: 120 },
    (_, i) => Math.fround(i % 2 === 0 ? random.uniform(-1, 1) : random.uniform(0.1, 0.25)),
  );
  const sums = (rows: number[]) =>
    rows.reduce(([g, h], row) => [g + pairs[2 * row], h + pairs[2 * row + 1]], [0, 0]);
  const all = Array.from({ length: 60 }, (_, row) => row);
  const [gradient, hessian] = sums(all);
  const parentGain = nodeGain(gradient, hessian, own);
  const candidates: { gain: number; column: number; bin: number; defaultLeft: boolean }[] = [];
  for (let column = 0; column < 3; column++) {
    const bins = binned.pairIndices.subarray(column * 60, column * 60 + 60).map((at) => at / 2);
    const missing = binned.binCounts[column];
    for (const defaultLeft of [false, true]) {
      for (let bin = -1; bin < missing; bin++) {
        const goesLeft = (row: number) => bins[row] === missing ? defaultLeft : bins[row] <= bin;
        const [left, right] = [
          sums(all.filter(goesLeft)),
          sums(all.filter((row) => !goesLeft(row))),
        ];
        if (Math.min(left[1], right[1]) < own.minChildWeight) continue;
        const children = Math.fround(
          nodeGain(left[0], left[1], own) + nodeGain(right[0], right[1], own),
        );
        candidates.push({ gain: Math.fround(children - parentGain), column, bin, defaultLeft });
      }
    }
  }
  const best = candidates.reduce((a, b) => b.gain > a.gain ? b : a);
  const scratch = nodeScratch(binned, plainArena(false));
  scratch.rows.set(all);
  scratch.columns.set([0, 1, 2]);
  const split = plainNodeWork(binned, pairs, scratch, own)
    .bestSplit(0, 60, 3, gradient, hessian, parentGain);
  assert.ok(best.gain > 1);
  assert.equal(split.gain, best.gain);
  assert.equal(split.column, best.column);
  assert.equal(split.defaultLeft, best.defaultLeft);
});
