/**
 * The kernel's loops over a node's rows: adding their gradient pairs to histograms, and dividing them among
 * the node's children.
 *
 * @module
 */
import { global } from "./kernel_globals.ts";
import {
  type Code,
  f64x2,
  i32,
  i64,
  ifThen,
  type Local,
  localsOf,
  memoryCopy,
  v128,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/**
 * Takes the rows whose numbers lie from `place` to `stop`: an odd one first, then two in a turn, whose
 * numbers are both read before the first is taken.
 *
 * @param take for the row that is `index` rows behind the place, given its number
 * @param goOn moves the place, and what moves with it
 */
export function twoRowsATurn(
  { begin, end, place, stop, both }: Record<"begin" | "end" | "place" | "stop" | "both", Local>,
  take: (index: number, number: Code) => Code,
  goOn: (rows: number) => Code,
): Code {
  return [
    ifThen(
      i32.and(i32.subtract(end.get, begin.get), i32.const(1)),
      take(0, i32.load(place.get)),
      goOn(1),
    ),
    whileLoop(
      i32.lessThan(place.get, stop.get),
      both.set(i64.load(place.get)),
      take(0, i64.toI32(both.get)),
      take(1, i64.toI32(i64.shiftRight(both.get, i64.const(32)))),
      goOn(2),
    ),
  ].flat();
}

/**
 * Adds a node's gradient pairs to the histograms of `width` columns side by side, from `list` on; two rows
 * in a turn.
 *
 * @param clamps whether pair indices are taken into a range that follows the other parameters, every other
 *   row's into one that is a bin wider on both sides
 */
export function addToHistograms(width: number, clamps = false): WasmFunction {
  const each = Array.from({ length: width }, (_, k) => k);
  const locals = localsOf([
    ...["begin", "end", "list", ...(clamps ? ["least0", "most0"] : [])],
    ...["place", "pair", "stop", "row", "sums", "bin", "both"],
    ...each.flatMap((k) => [`column${k}`, `histogram${k}`]),
    ...(clamps ? ["least1", "most1"] : []),
  ]);
  const { begin, end, list, least0, most0, least1, most1, place, pair, stop } = locals;
  const { row, sums, bin } = locals;
  // Most rows may be outside of the range. In bins of their own, two rows do not wait for one another.
  const [leasts, mosts] = [[least0, least1], [most0, most1]];
  const clamp = (index: number) =>
    [
      bin.set(i32.select(bin.get, leasts[index].get, i32.lessThan(leasts[index].get, bin.get))),
      bin.set(i32.select(bin.get, mosts[index].get, i32.lessThan(bin.get, mosts[index].get))),
    ].flat();
  const addRow = (index: number, number: Code) =>
    [
      row.set(i32.shiftLeft(number, i32.const(1))),
      sums.set(v128.loadBehind(16 * index, pair.get)),
      ...each.flatMap((k) => [
        bin.set(i32.load16(i32.add(locals[`column${k}`].get, row.get))),
        clamps ? clamp(index) : [],
        bin.set(i32.add(locals[`histogram${k}`].get, i32.shiftLeft(bin.get, i32.const(3)))),
        v128.store(bin.get, f64x2.add(v128.load(bin.get), sums.get)),
      ]),
    ].flat();
  const goOn = (rows: number) =>
    [
      place.set(i32.add(place.get, i32.const(4 * rows))),
      pair.set(i32.add(pair.get, i32.const(16 * rows))),
    ].flat();
  return {
    parameters: ["i32", "i32", "i32", ...(clamps ? ["i32", "i32"] as const : [])],
    locals: [
      ...["i32", "i32", "i32", "i32", "v128", "i32", "i64"] as const,
      ...each.flatMap(() => ["i32", "i32"] as const),
      ...(clamps ? ["i32", "i32"] as const : []),
    ],
    body: [
      ...(clamps
        ? [
          least1.set(i32.select(i32.subtract(least0.get, i32.const(2)), i32.const(0), least0.get)),
          most1.set(i32.add(most0.get, i32.const(2))),
        ]
        : []),
      ...each.flatMap((k) => [
        locals[`column${k}`].set(i32.add(
          global.pairIndices,
          i32.multiply(
            i32.load(i32.add(list.get, i32.const(4 * k))),
            i32.shiftLeft(global.rowCount, i32.const(1)),
          ),
        )),
        locals[`histogram${k}`].set(
          i32.add(global.histogram, i32.multiply(i32.const(k), global.stride)),
        ),
      ]),
      place.set(i32.add(global.rows, i32.shiftLeft(begin.get, i32.const(2)))),
      stop.set(i32.add(global.rows, i32.shiftLeft(end.get, i32.const(2)))),
      pair.set(i32.add(global.nodePairs, i32.shiftLeft(begin.get, i32.const(4)))),
      twoRowsATurn(locals, addRow, goOn),
    ].flat(),
  };
}

/**
 * `NodeWork.divide`; two rows in a turn. Each row is written to both sides and one side moves on: there is
 * no branch.
 */
export function divide(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "column", "lastLeft", "missing", "place", "stop"] as const,
    ...["left", "right", "row", "bin", "both"] as const,
  ]);
  const { begin, end, column, lastLeft, missing, place, stop } = locals;
  const { left, right, row, bin } = locals;
  const goesLeft = i32.or(i32.notAbove(bin.get, lastLeft.get), i32.equal(bin.get, missing.get));
  const rowAt = (index: Local) => i32.add(global.rows, i32.shiftLeft(index.get, i32.const(2)));
  const four = i32.const(4);
  const takeRow = (number: Code) =>
    [
      row.set(number),
      bin.set(i32.load16(i32.add(column.get, i32.shiftLeft(row.get, i32.const(1))))),
      i32.store(left.get, row.get),
      i32.store(right.get, row.get),
      bin.set(i32.shiftLeft(goesLeft, i32.const(2))),
      left.set(i32.add(left.get, bin.get)),
      right.set(i32.add(right.get, i32.subtract(four, bin.get))),
    ].flat();
  return {
    name: "divide",
    parameters: ["i32", "i32", "i32", "i32", "i32"],
    result: "i32",
    locals: ["i32", "i32", "i32", "i32", "i32", "i32", "i64"],
    body: [
      place.set(rowAt(begin)),
      stop.set(rowAt(end)),
      left.set(place.get),
      right.set(global.spareRows),
      lastLeft.set(i32.shiftLeft(lastLeft.get, i32.const(1))), // as pair indices
      missing.set(i32.shiftLeft(missing.get, i32.const(1))),
      column.set(i32.add(
        global.pairIndices,
        i32.multiply(column.get, i32.shiftLeft(global.rowCount, i32.const(1))),
      )),
      twoRowsATurn(
        locals,
        (_, number) => takeRow(number),
        (rows) => place.set(i32.add(place.get, i32.const(4 * rows))),
      ),
      memoryCopy(left.get, global.spareRows, i32.subtract(right.get, global.spareRows)),
      i32.shiftRight(i32.subtract(left.get, global.rows), i32.const(2)),
    ].flat(),
  };
}
