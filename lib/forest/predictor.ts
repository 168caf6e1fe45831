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
  /** Whether a prediction is a probability or a margin. */
  readonly objective: ForestObjective;
  /** Columns of the feature table. */
  readonly columns: number;
  /** Trees of a round. */
  readonly num_parallel_tree: number;
  /** Weight that the rows with label 1 had in the fit; predictions do not use it. */
  readonly scale_pos_weight: number;
  /** Starting prediction: a probability for `binary:logistic`, a margin for `binary:logitraw`; float32. */
  readonly base_score: number;
  /** Tree `t` has the nodes `starts[t] … starts[t + 1] - 1`. */
  readonly starts: Int32Array; // [trees + 1]
  /** Left child, -1 at a leaf; children have larger numbers than their parents. */
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

/** What a forest says of its nodes. */
export type ForestNodes = Pick<
  BoostedForest,
  "left" | "right" | "feature" | "defaultLeft" | "threshold" | "gain" | "cover" | "weight"
>;

/** Tables for `count` nodes, all 0. */
export function forestNodes(count: number): ForestNodes {
  return {
    left: new Int32Array(count),
    right: new Int32Array(count),
    feature: new Int32Array(count),
    defaultLeft: new Uint8Array(count),
    threshold: new Float32Array(count),
    gain: new Float32Array(count),
    cover: new Float32Array(count),
    weight: new Float32Array(count),
  };
}

/** Rows that are walked through all trees before the next ones, so that they stay in the cache; a multiple of 4. */
const rowBlock = 32;

/**
 * Margins (log odds) of every row, float32.
 *
 * The walk through a tree has no branch to guess: every row takes as many steps as the tree is deep,
 * and stays where it is once it has come to a leaf.
 *
 * @throws {DataError} if the table has another number of columns than the forest was fitted on, or a
 *   tree has more children than nodes
 */
export function predictMargin(forest: BoostedForest, features: FeatureMatrix): Float32Array {
  const { rows, columns } = features;
  if (columns !== forest.columns) {
    throw new DataError(
      `Cannot predict: the table has ${columns} columns, the forest was fitted on ${forest.columns}`,
    );
  }
  const walk = walkTable(forest);
  const margins = new Float32Array(rows).fill(baseMargin(forest.base_score, forest.objective));
  const block = new Float32Array(rowBlock * 2 * columns);
  for (let first = 0; first < rows; first += rowBlock) {
    const count = Math.min(rowBlock, rows - first);
    copyRows(features, first, count, block);
    addLeaves(walk, block, 2 * columns, margins.subarray(first, first + count));
  }
  return margins;
}

/**
 * Adds the trees' leaf values to the margins of a block of rows. Four rows walk side by side, since each
 * step waits for the one before; the rows behind the last one of a block are walked in vain.
 */
function addLeaves(
  { roots, depths, slots, thresholds, lefts, leafValues }: WalkTable,
  block: Float32Array,
  width: number,
  margins: Float32Array,
): void {
  for (let tree = 0; tree < roots.length; tree++) {
    const root = roots[tree];
    const depth = depths[tree];
    for (let i = 0; i < margins.length; i += 4) {
      const row0 = i * width;
      const row1 = row0 + width;
      const row2 = row1 + width;
      const row3 = row2 + width;
      let node0 = root;
      let node1 = root;
      let node2 = root;
      let node3 = root;
      for (let step = 0; step < depth; step++) {
        const right0 = Number(block[row0 + slots[node0]] >= thresholds[node0]);
        const right1 = Number(block[row1 + slots[node1]] >= thresholds[node1]);
        const right2 = Number(block[row2 + slots[node2]] >= thresholds[node2]);
        const right3 = Number(block[row3 + slots[node3]] >= thresholds[node3]);
        node0 = lefts[node0] + right0;
        node1 = lefts[node1] + right1;
        node2 = lefts[node2] + right2;
        node3 = lefts[node3] + right3;
      }
      margins[i] += leafValues[node0];
      if (i + 1 < margins.length) margins[i + 1] += leafValues[node1];
      if (i + 2 < margins.length) margins[i + 2] += leafValues[node2];
      if (i + 3 < margins.length) margins[i + 3] += leafValues[node3];
    }
  }
}

/**
 * Rows of the table as the walk reads them: every value twice, where it is missing once as -Infinity,
 * for splits that send it left, and once as Infinity.
 */
function copyRows(
  { columns, values }: FeatureMatrix,
  first: number,
  count: number,
  block: Float32Array,
): void {
  for (let i = 0; i < count; i++) {
    const from = (first + i) * columns;
    const to = 2 * i * columns;
    for (let j = 0; j < columns; j++) {
      const value = values[from + j];
      const isMissing = value !== value;
      block[to + j] = isMissing ? -Infinity : value;
      block[to + columns + j] = isMissing ? Infinity : value;
    }
  }
}

/** A forest for walking: all trees in one numbering, in which a right child follows its left one. */
interface WalkTable {
  readonly roots: Int32Array; // [trees]
  /** Splits on the longest way down. */
  readonly depths: Int32Array; // [trees]
  /** Which of the two copies of which column a split reads. */
  readonly slots: Int32Array; // [nodes]
  /** At a leaf NaN, which no value reaches. */
  readonly thresholds: Float32Array; // [nodes]
  /** Left child; at a leaf, the leaf itself. */
  readonly lefts: Int32Array; // [nodes]
  readonly leafValues: Float32Array; // [nodes]
}

function walkTable(forest: BoostedForest): WalkTable {
  const { columns, starts, left, right, feature, defaultLeft, threshold } = forest;
  const trees = starts.length - 1;
  const nodes = left.length;
  const depths = new Int32Array(trees);
  const slots = new Int32Array(nodes);
  const thresholds = new Float32Array(nodes).fill(NaN);
  const lefts = new Int32Array(nodes);
  const leafValues = new Float32Array(nodes);
  const sources = new Int32Array(nodes); // the forest's node at each place of the table
  const levels = new Int32Array(nodes); // splits on the way there
  for (let tree = 0; tree < trees; tree++) {
    const root = starts[tree];
    sources[root] = root;
    for (let place = root, next = root + 1; place < next; place++) { // level by level
      const node = sources[place];
      depths[tree] = levels[place]; // the last place lies deepest
      if (left[node] < 0) {
        lefts[place] = place;
        leafValues[place] = threshold[node];
        continue;
      }
      if (next + 2 > starts[tree + 1]) {
        throw new DataError(
          `Cannot predict: tree ${tree} of the forest has more children than nodes`,
        );
      }
      slots[place] = feature[node] + (defaultLeft[node] === 1 ? 0 : columns);
      thresholds[place] = threshold[node];
      lefts[place] = next;
      for (const child of [left[node], right[node]]) {
        sources[next] = root + child;
        levels[next] = levels[place] + 1;
        next++;
      }
    }
  }
  return { roots: starts.subarray(0, trees), depths, slots, thresholds, lefts, leafValues };
}

/** Probabilities of label 1, `sigmoid` of the margins, float32. */
export function predictProbability(forest: BoostedForest, features: FeatureMatrix): Float32Array {
  return predictMargin(forest, features).map(sigmoid);
}
