/**
 * Exact nearest neighbours of query rows in a bank of rows. One matrix product in the ONNX runtime
 * ranks the bank for a block of queries; the distances themselves are then computed anew from the
 * rows, in float64, for the few best. So a distance carries no float32 cancellation: a query that is in
 * the bank has distance 0, not the 1e-3 that |q|^2 + |b|^2 - 2 q·b leaves for rows of norm 1.
 *
 * What is left to float32 is the choice of the candidates. Their number is `spare` above what is asked
 * for, and both sides are taken relative to the bank's mean, so a wrong choice needs more than that many
 * bank rows whose squared distances lie within about 1e-6 of the squared norms of one another; the
 * distance returned is then larger than the smallest by no more than that.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { Graph } from "../onnx/graph.ts";
import { cast, gemm, sub, topK } from "../onnx/ops.ts";
import { modelBytes } from "../onnx/proto.ts";
import { type Device, openSession } from "../onnx/session.ts";

/** The nearest rows of the bank, nearest first; of equals the lower index. */
export interface Neighbours {
  /** `[queries, neighbours]` squared Euclidean distances. */
  readonly squares: Float64Array;
  /** `[queries, neighbours]` rows of the bank. */
  readonly indices: Uint32Array;
}

/** A bank that is ready to be searched. */
export interface NeighbourSearch {
  /** Neighbours that each query gets. */
  readonly neighbours: number;
  /** @param queries `[queries, columns]` */
  search(queries: Float32Array): Promise<Neighbours>;
  /** Frees the runtime's memory. */
  close(): Promise<void>;
}

export interface NeighbourSearchOptions {
  /** Neighbours of each query, 1 to the rows of the bank. @default 1 */
  readonly neighbours?: number;
  /** @default "cpu" */
  readonly device?: Device;
}

/** Candidates above the neighbours asked for. */
const spare = 3;
/** Numbers in the block of ranking numbers `[queries of a block, bank]`, 64 MiB. */
const blockNumbers = 1 << 24;
const mostQueries = 1024;

/**
 * Prepares the search in `bank` `[rows, columns]`. Memory: twice the bank, and 64 MiB.
 *
 * @throws {RangeError} for an empty bank or more neighbours than it has rows
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const bank = { shape: [3, 2], data: Float32Array.of(0, 0, 3, 4, 6, 8) };
 * const search = await openNeighbourSearch(bank, { neighbours: 2 });
 * const { squares, indices } = await search.search(Float32Array.of(3, 4, 0, 1));
 * assert.deepEqual([...squares], [0, 25, 1, 18]);
 * assert.deepEqual([...indices], [1, 0, 0, 1]);
 * await search.close();
 * ```
 */
export async function openNeighbourSearch(
  bank: NdArray<Float32Array>,
  options: NeighbourSearchOptions = {},
): Promise<NeighbourSearch> {
  const { neighbours = 1, device = "cpu" } = options;
  const [rows, columns] = bank.shape;
  if (!(rows >= 1 && columns >= 1)) {
    throw new RangeError(`Cannot search a bank of shape [${bank.shape}]`);
  }
  if (!Number.isInteger(neighbours) || neighbours < 1 || neighbours > rows) {
    throw new RangeError(`Cannot find ${neighbours} neighbours in a bank of ${rows} rows`);
  }
  const candidates = Math.min(neighbours + spare, rows);
  const block = Math.max(1, Math.min(mostQueries, Math.floor(blockNumbers / rows)));
  const session = await openSession(modelBytes(rankingGraph(bank, block, candidates)), {
    device,
    name: "the neighbour search",
  });
  return {
    neighbours,
    search: async (queries) => {
      const count = queries.length / columns;
      if (!Number.isInteger(count)) {
        throw new RangeError(
          `Cannot search: queries hold ${queries.length} numbers, not rows of ${columns}`,
        );
      }
      const squares = new Float64Array(count * neighbours);
      const indices = new Uint32Array(count * neighbours);
      for (let first = 0; first < count; first += block) {
        const size = Math.min(block, count - first);
        const data = new Float32Array(block * columns); // zeros behind the last query
        data.set(queries.subarray(first * columns, (first + size) * columns));
        const ranked = await session.run({ queries: { shape: [block, columns], data } });
        const rankedRows = ranked.candidates.data as Int32Array;
        for (let query = 0; query < size; query++) {
          const own = rankedRows.subarray(query * candidates, (query + 1) * candidates);
          refine(bank, data, query, own, squares, indices, first + query, neighbours);
        }
      }
      return { squares, indices };
    },
    close: () => session.close(),
  };
}

/**
 * The squared distance of two rows: the sum in index order, in float64.
 *
 * @param aStart index of the first number of the row in `a`; so `bStart` in `b`
 */
export function squaredDistance(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  columns: number,
): number {
  let sum = 0;
  for (let k = 0; k < columns; k++) {
    const difference = a[aStart + k] - b[bStart + k];
    sum += difference * difference;
  }
  return sum;
}

/**
 * The neighbours of one row by direct computation of all distances, for single queries.
 *
 * @param query `[columns]`
 * @returns at most as many neighbours as the bank has rows
 */
export function neighboursOfRow(
  bank: NdArray<Float32Array>,
  query: Float32Array,
  neighbours: number,
): Neighbours {
  const [rows, columns] = bank.shape;
  const all = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    all[row] = squaredDistance(query, 0, bank.data, row * columns, columns);
  }
  const order = Uint32Array.from({ length: rows }, (_, row) => row)
    .sort((a, b) => all[a] - all[b] || a - b);
  const indices = order.slice(0, neighbours);
  return { squares: Float64Array.from(indices, (row) => all[row]), indices };
}

/**
 * Queries `[block, columns]` to the bank rows of the `candidates` smallest |b|^2 - 2 q·b, which rank as
 * the distances do; q and b relative to the bank's mean, which makes the numbers small.
 */
function rankingGraph(bank: NdArray<Float32Array>, block: number, candidates: number): Graph {
  const [rows, columns] = bank.shape;
  const mean = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) mean[k] += bank.data[row * columns + k];
  }
  const centre = Float32Array.from(mean, (sum) => sum / rows);
  const transposed = new Float32Array(columns * rows);
  const norms = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let norm = 0;
    for (let k = 0; k < columns; k++) {
      const number = Math.fround(bank.data[row * columns + k] - centre[k]);
      transposed[k * rows + row] = number;
      norm += number * number;
    }
    norms[row] = norm;
  }
  const graph = new Graph();
  const queries = graph.input("queries", "float32", [block, columns]);
  const ranking = gemm(
    sub(queries, graph.constant({ shape: [columns], data: centre })),
    graph.constant({ shape: [columns, rows], data: transposed }),
    graph.constant({ shape: [rows], data: norms }),
    { alpha: -2 },
  );
  const [, nearest] = topK(ranking, candidates, { largest: false });
  graph.output("candidates", cast(nearest, "int32"));
  return graph;
}

/** Writes the nearest of `candidates` to row `place` of `squares` and `indices`. */
function refine(
  bank: NdArray<Float32Array>,
  queries: Float32Array,
  query: number,
  candidates: Int32Array,
  squares: Float64Array,
  indices: Uint32Array,
  place: number,
  neighbours: number,
): void {
  const columns = bank.shape[1];
  const start = place * neighbours;
  let found = 0;
  for (const row of candidates) {
    const square = squaredDistance(queries, query * columns, bank.data, row * columns, columns);
    // insertion into the sorted list
    let at = found;
    while (at > 0 && before(square, row, squares[start + at - 1], indices[start + at - 1])) at--;
    if (at === neighbours) continue;
    const last = Math.min(found, neighbours - 1);
    squares.copyWithin(start + at + 1, start + at, start + last);
    indices.copyWithin(start + at + 1, start + at, start + last);
    squares[start + at] = square;
    indices[start + at] = row;
    found = Math.min(found + 1, neighbours);
  }
}

function before(square: number, row: number, otherSquare: number, otherRow: number): boolean {
  return square < otherSquare || (square === otherSquare && row < otherRow);
}
