import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { type Arena, kernelArena, plainArena } from "../../lib/forest/arena.ts";
import { binFeatures, fitCuts } from "../../lib/forest/binning.ts";
import { kernelNodeWork } from "../../lib/forest/node_kernel.ts";
import {
  type LeafNumbers,
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
  /** Room for leaf numbers of 1, 2 and 4 bytes, of two trees. */
  readonly numbers: readonly LeafNumbers[];
}

const columnCount = 11;

/** What a node is searched in. */
interface Setting {
  readonly kind: TableKind;
  readonly maxBin: number;
  readonly rule: SplitRule;
  readonly rowCount?: number;
  /** What gradients are multiplied with, a power of two. */
  readonly scale?: number;
  /** Whether half of the rows have next to no hessian. */
  readonly saturated?: boolean;
  /** Columns repeat after so many. */
  readonly different?: number;
}

/** Both ways of doing a node's steps, on the same table and gradients. */
function bothWays(setting: Setting): [Bench, Bench, Float64Array] {
  const { kind, maxBin, rule, rowCount = 900, scale = 1 } = setting;
  const { saturated = false, different = columnCount } = setting;
  const { features } = drawTable(kind, rowCount, columnCount, 1);
  for (let i = 0; i < features.values.length; i++) {
    const column = i % columnCount;
    features.values[i] = features.values[i - column + column % different];
  }
  const cuts = fitCuts(features, maxBin);
  const random = new RandomState(2);
  const drawn = Float64Array.from({ length: 2 * rowCount }, (_, i) => {
    const number = i % 2 === 0 ? random.uniform(-1, 1) : random.uniform(0.01, 0.25);
    if (saturated && i % 4 === 3) return scale * 2 ** -40;
    return scale * Math.round(number * 2 ** 20) / 2 ** 20; // sums are exact, whatever the order
  });
  const bench = (arena: Arena): Bench => {
    const binned = binFeatures(features, cuts, arena);
    const pairs = arena.float64(2 * rowCount);
    pairs.set(drawn);
    const scratch = nodeScratch(binned, arena);
    const numbers = [
      arena.uint8(2 * rowCount),
      arena.uint16(2 * rowCount),
      arena.int32(2 * rowCount),
    ];
    const { memory } = arena;
    const work = memory === undefined
      ? plainNodeWork(binned, pairs, scratch, rule)
      : kernelNodeWork(memory, binned, pairs, scratch, rule);
    return { work, scratch, numbers };
  };
  return [bench(plainArena(false)), bench(kernelArena(16e6)), drawn];
}

const rule = { alpha: 1, lambda: 1, minChildWeight: 1 };
const noRule = { alpha: 0, lambda: 0, minChildWeight: 0 };
const settings: Record<string, Setting> = {
  "256 bins": { kind: "plain", maxBin: 256, rule },
  "few bins": { kind: "coarse", maxBin: 256, rule },
  "an odd number of bins": { kind: "plain", maxBin: 37, rule },
  "missing values": { kind: "missing", maxBin: 64, rule },
  "many bins": { kind: "plain", maxBin: 600, rule },
  "no penalties": { kind: "missing", maxBin: 256, rule: noRule },
  "a large L1 penalty": {
    kind: "plain",
    maxBin: 256,
    rule: { alpha: 8, lambda: 0.5, minChildWeight: 0 },
  },
  "two bins and an L1 penalty alone": {
    kind: "plain",
    maxBin: 2,
    rule: { alpha: 1, lambda: 0, minChildWeight: 0 },
  },
  "columns that are equal": { kind: "plain", maxBin: 256, rule, different: 4 },
  "more rows than are bounded": { kind: "plain", maxBin: 256, rule, rowCount: 6000 },
  "sums that float32 products cannot hold": {
    kind: "missing",
    maxBin: 256,
    rule: noRule,
    scale: 2 ** 45,
  },
};
for (const [name, setting] of Object.entries(settings)) {
  Deno.test(`the kernel finds the plain twin's splits: ${name}`, () => {
    const trials = (setting.rowCount ?? 900) > 1000 ? 60 : 300;
    const found = compareNodes(setting, trials, 3);
    assert.ok(found > 20, `${found} splits`);
  });
}

// Next to no penalties, and sides of next to no weight: here bounds are lost first, by rounding.
Deno.test("the kernel finds the plain twin's splits: settings drawn by chance", () => {
  const random = new RandomState(5);
  const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random.random() * values.length)];
  let found = 0;
  for (let draw = 0; draw < 120; draw++) {
    found += compareNodes(
      {
        kind: oneOf(["plain", "coarse", "missing"]),
        maxBin: oneOf([2, 3, 5, 17, 64, 65, 130, 256, 257]),
        rule: {
          alpha: oneOf([0, 0.01, 1, 8]),
          lambda: oneOf([0, 1e-3, 0.5]),
          minChildWeight: oneOf([0, 0, 0.1, 1]),
        },
        rowCount: oneOf([50, 200, 600]),
        scale: oneOf([2 ** -10, 1, 2 ** 10]),
        saturated: random.random() < 0.5,
        different: oneOf([1, 3, columnCount]),
      },
      40,
      draw,
    );
  }
  assert.ok(found > 1000, `${found} splits`);
});

/** Searches nodes of all sizes both ways, divides and numbers them; the number of splits found. */
function compareNodes(setting: Setting, trials: number, seed: number): number {
  const { rule: own, rowCount = 900 } = setting;
  const [plain, kernel, pairs] = bothWays(setting);
  const random = new RandomState(seed);
  let found = 0;
  for (let trial = 0; trial < trials; trial++) {
    // Rows and columns drawn as a tree draws them.
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
    const begin = Math.min(trial % 7, rowCount - rows.length);
    const splits = [plain, kernel].map(({ work, scratch }) => {
      scratch.rows.set(rows, begin);
      scratch.columns.set(columns);
      const parentGain = nodeGain(gradient, hessian, own);
      const end = begin + rows.length;
      const split = {
        ...work.bestSplit(begin, end, columns.length, gradient, hessian, parentGain),
      };
      assert.ok(scratch.histogram.every((sum) => sum === 0), "histograms are cleared");
      assert.ok(scratch.blockSums.every((sum) => sum === 0), "block sums are cleared");
      return split;
    });
    assert.equal(splits[0].gain, splits[1].gain);
    if (splits[0].gain === 0) continue;
    assert.deepEqual(splits[0], splits[1]);
    found++;
    const { column, bin } = splits[0];
    const missing = trial % 2 === 0 ? -1 : 3;
    const end = begin + rows.length;
    const width = trial % 3;
    const leaf = [200, 60_000, 2 ** 30][width];
    for (const { work, numbers } of [plain, kernel]) {
      const { [width]: own } = numbers;
      own.fill(1);
      work.numberChildren(begin, end, column, bin, missing, leaf, own, rowCount);
    }
    assert.deepEqual(plain.numbers[width], kernel.numbers[width]);
    const places = [plain, kernel].map(({ work }) => work.divide(begin, end, column, bin, missing));
    assert.equal(places[0], places[1]);
    const divided = [plain, kernel].map(({ scratch }) => scratch.rows.subarray(0, end));
    assert.deepEqual(divided[0], divided[1]);
    // The same numbers as those of children that are numbered one by one.
    for (const { work, numbers } of [plain, kernel]) {
      const { [width]: own } = numbers;
      const both = own.slice();
      own.fill(1);
      work.number(begin, places[0], leaf, own, rowCount);
      work.number(places[0], end, leaf + 1, own, rowCount);
      assert.deepEqual(own, both);
    }
  }
  return found;
}

Deno.test("no split of a column has a larger gain than the column's bound; low bounds are not searched", () => {
  let [close, unsearched] = [0, 0];
  for (
    const setting of [settings["256 bins"], settings["missing values"], settings["no penalties"]]
  ) {
    const { rule: own, rowCount = 900 } = setting;
    const [plain, kernel, pairs] = bothWays(setting);
    const random = new RandomState(4);
    for (let trial = 0; trial < 100; trial++) {
      const share = [0.01, 0.05, 0.2, 0.9][trial % 4];
      const rows = Array.from({ length: rowCount }, (_, row) => row)
        .filter(() => random.random() < share);
      if (rows.length < 2) continue;
      let [gradient, hessian] = [0, 0];
      for (const row of rows) {
        gradient += pairs[2 * row];
        hessian += pairs[2 * row + 1];
      }
      const parentGain = nodeGain(gradient, hessian, own);
      const bestOf = ({ work, scratch }: Bench, columns: number[]) => {
        scratch.rows.set(rows);
        scratch.columns.set(columns);
        return work.bestSplit(0, rows.length, columns.length, gradient, hessian, parentGain).gain;
      };
      const all = Array.from({ length: columnCount }, (_, column) => column);
      const best = bestOf(kernel, all);
      const marked = kernel.scratch.bounds.slice(0, columnCount);
      const searched = marked.filter((bound) => bound < 0);
      assert.ok(
        best === 0 || searched.every((bound) => -bound * 1.0001 >= best + parentGain),
        `trial ${trial}`,
      );
      unsearched += columnCount - searched.length;
      const bounds = marked.map(Math.abs);
      for (const column of all) {
        const gain = bestOf(plain, [column]);
        if (gain === 0) continue;
        assert.ok(gain + parentGain <= bounds[column] * 1.0001, `trial ${trial}, column ${column}`);
        if (gain + parentGain > 0.7 * bounds[column]) close++;
      }
    }
  }
  assert.ok(close > 500, `${close} bounds are close`); // else they would be of no use
  assert.ok(unsearched > 500, `${unsearched} columns are not searched`);
});

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
