/**
 * Exact nearest neighbours of query rows in a bank of rows. One matrix product in the ONNX runtime
 * ranks the bank for a block of queries; the distances themselves are then computed anew from the
 * rows, in float64, for the few best. So a distance carries no float32 cancellation: a query that is in
 * the bank has distance 0, not the 1e-3 that |q|^2 + |b|^2 - 2 q·b leaves for rows of norm 1.
 *
 * Float32 only chooses candidates, `spare` more than are asked for, with both sides taken relative to
 * the bank's mean. Where the ranks of the candidates lie so close together that rounding could have
 * kept out a nearer row, the whole bank is searched in float64 for that query, which is rare: the rows
 * of a coreset are far apart. (The rule assumes float32 products; a device that makes them with fewer
 * bits, such as CUDA's TF32, can miss a row that is nearer by a few parts in a thousand of the norms.)
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
  /**
   * The nearest rows of the bank to each query.
   *
   * @param queries `[queries, columns]`
   */
  search(queries: Float32Array): Promise<Neighbours>;
  /** Frees the runtime's memory. */
  close(): Promise<void>;
}

/** Options of `openNeighbourSearch`. */
export interface NeighbourSearchOptions {
  /** Neighbours of each query, 1 to the rows of the bank. @default 1 */
  readonly neighbours?: number;
  /** Where the distances are computed. @default "cpu" */
  readonly device?: Device;
}

/** Candidates above the neighbours asked for. */
const spare = 3;
/** Numbers in the block of ranking numbers `[queries of a block, bank]`, 64 MiB. */
const blockNumbers = 1 << 24;
const mostQueries = 1024;

/**
 * Prepares the search in `bank` `[rows, columns]`. Memory: twice the bank, and 64 MiB for a block.
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
  const [bankRows, columns] = bank.shape;
  if (!(bankRows >= 1 && columns >= 1)) {
    throw new RangeError(`Cannot search a bank of shape [${bank.shape}]`);
  }
  if (!Number.isInteger(neighbours) || neighbours < 1 || neighbours > bankRows) {
    throw new RangeError(`Cannot find ${neighbours} neighbours in a bank of ${bankRows} rows`);
  }
  const candidates = Math.min(neighbours + spare, bankRows);
  const block = Math.max(1, Math.min(mostQueries, Math.floor(blockNumbers / bankRows)));
  const centre = meanRow(bank);
  const rounding = roundingOf(bank, centre);
  const everyRow = Int32Array.from({ length: bankRows }, (_, row) => row);
  const session = await openSession(modelBytes(rankingGraph(bank, centre, block, candidates)), {
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
        const rows = ranked.candidates.data as Int32Array;
        const ranks = ranked.ranks.data as Float32Array;
        for (let query = 0; query < size; query++) {
          const start = query * candidates;
          const place = first + query;
          const best = {
            squares: squares.subarray(place * neighbours, (place + 1) * neighbours),
            indices: indices.subarray(place * neighbours, (place + 1) * neighbours),
          };
          const gap = ranks[start + candidates - 1] - ranks[start + neighbours - 1];
          const doubtful = gap <= 2 * rounding(data, query);
          const own = doubtful ? everyRow : rows.subarray(start, start + candidates);
          keepNearest(bank, data, query * columns, own, best);
        }
      }
      return { squares, indices };
    },
    close: () => session.close(),
  };
}

/**
 * The squared distance of two rows: the sum in index order, in float64. Where it is above `limit`, some
 * number above `limit`.
 *
 * @param aStart index of the first number of the row in `a`; so `bStart` in `b`
 */
export function squaredDistance(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  columns: number,
  limit = Infinity,
): number {
  let sum = 0;
  let k = 0;
  for (; k + 4 <= columns; k += 4) {
    const i = aStart + k;
    const j = bStart + k;
    const d0 = a[i] - b[j];
    const d1 = a[i + 1] - b[j + 1];
    const d2 = a[i + 2] - b[j + 2];
    const d3 = a[i + 3] - b[j + 3];
    sum = sum + d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3;
    if (sum > limit) return sum;
  }
  for (; k < columns; k++) {
    const difference = a[aStart + k] - b[bStart + k];
    sum += difference * difference;
  }
  return sum;
}

/**
 * The neighbours of one row by direct computation, for single queries.
 *
 * @param query `[columns]`
 * @param neighbours at most as many as the bank has rows are returned
 */
export function neighboursOfRow(
  bank: NdArray<Float32Array>,
  query: Float32Array,
  neighbours: number,
): Neighbours {
  const count = Math.min(neighbours, bank.shape[0]);
  const best = { squares: new Float64Array(count), indices: new Uint32Array(count) };
  keepNearest(bank, query, 0, Int32Array.from({ length: bank.shape[0] }, (_, row) => row), best);
  return best;
}

/** Fills `best` with the nearest of the bank's rows `candidates` to the query that begins at `start`. */
function keepNearest(
  bank: NdArray<Float32Array>,
  queries: Float32Array,
  start: number,
  candidates: Int32Array,
  best: Neighbours,
): void {
  const columns = bank.shape[1];
  const { squares, indices } = best;
  const room = squares.length;
  let found = 0;
  for (const row of candidates) {
    const limit = found < room ? Infinity : squares[room - 1];
    const square = squaredDistance(queries, start, bank.data, row * columns, columns, limit);
    let at = found;
    while (
      at > 0 &&
      (square < squares[at - 1] || (square === squares[at - 1] && row < indices[at - 1]))
    ) at--;
    if (at === room) continue;
    found = Math.min(found + 1, room);
    squares.copyWithin(at + 1, at, found - 1);
    indices.copyWithin(at + 1, at, found - 1);
    squares[at] = square;
    indices[at] = row;
  }
}

/**
 * Queries `[block, columns]` to the bank rows of the `candidates` smallest |b|^2 - 2 q·b, which rank as
 * the distances do, and those ranks; q and b relative to `centre`, which makes the numbers small.
 */
function rankingGraph(
  bank: NdArray<Float32Array>,
  centre: Float32Array,
  block: number,
  candidates: number,
): Graph {
  const [rows, columns] = bank.shape;
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
  const [ranks, nearest] = topK(ranking, candidates, { largest: false });
  graph.output("ranks", ranks);
  graph.output("candidates", cast(nearest, "int32"));
  return graph;
}

function meanRow(bank: NdArray<Float32Array>): Float32Array {
  const [rows, columns] = bank.shape;
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) sums[k] += bank.data[row * columns + k];
  }
  return Float32Array.from(sums, (sum) => sum / rows);
}

/**
 * What rounding can do to a rank: each product is off by 2^-24 of itself, and so is each partial sum;
 * errors of either sign add up as the root of their number. Four times that, of the largest norms.
 */
function roundingOf(
  bank: NdArray<Float32Array>,
  centre: Float32Array,
): (queries: Float32Array, query: number) => number {
  const [rows, columns] = bank.shape;
  let largest = 0;
  for (let row = 0; row < rows; row++) {
    largest = Math.max(largest, squaredDistance(bank.data, row * columns, centre, 0, columns));
  }
  const unit = 4 * (1 + Math.sqrt(columns)) * 2 ** -24;
  return (queries, query) => {
    const square = squaredDistance(queries, query * columns, centre, 0, columns);
    return unit * (Math.sqrt(square * largest) + largest);
  };
}
