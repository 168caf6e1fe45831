/**
 * A fitted forest and its predictions. A prediction is the base margin plus one leaf value of each tree,
 * added in float32 in the order of the trees, as XGBoost adds them.
 *
 * @module
 */
import type { FeatureMatrix } from "./binning.ts";
import { DataError } from "../base/errors.ts";
import { baseMargin, sigmoid } from "./loss.ts";
import type { ForestObjective } from "./parameters.ts";

/**
 * A fitted forest: trees as flat tables, node after node. Node numbers in `left` and `right` count from
 * the tree's own first node, which is its root.
 */
export interface BoostedForest {
  readonly objective: ForestObjective;
  /** Columns of the feature table. */
  readonly columns: number;
  /** Trees of a round. */
  readonly num_parallel_tree: number;
  readonly scale_pos_weight: number;
  /** Starting prediction: a probability for `binary:logistic`, a margin for `binary:logitraw`; float32. */
  readonly base_score: number;
  /** Tree `t` has the nodes `starts[t] … starts[t + 1] - 1`. */
  readonly starts: Int32Array; // [trees + 1]
  /** Left child, -1 at a leaf. */
  readonly left: Int32Array; // [nodes], as all that follow
  /** Right child, -1 at a leaf. */
  readonly right: Int32Array;
  /** Column of the split. */
  readonly feature: Int32Array;
  /** 1 where a missing value goes left. */
  readonly defaultLeft: Uint8Array;
  /** Values below it go left; at a leaf, the leaf's value. */
  readonly threshold: Float32Array;
  /** Loss reduction of the split, 0 at a leaf. */
  readonly gain: Float32Array;
  /** Sum of hessians of the training rows in the node. */
  readonly cover: Float32Array;
  /** The node's weight, before shrinkage where the node is split. */
  readonly weight: Float32Array;
}

/** Rows that are walked through all trees before the next ones, so that they stay in the cache. */
const rowBlock = 64;

/**
 * Margins (log odds) of every row, float32.
 *
 * @throws {DataError} if the table has another number of columns than the forest was fitted on
 */
export function predictMargin(forest: BoostedForest, features: FeatureMatrix): Float32Array {
  const { rows, columns, values } = features;
  if (columns !== forest.columns) {
    throw new DataError(
      `Cannot predict: the table has ${columns} columns, the forest was fitted on ${forest.columns}`,
    );
  }
  const { starts, left, right, feature, defaultLeft, threshold } = forest;
  const margins = new Float32Array(rows).fill(baseMargin(forest.base_score, forest.objective));
  const block = new Float32Array(rowBlock * columns);
  for (let first = 0; first < rows; first += rowBlock) {
    const count = Math.min(rowBlock, rows - first);
    block.set(values.subarray(first * columns, (first + count) * columns));
    for (let tree = 0; tree + 1 < starts.length; tree++) {
      const root = starts[tree];
      for (let i = 0; i < count; i++) {
        let node = root;
        while (left[node] >= 0) {
          const value = block[i * columns + feature[node]];
          const goesLeft = value === value ? value < threshold[node] : defaultLeft[node] === 1;
          node = root + (goesLeft ? left[node] : right[node]);
        }
        margins[first + i] += threshold[node];
      }
    }
  }
  return margins;
}

/** Probabilities of label 1, `sigmoid` of the margins, float32. */
export function predictProbability(forest: BoostedForest, features: FeatureMatrix): Float32Array {
  return predictMargin(forest, features).map(sigmoid);
}
