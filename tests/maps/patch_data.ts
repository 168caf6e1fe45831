/**
 * Inputs of the PatchCore tests: the same float32 numbers as tests/fixtures/patchcore/generate.py
 * draws, by the same additions and products.
 *
 * @module
 */
import { RandomState } from "../../lib/base/random.ts";

/** Rows around centres, most of them close, some far. */
export function clustered(
  seed: number,
  rows: number,
  columns: number,
  clusters: number,
): Float32Array<ArrayBuffer> {
  const random = new RandomState(seed);
  const centres = Float64Array.from({ length: clusters * columns }, () => random.random());
  const table = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const cluster = Math.floor(random.random() * clusters);
    const draw = random.random();
    const square = draw * draw;
    for (let k = 0; k < columns; k++) {
      table[row * columns + k] = centres[cluster * columns + k] +
        square * square * (random.random() - 0.5);
    }
  }
  return table;
}

/** Small whole numbers: many equal distances and many copies. */
export function lattice(
  seed: number,
  rows: number,
  columns: number,
  levels: number,
): Float32Array<ArrayBuffer> {
  const random = new RandomState(seed);
  return Float32Array.from({ length: rows * columns }, () => Math.floor(random.random() * levels));
}

/** Numbers in [0, 1) without structure. */
export function uniform(seed: number, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const random = new RandomState(seed);
  return Float32Array.from({ length: rows * columns }, () => random.random());
}
