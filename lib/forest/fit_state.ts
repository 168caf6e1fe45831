/**
 * What a fit keeps in memory while it runs: the binned table, gradients and margins, the trees of the
 * round, and every thread's working memory.
 *
 * @module
 */
import { childSeed, RandomState } from "../base/random.ts";
import { type Arena, kernelArena, kernelLimit, plainArena } from "./arena.ts";
import { type BinnedMatrix, type FeatureCuts, type FeatureMatrix, mostBlocks } from "./binning.ts";
import { cutAndBin } from "./binning_threads.ts";
import { treeCapacity } from "./grower.ts";
import { keptSumsLength } from "./block_bounds.ts";
import { blockSumsLength, boundGroup } from "./block_sums.ts";
import { type LeafNumbers, type NodeScratch, nodeScratch } from "./node_work.ts";
import type { ForestParameters } from "./parameters.ts";
import { type TreeTable, treeTable } from "./tree_table.ts";
import type { WorkerThread } from "./worker_threads.ts";

/** What the threads of a fit share. With several threads all arrays are in shared memory. */
export interface FitState {
  /** The table, binned once for all rounds. */
  readonly binned: BinnedMatrix;
  /** What its bins mean in the table's units. */
  readonly cuts: FeatureCuts;
  /** Complete and within their ranges. */
  readonly parameters: ForestParameters;
  /** Seed of every tree, round after round. */
  readonly seeds: Uint32Array; // [n_estimators * num_parallel_tree]
  /** First and second derivative of the loss by each row's margin. */
  readonly gradientPairs: Float64Array; // [rows, 2], of the current round
  /** Sum of all trees so far for each row. */
  readonly margins: Float32Array; // [rows]
  /** The trees of the current round. */
  readonly trees: TreeTable;
  /** Leaves of the current round; undefined if there is only one. */
  readonly leafNumbers: LeafNumbers | undefined;
  /** Working memory of each thread. */
  readonly scratch: readonly NodeScratch[];
  /** Where all arrays are, for the kernel; undefined: the plain search is used. */
  readonly memory: WebAssembly.Memory | undefined;
}

/**
 * Bins the table and makes room for gradients, one round of trees, and each thread's work.
 *
 * @param workers the fit's threads but this one
 */
export function fitState(
  features: FeatureMatrix,
  parameters: ForestParameters,
  seed: number,
  workers: readonly WorkerThread[],
  arena: Arena,
): FitState {
  const { n_estimators, num_parallel_tree, max_bin } = parameters;
  const { rows } = features;
  const capacity = treeCapacity(rows, parameters.max_depth);
  const blockSums = Array.from(
    { length: workers.length + 1 },
    () => arena.float32(blockSumsLength),
  );
  const { cuts, binned } = cutAndBin(features, max_bin, workers, arena);
  const random = new RandomState(childSeed(seed, "forest"));
  const seeds = Uint32Array.from(
    { length: n_estimators * num_parallel_tree },
    () => random.uint32(),
  );
  return {
    binned,
    cuts,
    parameters,
    seeds,
    gradientPairs: arena.float64(2 * rows),
    margins: arena.float32(rows),
    trees: treeTable(num_parallel_tree, capacity, arena),
    leafNumbers: n_estimators === 1
      ? undefined
      : leafNumberTable(num_parallel_tree * rows, capacity, arena),
    scratch: blockSums.map((own) => nodeScratch(binned, arena, own)),
    memory: arena.memory,
  };
}

/** The arena for a fit: one WebAssembly memory if all fits into it. */
export function fitArena(
  features: FeatureMatrix,
  parameters: ForestParameters,
  workers: number,
): Arena {
  const bytes = fitBytes(features, parameters, workers);
  return bytes <= kernelLimit ? kernelArena(bytes) : plainArena(workers > 1);
}

/**
 * Bytes that a fit's arrays take at most, beside the features: per cell 3 for bins and blocks; per row 20 for
 * gradients and margins, 40 for each worker's rows, and 1 for each parallel tree's leaf numbers (2 from
 * 257 nodes a tree on, 4 from 65,537); the round's trees; and what does not depend on the rows, of which
 * the sums that are kept are there for 192 to 4,096 rows only.
 */
export function fitBytes(
  { rows, columns }: Pick<FeatureMatrix, "rows" | "columns">,
  { num_parallel_tree, max_bin, max_depth }: ForestParameters,
  workers: number,
): number {
  const capacity = treeCapacity(rows, max_depth);
  const leafNumber = capacity <= 2 ** 8 ? 1 : capacity <= 2 ** 16 ? 2 : 4;
  const perRow = 3 * columns + 20 + 40 * workers + leafNumber * num_parallel_tree;
  const perNode = 29;
  const perWorker = 64 * (max_bin + 4) + 4 * blockSumsLength +
    (17 + 4 * mostBlocks) * (columns + boundGroup) + 4 * keptSumsLength(rows, columns);
  const rest = 24 * columns + 8 * num_parallel_tree + 64 * (32 + 17 * workers);
  return rows * perRow + num_parallel_tree * capacity * perNode + workers * perWorker + rest;
}

/** Room for leaf numbers below `capacity`. */
function leafNumberTable(length: number, capacity: number, arena: Arena): LeafNumbers {
  if (capacity <= 2 ** 8) return arena.uint8(length);
  return capacity <= 2 ** 16 ? arena.uint16(length) : arena.int32(length);
}
