/**
 * The rows and columns that are drawn for a tree, all from the tree's own generator (XoroShiro128+,
 * Blackman and Vigna 2018). Two ways with the same result: plain TypeScript, here, and functions of the
 * WebAssembly kernel.
 *
 * @module
 */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { global } from "./kernel_globals.ts";
import {
  type Code,
  f64,
  f64x2,
  i32,
  i64,
  i64x2,
  localsOf,
  memoryCopy,
  repeatWhile,
  v128,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** The part of a thread's working memory that the draws use. */
export interface DrawScratch {
  /** The tree's rows, first those drawn for it, then the others; those of a node lie side by side. */
  readonly rows: Int32Array; // [rows]
  /** Room for the rows that go right, or are not drawn. */
  readonly spareRows: Int32Array; // [rows]
  /** Sums of gradients and hessians of the drawn rows. */
  readonly totals: Float64Array; // [2]
  /** All 0 between draws. */
  readonly flags: Uint8Array; // [columns]
  /** State of the kernel's generator, two 64-bit numbers, lower halves first. */
  readonly random: Int32Array; // [4]
}

/** A thread's way to draw for its trees. */
export interface TreeDraws {
  /** Begins a tree; its seed is an integer in [0, 2^32). */
  start(seed: number): void;
  /**
   * Draws the tree's rows, each with probability `share`: in the scratch's rows they come first, then the
   * others, both ascending. Returns the number of drawn rows; their sums are in the scratch's totals.
   */
  rows(share: number): number;
  /**
   * Draws `share` of the first `total` numbers of `from` without replacement into `to`, order kept; both
   * are lists of the scratch. Returns their number, which is rounded down as XGBoost does it, at least one.
   */
  columns(from: Int32Array, total: number, share: number, to: Int32Array): number;
}

/** The draws in plain TypeScript. */
export function plainTreeDraws(gradientPairs: Float64Array, scratch: DrawScratch): TreeDraws {
  const { rows, spareRows, flags } = scratch;
  let bits = xoroshiro128plus(0);
  return {
    start(seed) {
      bits = xoroshiro128plus(seed);
    },
    rows(share) {
      let count = rows.length;
      if (share === 1) {
        takeAll(rows);
      } else {
        const bound = rowBound(share);
        let others = count = 0;
        for (let i = 0; i < rows.length; i++) {
          rows[count] = i;
          spareRows[others] = i;
          const isDrawn = Number(bits.next() < bound);
          count += isDrawn;
          others += 1 - isDrawn;
        }
        rows.set(spareRows.subarray(0, others), count);
      }
      sumRows(gradientPairs, scratch, count);
      return count;
    },
    columns(from, total, share, to) {
      if (share === 1) return copyColumns(from, total, to);
      const wanted = drawnColumns(total, share);
      const leaves = 2 * wanted > total;
      for (let i = leaves ? wanted : total - wanted; i < total; i++) {
        const chosen = Math.floor((bits.next() + 2 ** 31) * (i + 1) / 2 ** 32); // in [0, i]
        flags[flags[chosen] === 0 ? chosen : i] = 1;
      }
      const taken = leaves ? 0 : 1;
      let count = 0;
      for (let i = 0; i < total; i++) {
        to[count] = from[i];
        count += Number(flags[i] === taken);
        flags[i] = 0;
      }
      return count;
    },
  };
}

/** The kernel's functions for `kernelTreeDraws`. */
export interface DrawFunctions {
  /** Of `drawRows`. */
  drawRows(bound: number): number;
  /** Of `drawColumns`; lists by their addresses. */
  drawColumns(from: number, total: number, wanted: number, to: number): number;
}

/** The draws by the kernel. */
export function kernelTreeDraws(
  { drawRows, drawColumns }: DrawFunctions,
  gradientPairs: Float64Array,
  scratch: DrawScratch,
): TreeDraws {
  const { rows, random } = scratch;
  return {
    start(seed) { // as pure-rand begins
      random[0] = ~seed;
      random[1] = -1;
      random[2] = 0;
      random[3] = seed;
    },
    rows(share) {
      if (share !== 1) return drawRows(rowBound(share));
      takeAll(rows);
      sumRows(gradientPairs, scratch, rows.length);
      return rows.length;
    },
    columns(from, total, share, to) {
      if (share === 1) return copyColumns(from, total, to);
      return drawColumns(from.byteOffset, total, drawnColumns(total, share), to.byteOffset);
    },
  };
}

/** A row is drawn if its signed 32-bit number is below this one. */
function rowBound(share: number): number {
  return Math.fround(share) * 2 ** 32 - 2 ** 31;
}

function drawnColumns(total: number, share: number): number {
  return Math.max(1, Math.floor(Math.fround(Math.fround(share) * total)));
}

function takeAll(rows: Int32Array): void {
  for (let i = 0; i < rows.length; i++) rows[i] = i;
}

function copyColumns(from: Int32Array, total: number, to: Int32Array): number {
  to.set(from.subarray(0, total));
  return total;
}

/** The sums of the first `count` rows. */
function sumRows(gradientPairs: Float64Array, { rows, totals }: DrawScratch, count: number): void {
  let gradient = 0;
  let hessian = 0;
  for (let i = 0; i < count; i++) {
    gradient += gradientPairs[2 * rows[i]];
    hessian += gradientPairs[2 * rows[i] + 1];
  }
  totals[0] = gradient;
  totals[1] = hessian;
}

const generatorNames = ["one", "other", "mixed"] as const;
type Generator = Record<typeof generatorNames[number], ReturnType<typeof localsOf>[string]>;

/** Puts the generator's state into locals. */
function loadState({ one, other }: Generator): Code {
  return [one.set(i64.load(global.random)), other.set(i64.loadBehind(8, global.random))].flat();
}

function storeState({ one, other }: Generator): Code {
  return [
    i64.store(global.random, one.get),
    i64.store(i32.add(global.random, i32.const(8)), other.get),
  ].flat();
}

/** Pushes the next number, signed, as a double float. */
const nextNumber = ({ one, other }: Generator): Code =>
  f64.fromSignedI32(i64.toI32(i64.add(one.get, other.get)));

/** Moves the state on. */
function step({ one, other, mixed }: Generator): Code {
  return [
    mixed.set(i64.xor(one.get, other.get)),
    one.set(i64.xor(
      i64.xor(i64.rotateLeft(one.get, i64.const(24)), mixed.get),
      i64.shiftLeft(mixed.get, i64.const(16)),
    )),
    other.set(i64.rotateLeft(mixed.get, i64.const(37))),
  ].flat();
}

/** `TreeDraws.rows` for a share below 1, given the bound of the drawn numbers. */
export function drawRows(): WasmFunction {
  const locals = localsOf([
    ...["bound", "row", "place", "spare", "drawn", "pair", "sums"] as const,
    ...generatorNames,
  ]);
  const { bound, row, place, spare, drawn, pair, sums } = locals;
  return {
    name: "drawRows",
    parameters: ["f64"],
    result: "i32",
    locals: ["i32", "i32", "i32", "i32", "i32", "v128", "i64", "i64", "i64"],
    body: [
      loadState(locals),
      place.set(global.rows),
      spare.set(global.spareRows),
      pair.set(global.gradientPairs),
      repeatWhile(
        i32.lessThan(row.get, global.rowCount),
        i32.store(place.get, row.get),
        i32.store(spare.get, row.get),
        drawn.set(f64.lessThan(nextNumber(locals), bound.get)),
        step(locals),
        sums.set(f64x2.add(
          sums.get,
          v128.and(
            v128.load(pair.get),
            i64x2.splat(i64.fromSignedI32(i32.subtract(i32.const(0), drawn.get))),
          ),
        )),
        drawn.set(i32.shiftLeft(drawn.get, i32.const(2))),
        place.set(i32.add(place.get, drawn.get)),
        spare.set(i32.add(spare.get, i32.subtract(i32.const(4), drawn.get))),
        pair.set(i32.add(pair.get, i32.const(16))),
        row.set(i32.add(row.get, i32.const(1))),
      ),
      storeState(locals),
      v128.store(global.totals, sums.get),
      memoryCopy(place.get, global.spareRows, i32.subtract(spare.get, global.spareRows)),
      i32.shiftRight(i32.subtract(place.get, global.rows), i32.const(2)),
    ].flat(),
  };
}

/**
 * `TreeDraws.columns` for a share below 1, given the lists' addresses. The fewer of those to take and those
 * to leave are drawn, by Floyd's method (Bentley, CACM 30 (1987) 754).
 */
export function drawColumns(): WasmFunction {
  const locals = localsOf([
    ...["from", "total", "wanted", "to", "leaves", "index", "chosen", "flag", "place"] as const,
    ...generatorNames,
  ]);
  const { from, total, wanted, to, leaves, index, chosen, flag, place } = locals;
  const four = i32.const(4);
  return {
    name: "drawColumns",
    parameters: ["i32", "i32", "i32", "i32"],
    result: "i32",
    locals: ["i32", "i32", "i32", "i32", "i32", "i64", "i64", "i64"],
    body: [
      loadState(locals),
      leaves.set(i32.lessThan(total.get, i32.shiftLeft(wanted.get, i32.const(1)))),
      index.set(i32.subtract(total.get, wanted.get)),
      index.set(i32.add( // `wanted` if these are to be left
        index.get,
        i32.multiply(leaves.get, i32.subtract(wanted.get, index.get)),
      )),
      whileLoop(
        i32.lessThan(index.get, total.get),
        chosen.set(i32.fromF64(f64.multiply(
          f64.multiply(
            f64.add(nextNumber(locals), f64.const(2 ** 31)),
            f64.fromI32(i32.add(index.get, i32.const(1))),
          ),
          f64.const(2 ** -32),
        ))),
        step(locals),
        flag.set(i32.load8(i32.add(global.flags, chosen.get))),
        place.set(i32.add( // `index` if the chosen one has its flag
          chosen.get,
          i32.multiply(flag.get, i32.subtract(index.get, chosen.get)),
        )),
        i32.store8(i32.add(global.flags, place.get), i32.const(1)),
        index.set(i32.add(index.get, i32.const(1))),
      ),
      storeState(locals),
      index.set(global.flags),
      place.set(to.get),
      whileLoop(
        i32.lessThan(index.get, i32.add(global.flags, total.get)),
        i32.store(place.get, i32.load(from.get)),
        flag.set(i32.load8(index.get)),
        i32.store8(index.get, i32.const(0)),
        place.set(i32.add(
          place.get,
          i32.shiftLeft(i32.notEqual(flag.get, leaves.get), i32.const(2)),
        )),
        index.set(i32.add(index.get, i32.const(1))),
        from.set(i32.add(from.get, four)),
      ),
      i32.shiftRight(i32.subtract(place.get, to.get), i32.const(2)),
    ].flat(),
  };
}
