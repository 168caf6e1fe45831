/**
 * The kernel's sums per block, a run of neighbouring bins, which `block_bounds.ts` needs: a row's float32
 * numbers are added to the blocks that the row has in four columns side by side. These numbers are
 * `l = g - h G / D`, by its sign, and `h`, where the sums serve this node alone, and else parts that do not
 * depend on the node (`kept_sums.ts`).
 *
 * @module
 */
import { mostBlocks } from "./binning.ts";
import { global } from "./kernel_globals.ts";
import { fourRowsATurn, startRows } from "./row_loops.ts";
import {
  type Code,
  f32,
  f32x4,
  f64x2,
  i32,
  itemAt,
  type Local,
  localsOf,
  v128,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** Columns whose blocks are summed side by side. */
export const boundGroup = 4;

/** Bytes of a block's sums, a vector for each column of a group. */
export const blockBytes = 16 * boundGroup;
/** The same as a shift. */
export const blockShift: number = Math.log2(blockBytes);

/** Float32 numbers in the block sums: all blocks and the one for missing values. */
export const blockSumsLength = (mostBlocks + 1) * boundGroup * 4;

/** Bytes of a column's kept sums, a vector for each block. */
export const keptColumnBytes = 16 * mostBlocks;

function goOn(address: Local, bytes: number): Code {
  return address.set(i32.add(address.get, i32.const(bytes)));
}

/**
 * Goes through rows and writes their gradient pairs side by side.
 *
 * @param convert writes what is made of each `pair` to `termAt`
 */
function gatherRows(
  locals: Record<"begin" | "end" | "place" | "stop" | "pairAt" | "termAt" | "pair", Local>,
  ...convert: Code[]
): Code {
  const { begin, place, stop, pairAt, termAt, pair } = locals;
  return [
    startRows(locals),
    pairAt.set(itemAt(global.nodePairs, begin.get, 16)),
    termAt.set(itemAt(global.nodeTerms, begin.get, 16)),
    whileLoop(
      i32.lessThan(place.get, stop.get),
      pair.set(v128.load(itemAt(global.gradientPairs, i32.load(place.get), 16))),
      v128.store(pairAt.get, pair.get),
      ...convert,
      goOn(place, 4),
      goOn(pairAt, 16),
      goOn(termAt, 16),
    ),
  ].flat();
}

/**
 * Writes the terms `(max(l, 0), max(-l, 0), h, 0)` of a node's rows side by side, and their gradient
 * pairs, given `|G| / D` and the sign of `G`; returns the sum of `|g|`.
 */
export function gatherTerms(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "slope", "sign", "place", "stop", "pairAt", "termAt"] as const,
    ...["pair", "sums", "slopes", "sizes", "signs"] as const,
  ]);
  const { slope, sign, termAt, pair, sums, slopes, sizes, signs } = locals;
  return {
    parameters: ["i32", "i32", "f64", "f32"],
    result: "f64",
    locals: ["i32", "i32", "i32", "i32", "v128", "v128", "v128", "v128", "v128"],
    body: [
      slopes.set(f32x4.multiply(
        f32x4.splat(f32.fromF64(slope.get)),
        f32x4.const(-1, 1, 0, 0),
      )),
      signs.set(
        f32x4.shuffle(
          [0, 1, 4, 5],
          f32x4.multiply(f32x4.splat(sign.get), f32x4.const(1, -1, 0, 0)),
          f32x4.const(1, 0, 0, 0),
        ),
      ),
      gatherRows(
        locals,
        sizes.set(f64x2.add(sizes.get, f64x2.abs(pair.get))),
        pair.set(f32x4.fromF64x2(pair.get)),
        sums.set(f32x4.multiply(
          f32x4.shuffle([0, 0, 1, 2], pair.get, pair.get),
          signs.get,
        )),
        sums.set(f32x4.add(
          sums.get,
          f32x4.multiply(f32x4.shuffle([1, 1, 1, 1], pair.get, pair.get), slopes.get),
        )),
        v128.store(termAt.get, f32x4.max(sums.get, v128.zero)),
      ),
      f64x2.lane(0, sizes.get),
    ].flat(),
  };
}

/**
 * Writes the parts `(max(g, 0), max(-g, 0), h if g > 0, h if g < 0)` of rows side by side, and their
 * gradient pairs.
 */
export function gatherParts(): WasmFunction {
  const locals = localsOf(["begin", "end", "place", "stop", "pairAt", "termAt", "pair"] as const);
  const { termAt, pair } = locals;
  return {
    parameters: ["i32", "i32"],
    locals: ["i32", "i32", "i32", "i32", "v128"],
    body: [
      gatherRows(
        locals,
        pair.set(f32x4.fromF64x2(pair.get)),
        pair.set(f32x4.multiply(
          f32x4.shuffle([0, 0, 1, 1], pair.get, pair.get),
          f32x4.const(1, -1, 1, 1),
        )),
        v128.store(
          termAt.get,
          v128.and(
            pair.get,
            f32x4.greaterThan(f32x4.shuffle([0, 1, 0, 1], pair.get, pair.get), v128.zero),
          ),
        ),
      ),
    ].flat(),
  };
}

/**
 * Adds the terms, or parts, of rows to the sums of the blocks of the columns at `list`.
 *
 * @param joins whether two neighbouring blocks are summed as one
 * @param blockSums address of the sums
 */
export function addToBlocks(joins: boolean, blockSums: number): WasmFunction {
  const each = Array.from({ length: boundGroup }, (_, k) => k);
  const names = ["begin", "end", "list", "place", "term", "stop", "row", "terms", "sums", "both"];
  const locals = localsOf([...names, ...each.map((k) => `column${k}`)]);
  const { begin, list, term, row, terms, sums } = locals;
  const block = (k: number) => {
    const own = i32.load8(i32.add(locals[`column${k}`].get, row.get));
    return joins ? i32.shiftRight(own, i32.const(1)) : own;
  };
  const addRow = (index: number, number: Code) =>
    [
      row.set(number),
      terms.set(v128.loadBehind(16 * index, term.get)),
      ...each.flatMap((k) => [
        sums.set(i32.shiftLeft(block(k), i32.const(blockShift))),
        v128.storeBehind(
          blockSums + 16 * k,
          sums.get,
          f32x4.add(v128.loadBehind(blockSums + 16 * k, sums.get), terms.get),
        ),
      ]),
    ].flat();
  const goOnBy = (rows: number) => goOn(term, 16 * rows);
  return {
    parameters: ["i32", "i32", "i32"],
    locals: ["i32", "i32", "i32", "i32", "v128", "i32", "i64", ...each.map(() => "i32" as const)],
    body: [
      ...each.map((k) =>
        locals[`column${k}`].set(i32.add(
          global.blocks,
          i32.multiply(
            i32.load(i32.add(list.get, i32.const(4 * k))),
            global.rowCount,
          ),
        ))
      ),
      startRows(locals),
      term.set(itemAt(global.nodeTerms, begin.get, 16)),
      fourRowsATurn(locals, addRow, goOnBy),
    ].flat(),
  };
}
