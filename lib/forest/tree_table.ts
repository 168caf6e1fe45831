/**
 * Trees as flat tables: one number per node and property, tree after tree. A node's children lie side
 * by side, the left one first, and nodes are numbered level by level from 0 in each tree.
 *
 * @module
 */
import type { Arena } from "./arena.ts";

/** A table of trees being grown: every tree has the same number of places for nodes. */
export interface TreeTable {
  /** Places per tree; tree `t` has the places from `t * capacity` on. */
  readonly capacity: number;
  /** Nodes of each tree. */
  readonly sizes: Int32Array; // [trees]
  /** Left child's number in its tree, -1 at a leaf; the right child is the next. */
  readonly left: Int32Array; // [trees * capacity], as the following
  /** Column of the split. */
  readonly feature: Int32Array;
  /** Last bin that goes left. */
  readonly bin: Int32Array;
  /** 1 where missing values go left. */
  readonly defaultLeft: Uint8Array;
  /** Values below it go left; at a leaf, the leaf's value. */
  readonly threshold: Float32Array;
  /** Loss reduction of the split. */
  readonly gain: Float32Array;
  /** Sum of hessians. */
  readonly cover: Float32Array;
  /** The node's weight, before shrinkage where the node is split. */
  readonly weight: Float32Array;
}

/** An empty table for `trees` trees of at most `capacity` nodes. */
export function treeTable(trees: number, capacity: number, arena: Arena): TreeTable {
  const places = trees * capacity;
  return {
    capacity,
    sizes: arena.int32(trees),
    left: arena.int32(places),
    feature: arena.int32(places),
    bin: arena.int32(places),
    defaultLeft: arena.uint8(places),
    threshold: arena.float32(places),
    gain: arena.float32(places),
    cover: arena.float32(places),
    weight: arena.float32(places),
  };
}
