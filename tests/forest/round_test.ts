import assert from "node:assert/strict";
import { type Arena, kernelArena, plainArena } from "../../lib/forest/arena.ts";
import { fitBytes, fitState } from "../../lib/forest/fit_state.ts";
import { logisticGradients } from "../../lib/forest/loss.ts";
import { forestParameters } from "../../lib/forest/parameters.ts";
import { moveMargins, rowPieces, treeMaker } from "../../lib/forest/round.ts";
import { drawTable } from "./tables.ts";

Deno.test("trees, leaves and margins are the same with the kernel and without it", () => {
  const { features, labels } = drawTable("missing", 1100, 12, 1);
  const parameters = forestParameters({
    n_estimators: 3,
    num_parallel_tree: 5,
    subsample: 0.6,
    colsample_bynode: 0.6,
    reg_alpha: 1,
  });
  const afterTwoRounds = (arena: Arena) => {
    const state = fitState(features, parameters, 7, [], arena);
    const growTree = treeMaker(state, 0);
    for (let round = 0; round < 2; round++) {
      logisticGradients(state.margins, labels, 1, state.gradientPairs);
      for (let tree = 0; tree < 5; tree++) growTree(round, tree);
      for (let piece = 0; piece < rowPieces(state); piece++) moveMargins(state, piece);
    }
    const { trees, leafNumbers, margins } = state;
    const arrays = { ...trees, leafNumbers, margins };
    return Object.entries(arrays).map(([name, array]) =>
      typeof array === "number" ? [name, array] : [name, Array.from(array!)]
    );
  };
  const kernel = afterTwoRounds(kernelArena(fitBytes(features, parameters, 1)));
  assert.deepEqual(kernel, afterTwoRounds(plainArena(false)));
});

Deno.test("every row, drawn or not, moves by the leaf that it comes to", () => {
  const { features, labels } = drawTable("plain", 600, 5, 2);
  const parameters = forestParameters({ n_estimators: 2, subsample: 0.3, max_depth: 3 });
  const state = fitState(features, parameters, 7, [], plainArena(false));
  logisticGradients(state.margins, labels, 1, state.gradientPairs);
  treeMaker(state, 0)(0, 0);
  for (let piece = 0; piece < rowPieces(state); piece++) moveMargins(state, piece);
  const { left, feature, threshold } = state.trees;
  for (let row = 0; row < 600; row++) {
    let node = 0;
    while (left[node] >= 0) {
      const value = features.values[row * 5 + feature[node]];
      node = left[node] + (value < threshold[node] ? 0 : 1);
    }
    assert.equal(state.leafNumbers![row], node);
    assert.equal(state.margins[row], threshold[node]);
  }
});
