/**
 * The kernel's quick look at a node: how good the best split of each column can be at most. With the
 * bounds of all columns known, a few columns are left in which the best split can be, and only these
 * get a histogram of all their bins, whose splits are tried in the blocks that their bounds leave.
 *
 * A column's bins are joined to at most 64 blocks. With `p` and `q` the hessians of both sides plus
 * lambda, `D = p + q`, `G` the node's gradient, `a` the left side's and `L = a - p G / D`, the gain of
 * both sides is, by Lagrange's identity and since soft thresholding by alpha leaves at most `|a - t|`
 * and at most `|a + t|` for any `t` up to alpha, not above
 *
 *     G^2 / D + max(0, |L| - alpha)^2 D / (p q).
 *
 * `L` is a sum over the rows on the left, of `l = g - h G / D` each. Inside a block it stays between its
 * value before the block less the negative `l` of the block and that value plus the positive ones, and
 * `p q` is not below the smaller of its values at both ends. So three sums per block bound all its splits:
 * of positive `l`, of negative `l`, and of hessians. They bound `a = L + p G / D` and `G - a` too, and so
 * the gain of each side by itself, which is the better bound in a node of few rows. (All gradients of a
 * node whose `G` is negative are taken with the other sign, which changes no gain.)
 *
 * The sums are float32. What rounding can do to them is added to the bounds, which hence hold; how good
 * a split is, is never decided here.
 *
 * @module
 */
import { mostBlocks } from "./binning.ts";
import { functionIndex, global } from "./kernel_globals.ts";
import {
  call,
  type Code,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i64,
  ifElse,
  ifThen,
  type Local,
  localsOf,
  memoryClear,
  repeatWhile,
  v128,
  type ValueType,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** Columns whose blocks are summed side by side. */
export const boundGroup = 4;

/** Bytes of a block's sums, a vector for each column of a group; as a shift. */
const blockShift = 6;
const blockBytes = 1 << blockShift;

/** Nodes with fewer rows than this join blocks two by two. */
export const joinBelow = 192;

/** Float32 numbers in the block sums: all blocks and the one for missing values. */
export const blockSumsLength = (mostBlocks + 1) * boundGroup * 4;

/** Most rows of a node for which float32 sums are exact enough to be of use. */
export const mostBoundedRows = 4096;

/** Sums of gradients and hessians from which on float32 products might overflow. */
export const mostBoundedSum = 1e9;

/** Nodes with fewer rows than this have their gains bounded in both ways. */
const boundTwiceBelow = 64;

/** A float32 operation's relative rounding error. */
const rounding = 2 ** -24;

/** In place of a side's weight that rounding leaves at 0 or below. */
const tiny = 2 ** -124;

/**
 * Writes the terms `(max(l, 0), max(-l, 0), h, 0)` of a node's rows side by side, and their gradient
 * pairs, given `|G| / D` and the sign of `G`; returns the sum of `|g|`.
 */
export function gatherTerms(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "slope", "sign", "place", "stop", "pairAt", "termAt"] as const,
    ...["pair", "sums", "slopes", "sizes", "signs"] as const,
  ]);
  const { begin, end, slope, sign, place, stop, pairAt, termAt } = locals;
  const { pair, sums, slopes, sizes, signs } = locals;
  const at = (address: Code, index: Code, bytes: number) =>
    i32.add(address, i32.shiftLeft(index, i32.const(Math.log2(bytes))));
  const goOn = (address: Local, bytes: number) =>
    address.set(i32.add(address.get, i32.const(bytes)));
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
      place.set(at(global.rows, begin.get, 4)),
      stop.set(at(global.rows, end.get, 4)),
      pairAt.set(at(global.nodePairs, begin.get, 16)),
      termAt.set(at(global.nodeTerms, begin.get, 16)),
      repeatWhile(
        i32.lessThan(place.get, stop.get),
        pair.set(v128.load(at(global.gradientPairs, i32.load(place.get), 16))),
        v128.store(pairAt.get, pair.get),
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
        goOn(place, 4),
        goOn(pairAt, 16),
        goOn(termAt, 16),
      ),
      f64x2.lane(0, sizes.get),
    ].flat(),
  };
}

/**
 * Adds a node's terms to the sums of the blocks of the columns at `list`.
 *
 * @param joins whether two neighbouring blocks are summed as one
 * @param blockSums address of the sums
 */
export function addToBlocks(joins: boolean, blockSums: number): WasmFunction {
  const each = Array.from({ length: boundGroup }, (_, k) => k);
  const names = ["begin", "end", "list", "place", "term", "stop", "row", "terms", "at", "both"];
  const locals = localsOf([...names, ...each.map((k) => `column${k}`)]);
  const { begin, end, list, place, term, stop, row, terms, at, both } = locals;
  const block = (k: number) => {
    const own = i32.load8(i32.add(locals[`column${k}`].get, row.get));
    return joins ? i32.shiftRight(own, i32.const(1)) : own;
  };
  const addRow = (index: number, number: Code) =>
    [
      row.set(number),
      terms.set(v128.loadBehind(16 * index, term.get)),
      ...each.flatMap((k) => [
        at.set(i32.shiftLeft(block(k), i32.const(blockShift))),
        v128.storeBehind(
          blockSums + 16 * k,
          at.get,
          f32x4.add(v128.loadBehind(blockSums + 16 * k, at.get), terms.get),
        ),
      ]),
    ].flat();
  const goOn = (rows: number) =>
    [
      place.set(i32.add(place.get, i32.const(4 * rows))),
      term.set(i32.add(term.get, i32.const(16 * rows))),
    ].flat();
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
      place.set(i32.add(global.rows, i32.shiftLeft(begin.get, i32.const(2)))),
      stop.set(i32.add(global.rows, i32.shiftLeft(end.get, i32.const(2)))),
      term.set(i32.add(global.nodeTerms, i32.shiftLeft(begin.get, i32.const(4)))),
      ifThen(
        i32.and(i32.subtract(end.get, begin.get), i32.const(1)),
        addRow(0, i32.load(place.get)),
        goOn(1),
      ),
      whileLoop(
        i32.lessThan(place.get, stop.get),
        both.set(i64.load(place.get)),
        addRow(0, i64.toI32(both.get)),
        addRow(1, i64.toI32(i64.shiftRight(both.get, i64.const(32)))),
        goOn(2),
      ),
    ].flat(),
  };
}

/** Names and types of the parameters and locals of `boundColumns`. */
const boundLocals = {
  ...{ begin: "i32", end: "i32", columnCount: "i32", slope: "f64", span: "f64", sizes: "f64" },
  ...{ joins: "i32", list: "i32", lastList: "i32", place: "i32", stop: "i32", missing: "i32" },
  ...{ blockBound: "i32", anyMissing: "i32", error: "f64", least: "f64" },
  ...{
    spans: "v128",
    alphas: "v128",
    tinies: "v128",
    leasts: "v128",
    mosts: "v128",
    doubleErrors: "v128",
  },
  ...{ slopes: "v128", gradients: "v128", upper: "v128", lower: "v128" },
  ...{ left: "v128", right: "v128", base: "v128", heavy: "v128" },
  ...{ startDeviation: "v128", startWeight: "v128", deviation: "v128", weight: "v128" },
  ...{ low: "v128", high: "v128", bound: "v128", gain: "v128" },
  ...{ v0: "v128", v1: "v128", v2: "v128", v3: "v128" },
  ...{ positive: "v128", negative: "v128", hessian: "v128" },
} as const satisfies Record<string, ValueType>;
const boundParameters = 6;
type BoundLocals = Record<keyof typeof boundLocals, Local>;

/**
 * Writes for each of the node's columns, and for each of their blocks, the largest gain of both sides
 * that a split can have, given `|G| / D`, `D`, and what `gatherTerms` has returned. The list of columns
 * must go on for up to three valid ones more.
 */
export function boundColumns(): WasmFunction {
  const locals = localsOf(Object.keys(boundLocals) as (keyof typeof boundLocals)[]);
  const { begin, end, columnCount, joins, list, lastList, place, stop, missing } = locals;
  const { anyMissing, deviation, weight, startDeviation, startWeight, bound } = locals;
  const { positive, negative, hessian } = locals;
  const types = Object.values(boundLocals);
  const entry = (table: Code, k: number) =>
    i32.add(table, i32.shiftLeft(i32.load(i32.add(list.get, i32.const(4 * k))), i32.const(2)));
  const columns = Array.from({ length: boundGroup }, (_, k) => k);
  return {
    parameters: types.slice(0, boundParameters),
    locals: types.slice(boundParameters),
    body: [
      setConstants(locals),
      joins.set(i32.lessThan(i32.subtract(end.get, begin.get), i32.const(joinBelow))),
      missing.set(i32.add(
        global.blockSums,
        i32.shiftRight(i32.const(mostBlocks * blockBytes), joins.get),
      )),
      list.set(global.columns),
      lastList.set(i32.add(list.get, i32.shiftLeft(columnCount.get, i32.const(2)))),
      repeatWhile(
        i32.lessThan(list.get, lastList.get),
        ifElse(
          joins.get,
          [call(functionIndex.joinToBlocks, begin.get, end.get, list.get)],
          [call(functionIndex.addToBlocks, begin.get, end.get, list.get)],
        ),
        stop.set(i32.const(0)),
        anyMissing.set(i32.const(0)),
        ...columns.flatMap((k) => [
          place.set(i32.load(entry(global.blockCounts, k))),
          ifLarger(place, stop),
          anyMissing.set(i32.or(
            anyMissing.get,
            i32.load8(i32.add(global.hasMissing, i32.load(i32.add(list.get, i32.const(4 * k))))),
          )),
        ]),
        stop.set(i32.add(
          i32.add(global.blockSums, i32.const(blockBytes)),
          i32.shiftLeft(
            i32.shiftRight(i32.subtract(stop.get, i32.const(1)), joins.get),
            i32.const(blockShift),
          ),
        )),
        deviation.set(startDeviation.get),
        weight.set(startWeight.get),
        bound.set(v128.zero),
        ifElse(anyMissing.get, [
          boundBlocks(locals, false, true),
          loadBlock(locals, missing.get), // then once more with missing values on the left
          deviation.set(f32x4.add(
            startDeviation.get,
            f32x4.subtract(positive.get, negative.get),
          )),
          weight.set(f32x4.add(startWeight.get, hessian.get)),
          boundBlocks(locals, false, true),
          memoryClear(
            global.blockSums,
            i32.add(i32.subtract(missing.get, global.blockSums), i32.const(blockBytes)),
          ),
        ], [
          ifElse(
            i32.lessThan(i32.subtract(end.get, begin.get), i32.const(boundTwiceBelow)),
            [boundBlocks(locals, true, true)],
            [boundBlocks(locals, true, false)],
          ),
        ]),
        v128.store(
          i32.add(global.bounds, i32.subtract(list.get, global.columns)),
          bound.get,
        ),
        list.set(i32.add(list.get, i32.const(4 * boundGroup))),
      ),
      whileLoop( // none for what only fills the last group
        i32.lessThan(lastList.get, list.get),
        f32.store(
          i32.add(global.bounds, i32.subtract(lastList.get, global.columns)),
          f32.zero,
        ),
        lastList.set(i32.add(lastList.get, i32.const(4))),
      ),
    ].flat(),
  };
}

/** `if (value > largest) largest = value`. */
function ifLarger(value: Local, largest: Local): Code {
  return ifThen(i32.lessThan(largest.get, value.get), largest.set(value.get));
}

/**
 * The node's constants. A sum of `n` float32 numbers is off by less than `n` roundings of the sum of
 * their magnitudes; 72 more are for blocks added up and for the terms themselves.
 */
function setConstants(locals: BoundLocals): Code {
  const { begin, end, slope, span, sizes, error, least } = locals;
  const splat = (value: Code) => f32x4.splat(f32.fromF64(value));
  return [
    error.set(f64.multiply(
      f64.const(rounding),
      f64.fromI32(i32.add(i32.subtract(end.get, begin.get), i32.const(72))),
    )),
    least.set(f64.max(
      f64.add(global.minChildWeight, global.lambda),
      f64.const(1e-20), // no division by 0
    )),
    // A little less, so that what is left of it beside a heavy side is never too much.
    locals.spans.set(splat(f64.multiply(span.get, f64.const(1 - 4 * rounding)))),
    locals.alphas.set(splat(f64.subtract(
      global.alpha,
      f64.multiply(
        error.get,
        f64.add(sizes.get, f64.multiply(slope.get, span.get)),
      ),
    ))),
    locals.slopes.set(splat(slope.get)),
    locals.gradients.set(splat(f64.multiply(slope.get, span.get))),
    locals.base.set(splat(f64.multiply(slope.get, f64.multiply(slope.get, span.get)))),
    locals.tinies.set(f32x4.const(tiny, tiny, tiny, tiny)),
    locals.leasts.set(splat(least.get)),
    locals.mosts.set(splat(f64.subtract(span.get, least.get))),
    error.set(f64.multiply(error.get, span.get)),
    locals.doubleErrors.set(splat(f64.add(error.get, error.get))),
    locals.startDeviation.set(
      splat(f64.subtract(f64.const(0), f64.multiply(slope.get, global.lambda))),
    ),
    locals.startWeight.set(splat(f64.add(global.lambda, error.get))),
  ].flat();
}

/** Loads the sums of the block at `at`, as vectors over the four columns. */
function loadBlock(locals: BoundLocals, at: Code): Code {
  const { v0, v1, v2, v3, positive, negative, hessian, gain } = locals;
  return [
    v0.set(v128.loadBehind(0, at)),
    v1.set(v128.loadBehind(16, at)),
    v2.set(v128.loadBehind(32, at)),
    v3.set(v128.loadBehind(48, at)),
    gain.set(f32x4.shuffle([0, 4, 1, 5], v0.get, v1.get)),
    hessian.set(f32x4.shuffle([0, 4, 1, 5], v2.get, v3.get)),
    positive.set(f32x4.shuffle([0, 1, 4, 5], gain.get, hessian.get)),
    negative.set(f32x4.shuffle([2, 3, 6, 7], gain.get, hessian.get)),
    hessian.set(f32x4.shuffle(
      [0, 1, 4, 5],
      f32x4.shuffle([2, 6, 3, 7], v0.get, v1.get),
      f32x4.shuffle([2, 6, 3, 7], v2.get, v3.get),
    )),
  ].flat();
}

/**
 * Raises the bounds by all blocks, given the sums to their left.
 *
 * @param clears whether the sums are set back to 0
 * @param twice whether gains are bounded by the sides' own gradients too, which tells apart the splits of
 *   few rows
 */
function boundBlocks(locals: BoundLocals, clears: boolean, twice: boolean): Code {
  const { list, place, stop, blockBound } = locals;
  const { positive, negative, hessian, deviation, weight, bound, gain } = locals;
  const { spans, alphas, leasts, mosts, doubleErrors, slopes, gradients, base } = locals;
  const { low, high, upper, lower, left, right, heavy } = locals;
  const square = (value: Local) => f32x4.multiply(value.get, value.get);
  const thresholded = (value: Code) => f32x4.max(f32x4.subtract(value, alphas.get), v128.zero);
  const above0 = (value: Code) => f32x4.max(value, locals.tinies.get);
  const product = (side: Local) => f32x4.multiply(side.get, f32x4.subtract(spans.get, side.get));
  return [
    place.set(global.blockSums),
    blockBound.set(i32.add(
      global.blockBounds,
      i32.shiftLeft(i32.subtract(list.get, global.columns), i32.const(6)),
    )),
    repeatWhile(
      i32.lessThan(place.get, stop.get),
      loadBlock(locals, place.get),
      ...(clears
        ? [0, 16, 32, 48].map((offset) => v128.storeBehind(offset, place.get, v128.zero))
        : []),
      upper.set(f32x4.add(deviation.get, positive.get)), // L, and -L, at most
      lower.set(f32x4.subtract(negative.get, deviation.get)),
      deviation.set(f32x4.subtract(upper.get, negative.get)),
      gain.set(thresholded(f32x4.max(upper.get, lower.get))),
      low.set(f32x4.subtract(weight.get, doubleErrors.get)),
      ...(twice
        ? [
          lower.set(f32x4.subtract(lower.get, f32x4.multiply(low.get, slopes.get))),
          upper.set(
            f32x4.add(
              upper.get,
              f32x4.multiply(f32x4.add(weight.get, hessian.get), slopes.get),
            ),
          ), // now a, and -a, at most
          left.set(thresholded(f32x4.max(upper.get, lower.get))),
          right.set(thresholded(f32x4.max(
            f32x4.add(gradients.get, lower.get),
            f32x4.subtract(upper.get, gradients.get),
          ))),
        ]
        : []),
      weight.set(f32x4.add(weight.get, hessian.get)),
      heavy.set(v128.and(
        f32x4.greaterOrEqual(weight.get, leasts.get),
        f32x4.greaterOrEqual(mosts.get, low.get),
      )),
      low.set(f32x4.max(low.get, leasts.get)),
      high.set(f32x4.min(weight.get, mosts.get)),
      gain.set(f32x4.add(
        base.get,
        f32x4.divide(
          f32x4.multiply(square(gain), spans.get),
          above0(f32x4.min(product(low), product(high))),
        ),
      )),
      ...(twice
        ? [
          high.set(above0(f32x4.subtract(spans.get, high.get))),
          gain.set(f32x4.min(
            gain.get,
            f32x4.divide(
              f32x4.add(
                f32x4.multiply(square(left), high.get),
                f32x4.multiply(square(right), low.get),
              ),
              f32x4.multiply(low.get, high.get),
            ),
          )),
        ]
        : []),
      gain.set(v128.and(heavy.get, gain.get)),
      bound.set(f32x4.max(bound.get, gain.get)),
      v128.store(blockBound.get, gain.get),
      blockBound.set(i32.add(blockBound.get, i32.const(16))),
      place.set(i32.add(place.get, i32.const(blockBytes))),
    ),
  ].flat();
}
