/**
 * The kernel's search for a node's best split: which columns get a histogram, in which order, and which of
 * their bins are scanned.
 *
 * @module
 */
import { mostBlocks } from "./binning.ts";
import { joinBelow, mostBoundedRows, mostBoundedSum } from "./block_bounds.ts";
import { boundGroup } from "./block_sums.ts";
import { histogramGroup } from "./histogram.ts";
import { functionIndex, global, splitAt } from "./kernel_globals.ts";
import { boundFrom } from "./split_scan.ts";
import {
  call,
  type Code,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  ifElse,
  ifThen,
  type Local,
  localsOf,
  repeatWhile,
  searchWhile,
  v128,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** The first column's splits are peeked at in blocks with bounds of at least this share of the largest. */
const peekShare = 0.9;

/** Bounds of float32 numbers are compared with this much room. */
const boundRoom = 1 + 1e-4;

/**
 * `NodeWork.bestSplit`; what it finds is in `scratch.best`. The columns that still can have the best split
 * are searched, that with the highest bound first; each only from the first to the last of its blocks in
 * which the better split can be.
 */
export function bestSplit(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "columnCount", "isBounded", "gradient", "hessian", "parentGain"] as const,
    ...["list", "lastList", "slots", "slot", "column", "total", "span", "slope"] as const,
    ...["inverseSpan", "sizes", "first", "highest"] as const,
    ...["firstBin", "lastBin", "offset", "blockZero", "firstBlock", "lastBlock"] as const,
    ...["shift", "threshold", "startBin", "clearBins", "tops"] as const,
  ]);
  const { begin, end, columnCount, gradient, hessian, parentGain, isBounded } = locals;
  const { list, lastList, slots, slot, column, total, span, slope } = locals;
  const { inverseSpan, sizes, first, highest } = locals;
  const { firstBin, lastBin, offset, blockZero, firstBlock, lastBlock, shift, threshold } = locals;
  const { startBin, clearBins, tops } = locals;
  const isSmall = i32.lessThan(i32.subtract(end.get, begin.get), i32.const(joinBelow));
  const isHopeless = (place: Local) => f32.lessThan(f32.load(place.get), threshold.get);
  const columnBins = i32.load(
    i32.add(global.binCounts, i32.shiftLeft(column.get, i32.const(2))),
  );
  const scanColumn = [
    ifElse(
      i32.load8(i32.add(global.hasMissing, column.get)),
      ...[functionIndex.scanMissing, functionIndex.scan].map((index) => [call(
        index,
        ...[slot.get, column.get, columnBins, total.get, parentGain.get],
        ...[span.get, slope.get, inverseSpan.get, firstBin.get, lastBin.get],
        ...[startBin.get, clearBins.get],
      )]) as [Code[], Code[]],
    ),
  ].flat();
  const wholeColumn = [startBin.set(i32.const(0)), clearBins.set(columnBins)].flat();
  const addColumn = [
    wholeColumn,
    call(functionIndex.addOne, begin.get, end.get, list.get),
  ].flat();
  // The rows before the window go into the last two bins before it, those behind it into the first two there.
  const addWindow = [
    startBin.set(i32.select(
      i32.subtract(firstBin.get, i32.const(4)),
      i32.const(0),
      firstBin.get,
    )),
    clearBins.set(i32.add(i32.subtract(lastBin.get, startBin.get), i32.const(2))),
    call(
      functionIndex.addWindow,
      ...[begin.get, end.get, list.get],
      i32.select(
        i32.shiftLeft(i32.subtract(firstBin.get, i32.const(1)), i32.const(1)),
        i32.const(0),
        firstBin.get,
      ),
      i32.shiftLeft(lastBin.get, i32.const(1)),
    ),
  ].flat();
  const binOf = (place: Local, next: number) =>
    i32.shiftLeft(
      i32.add(
        i32.shiftRight(i32.subtract(place.get, blockZero.get), i32.const(4)),
        i32.const(next),
      ),
      shift.get,
    );
  // Sets the bins, a multiple of four, from the first to the last block whose bound is not below what
  // `value` pushes.
  const limitBins = (value: Code) =>
    [
      threshold.set(f32.fromF64(f64.multiply(value, f64.const(1 / boundRoom)))),
      offset.set(i32.subtract(list.get, global.columns)),
      blockZero.set(i32.add(
        global.blockBounds,
        i32.add(
          i32.shiftLeft(i32.and(offset.get, i32.const(-4 * boundGroup)), i32.const(6)),
          i32.and(offset.get, i32.const(4 * boundGroup - 1)),
        ),
      )),
      shift.set(i32.add(
        i32.subtract(
          i32.const(32),
          i32.leadingZeros(i32.shiftRight(
            i32.subtract(columnBins, i32.const(1)),
            i32.const(Math.log2(mostBlocks)),
          )),
        ),
        isSmall,
      )),
      firstBlock.set(blockZero.get),
      lastBlock.set(i32.add(
        blockZero.get,
        i32.shiftLeft(
          i32.shiftRight(i32.subtract(columnBins, i32.const(1)), shift.get),
          i32.const(4),
        ),
      )),
      whileLoop(
        i32.and(i32.lessThan(firstBlock.get, lastBlock.get), isHopeless(firstBlock)),
        firstBlock.set(i32.add(firstBlock.get, i32.const(16))),
      ),
      whileLoop(
        i32.and(i32.lessThan(firstBlock.get, lastBlock.get), isHopeless(lastBlock)),
        lastBlock.set(i32.subtract(lastBlock.get, i32.const(16))),
      ),
      firstBin.set(i32.and(binOf(firstBlock, 0), i32.const(-4))),
      lastBin.set(i32.and(i32.add(binOf(lastBlock, 1), i32.const(3)), i32.const(-4))),
    ].flat();
  const boundPlace = i32.add(global.bounds, i32.subtract(list.get, global.columns));
  const boundOf = f32.load(boundPlace);
  const takeColumn = [ // with its bound's sign turned, it is not picked again
    column.set(i32.load(list.get)),
    f32.store(boundPlace, f32.subtract(f32.zero, boundOf)),
  ].flat();
  const lastBound = i32.add(global.bounds, i32.subtract(lastList.get, global.columns));
  const next = (count: Code) => list.set(i32.add(list.get, i32.shiftLeft(count, i32.const(2))));
  // Picks the column with the highest bound among those not searched, if one has a bound above 0.
  const pickHighest = [
    list.set(global.bounds),
    tops.set(v128.zero),
    repeatWhile(
      i32.lessThan(list.get, lastBound),
      tops.set(f32x4.max(tops.get, v128.load(list.get))),
      next(i32.const(4)),
    ),
    tops.set(f32x4.max(tops.get, f32x4.shuffle([2, 3, 0, 1], tops.get, tops.get))),
    tops.set(f32x4.max(tops.get, f32x4.shuffle([1, 0, 3, 2], tops.get, tops.get))),
    highest.set(f32x4.lane(0, tops.get)),
    list.set(global.bounds),
    searchWhile(
      first.get,
      i32.lessThan(list.get, lastBound),
      first.set(v128.signs32(f32x4.equal(v128.load(list.get), tops.get))),
      next(i32.const(4)),
    ),
    list.set(i32.add(
      i32.add(global.columns, i32.subtract(list.get, global.bounds)),
      i32.shiftLeft(i32.subtract(i32.trailingZeros(first.get), i32.const(4)), i32.const(2)),
    )),
  ].flat();
  const hasBound = f32.greaterThan(highest.get, f32.zero);
  const canBeBest = i32.and(
    hasBound,
    f64.notLessThan(
      f64.multiply(f64.fromF32(highest.get), f64.const(boundRoom)),
      boundFrom(parentGain),
    ),
  );
  const isTooLarge = i32.or(
    i32.lessThan(i32.const(mostBoundedRows), i32.subtract(end.get, begin.get)),
    f64.notLessThan(f64.add(sizes.get, span.get), f64.const(mostBoundedSum)),
  );
  return {
    name: "bestSplit",
    parameters: ["i32", "i32", "i32", "i32"],
    locals: [
      ...["f64", "f64", "f32"] as const,
      ...["i32", "i32", "i32", "i32", "i32", "v128", "f64", "f64"] as const,
      ...["f64", "f64", "i32", "f32"] as const,
      ...["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"] as const,
      ...["i32", "i32", "v128"] as const,
    ],
    body: [
      gradient.set(f64.load(global.node)),
      hessian.set(f64.load(i32.add(global.node, i32.const(8)))),
      parentGain.set(f32.fromF64(f64.load(i32.add(global.node, i32.const(16))))),
      f32.store(i32.add(global.best, i32.const(splitAt.gain)), f32.zero),
      i32.store(i32.add(global.best, i32.const(splitAt.column)), i32.const(0)),
      f64.store(i32.add(global.best, i32.const(splitAt.floor)), f64.const(0)),
      span.set(f64.add(hessian.get, f64.add(global.lambda, global.lambda))),
      slope.set(f64.divide(gradient.get, span.get)),
      inverseSpan.set(f64.divide(f64.const(1), span.get)),
      total.set(f64x2.shuffle(0, 2, f64x2.splat(gradient.get), f64x2.splat(hessian.get))),
      ifThen(
        i32.equalsZero(isBounded.get),
        sizes.set(call(
          functionIndex.gatherTerms,
          ...[begin.get, end.get, f64.abs(slope.get)],
          f32.fromF64(f64.copySign(f64.const(1), slope.get)),
        )),
      ),
      list.set(global.columns),
      lastList.set(i32.add(list.get, i32.shiftLeft(columnCount.get, i32.const(2)))),
      ifElse(isTooLarge, [
        whileLoop(
          i32.lessThan(list.get, lastList.get),
          slots.set(i32.shiftRight(i32.subtract(lastList.get, list.get), i32.const(2))),
          slot.set(i32.const(0)),
          ifElse(i32.lessThan(slots.get, i32.const(histogramGroup)), [
            slots.set(i32.const(1)),
            call(functionIndex.addOne, begin.get, end.get, list.get),
          ], [
            slots.set(i32.const(histogramGroup)),
            call(functionIndex.addFour, begin.get, end.get, list.get),
          ]),
          repeatWhile(
            i32.lessThan(slot.get, slots.get),
            column.set(i32.load(i32.add(list.get, i32.shiftLeft(slot.get, i32.const(2))))),
            firstBin.set(i32.const(0)),
            lastBin.set(columnBins),
            wholeColumn,
            scanColumn,
            slot.set(i32.add(slot.get, i32.const(1))),
          ),
          next(slots.get),
        ),
      ], [
        ifThen(
          i32.equalsZero(isBounded.get),
          call(
            functionIndex.boundColumns,
            ...[begin.get, end.get, columnCount.get, f64.abs(slope.get), span.get, sizes.get],
          ),
        ),
        pickHighest,
        ifThen(
          hasBound,
          takeColumn,
          addColumn,
          ifThen(
            i32.equalsZero(i32.load8(i32.add(global.hasMissing, column.get))),
            limitBins(f64.multiply(f64.fromF32(highest.get), f64.const(peekShare))),
            f64.store(
              i32.add(global.best, i32.const(splitAt.floor)),
              call(functionIndex.peek, firstBin.get, lastBin.get, total.get),
            ),
          ),
          limitBins(boundFrom(parentGain)),
          scanColumn,
          pickHighest,
        ),
        whileLoop(
          canBeBest,
          takeColumn,
          limitBins(boundFrom(parentGain)),
          ifElse(
            i32.lessThan(i32.load8(i32.add(global.hasMissing, column.get)), isSmall),
            [addWindow],
            [addColumn],
          ),
          scanColumn,
          pickHighest,
        ),
      ]),
    ].flat(),
  };
}
