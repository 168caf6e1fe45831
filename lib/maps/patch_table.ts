/**
 * Patch embeddings of many images as one table of rows that lies in several arrays. The table of the
 * paper's VAD run (1,024,000 x 1,536 float32, 6.3 GB) is larger than a typed array should be, so rows
 * live in chunks of a power of two rows; row `i` is in chunk `i >>> shift`.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";

/** Rows of float32 numbers; the chunks are owned by the table. */
export interface PatchTable {
  /** Number of rows. */
  readonly length: number;
  /** Numbers in a row. */
  readonly columns: number;
  /** Base-2 logarithm of the rows in a chunk. */
  readonly shift: number;
  /** `[2^shift, columns]` each; the last may have unused room behind the last row. */
  readonly chunks: readonly Float32Array[];
}

/** Bytes that one chunk takes at most (a chunk has at least one row). */
const chunkBytes = 1 << 26;

/**
 * Copies blocks of embeddings into a table, in order. The last axis of a block is the row, all axes
 * before it count rows; a block may be dropped as soon as it is copied, so the table is in memory once.
 *
 * @throws {RangeError} for no rows, for more than 2^31 - 1 rows, and for blocks of different widths
 * @throws {TypeError} for a value that is not finite
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const block = { shape: [1, 2, 2, 3], data: new Float32Array(12).fill(1) };
 * const table = await patchTable([block, block]);
 * assert.deepEqual([table.length, table.columns], [8, 3]);
 * ```
 */
export async function patchTable(
  blocks: Iterable<NdArray<Float32Array>> | AsyncIterable<NdArray<Float32Array>>,
): Promise<PatchTable> {
  const chunks: Float32Array[] = [];
  let columns = 0;
  let shift = 0;
  let length = 0;
  for await (const { shape, data } of blocks) {
    const width = shape[shape.length - 1];
    if (chunks.length === 0) {
      if (!(width > 0)) throw new RangeError(`Cannot collect patches: rows are ${width} wide`);
      columns = width;
      shift = chunkShift(columns);
    }
    if (width !== columns) {
      throw new RangeError(`Cannot collect patches: rows are ${width} wide, before ${columns}`);
    }
    requireFinite(data, length, columns);
    const rows = data.length / columns;
    for (let row = 0; row < rows;) {
      const place = (length + row) & ((1 << shift) - 1);
      if (place === 0) chunks.push(new Float32Array(columns << shift));
      const count = Math.min(rows - row, (1 << shift) - place);
      chunks[chunks.length - 1]
        .set(data.subarray(row * columns, (row + count) * columns), place * columns);
      row += count;
    }
    length += rows;
    if (length > 0x7fffffff) throw new RangeError(`Cannot collect patches: ${length} rows`);
  }
  if (length === 0) throw new RangeError("Cannot collect patches: there are no rows");
  return { length, columns, shift, chunks };
}

/** An empty table of `length` rows of `columns` zeros, to be filled by the caller. */
export function zeroTable(length: number, columns: number): PatchTable {
  const shift = chunkShift(columns);
  const chunks: Float32Array[] = [];
  for (let first = 0; first < length; first += 1 << shift) {
    chunks.push(new Float32Array(Math.min(length - first, 1 << shift) * columns));
  }
  return { length, columns, shift, chunks };
}

/** A copy of row `row`. */
export function copyOfRow(table: PatchTable, row: number): Float32Array<ArrayBuffer> {
  const { columns, shift, chunks } = table;
  const start = (row & ((1 << shift) - 1)) * columns;
  return chunks[row >>> shift].slice(start, start + columns) as Float32Array<ArrayBuffer>;
}

/** Copies the rows named by `indices` out of the table: `[indices.length, columns]`. */
export function gatherRows(table: PatchTable, indices: Uint32Array): NdArray<Float32Array> {
  const { columns, shift, chunks } = table;
  const data = new Float32Array(indices.length * columns);
  const mask = (1 << shift) - 1;
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i];
    if (row >= table.length) {
      throw new RangeError(`Cannot gather row ${row}: the table has ${table.length}`);
    }
    const start = (row & mask) * columns;
    data.set(chunks[row >>> shift].subarray(start, start + columns), i * columns);
  }
  return { shape: [indices.length, columns], data };
}

function chunkShift(columns: number): number {
  return Math.max(0, Math.floor(Math.log2(chunkBytes / (4 * columns))));
}

/** A NaN would win every comparison or none, and choose centres silently. */
function requireFinite(data: Float32Array, firstRow: number, columns: number): void {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new TypeError(
        `Cannot collect patches: row ${firstRow + Math.floor(i / columns)} holds ${data[i]}`,
      );
    }
  }
}
