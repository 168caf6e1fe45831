/**
 * Fits a boosted random forest: rounds of parallel trees on the gradients of the logistic loss, with
 * XGBoost's meaning of every parameter (SegAD, section 4.2 and appendix A.1; Chen and Guestrin 2016).
 *
 * Without sampling the trees are those of xgboost 2.0.3 with `tree_method="hist"`. With sampling they
 * are equal in distribution only, since rows and columns come from another generator; and XGBoost's
 * takes the first two rows of the table for every tree, an accident that is not repeated here.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import { checkFeatures, type FeatureMatrix } from "./binning.ts";
import { fitArena, fitState } from "./fit_state.ts";
import { baseMargin, baseScore, logisticGradients } from "./loss.ts";
import { type ForestParameters, forestParameters } from "./parameters.ts";
import { type BoostedForest, type ForestNodes, forestNodes } from "./predictor.ts";
import { roundThreads } from "./round_threads.ts";
import type { TreeTable } from "./tree_table.ts";
import { workerThreads } from "./worker_threads.ts";

/** How a fit is carried out; nothing here changes its result. */
export interface FitOptions {
  /** Threads, this one included; 1 by default. More need read permission for the program's files. */
  readonly workers?: number;
}

/**
 * Fits a forest on `features` [rows, columns] and `labels` [rows] (0 good, 1 bad). The same seed gives
 * the same bits for any number of workers. Memory beside the features: `fitBytes`, linear in the rows.
 *
 * @param parameters XGBoost's; what is left out has XGBoost's default
 * @param seed integer in [0, 2^32)
 * @throws {DataError} for no rows, an infinite feature, labels that are not 0 or 1 or all the same
 * @throws {RangeError} for a parameter out of its range, or more than 2^31 - 1 cells
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { predictMargin } from "./predictor.ts";
 * const features = { rows: 4, columns: 1, values: Float64Array.of(1, 2, 3, 4) };
 * const parameters = { n_estimators: 1, min_child_weight: 0, learning_rate: 1 };
 * const forest = fitBoostedForest(features, Uint8Array.of(0, 0, 1, 1), parameters, 0);
 * assert.deepEqual([...forest.threshold], [3, Math.fround(-2 / 3), Math.fround(2 / 3)]);
 * assert.ok(predictMargin(forest, features)[3] > 0);
 * ```
 */
export function fitBoostedForest(
  features: FeatureMatrix,
  labels: ArrayLike<number>,
  parameters: Partial<ForestParameters>,
  seed: number,
  options: FitOptions = {},
): BoostedForest {
  const complete = forestParameters(parameters);
  checkFeatures(features);
  const targets = checkLabels(labels, features.rows);
  const workers = workerCount(options, complete);
  const score = baseScore(targets, complete);
  const rounds: RoundTrees[] = [];
  const helpers = workerThreads(workers - 1);
  const arena = fitArena(features, complete, workers);
  const state = fitState(features, complete, seed, helpers, arena);
  state.margins.fill(baseMargin(score, complete.objective));
  const threads = roundThreads(state, helpers);
  try {
    for (let round = 0; round < complete.n_estimators; round++) {
      const { margins, gradientPairs } = state;
      logisticGradients(margins, targets, complete.scale_pos_weight, gradientPairs);
      threads.growTrees(round);
      if (round + 1 < complete.n_estimators) threads.moveMargins();
      rounds.push(packTrees(state.trees));
    }
  } finally {
    threads.close();
  }
  return joinRounds(rounds, complete, features.columns, score);
}

/** Labels as bytes. */
function checkLabels(labels: ArrayLike<number>, rows: number): Uint8Array {
  if (labels.length !== rows) {
    throw new RangeError(`Cannot fit a forest: ${labels.length} labels for ${rows} rows`);
  }
  const counts = [0, 0];
  for (let i = 0; i < rows; i++) {
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new DataError(`Cannot fit a forest: label ${i} is ${labels[i]}, not 0 or 1`);
    }
    counts[labels[i]]++;
  }
  for (const label of [0, 1]) {
    if (counts[label] === 0) {
      throw new DataError(`Cannot fit a forest: all ${rows} labels are ${1 - label}`, {
        remedy: "The training set needs good (0) and bad (1) images.",
      });
    }
  }
  return Uint8Array.from(labels);
}

/** Threads of use: no more than there are trees in a round. */
function workerCount(options: FitOptions, parameters: ForestParameters): number {
  const { workers = 1 } = options;
  if (!Number.isInteger(workers) || workers < 1) {
    throw new RangeError(`workers=${workers} must be an integer of at least 1`);
  }
  return Math.min(workers, parameters.num_parallel_tree);
}

/** The trees of a round, one's nodes behind the other's. */
interface RoundTrees {
  /** Nodes of each tree. */
  readonly sizes: Int32Array; // [trees]
  readonly nodes: ForestNodes;
}

/** A copy of the used places. */
function packTrees(table: TreeTable): RoundTrees {
  const { capacity, sizes, left, feature, defaultLeft, threshold, gain, cover, weight } = table;
  const nodes = forestNodes(sizes.reduce((sum, size) => sum + size, 0));
  for (let tree = 0, to = 0; tree < sizes.length; tree++) {
    const end = tree * capacity + sizes[tree];
    for (let from = tree * capacity; from < end; from++, to++) {
      nodes.left[to] = left[from];
      nodes.right[to] = left[from] < 0 ? -1 : left[from] + 1;
      nodes.feature[to] = feature[from];
      nodes.defaultLeft[to] = defaultLeft[from];
      nodes.threshold[to] = threshold[from];
      nodes.gain[to] = gain[from];
      nodes.cover[to] = cover[from];
      nodes.weight[to] = weight[from];
    }
  }
  return { sizes: sizes.slice(), nodes };
}

/** The trees of all rounds as one forest. */
function joinRounds(
  rounds: readonly RoundTrees[],
  parameters: ForestParameters,
  columns: number,
  score: number,
): BoostedForest {
  const { num_parallel_tree, objective, scale_pos_weight } = parameters;
  const starts = new Int32Array(rounds.length * num_parallel_tree + 1);
  rounds.forEach(({ sizes }, round) => {
    for (let tree = 0; tree < num_parallel_tree; tree++) {
      const at = round * num_parallel_tree + tree;
      starts[at + 1] = starts[at] + sizes[tree];
    }
  });
  const forest: BoostedForest = {
    objective,
    columns,
    num_parallel_tree,
    scale_pos_weight,
    base_score: score,
    starts,
    ...forestNodes(starts[starts.length - 1]),
  };
  rounds.forEach(({ nodes }, round) => {
    const place = starts[round * num_parallel_tree];
    for (const field of Object.keys(nodes) as (keyof ForestNodes)[]) {
      forest[field].set(nodes[field], place);
    }
  });
  return forest;
}
