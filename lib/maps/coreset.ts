/**
 * Greedy k-centre selection of a coreset (Sener and Savarese 2018; PatchCore section 3.2): the next
 * centre is the row farthest from all centres so far. The result is defined by its plain form, which
 * the tests keep as a NumPy twin:
 *
 * - squared distance = sum over the columns, in index order, of the squared difference, all in float64;
 * - one starting row: a row's value is its squared distance to it. Several: the square of the mean of
 *   its distances to them, summed in drawing order. Starting rows are not centres by themselves;
 * - the next centre is the row of the largest value, the lowest index among equals; then every row's
 *   value becomes the smaller of itself and its squared distance to that centre;
 * - it ends early when the largest value is 0: every row is then a copy of a centre.
 *
 * The plain form costs rows x centres x columns. Here rows are grouped by the centre that their value
 * came from, and a distance is computed only where three lower bounds do not already show that it
 * cannot be smaller (each with a margin far above the rounding errors, so that no index can differ):
 * the triangle inequality for a group, the same for a row (Elkan 2003), and the distance within the
 * subspace of the leading principal components plus the difference of what is left of the norms. The
 * exact sum then stops as soon as it reaches the row's value, which float64 permits: adding a square
 * never makes a sum smaller.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";
import { giveTurn } from "../base/turn.ts";
import { copyOfRow, type PatchTable } from "./patch_table.ts";

/** Options of the selections. */
export interface CoresetOptions {
  /** Centres to select, 1 to the number of rows. */
  readonly count: number;
  /** Draws the starting rows. */
  readonly random: RandomState;
  /** Starting rows: one as in anomalib, ten as in the official code. @default 1 */
  readonly starts?: number;
  /** Called with the centres selected so far, each time the event loop had its turn. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Ends the selection with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Selects the centres of `points`, in the order of selection. Yields to the event loop every few
 * milliseconds of work.
 *
 * Beside the table it takes 140 to 280 bytes a row.
 *
 * @returns indices of rows, all different; fewer than `count` only when all rows are copies of them
 * @throws {RangeError} for a count or a number of starting rows outside 1 to the number of rows
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { RandomState } from "../base/random.ts";
 * import { patchTable } from "./patch_table.ts";
 * const points = await patchTable([{ shape: [5, 1], data: Float32Array.of(0, 1, 2, 8, 10) }]);
 * // starts at row 3 (8): the farthest is 0, then 2 (distance 2, as 10, but the lower index)
 * const centres = await greedyCoreset(points, { count: 3, random: new RandomState(1) });
 * assert.deepEqual([...centres], [0, 2, 4]);
 * ```
 */
export async function greedyCoreset(
  points: PatchTable,
  options: CoresetOptions,
): Promise<Uint32Array<ArrayBuffer>> {
  const { count, random, starts = 1, onProgress, signal } = options;
  requireBetween("coreset", "count", count, points.length);
  requireBetween("coreset", "starts", starts, points.length);
  const pause = pacemaker(signal);
  const startRows = starts === 1
    ? Uint32Array.of(random.integer(points.length))
    : random.permutation(points.length).subarray(0, starts);
  const values = await startValues(points, startRows, pause);
  const components = Math.min(2 * (sketchWidth - 1), points.columns);
  const sketcher = new Sketcher(points, await principalComponents(points, components, pause));
  const start = starts === 1 ? startRows[0] : undefined;
  const all = await firstGroup(points, values, start, sketcher, pause);
  const groups = new Groups(points, sketcher, all, start, count);
  const centres = new Uint32Array(count);
  let done = 0;
  for (; done < count; done++) {
    const { row, value } = groups.farthest();
    if (value === 0 && done > 0) break;
    centres[done] = row;
    const work = groups.addCentre(row);
    if (await pause(work)) onProgress?.(done + 1, count);
  }
  onProgress?.(count, count);
  return centres.slice(0, done);
}

/** Relative margin of the triangle tests; the float64 sums are exact to 1e-12 for 8,192 columns. */
const margin = 1e-9;
/**
 * (sqrt(v) + s)^2 <= v * stretch + s^2 (1 + 1 / (stretch - 1)) for any stretch above 1: the value that
 * a bound must reach, without a root for each row.
 */
const stretch = 1 + 2 ** -10;
/** Numbers in half a sketch: components and one for what is left, 64 bytes together. */
const sketchWidth = 16;
/** Rows from which the principal components are estimated. */
const sketchSample = 8192;
const sketchSweeps = 12;

/** Waits when enough work was done since the last time; says whether it waited. */
type Pause = (work: number) => Promise<boolean>;

/** A `Pause` that lets the event loop turn after each 20 million elementary steps (some 20 ms). */
function pacemaker(signal: AbortSignal | undefined): Pause {
  let since = 0;
  return async (work) => {
    since += work;
    if (since < 2e7) return false;
    since = 0;
    await giveTurn();
    signal?.throwIfAborted();
    return true;
  };
}

/** Values before the first centre, by the definition above. */
async function startValues(
  points: PatchTable,
  startRows: Uint32Array,
  pause: Pause,
): Promise<Float64Array> {
  const { length, columns, shift, chunks } = points;
  const values = new Float64Array(length);
  const mask = (1 << shift) - 1;
  for (const start of startRows) {
    const target = Float64Array.from(copyOfRow(points, start));
    for (let row = 0; row < length; row++) {
      const at = (row & mask) * columns;
      const square = squaredDistance(chunks[row >>> shift], at, target, columns, Infinity);
      if (startRows.length === 1) values[row] = square;
      else values[row] += Math.sqrt(square);
      if ((row & 4095) === 4095) await pause(4096 * columns);
    }
  }
  if (startRows.length > 1) {
    for (let row = 0; row < length; row++) values[row] = (values[row] / startRows.length) ** 2;
  }
  return values;
}

/**
 * The squared distance by the definition, between a row that begins at `start` and one of its own.
 * With a `limit`, some number at or above the limit when the distance is at or above it.
 */
function squaredDistance(
  rows: Float32Array,
  start: number,
  other: Float64Array,
  columns: number,
  limit: number,
): number {
  let sum = 0;
  let k = 0;
  for (; k + 8 <= columns; k += 8) {
    const i = start + k;
    const d0 = rows[i] - other[k];
    const d1 = rows[i + 1] - other[k + 1];
    const d2 = rows[i + 2] - other[k + 2];
    const d3 = rows[i + 3] - other[k + 3];
    const d4 = rows[i + 4] - other[k + 4];
    const d5 = rows[i + 5] - other[k + 5];
    const d6 = rows[i + 6] - other[k + 6];
    const d7 = rows[i + 7] - other[k + 7];
    // left to right: the order of the definition
    sum = sum + d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3 + d4 * d4 + d5 * d5 + d6 * d6 + d7 * d7;
    if (sum >= limit) return sum;
  }
  for (; k < columns; k++) {
    const d = rows[start + k] - other[k];
    sum += d * d;
  }
  return sum;
}

/**
 * Coordinates that bound distances from below: for an orthonormal P and the mean m,
 * |x - y|^2 >= |P(x - m) - P(y - m)|^2 + (|x - m - P'P(x - m)| - |y - m - P'P(y - m)|)^2.
 * A sketch has two halves: the leading components, with what is left of the norm after them, and the
 * next ones, with what is left after all. Components that there are not are zeros.
 */
class Sketcher {
  readonly #points: PatchTable;
  readonly #components: number;
  readonly #mean: Float64Array;
  readonly #basis: Float64Array;
  readonly #centred: Float64Array;
  #largestNorm = 0;

  constructor(points: PatchTable, { mean, basis }: PrincipalComponents) {
    this.#points = points;
    this.#mean = mean;
    this.#basis = basis;
    this.#components = basis.length / mean.length;
    this.#centred = new Float64Array(mean.length);
  }

  /**
   * More than the error that float32 coordinates make in a bounded distance between rows written so
   * far. A coordinate is off by 2^-24 of itself; what is left of a norm, where the subtraction
   * cancels, by about 2^-26 of the norm: 2^-20 of the largest norm is several times both rows' sum.
   */
  get slack(): number {
    return Math.sqrt(this.#largestNorm) * 2 ** -20;
  }

  /** Writes the halves of the sketch of `row`. */
  write(row: number, coarse: Float32Array, coarseAt: number, fine: Float32Array, fineAt: number) {
    const { columns, shift, chunks } = this.#points;
    const chunk = chunks[row >>> shift];
    const start = (row & ((1 << shift) - 1)) * columns;
    const centred = this.#centred;
    let left = 0;
    for (let k = 0; k < columns; k++) {
      const difference = chunk[start + k] - this.#mean[k];
      centred[k] = difference;
      left += difference * difference;
    }
    this.#largestNorm = Math.max(this.#largestNorm, left);
    const half = sketchWidth - 1;
    for (let c = 0; c < 2 * half; c++) {
      const product = c < this.#components ? dot(this.#basis, c * columns, centred, columns) : 0;
      left -= product * product;
      if (c < half) coarse[coarseAt + c] = product;
      else fine[fineAt + c - half] = product;
      if (c === half - 1) coarse[coarseAt + half] = Math.sqrt(Math.max(0, left));
    }
    fine[fineAt + half] = Math.sqrt(Math.max(0, left));
  }
}

/** All rows, with their values before the first centre and their sketches. */
async function firstGroup(
  points: PatchTable,
  values: Float64Array,
  start: number | undefined,
  sketcher: Sketcher,
  pause: Pause,
): Promise<Group> {
  const { length, columns } = points;
  const group = emptyGroup(start === undefined ? undefined : copyOfRow(points, start), length);
  group.size = length;
  group.values = values;
  for (let row = 0; row < length; row++) {
    group.rows[row] = row;
    const at = row * sketchWidth;
    sketcher.write(row, group.coarse, at, group.fine, at);
    if ((row & 1023) === 1023) await pause(1024 * columns * 2 * sketchWidth);
  }
  setFarthest(group);
  return group;
}

/** Four sums side by side; the order does not matter here, bounds have slack. */
function dot(a: Float64Array, aStart: number, b: Float64Array, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 4 <= length; k += 4) {
    s0 += a[aStart + k] * b[k];
    s1 += a[aStart + k + 1] * b[k + 1];
    s2 += a[aStart + k + 2] * b[k + 2];
    s3 += a[aStart + k + 3] * b[k + 3];
  }
  for (; k < length; k++) s0 += a[aStart + k] * b[k];
  return s0 + s1 + s2 + s3;
}

interface PrincipalComponents {
  /** `[columns]` */
  readonly mean: Float64Array;
  /** `[components, columns]`, orthonormal rows (or zeros) */
  readonly basis: Float64Array;
}

/**
 * Mean and about the leading principal components of evenly spread rows, by subspace iteration. The
 * bounds hold for any orthonormal basis; the principal one makes them tight.
 */
async function principalComponents(
  points: PatchTable,
  components: number,
  pause: Pause,
): Promise<PrincipalComponents> {
  const { length, columns, shift, chunks } = points;
  const sampled = Math.min(length, sketchSample);
  const mask = (1 << shift) - 1;
  const mean = new Float64Array(columns);
  const sampleRow = (s: number) => Math.floor(s * length / sampled);
  for (let s = 0; s < sampled; s++) {
    const row = sampleRow(s);
    const chunk = chunks[row >>> shift];
    const start = (row & mask) * columns;
    for (let k = 0; k < columns; k++) mean[k] += chunk[start + k] / sampled;
  }
  const covariance = new Float64Array(columns * columns);
  const centred = new Float64Array(columns);
  for (let s = 0; s < sampled; s++) {
    const row = sampleRow(s);
    const chunk = chunks[row >>> shift];
    const start = (row & mask) * columns;
    for (let k = 0; k < columns; k++) centred[k] = chunk[start + k] - mean[k];
    for (let i = 0; i < columns; i++) {
      const factor = centred[i];
      for (let j = i; j < columns; j++) covariance[i * columns + j] += factor * centred[j];
    }
    await pause(columns * columns / 2);
  }
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < i; j++) covariance[i * columns + j] = covariance[j * columns + i];
  }
  let basis = new Float64Array(components * columns);
  for (let c = 0; c < components; c++) {
    // any start that is not orthogonal to what is sought: columns of a cosine table
    for (let k = 0; k < columns; k++) {
      basis[c * columns + k] = Math.cos(Math.PI * (c + 0.5) * (k + 0.5) / columns);
    }
  }
  orthonormalize(basis, components, columns);
  for (let sweep = 0; sweep < sketchSweeps; sweep++) {
    const next = new Float64Array(components * columns);
    const vector = new Float64Array(columns);
    for (let c = 0; c < components; c++) {
      vector.set(basis.subarray(c * columns, (c + 1) * columns));
      for (let i = 0; i < columns; i++) {
        next[c * columns + i] = dot(covariance, i * columns, vector, columns);
      }
    }
    orthonormalize(next, components, columns);
    basis = next;
    await pause(components * columns * columns);
  }
  return { mean, basis };
}

/** Gram-Schmidt on the rows of `basis`, twice; a row that is nothing but rounding becomes zero. */
function orthonormalize(basis: Float64Array, rows: number, columns: number): void {
  for (let c = 0; c < rows; c++) {
    const row = basis.subarray(c * columns, (c + 1) * columns);
    const before = Math.sqrt(dot(row, 0, row, columns));
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < c; other++) {
        const product = dot(basis, other * columns, row, columns);
        for (let k = 0; k < columns; k++) row[k] -= product * basis[other * columns + k];
      }
    }
    const after = Math.sqrt(dot(row, 0, row, columns));
    const scale = after > before * 1e-9 ? 1 / after : 0;
    for (let k = 0; k < columns; k++) row[k] *= scale;
    // The second pass leaves 1e-16 for what the first left at 1e-9 or more of the length.
  }
}

/**
 * Rows whose value came from the same centre, side by side in memory, because a look at a row in its
 * own place costs more in waiting for memory than the bound costs in arithmetic.
 */
interface Group {
  /** A copy of the centre; undefined while values are mean distances to several starting rows. */
  readonly centre: Float32Array | undefined;
  /** Rows in the group; the arrays below may have room for more. */
  size: number;
  rows: Uint32Array;
  values: Float64Array;
  /** `[size, sketchWidth]` each: the two halves of the rows' sketches. */
  coarse: Float32Array;
  fine: Float32Array;
  /** The largest value, and the lowest row that has it. */
  value: number;
  farthest: number;
}

/** The new centre in float64, which saves converting its numbers for each row. */
interface Target {
  readonly row: Float64Array;
  readonly coarse: Float64Array;
  readonly fine: Float64Array;
}

/** The state of a selection: each row's value, sketch and group. */
class Groups {
  readonly #points: PatchTable;
  readonly #sketcher: Sketcher;
  /** A row's distance is not below `value` when its bound is at least `value * stretch + #offset`. */
  readonly #offset: number;
  readonly #groups: Group[];
  /** Sketches of the groups' centres, `[groups, sketchWidth]` and room for those to come. */
  readonly #coarse: Float32Array;
  readonly #fine: Float32Array;
  /** Members that the bounds do not show to stay, while one group is looked at. */
  readonly #candidates: Uint32Array;

  /** `first` has all rows; `start` is its centre's row, if it has one; `count` centres can be added. */
  constructor(
    points: PatchTable,
    sketcher: Sketcher,
    first: Group,
    start: number | undefined,
    count: number,
  ) {
    this.#points = points;
    this.#sketcher = sketcher;
    this.#offset = sketcher.slack ** 2 * (1 + 1 / (stretch - 1)) * (1 + margin);
    this.#groups = [first];
    this.#coarse = new Float32Array((count + 1) * sketchWidth);
    this.#fine = new Float32Array((count + 1) * sketchWidth);
    if (start !== undefined) sketcher.write(start, this.#coarse, 0, this.#fine, 0);
    this.#candidates = new Uint32Array(points.length);
  }

  /** The row of the largest value, the lowest among equals. */
  farthest(): { readonly row: number; readonly value: number } {
    let row = 0;
    let value = -1;
    for (const group of this.#groups) {
      if (group.value > value || (group.value === value && group.farthest < row)) {
        row = group.farthest;
        value = group.value;
      }
    }
    return { row, value };
  }

  /** Lowers values by the distances to `centre` and moves rows to it; returns the steps it took. */
  addCentre(centre: number): number {
    const { columns } = this.#points;
    const joining = emptyGroup(copyOfRow(this.#points, centre));
    const coarse = this.#coarse;
    const fine = this.#fine;
    const at = this.#groups.length * sketchWidth;
    this.#sketcher.write(centre, coarse, at, fine, at);
    const target = {
      row: Float64Array.from(joining.centre!),
      coarse: Float64Array.from(coarse.subarray(at, at + sketchWidth)),
      fine: Float64Array.from(fine.subarray(at, at + sketchWidth)),
    };
    let work = sketchWidth * this.#groups.length;
    for (let g = 0; g < this.#groups.length; g++) {
      const group = this.#groups[g];
      let apart = -1; // rows up to this value are shown to stay by the triangle inequality
      if (group.centre !== undefined) {
        const enough = 4 * group.value * (1 + margin);
        if (apartBySketch(coarse, fine, g, target, enough * stretch + this.#offset)) continue;
        const square = squaredDistance(group.centre, 0, target.row, columns, enough);
        work += columns;
        if (square >= enough) continue;
        apart = square * (1 - margin) / 4;
      }
      work += 8 * group.size + columns * this.#moveRows(group, joining, apart, target);
    }
    fit(joining);
    setFarthest(joining);
    this.#groups.push(joining);
    return work;
  }

  /** Moves rows that are nearer to the new centre from `from`; returns how many distances it took. */
  #moveRows(
    from: Group,
    to: Group,
    apart: number,
    target: Target,
  ): number {
    const { columns, shift, chunks } = this.#points;
    const mask = (1 << shift) - 1;
    const { rows, values, coarse, fine } = from;
    const offset = this.#offset;
    const candidates = this.#candidates;
    let count = 0;
    for (let m = 0; m < from.size; m++) {
      const value = values[m];
      if (value > apart && !apartBySketch(coarse, fine, m, target, value * stretch + offset)) {
        candidates[count++] = m;
      }
    }
    let size = from.size;
    // From the last: the member that fills a gap has been looked at.
    for (let c = count - 1; c >= 0; c--) {
      const m = candidates[c];
      const row = rows[m];
      const at = (row & mask) * columns;
      const square = squaredDistance(chunks[row >>> shift], at, target.row, columns, values[m]);
      if (square >= values[m]) continue;
      append(to, row, square, from, m);
      size--;
      rows[m] = rows[size];
      values[m] = values[size];
      copySketch(from, size, from, m);
    }
    if (size < from.size) {
      from.size = size;
      if (size < rows.length / 2) fit(from);
      setFarthest(from);
    }
    return count;
  }
}

/**
 * Whether the sketches of member `m` and of the new centre show a squared distance of `limit`: first
 * by the leading half, then by all.
 */
function apartBySketch(
  coarse: Float32Array,
  fine: Float32Array,
  m: number,
  target: Target,
  limit: number,
): boolean {
  const start = m * sketchWidth;
  const sum = sumOfSquares(coarse, start, target.coarse, 0, limit);
  if (sum >= limit) return true;
  // what is left of the norm after the leading half gives way to the other components
  const left = coarse[start + sketchWidth - 1] - target.coarse[sketchWidth - 1];
  return sumOfSquares(fine, start, target.fine, sum - left * left, limit) >= limit;
}

/** `sum` and the squares of `sketchWidth` differences; stops at `limit`. */
function sumOfSquares(
  rows: Float32Array,
  start: number,
  other: Float64Array,
  sum: number,
  limit: number,
): number {
  for (let k = 0; k < sketchWidth && sum < limit; k += 4) {
    const d0 = rows[start + k] - other[k];
    const d1 = rows[start + k + 1] - other[k + 1];
    const d2 = rows[start + k + 2] - other[k + 2];
    const d3 = rows[start + k + 3] - other[k + 3];
    sum += d0 * d0 + d1 * d1 + (d2 * d2 + d3 * d3);
  }
  return sum;
}

function emptyGroup(centre: Float32Array | undefined, room = 16): Group {
  return {
    centre,
    size: 0,
    rows: new Uint32Array(room),
    values: new Float64Array(room),
    coarse: new Float32Array(room * sketchWidth),
    fine: new Float32Array(room * sketchWidth),
    value: -1,
    farthest: 0,
  };
}

/** Adds `row` with its `value` and the sketch of member `m` of `source`. */
function append(group: Group, row: number, value: number, source: Group, m: number): void {
  if (group.size === group.rows.length) resize(group, 2 * group.size);
  group.rows[group.size] = row;
  group.values[group.size] = value;
  copySketch(source, m, group, group.size);
  group.size++;
}

function copySketch(source: Group, from: number, target: Group, to: number): void {
  const i = from * sketchWidth;
  const j = to * sketchWidth;
  for (let k = 0; k < sketchWidth; k++) {
    target.coarse[j + k] = source.coarse[i + k];
    target.fine[j + k] = source.fine[i + k];
  }
}

/** Gives back the room that is not used. */
function fit(group: Group): void {
  if (group.size < group.rows.length) resize(group, group.size);
}

function resize(group: Group, room: number): void {
  const { rows, values, coarse, fine } = group;
  const kept = Math.min(group.size, room);
  group.rows = new Uint32Array(room);
  group.values = new Float64Array(room);
  group.coarse = new Float32Array(room * sketchWidth);
  group.fine = new Float32Array(room * sketchWidth);
  group.rows.set(rows.subarray(0, kept));
  group.values.set(values.subarray(0, kept));
  group.coarse.set(coarse.subarray(0, kept * sketchWidth));
  group.fine.set(fine.subarray(0, kept * sketchWidth));
}

function setFarthest(group: Group): void {
  const { rows, values, size } = group;
  let value = -1;
  let farthest = 0;
  for (let m = 0; m < size; m++) {
    if (values[m] > value || (values[m] === value && rows[m] < farthest)) {
      value = values[m];
      farthest = rows[m];
    }
  }
  group.value = value;
  group.farthest = farthest;
}

function requireBetween(what: string, name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`Cannot select a ${what}: ${name} is ${value}, not in 1 to ${most}`);
  }
}
