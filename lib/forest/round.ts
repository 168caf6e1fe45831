/**
 * One round of boosting: its trees are grown independently of one another, then the margins are moved.
 * Both are cut into numbered pieces, which any number of threads may take in any order: a tree depends
 * on its own seed and on the round's gradients only, and a row's margin adds the trees in their order.
 *
 * @module
 */
import type { FitState } from "./fit_state.ts";
import { TreeGrower } from "./grower.ts";
import { kernelNodeWork } from "./node_kernel.ts";
import { plainNodeWork } from "./node_work.ts";
import { splitRule } from "./splitting.ts";

/** Rows whose margins are moved as one piece. */
const rowPiece = 512;

/** Pieces of rows in a round. */
export function rowPieces(state: FitState): number {
  return Math.ceil(state.binned.rows / rowPiece);
}

/** Grows trees of a round on thread number `thread`. */
export function treeMaker(
  state: FitState,
  thread: number,
): (round: number, tree: number) => void {
  const { binned, cuts, parameters, seeds, gradientPairs, trees, leafNumbers, memory } = state;
  const scratch = state.scratch[thread];
  const rule = splitRule(parameters);
  const work = memory === undefined
    ? plainNodeWork(binned, gradientPairs, scratch, rule)
    : kernelNodeWork(memory, binned, gradientPairs, scratch, rule);
  const { n_estimators, num_parallel_tree } = parameters;
  const share = num_parallel_tree / state.scratch.length;
  const grower = new TreeGrower(
    ...[binned, cuts, parameters, gradientPairs, share, scratch, work, trees.capacity] as const,
  );
  let started = -1;
  return (round, tree) => {
    if (round !== started) grower.startRound();
    started = round;
    const seed = seeds[round * num_parallel_tree + tree];
    const isLast = round + 1 === n_estimators; // no later round asks for the leaves
    grower.grow(seed, trees, tree, isLast ? undefined : leafNumbers);
  };
}

/** Adds the round's trees to the margins of one piece of rows. */
export function moveMargins(state: FitState, piece: number): void {
  const { margins, leafNumbers } = state;
  const { capacity, sizes, threshold } = state.trees;
  if (leafNumbers === undefined) return;
  const { rows } = state.binned;
  const begin = piece * rowPiece;
  const end = Math.min(begin + rowPiece, rows);
  for (let tree = 0; tree < sizes.length; tree++) {
    const numbers = tree * rows;
    const leaves = tree * capacity;
    for (let row = begin; row < end; row++) {
      margins[row] += threshold[leaves + leafNumbers[numbers + row]];
    }
  }
}
