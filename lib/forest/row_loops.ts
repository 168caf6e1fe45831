/**
 * The kernel's loops over a node's rows: adding their gradient pairs to histograms, dividing them among the
 * node's children, and writing the numbers of leaves.
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
  itemAt,
  type Local,
  localsOf,
  memoryCopy,
  v128,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** Sets the addresses at which the numbers of a node's rows begin and end. */
export function startRows(
  { begin, end, place, stop }: Record<"begin" | "end" | "place" | "stop", Local>,
): Code {
  return [
    place.set(itemAt(global.rows, begin.get, 4)),
    stop.set(itemAt(global.rows, end.get, 4)),
  ].flat();
}

/**
 * Takes the rows whose numbers lie from `place` to `stop`: what four do not divide first, then four in a
 * turn. Numbers are read two at a time.
 *
 * @param take for the row that is `index` rows behind the place, given its number
 * @param goOn moves what moves with the place
 */
export function fourRowsATurn(
  { begin, end, place, stop, both }: Record<"begin" | "end" | "place" | "stop" | "both", Local>,
  take: (index: number, number: Code) => Code,
  goOn: (rows: number) => Code = () => [],
): Code {
  const goOnBy = (rows: number) =>
    [place.set(i32.add(place.get, i32.const(4 * rows))), goOn(rows)].flat();
  const count = i32.subtract(end.get, begin.get);
  const takeTwo = (index: number) =>
    [
      both.set(i64.loadBehind(4 * index, place.get)),
      take(index, i64.toI32(both.get)),
      take(index + 1, i64.toI32(i64.shiftRight(both.get, i64.const(32)))),
    ].flat();
  return [
    ifThen(i32.and(count, i32.const(1)), take(0, i32.load(place.get)), goOnBy(1)),
    ifThen(i32.and(count, i32.const(2)), takeTwo(0), goOnBy(2)),
    whileLoop(i32.lessThan(place.get, stop.get), takeTwo(0), takeTwo(2), goOnBy(4)),
  ].flat();
}

/**
 * Adds a node's gradient pairs to the histograms of `width` columns side by side, from `list` on.
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
  const { begin, list, least0, most0, least1, most1, pair } = locals;
  const { row, sums, bin } = locals;
  // Most rows may be outside of the range. In bins of their own, two rows do not wait for one another.
  const [leasts, mosts] = [[least0, least1], [most0, most1]];
  const clamp = (index: number) =>
    [
      bin.set(
        i32.select(bin.get, leasts[index % 2].get, i32.lessThan(leasts[index % 2].get, bin.get)),
      ),
      bin.set(
        i32.select(bin.get, mosts[index % 2].get, i32.lessThan(bin.get, mosts[index % 2].get)),
      ),
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
  const goOn = (rows: number) => pair.set(i32.add(pair.get, i32.const(16 * rows)));
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
      startRows(locals),
      pair.set(itemAt(global.nodePairs, begin.get, 16)),
      fourRowsATurn(locals, addRow, goOn),
    ].flat(),
  };
}

/** Bytes of a leaf's number. */
export type NumberBytes = 1 | 2 | 4;

type Side = Record<"column" | "lastLeft" | "missing" | "bin", Local>;

/** Turns a split's column into its address, and its bins into pair indices. */
const startSides = ({ column, lastLeft, missing }: Side) =>
  [
    lastLeft.set(i32.shiftLeft(lastLeft.get, i32.const(1))),
    missing.set(i32.shiftLeft(missing.get, i32.const(1))),
    column.set(itemAt(global.pairIndices, i32.multiply(column.get, global.rowCount), 2)),
  ].flat();

/** Whether the row goes left, 0 or 1; uses `bin`. */
const goesLeft = ({ column, lastLeft, missing, bin }: Side, row: Code) =>
  [
    bin.set(i32.load16(itemAt(column.get, row, 2))),
    i32.or(i32.notAbove(bin.get, lastLeft.get), i32.equal(bin.get, missing.get)),
  ].flat();

/**
 * `NodeWork.divide`. Each row is written to both sides and one side moves on: there is no branch.
 */
export function divide(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "column", "lastLeft", "missing", "place", "stop"] as const,
    ...["left", "right", "row", "bin", "both"] as const,
  ]);
  const { place, left, right, row, bin } = locals;
  const takeRow = (number: Code) =>
    [
      row.set(number),
      i32.store(left.get, row.get),
      i32.store(right.get, row.get),
      bin.set(i32.shiftLeft(goesLeft(locals, row.get), i32.const(2))),
      left.set(i32.add(left.get, bin.get)),
      right.set(i32.add(right.get, i32.subtract(i32.const(4), bin.get))),
    ].flat();
  return {
    name: "divide",
    parameters: ["i32", "i32", "i32", "i32", "i32"],
    result: "i32",
    locals: ["i32", "i32", "i32", "i32", "i32", "i32", "i64"],
    body: [
      startRows(locals),
      startSides(locals),
      left.set(place.get),
      right.set(global.spareRows),
      fourRowsATurn(
        locals,
        (_, number) => takeRow(number),
      ),
      memoryCopy(left.get, global.spareRows, i32.subtract(right.get, global.spareRows)),
      i32.shiftRight(i32.subtract(left.get, global.rows), i32.const(2)),
    ].flat(),
  };
}

/** `NodeWork.number`, for numbers of so many bytes behind the address `numbers`. */
export function number(bytes: NumberBytes): WasmFunction {
  const locals = localsOf(["begin", "end", "leaf", "numbers", "place", "stop", "both"]);
  const { leaf, numbers } = locals;
  return {
    name: `number${bytes}`,
    parameters: ["i32", "i32", "i32", "i32"],
    locals: ["i32", "i32", "i64"],
    body: [
      startRows(locals),
      fourRowsATurn(
        locals,
        (_, row) => storeNumber(bytes, itemAt(numbers.get, row, bytes), leaf.get),
      ),
    ].flat(),
  };
}

/** `NodeWork.numberChildren`, likewise. */
export function numberChildren(bytes: NumberBytes): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "column", "lastLeft", "missing", "left", "numbers"] as const,
    ...["place", "stop", "row", "bin", "both"] as const,
  ]);
  const { left, numbers, row } = locals;
  return {
    name: `numberChildren${bytes}`,
    parameters: ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    locals: ["i32", "i32", "i32", "i32", "i64"],
    body: [
      startRows(locals),
      startSides(locals),
      left.set(i32.add(left.get, i32.const(1))), // the right one
      fourRowsATurn(
        locals,
        (_, number) =>
          [
            row.set(number),
            storeNumber(
              bytes,
              itemAt(numbers.get, row.get, bytes),
              i32.subtract(left.get, goesLeft(locals, row.get)),
            ),
          ].flat(),
      ),
    ].flat(),
  };
}

function storeNumber(bytes: NumberBytes, address: Code, value: Code): Code {
  return { 1: i32.store8, 2: i32.store16, 4: i32.store }[bytes](address, value);
}
