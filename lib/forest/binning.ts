/**
 * From a table of numbers to a table of small integers: cut points per column (fit), then the bin of
 * each value (transform). All later stages see bins only; a split of the forest lies at a cut point.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import { type Arena, plainArena } from "./arena.ts";
import { quantileCuts } from "./quantile_sketch.ts";

/** A table of features. `values` has `rows * columns` numbers, row-major; NaN is a missing value. */
export interface FeatureMatrix {
  /** Samples, at least 1. */
  readonly rows: number;
  /** Features of each sample, at least 1. */
  readonly columns: number;
  /** Not changed by a fit; float64 numbers are rounded to float32. */
  readonly values: Float32Array | Float64Array; // [rows, columns]
}

/** Cut points of all columns; column `j` owns `cuts[starts[j]] … cuts[starts[j + 1] - 1]`. */
export interface FeatureCuts {
  /** Where each column's cuts begin; the last number is how many there are in all. */
  readonly starts: Int32Array; // [columns + 1]
  /** Ascending within a column. */
  readonly cuts: Float32Array;
  /** A number below every value of the column: the threshold that only missing values fall under. */
  readonly floors: Float32Array; // [columns]
}

/** A binned table, column-major. A missing value has the bin after the column's last one. */
export interface BinnedMatrix {
  /** As many as the binned table has. */
  readonly rows: number;
  /** As many as the binned table has. */
  readonly columns: number;
  /** Twice the bin of each value: where its pair of sums begins in a histogram of its column. */
  readonly pairIndices: Uint16Array; // [columns, rows]
  /** The block of each value; that of a missing value is `mostBlocks`. */
  readonly blocks: Uint8Array; // [columns, rows]
  /** Blocks, runs of neighbouring bins, of each column, without the one for missing values. */
  readonly blockCounts: Int32Array; // [columns]
  /** Rows in the fullest block of each column, that for missing values included. */
  readonly mostBlockRows: Int32Array; // [columns]
  /** Bins of each column, without the one for missing values. */
  readonly binCounts: Int32Array; // [columns]
  /** 1 for columns with a missing value. */
  readonly hasMissing: Uint8Array; // [columns]
}

/** Rows whose bins are found side by side: their values and bins stay in the nearest cache. */
const rowPiece = 4096;

/** Most blocks of a column. */
export const mostBlocks = 64;

/**
 * A feature matrix from rows of equal length (copied, as float64).
 *
 * @throws {DataError} for no rows, no columns, or rows of different lengths
 */
export function featureMatrix(rows: readonly ArrayLike<number>[]): FeatureMatrix {
  if (rows.length === 0) throw new DataError("Cannot make a feature table: it has 0 rows");
  const columns = rows[0].length;
  const values = new Float64Array(rows.length * columns);
  rows.forEach((row, i) => {
    if (row.length !== columns) {
      throw new DataError(
        `Cannot make a feature table: row ${i} has ${row.length} values, row 0 has ${columns}`,
      );
    }
    values.set(row, i * columns);
  });
  const matrix = { rows: rows.length, columns, values };
  checkFeatures(matrix);
  return matrix;
}

/**
 * Checks sizes and values of a table.
 *
 * @throws {RangeError} for more than 2^31 - 1 cells, or `values` of another length
 * @throws {DataError} for no rows, no columns, or an infinite value (XGBoost refuses these too)
 */
export function checkFeatures(features: FeatureMatrix): void {
  const { rows, columns, values } = features;
  if (!(rows >= 1)) throw new DataError(`Cannot use a feature table: it has ${rows} rows`);
  if (!(columns >= 1)) throw new DataError(`Cannot use a feature table: it has ${columns} columns`);
  if (rows * columns >= 2 ** 31) {
    throw new RangeError(
      `Cannot use a feature table of more than 2^31 - 1 cells: ${rows} rows x ${columns} columns`,
    );
  }
  if (values.length !== rows * columns) {
    throw new RangeError(
      `Cannot use a feature table: ${rows} rows x ${columns} columns need ${
        rows * columns
      } values, ` +
        `values has ${values.length}`,
    );
  }
  for (let i = 0; i < values.length; i++) {
    const value = Math.fround(values[i]);
    if (value === Infinity || value === -Infinity) {
      throw new DataError(
        `Cannot use a feature table: row ${Math.floor(i / columns)}, column ${i % columns} is ` +
          `${values[i]}, which float32 cannot hold`,
        { remedy: "Write NaN where a value is missing." },
      );
    }
  }
}

/** Cut points of every column, as XGBoost's `hist` chooses them (values are rounded to float32). */
export function fitCuts(features: FeatureMatrix, maxBin: number): FeatureCuts {
  const { rows, columns } = features;
  const [column, perColumn] = [new Float32Array(rows), [] as ColumnCuts[]];
  for (let j = 0; j < columns; j++) {
    readColumn(features, j, column);
    perColumn.push(fitColumnCuts(column, maxBin));
  }
  return joinCuts(perColumn);
}

/**
 * Finds the bin of every value: the number of the column's cuts that are not above it, at most the last
 * bin.
 */
export function binFeatures(
  features: FeatureMatrix,
  cuts: FeatureCuts,
  arena: Arena = plainArena(false),
): BinnedMatrix {
  const { rows, columns } = features;
  const binned = binnedMatrix(rows, columns, arena);
  const column = new Float32Array(rows);
  for (let j = 0; j < columns; j++) {
    readColumn(features, j, column);
    binColumn(binned, j, column, cuts.cuts.subarray(cuts.starts[j], cuts.starts[j + 1]));
  }
  return binned;
}

/** Room for a binned table. */
export function binnedMatrix(rows: number, columns: number, arena: Arena): BinnedMatrix {
  return {
    rows,
    columns,
    pairIndices: arena.uint16(rows * columns),
    blocks: arena.uint8(rows * columns),
    blockCounts: arena.int32(columns),
    mostBlockRows: arena.int32(columns),
    binCounts: arena.int32(columns),
    hasMissing: arena.uint8(columns),
  };
}

/** Copies column `j` into `column`, as float32 numbers. */
export function readColumn(
  { rows, columns, values }: FeatureMatrix,
  j: number,
  column: Float32Array, // [rows]
): void {
  for (let i = 0, k = j; i < rows; i++, k += columns) column[i] = values[k];
}

/** What is learned from one column. */
export interface ColumnCuts {
  /** Ascending; the last one lies above all values. */
  readonly cuts: Float32Array;
  /** As in `FeatureCuts`. */
  readonly floor: number;
}

/** Cut points and floor of one column. */
export function fitColumnCuts(column: Float32Array, maxBin: number): ColumnCuts {
  const present = new Float32Array(column.length);
  let count = 0;
  let least = Infinity;
  for (let i = 0; i < column.length; i++) {
    const value = column[i];
    if (value !== value) continue;
    present[count++] = value;
    if (value < least) least = value;
  }
  return {
    cuts: quantileCuts(present.subarray(0, count), maxBin),
    floor: count === 0 ? 1e-5 : least - Math.abs(least) - Math.fround(1e-5),
  };
}

/** The cuts of all columns side by side. */
export function joinCuts(perColumn: readonly ColumnCuts[]): FeatureCuts {
  const starts = new Int32Array(perColumn.length + 1);
  perColumn.forEach(({ cuts }, j) => starts[j + 1] = starts[j] + cuts.length);
  const cuts = new Float32Array(starts[perColumn.length]);
  perColumn.forEach((own, j) => cuts.set(own.cuts, starts[j]));
  return { starts, cuts, floors: Float32Array.from(perColumn, ({ floor }) => floor) };
}

/** Writes the bins and blocks of column `j`. */
export function binColumn(
  binned: BinnedMatrix,
  j: number,
  column: Float32Array, // [rows]
  cuts: Float32Array,
): void {
  const { rows, pairIndices, blocks, blockCounts, mostBlockRows, binCounts, hasMissing } = binned;
  const blockRows = new Int32Array(mostBlocks + 1);
  binCounts[j] = cuts.length;
  const shift = Math.max(0, Math.ceil(Math.log2(cuts.length / mostBlocks)));
  blockCounts[j] = ((cuts.length - 1) >> shift) + 1;
  const offset = j * rows;
  for (let begin = 0; begin < rows; begin += rowPiece) {
    const values = column.subarray(begin, begin + rowPiece);
    const place = offset + begin;
    const indices = pairIndices.subarray(place, place + values.length);
    findBins(cuts, values, indices);
    for (let i = 0; i < values.length; i++) {
      const isMissing = values[i] !== values[i];
      const bin = isMissing ? cuts.length : indices[i];
      indices[i] = 2 * bin;
      const block = isMissing ? mostBlocks : bin >> shift;
      blocks[place + i] = block;
      blockRows[block]++;
      if (isMissing) hasMissing[j] = 1;
    }
  }
  mostBlockRows[j] = Math.max(...blockRows);
}

/**
 * Writes for each value the number of `cuts` that are not above it, at most `cuts.length - 1`: by halving,
 * one step for all values after the other, so that no step waits for the one before.
 */
function findBins(cuts: Float32Array, values: Float32Array, bins: Uint16Array): void {
  bins.fill(0);
  for (let left = cuts.length - 1; left > 0;) { // candidates beyond the bin
    const half = (left + 1) >> 1;
    for (let i = 0; i < values.length; i++) { // no branch: it would be guessed wrongly
      const bin = bins[i];
      bins[i] = bin + half * Number(cuts[bin + half - 1] <= values[i]);
    }
    left -= half;
  }
}
