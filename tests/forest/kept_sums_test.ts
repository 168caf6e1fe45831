import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { type Arena, kernelArena, plainArena } from "../../lib/forest/arena.ts";
import { mostBlocks } from "../../lib/forest/binning.ts";
import { fitBytes, type FitState, fitState } from "../../lib/forest/fit_state.ts";
import { KeptSums } from "../../lib/forest/kept_sums.ts";
import { logisticGradients } from "../../lib/forest/loss.ts";
import { kernelNodeWork } from "../../lib/forest/node_kernel.ts";
import { type KeptNode, type NodeWork, plainNodeWork } from "../../lib/forest/node_work.ts";
import { type ForestParameters, forestParameters } from "../../lib/forest/parameters.ts";
import { moveMargins, rowPieces, treeMaker } from "../../lib/forest/round.ts";
import { nodeGain, splitRule } from "../../lib/forest/splitting.ts";
import { drawTable, type TableKind } from "./tables.ts";

const rows = 1000;
const columns = 10;
const trees = 24; // as many as pay for the sums of the whole table

/** A fit with gradients as after some rounds. */
function startedFit(kind: TableKind, own: Partial<ForestParameters>, arena?: Arena): FitState {
  const { features, labels } = drawTable(kind, rows, columns, 3);
  const parameters = forestParameters({ num_parallel_tree: trees, ...own });
  const state = fitState(
    features,
    parameters,
    1,
    [],
    arena ?? kernelArena(fitBytes(features, parameters, 1)),
  );
  const random = new RandomState(4);
  state.margins.forEach((_, row) => state.margins[row] = random.uniform(-1.5, 1));
  logisticGradients(state.margins, labels, own.scale_pos_weight ?? 1, state.gradientPairs);
  return state;
}

/** What goes down a tree of the fit. */
function keptSums(state: FitState, treesOfThread = trees) {
  const { binned, gradientPairs, memory, parameters } = state;
  const scratch = state.scratch[0];
  const rule = splitRule(parameters);
  const kernel = kernelNodeWork(memory!, binned, gradientPairs, scratch, rule);
  const nodes: KeptNode[] = [];
  const work: NodeWork = {
    ...kernel,
    boundKept(...given) {
      nodes.push({ ...given[5] });
      kernel.boundKept!(...given);
    },
  };
  const kept = new KeptSums(binned, gradientPairs, rule.lambda, treesOfThread, scratch, work);
  const bound = (
    node: number,
    [begin, end]: Range,
    [otherBegin, otherEnd]: Range,
    own: number[],
  ) => {
    scratch.columns.set(own);
    const [gradient, hessian] = sumsOf(state, [begin, end]);
    return kept.bound(node, begin, end, otherBegin, otherEnd, own.length, gradient, hessian);
  };
  return { kept, scratch, bound, nodes, kernel };
}

/** First place and the place behind the last. */
type Range = readonly [number, number];

function rowsOf({ scratch }: FitState, [begin, end]: Range): Int32Array {
  return scratch[0].rows.slice(begin, end);
}

function sumsOf(state: FitState, range: Range): [number, number] {
  const { gradientPairs: pairs } = state;
  let [gradient, hessian] = [0, 0];
  for (const row of rowsOf(state, range)) {
    gradient += pairs[2 * row];
    hessian += pairs[2 * row + 1];
  }
  return [gradient, hessian];
}

/** The sums of parts of every block of a column, added up row by row. */
function plainSums(state: FitState, column: number, rows: Iterable<number>): Float64Array {
  const { binned, gradientPairs: pairs } = state;
  const sums = new Float64Array(4 * mostBlocks);
  for (const row of rows) {
    const at = 4 * binned.blocks[column * binned.rows + row];
    const negative = Number(pairs[2 * row] < 0);
    sums[at + negative] += Math.abs(pairs[2 * row]);
    sums[at + 2 + negative] += pairs[2 * row + 1];
  }
  return sums;
}

function rowsOfFullestBlock({ binned }: FitState, column: number): number {
  const blocks = binned.blocks.subarray(column * rows, (column + 1) * rows);
  return Math.max(
    ...Array.from(blocks, (block) => blocks.filter((other) => other === block).length),
  );
}

/** Checks the kept sums of columns; table 0 is the node's, 1 the whole table's. */
function assertSums(state: FitState, table: 0 | 1, own: number[], rows: Iterable<number>): void {
  const { keptSums } = state.scratch[0];
  const list = [...rows];
  for (const column of own) {
    const expected = plainSums(state, column, list);
    const begin = 4 * mostBlocks * (table * columns + column);
    expected.forEach((sum, i) =>
      assert.ok(Math.abs(keptSums[begin + i] - sum) < 2e-5, `column ${column}, sum ${i}`)
    );
  }
}

/** Checks that no split is better than its column's bound; returns how much of the bounds is reached. */
function assertBounds(state: FitState, range: Range, own: number[]): number {
  const { binned, gradientPairs, scratch, parameters } = state;
  const rule = splitRule(parameters);
  const plain = plainNodeWork(binned, gradientPairs, scratch[0], rule);
  const [gradient, hessian] = sumsOf(state, range);
  const parentGain = nodeGain(gradient, hessian, rule);
  const list = scratch[0].columns.slice(0, own.length);
  const bounds = scratch[0].bounds.slice(0, own.length);
  let reached = 0;
  list.forEach((column, k) => {
    scratch[0].columns[0] = column;
    const { gain } = plain.bestSplit(...range, 1, gradient, hessian, parentGain);
    assert.ok(gain > 0, `column ${column} has a split`);
    assert.ok(gain + parentGain <= bounds[k], `column ${column}: ${gain} and ${bounds[k]}`);
    reached += (gain + parentGain) / bounds[k] / own.length;
  });
  return reached;
}

Deno.test("sums go from the whole table to the root and on to the larger children", () => {
  for (
    const own of [{}, { reg_lambda: 0, reg_alpha: 0.5 }, { scale_pos_weight: 3, max_bin: 100 }]
  ) {
    const state = startedFit("plain", own);
    const { kept, scratch, bound, nodes } = keptSums(state);
    kept.startRound();
    const all = Array.from({ length: columns }, (_, column) => column);
    assertSums(state, 1, all, scratch.rows);
    const { reg_lambda } = state.parameters;
    const [, hessian] = sumsOf(state, [0, rows]);
    const sizes = rowsOf(state, [0, rows])
      .reduce((sum, row) => sum + Math.abs(state.gradientPairs[2 * row]), 0);
    const fullest = Math.max(...all.map((column) => rowsOfFullestBlock(state, column)));

    const random = new RandomState(5);
    for (let tree = 0; tree < 3; tree++) {
      kept.startTree();
      scratch.rows.set(random.permutation(rows));
      const lists = [[0, 2, 3, 4, 6, 7, 8, 9], [1, 2, 3, 4, 5, 7, 8], [0, 1, 2, 3, 4, 5, 8, 9], [
        3,
      ]];
      assert.ok(bound(0, [0, 640], [640, 1000], lists[0]));
      assertSums(state, 0, lists[0], rowsOf(state, [0, 640]));
      assert.ok(assertBounds(state, [0, 640], lists[0]) > 0.7);

      kept.goOn(0, 2);
      assert.ok(!bound(1, [0, 140], [140, 640], lists[1]));
      assert.ok(bound(2, [140, 640], [0, 140], lists[1]));
      assertSums(state, 0, lists[1], rowsOf(state, [140, 640]));
      assert.ok(assertBounds(state, [140, 640], lists[1]) > 0.7);

      kept.goOn(2, 5);
      kept.goOn(1, 3); // says nothing: node 1 keeps no sums
      assert.ok(bound(5, [140, 600], [600, 640], lists[2]));
      assertSums(state, 0, lists[2], rowsOf(state, [140, 600]));
      assert.ok(assertBounds(state, [140, 600], lists[2]) > 0.7);

      kept.goOn(5, 7);
      assert.ok(bound(7, [140, 500], [500, 600], lists[3]));
      assertSums(state, 0, lists[3], rowsOf(state, [140, 500]));
      assertSums(state, 1, all, scratch.rows); // as before

      // A block's rows are added once and taken away once at most, by one addition for each node.
      assert.deepEqual(
        nodes.splice(-4, 4).map(({ operations, sizes, span }) => [operations, sizes, span]),
        [1, 2, 3, 4].map((depth) => [2 * fullest + depth, sizes, hessian + 2 * reg_lambda]),
      );
    }
  }
});

Deno.test("bounds have room for what rounding can do to the sums", () => {
  const state = startedFit("plain", { reg_alpha: 1 });
  const { kept, scratch, bound, nodes, kernel } = keptSums(state);
  kept.startRound();
  kept.startTree();
  scratch.rows.forEach((_, i) => scratch.rows[i] = i);
  const list = [0, 1, 2, 3];
  assert.ok(bound(0, [0, 900], [900, 1000], list));
  const [gradient, hessian] = sumsOf(state, [0, 900]);
  const span = hessian + 2;
  const boundsWith = (slope: number, more: Partial<KeptNode>) => {
    kernel.boundKept!(0, 900, 4, slope, span, { ...nodes.at(-1)!, ...more });
    return scratch.blockBounds.slice(4 * 20, 4 * 21); // of a block amid the four columns
  };
  for (const slope of [gradient / span, 0]) {
    const least = boundsWith(slope, {});
    for (const more of [{ operations: 1e4 }, { sizes: 1e5 }, { span: 1e5 }]) {
      const bounds = boundsWith(slope, more);
      for (const k of list) assert.ok(bounds[k] > least[k], Object.keys(more)[0]);
    }
  }
});

Deno.test("sums go no further where it would not pay or not be right", () => {
  const state = startedFit("plain", {});
  const { kept, scratch, bound } = keptSums(state);
  const list = [0, 1, 2, 3, 4];
  const tree = () => {
    kept.startTree();
    scratch.rows.forEach((_, i) => scratch.rows[i] = i);
  };
  kept.startRound();
  tree();
  assert.ok(!bound(0, [0, 510], [510, 1000], list), "hardly fewer rows to take away than to add");
  assert.ok(!bound(0, [0, 900], [900, 1000], list), "the line has ended");
  tree();
  assert.ok(bound(0, [0, 900], [900, 1000], list));
  kept.goOn(0, 1);
  assert.ok(!bound(1, [0, 190], [190, 200], list), "so few rows have joined blocks");

  // Rows of one label first: their gradients have one sign, and |G / D| is above the least |g| / h.
  tree();
  const { gradientPairs: pairs } = state;
  scratch.rows.set([...scratch.rows].sort((a, b) => pairs[2 * b] - pairs[2 * a]));
  assert.ok(!bound(0, [0, 600], [600, 1000], list));

  for (let i = 0; i < pairs.length; i += 2) pairs[i] *= 0.1; // gradients that no logistic loss has
  kept.startRound();
  tree();
  scratch.rows.set([...scratch.rows].sort((a, b) => pairs[2 * b] - pairs[2 * a]));
  assert.ok(!bound(0, [0, 600], [600, 1000], list), "G / D is far below 1, but so is the ratio");
  pairs[0] = 0;
  kept.startRound();
  tree();
  assert.ok(!bound(0, [0, 900], [900, 1000], list), "a row of no gradient");
});

Deno.test("no sums are kept for missing values, few trees, or a table too small or too large", () => {
  const asked = (state: FitState, treesOfThread?: number) => {
    const { kept, scratch, bound } = keptSums(state, treesOfThread);
    kept.startRound();
    kept.startTree();
    scratch.rows.forEach((_, i) => scratch.rows[i] = i);
    return bound(0, [0, 900], [900, 1000], [0, 1, 2, 3]);
  };
  assert.ok(asked(startedFit("plain", {})));
  assert.ok(!asked(startedFit("missing", {})));
  assert.ok(!asked(startedFit("plain", {}), 10));
  for (const rowCount of [150, 5000]) {
    const { features } = drawTable("plain", rowCount, 2, 1);
    const parameters = forestParameters({ num_parallel_tree: trees });
    const state = fitState(features, parameters, 1, [], plainArena(false));
    assert.equal(state.scratch[0].keptSums.length, 0);
  }
});

Deno.test("trees are the plain twin's, whatever sums are kept", () => {
  const settings: [TableKind, Partial<ForestParameters>][] = [
    ["plain", { subsample: 0.6, colsample_bytree: 0.6, colsample_bynode: 0.6, reg_alpha: 1 }],
    ["plain", { subsample: 0.8, colsample_bynode: 0.6, reg_lambda: 0, min_child_weight: 0 }],
    ["plain", { max_bin: 65, reg_alpha: 0.01, max_depth: 9, learning_rate: 1 }],
    ["coarse", { subsample: 0.7, colsample_bynode: 0.5, scale_pos_weight: 20 }],
    ["imbalanced", { subsample: 0.6, colsample_bynode: 0.6, scale_pos_weight: 40 }],
  ];
  for (const [kind, own] of settings) {
    const { features, labels } = drawTable(kind, rows, columns, 6);
    const parameters = forestParameters({ n_estimators: 3, num_parallel_tree: trees, ...own });
    const grown = (arena: Arena) => {
      const state = fitState(features, parameters, 7, [], arena);
      const growTree = treeMaker(state, 0);
      for (let round = 0; round < 3; round++) {
        logisticGradients(state.margins, labels, 1, state.gradientPairs);
        for (let tree = 0; tree < trees; tree++) growTree(round, tree);
        for (let piece = 0; piece < rowPieces(state); piece++) moveMargins(state, piece);
      }
      const { sizes, left, feature, bin, threshold, gain } = state.trees;
      return [sizes, left, feature, bin, threshold, gain, state.margins].map((a) => Array.from(a));
    };
    const kernel = grown(kernelArena(fitBytes(features, parameters, 1)));
    assert.deepEqual(kernel, grown(plainArena(false)));
  }
});

Deno.test("trees hand their sums on beyond the root", () => {
  const state = startedFit("plain", { subsample: 0.6, n_estimators: 2 });
  const growTree = treeMaker(state, 0);
  const own = state.scratch[0].keptSums.subarray(0, 4 * mostBlocks); // of the line's last node
  let handed = 0;
  for (let tree = 0; tree < trees; tree++) {
    growTree(0, tree);
    const hessian = own.reduce((sum, part, i) => i % 4 < 2 ? sum : sum + part, 0);
    const { cover, capacity } = state.trees;
    if (hessian < 0.95 * cover[tree * capacity]) handed++;
  }
  assert.ok(handed > 3, `${handed} of ${trees} trees`); // many split in halves, where it does not pay
});
