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
import { readSplit, splitKernel } from "./split_kernel.ts";
import { type NodeScratch, plainSearch, type SplitSearch } from "./split_search.ts";
import { splitRule } from "./splitting.ts";
import type { TreeTable } from "./tree_table.ts";

/** What the threads of a fit share. With several threads all arrays are in shared memory. */
export interface FitState {
  readonly binned: BinnedMatrix;
  readonly cuts: FeatureCuts;
  readonly parameters: ForestParameters;
  readonly seed: number;
  readonly gradientPairs: Float64Array; // [rows, 2], of the current round
  readonly margins: Float32Array; // [rows]
  /** The trees of the current round. */
  readonly trees: TreeTable;
  /** Working memory of each thread. */
  readonly scratch: readonly NodeScratch[];
  /** Where all arrays are, for the kernel; undefined: the plain search is used. */
  readonly memory: WebAssembly.Memory | undefined;
}

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
  const { binned, cuts, parameters, seed, gradientPairs, trees } = state;
  const scratch = state.scratch[thread];
  const search = splitSearch(state, scratch);
  const grower = new TreeGrower(binned, cuts, parameters, scratch, search, trees.capacity);
  return (round, tree) => {
    const random = new RandomState(childSeed(seed, "round", round, "tree", tree));
    grower.grow(gradientPairs, random, trees, tree);
  };
}

function splitSearch(state: FitState, scratch: NodeScratch): SplitSearch {
  const { binned, gradientPairs, memory } = state;
  const rule = splitRule(state.parameters);
  if (memory === undefined) return plainSearch(binned, gradientPairs, scratch, rule);
  const kernel = splitKernel(memory, binned, gradientPairs, scratch, rule);
  return (begin, end, columnCount, gradient, hessian, parentGain) => {
    kernel(begin, end, columnCount, gradient, hessian, parentGain);
    return readSplit(scratch.best);
  };
}

/**
 * Adds the round's trees to the margins of one piece of rows. The walk has no branch to guess: every
 * row takes as many steps as the tree is deep, and stays where it is once it has come to a leaf.
 */
export function moveMargins(state: FitState, piece: number): void {
  const { bins, rows, binCounts } = state.binned;
  const { capacity, sizes, depths, left, feature, bin, defaultLeft, threshold } = state.trees;
  const { margins } = state;
  const begin = piece * rowPiece;
  const end = Math.min(begin + rowPiece, rows);
  const next = new Int32Array(capacity); // left child, or the leaf itself
  const offset = new Int32Array(capacity); // where the split's column begins
  const turn = new Int32Array(capacity); // added to a bin so that missing values come first or last
  const last = new Int32Array(capacity); // last turned bin that goes left
  for (let tree = 0; tree < sizes.length; tree++) {
    const root = tree * capacity;
    for (let node = 0; node < sizes[tree]; node++) {
      const place = root + node;
      const column = feature[place];
      const isLeaf = left[place] < 0;
      next[node] = isLeaf ? node : left[place];
      offset[node] = column * rows;
      turn[node] = !isLeaf && defaultLeft[place] === 1 ? 0x10000 - binCounts[column] : 0;
      last[node] = isLeaf ? 0xffff : bin[place] + turn[node];
    }
    const depth = depths[tree];
    for (let row = begin; row < end; row++) {
      let node = 0;
      for (let step = 0; step < depth; step++) {
        const turned = (bins[offset[node] + row] + turn[node]) & 0xffff;
        node = next[node] + ((last[node] - turned) >>> 31);
      }
      margins[row] += threshold[root + node];
    }
  }
}
