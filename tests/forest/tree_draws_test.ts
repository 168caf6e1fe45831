import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { type Arena, kernelArena, plainArena } from "../../lib/forest/arena.ts";
import { binFeatures, fitCuts } from "../../lib/forest/binning.ts";
import { kernelNodeWork } from "../../lib/forest/node_kernel.ts";
import { type NodeScratch, nodeScratch, plainNodeWork } from "../../lib/forest/node_work.ts";
import type { TreeDraws } from "../../lib/forest/tree_draws.ts";
import { drawTable } from "./tables.ts";

const [rowCount, columnCount] = [700, 23];
const rule = { alpha: 0, lambda: 1, minChildWeight: 1 };

/** Draws on a table of the test's size, and the memory that they change. */
function tableDraws(arena: Arena): { draws: TreeDraws; scratch: NodeScratch } {
  const { features } = drawTable("plain", rowCount, columnCount, 1);
  const binned = binFeatures(features, fitCuts(features, 16), arena);
  const random = new RandomState(2);
  const pairs = arena.float64(2 * rowCount);
  for (let i = 0; i < pairs.length; i++) pairs[i] = Math.fround(random.uniform(-1, 1));
  const scratch = nodeScratch(binned, arena);
  const { memory } = arena;
  const { draws } = memory === undefined
    ? plainNodeWork(binned, pairs, scratch, rule)
    : kernelNodeWork(memory, binned, pairs, scratch, rule);
  return { draws, scratch };
}

Deno.test("the kernel draws what the plain twin draws", () => {
  const both = [tableDraws(plainArena(false)), tableDraws(kernelArena(4e6))];
  for (let seed = 0; seed < 60; seed++) {
    const share = [0.04, 0.3, 0.5, 0.6, 0.97, 1][seed % 6];
    const [plain, kernel] = both.map(({ draws, scratch }) => {
      const { rows, totals, flags, allColumns, treeColumns, columns } = scratch;
      draws.start(2 ** 32 - 1 - 71582788 * seed);
      const drawnRows = draws.rows(share);
      const inTree = draws.columns(allColumns, columnCount, 0.7, treeColumns);
      const drawn = Array.from({ length: 5 }, () => {
        const count = draws.columns(treeColumns, inTree, share, columns);
        return [...columns.subarray(0, count)];
      });
      assert.ok(flags.every((flag) => flag === 0));
      const tree = [...treeColumns.subarray(0, inTree)];
      return { drawnRows, rows: [...rows], totals: [...totals], tree, drawn };
    });
    assert.deepEqual(kernel, plain);
  }
});

Deno.test("rows and columns are drawn without replacement, in order, each as often as any other", () => {
  const { draws, scratch } = tableDraws(kernelArena(4e6));
  const { rows, allColumns, columns } = scratch;
  const [perRow, perColumn] = [new Float64Array(rowCount), new Float64Array(columnCount)];
  const trees = 4000;
  const seeds = new RandomState(5); // as a fit draws them; a tree's first number is its seed's
  const isAscending = (list: Int32Array) => list.every((x, i) => i === 0 || x > list[i - 1]);
  for (let tree = 0; tree < trees; tree++) {
    draws.start(seeds.uint32());
    const count = draws.rows(0.6);
    assert.ok(isAscending(rows.subarray(0, count)) && isAscending(rows.subarray(count)));
    for (const row of rows.subarray(0, count)) perRow[row]++;
    const wanted = tree % 2 === 0 ? 5 : 17; // a few to take, a few to leave
    const share = (wanted + 0.5) / columnCount;
    assert.equal(draws.columns(allColumns, columnCount, share, columns), wanted);
    assert.ok(isAscending(columns.subarray(0, wanted)));
    for (const column of columns.subarray(0, wanted)) perColumn[column]++;
  }
  const spread = (counts: Float64Array, share: number) =>
    Math.max(...counts.map((n) => Math.abs(n - share * trees))) /
    Math.sqrt(trees * share * (1 - share));
  assert.ok(spread(perRow, 0.6) < 5, `${spread(perRow, 0.6)}`);
  assert.ok(spread(perColumn, 11 / columnCount) < 5, `${spread(perColumn, 11 / columnCount)}`);
});
