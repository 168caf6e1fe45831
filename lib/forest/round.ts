/**
 * One round of boosting: its trees are grown independently of one another, then the margins are moved.
 * Both are cut into numbered pieces, which any number of threads may take in any order: a tree depends
 * on its own seed and on the round's gradients only, and a row's margin adds the trees in their order.
 *
 * @module
 */
import { childSeed, RandomState } from "../base/random.ts";
import type { BinnedMatrix, FeatureCuts } from "./binning.ts";
import { TreeGrower } from "./grower.ts";
import type { ForestParameters } from "./parameters.ts";
import type { TreeTable } from "./tree_table.ts";

/** What the threads of a fit share. With several threads all arrays are in shared memory. */
export interface FitState {
  readonly binned: BinnedMatrix;
  readonly cuts: FeatureCuts;
  readonly parameters: ForestParameters;
  readonly seed: number;
  readonly gradients: Float64Array; // [rows], of the current round
  readonly hessians: Float64Array;
  readonly margins: Float32Array; // [rows]
  /** The trees of the current round. */
  readonly trees: TreeTable;
}

/** Rows whose margins are moved as one piece. */
const rowPiece = 512;

/** Pieces of rows in a round. */
export function rowPieces(state: FitState): number {
  return Math.ceil(state.binned.rows / rowPiece);
}

/** Grows trees of a round; one per thread, it keeps scratch memory. */
export function treeMaker(state: FitState): (round: number, tree: number) => void {
  const { binned, cuts, parameters, seed, gradients, hessians, trees } = state;
  const grower = new TreeGrower(binned, cuts, parameters, trees.capacity);
  return (round, tree) => {
    const random = new RandomState(childSeed(seed, "round", round, "tree", tree));
    grower.grow(gradients, hessians, random, trees, tree);
  };
}

/** Adds the round's trees to the margins of one piece of rows. */
export function moveMargins(state: FitState, piece: number): void {
  const { bins, rows, binCounts } = state.binned;
  const { capacity, left, feature, bin, defaultLeft, threshold } = state.trees;
  const { margins } = state;
  const begin = piece * rowPiece;
  const end = Math.min(begin + rowPiece, rows);
  const trees = state.parameters.num_parallel_tree;
  for (let tree = 0; tree < trees; tree++) {
    const root = tree * capacity;
    for (let row = begin; row < end; row++) {
      let node = root;
      while (left[node] >= 0) {
        const column = feature[node];
        const at = bins[column * rows + row];
        const goesLeft = at <= bin[node] || (defaultLeft[node] === 1 && at === binCounts[column]);
        node = root + left[node] + (goesLeft ? 0 : 1);
      }
      margins[row] += threshold[node];
    }
  }
}
