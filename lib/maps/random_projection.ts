/**
 * Random projection of patch embeddings before the coreset search: distances between centres need not
 * be exact, and fewer columns make the search faster. The bank keeps the rows as they were.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";
import { giveTurn } from "../base/turn.ts";
import { type PatchTable, zeroTable } from "./patch_table.ts";

/**
 * How rows are projected. Plain JSON: it is part of keys.
 *
 * - `none`: not at all.
 * - `sparse` (anomalib): to the dimension of Johnson and Lindenstrauss for `eps`, by a matrix of
 *   density 1 / sqrt(columns) whose entries are + and - sqrt(1 / density / dimension) (Li, Hastie and
 *   Church 2006).
 * - `dense` (official code): to `dimension`, by uniform numbers in ± 1 / sqrt(columns), which is how
 *   torch begins a linear layer.
 */
export type Projection =
  | { readonly kind: "none" }
  | { readonly kind: "sparse"; readonly eps: number }
  | { readonly kind: "dense"; readonly dimension: number };

/**
 * The dimension that the lemma of Johnson and Lindenstrauss asks for, so that all pairwise distances
 * of `rows` points stay within a factor 1 ± `eps`: floor(4 ln rows / (eps^2 / 2 - eps^3 / 3)), as in
 * scikit-learn and anomalib.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(johnsonLindenstraussDimension(1_024_000, 0.9), 341);
 * ```
 */
export function johnsonLindenstraussDimension(rows: number, eps: number): number {
  if (!(eps > 0 && eps < 1)) {
    throw new RangeError(`Cannot choose a dimension: eps is ${eps}, not between 0 and 1`);
  }
  return Math.floor(4 * Math.log(rows) / (eps ** 2 / 2 - eps ** 3 / 3));
}

/**
 * Columns after the projection of a table. A projection that would not make rows shorter is not made
 * (anomalib makes it, to more columns than there were): the answer is then `columns`.
 */
export function projectedColumns(projection: Projection, rows: number, columns: number): number {
  switch (projection.kind) {
    case "none":
      return columns;
    case "sparse":
      return Math.min(columns, Math.max(1, johnsonLindenstraussDimension(rows, projection.eps)));
    case "dense":
      return Math.min(columns, projection.dimension);
  }
}

/**
 * The projected table: a new one, or `points` itself where no projection is made. Sums run in float64
 * over the columns in index order and are rounded once, to float32. Random numbers are drawn row by
 * row of the projection matrix.
 *
 * @param signal ends the work with its reason
 */
export async function projectTable(
  points: PatchTable,
  projection: Projection,
  random: RandomState,
  signal?: AbortSignal,
): Promise<PatchTable> {
  const dimension = projectedColumns(projection, points.length, points.columns);
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new RangeError(`Cannot project patches: dimension is ${dimension}`);
  }
  if (dimension === points.columns) return points;
  const project = projection.kind === "sparse"
    ? sparseProjector(dimension, points.columns, random)
    : denseProjector(dimension, points.columns, random);
  const projected = zeroTable(points.length, dimension);
  const mask = (1 << points.shift) - 1;
  const projectedMask = (1 << projected.shift) - 1;
  const rowsAtOnce = Math.ceil(1e7 / (points.columns * dimension));
  for (let row = 0; row < points.length; row++) {
    project(
      points.chunks[row >>> points.shift],
      (row & mask) * points.columns,
      projected.chunks[row >>> projected.shift],
      (row & projectedMask) * dimension,
    );
    if (row % rowsAtOnce === 0) {
      await giveTurn();
      signal?.throwIfAborted();
    }
  }
  return projected;
}

/** Projects the row of `from` that begins at `start` to `to` from `at` on. */
type Projector = (from: Float32Array, start: number, to: Float32Array, at: number) => void;

function sparseProjector(dimension: number, columns: number, random: RandomState): Projector {
  const density = 1 / Math.sqrt(columns);
  const scale = Math.sqrt(1 / density) / Math.sqrt(dimension);
  const ends = new Uint32Array(dimension); // of each output's entries
  const places: number[] = [];
  const signs: number[] = [];
  for (let i = 0; i < dimension; i++) {
    for (let column = 0; column < columns; column++) {
      const draw = random.random();
      if (draw >= density) continue;
      places.push(column);
      signs.push(draw < density / 2 ? 1 : -1);
    }
    ends[i] = places.length;
  }
  const place = Uint32Array.from(places);
  const sign = Float64Array.from(signs);
  return (from, start, to, at) => {
    for (let i = 0, entry = 0; i < dimension; i++) {
      let sum = 0;
      for (const end = ends[i]; entry < end; entry++) {
        sum += sign[entry] * from[start + place[entry]];
      }
      to[at + i] = sum * scale;
    }
  };
}

function denseProjector(dimension: number, columns: number, random: RandomState): Projector {
  const bound = 1 / Math.sqrt(columns);
  const weights = new Float32Array(dimension * columns);
  for (let i = 0; i < weights.length; i++) weights[i] = random.uniform(-bound, bound);
  return (from, start, to, at) => {
    let i = 0;
    // four outputs side by side: each sum keeps its order
    for (; i + 4 <= dimension; i += 4) {
      const w0 = i * columns;
      const w1 = w0 + columns;
      const w2 = w1 + columns;
      const w3 = w2 + columns;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let column = 0; column < columns; column++) {
        const number = from[start + column];
        s0 += weights[w0 + column] * number;
        s1 += weights[w1 + column] * number;
        s2 += weights[w2 + column] * number;
        s3 += weights[w3 + column] * number;
      }
      to[at + i] = s0;
      to[at + i + 1] = s1;
      to[at + i + 2] = s2;
      to[at + i + 3] = s3;
    }
    for (; i < dimension; i++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) {
        sum += weights[i * columns + column] * from[start + column];
      }
      to[at + i] = sum;
    }
  };
}
