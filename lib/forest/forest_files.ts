/**
 * A fitted forest as the payload of a store entry: `forest.npy`, float32 `[nodes, 8]`, one line for each
 * node with the columns of {@linkcode forestFields}, and `forest.json` with what belongs to all nodes.
 * float32 holds every integer up to 2^24, so that one table is enough and `np.load` reads it.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import { npyBytes, parseFloat32Npy } from "../base/npy.ts";
import type { BoostedForest } from "./predictor.ts";

/** Columns of `forest.npy`: the properties of a node, as {@linkcode BoostedForest} has them. */
const forestFields = [
  "left",
  "right",
  "feature",
  "defaultLeft",
  "threshold",
  "gain",
  "cover",
  "weight",
] as const satisfies readonly (keyof BoostedForest)[];

/** What `forest.json` holds. */
interface ForestHead {
  readonly objective: BoostedForest["objective"];
  readonly columns: number;
  readonly num_parallel_tree: number;
  readonly scale_pos_weight: number;
  readonly base_score: number;
  /** Nodes of each tree. */
  readonly sizes: readonly number[];
}

/**
 * The files of a forest.
 *
 * @throws {RangeError} for a tree of 2^24 nodes or more
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { fitBoostedForest } from "./boosted_forest.ts";
 * const features = { rows: 4, columns: 1, values: Float64Array.of(1, 2, 3, 4) };
 * const forest = fitBoostedForest(features, [0, 0, 1, 1], { n_estimators: 3 }, 7);
 * assert.deepEqual(readForest(forestFiles(forest)), forest);
 * ```
 */
export function forestFiles(forest: BoostedForest): Map<string, Uint8Array<ArrayBuffer>> {
  const { starts } = forest;
  const nodes = forest.left.length;
  const width = forestFields.length;
  const data = new Float32Array(nodes * width);
  forestFields.forEach((field, column) => {
    const values = forest[field];
    for (let node = 0; node < nodes; node++) data[node * width + column] = values[node];
  });
  const sizes = Array.from(starts.subarray(1), (end, tree) => end - starts[tree]);
  const tooLarge = sizes.find((size) => size >= 2 ** 24);
  if (tooLarge !== undefined) throw new RangeError(`Cannot keep a tree of ${tooLarge} nodes`);
  const head: ForestHead = {
    objective: forest.objective,
    columns: forest.columns,
    num_parallel_tree: forest.num_parallel_tree,
    scale_pos_weight: forest.scale_pos_weight,
    base_score: forest.base_score,
    sizes,
  };
  return new Map([
    ["forest.npy", npyBytes({ shape: [nodes, width], data })],
    ["forest.json", new TextEncoder().encode(JSON.stringify(head))],
  ]);
}

/**
 * The forest that {@linkcode forestFiles} wrote.
 *
 * @throws {DataError} when table and head do not fit together
 */
export function readForest(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): BoostedForest {
  const { shape: [nodes, width], data } = parseFloat32Npy(files.get("forest.npy")!, "forest.npy");
  const { sizes, ...head } = JSON.parse(
    new TextDecoder().decode(files.get("forest.json")),
  ) as ForestHead;
  const starts = new Int32Array(sizes.length + 1);
  sizes.forEach((size, tree) => starts[tree + 1] = starts[tree] + size);
  if (width !== forestFields.length || starts[sizes.length] !== nodes) {
    throw new DataError(
      `Cannot read a forest: its table is ${nodes} x ${width}, and it needs ${starts.at(-1)} x ` +
        `${forestFields.length}`,
      { remedy: "Run the command again; the entry is computed anew." },
    );
  }
  const fill = <A extends Int32Array | Uint8Array | Float32Array>(
    field: (typeof forestFields)[number],
    values: A,
  ): A => {
    const column = forestFields.indexOf(field);
    for (let node = 0; node < nodes; node++) values[node] = data[node * width + column];
    return values;
  };
  return {
    ...head,
    starts,
    left: fill("left", new Int32Array(nodes)),
    right: fill("right", new Int32Array(nodes)),
    feature: fill("feature", new Int32Array(nodes)),
    defaultLeft: fill("defaultLeft", new Uint8Array(nodes)),
    threshold: fill("threshold", new Float32Array(nodes)),
    gain: fill("gain", new Float32Array(nodes)),
    cover: fill("cover", new Float32Array(nodes)),
    weight: fill("weight", new Float32Array(nodes)),
  };
}
