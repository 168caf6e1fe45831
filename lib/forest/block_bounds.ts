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
 * node whose `G` is negative are taken with the other sign, which changes no gain.) Two neighbouring
 * blocks have almost the same `p q`, but for those near both ends: they get one bound, of the larger `|L|`.
 *
 * The sums are float32. What rounding can do to them is added to the bounds, which hence hold; how good
 * a split is, is never decided here.
 *
 * @module
 */
import { mostBlocks } from "./binning.ts";
import { blockBytes, blockShift, boundGroup, keptColumnBytes } from "./block_sums.ts";
import { functionIndex, global } from "./kernel_globals.ts";
import {
  call,
  type Code,
  f32,
  f32x4,
  f64,
  i32,
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

/** Nodes with fewer rows than this join blocks two by two. */
export const joinBelow = 192;

/** Most rows of a node for which float32 sums are exact enough to be of use. */
export const mostBoundedRows = 4096;

/** Sums of gradients and hessians from which on float32 products might overflow. */
export const mostBoundedSum = 1e9;

/** Float32 numbers of kept sums, a node's and the whole table's; none where no node could use them. */
export function keptSumsLength(rows: number, columns: number): number {
  if (rows < joinBelow || rows > mostBoundedRows) return 0;
  return 2 * columns * keptColumnBytes / 4;
}

/** Nodes with fewer rows than this have their gains bounded in both ways. */
const boundTwiceBelow = 64;

/** Blocks at each end of a column that are bounded one by one. */
const edge = 8;

/** A float32 operation's relative rounding error. */
const rounding = 2 ** -24;

/** In place of a side's weight that rounding leaves at 0 or below. */
const tiny = 2 ** -124;

/** Numbers of a group's columns. */
const columns = [0, 1, 2, 3] as const;

/** Names and types of the parameters of `boundColumns`, first those without `keeps`, and of its locals. */
const boundLocals = {
  ...{ begin: "i32", end: "i32", columnCount: "i32", slope: "f64", span: "f64", sizes: "f64" },
  ...{ kept: "i32", source: "i32", shared: "i32", otherBegin: "i32", otherEnd: "i32" },
  ...{ operations: "i32", mostSpan: "f64" },
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
  ...{ table0: "i32", table1: "i32", table2: "i32", table3: "i32" },
} as const satisfies Record<string, ValueType>;
const ownParameters = 6;
const keptParameters = 13;
type BoundLocals = Record<keyof typeof boundLocals, Local>;

/**
 * Writes for each of the node's columns, and for each of their blocks, the largest gain of both sides
 * that a split can have, given `|G| / D`, `D`, and what `gatherTerms` has returned. The list of columns
 * must go on for up to three valid ones more.
 *
 * @param keeps whether the sums are kept (`kept_sums.ts`), in the tables at `kept`: those of the first
 *   `shared` columns are the sums at `source` less the rows from `otherBegin` to `otherEnd`. Then given
 *   `G / D`, `D`, and a `KeptNode`'s numbers. No column may have missing values
 */
export function boundColumns(keeps: boolean): WasmFunction {
  const locals = localsOf(Object.keys(boundLocals) as (keyof typeof boundLocals)[]);
  const { begin, end, columnCount, list, lastList, place, stop } = locals;
  const types = Object.values(boundLocals);
  const parameters = keeps ? keptParameters : ownParameters;
  return {
    ...(keeps ? { name: "boundKept" } : {}),
    parameters: types.slice(0, parameters),
    locals: types.slice(parameters),
    body: [
      keeps ? [] : [
        locals.operations.set(i32.subtract(end.get, begin.get)),
        locals.mostSpan.set(locals.span.get),
      ].flat(),
      setConstants(locals),
      list.set(global.columns),
      lastList.set(i32.add(list.get, i32.shiftLeft(columnCount.get, i32.const(2)))),
      keeps ? startKept(locals) : startOwn(locals),
      repeatWhile(
        i32.lessThan(list.get, lastList.get),
        stop.set(i32.const(0)),
        ...columns.flatMap((k) => [
          place.set(i32.load(i32.add(
            global.blockCounts,
            i32.shiftLeft(columnAt(locals, k), i32.const(2)),
          ))),
          ifLarger(place, stop),
        ]),
        keeps ? boundKept(locals) : boundOwn(locals),
        v128.store(
          i32.add(global.bounds, i32.subtract(list.get, global.columns)),
          locals.bound.get,
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

/** The group's column `k`. */
function columnAt({ list }: BoundLocals, k: number): Code {
  return i32.load(i32.add(list.get, i32.const(4 * k)));
}

/** How the sums of blocks lie. */
function startOwn({ begin, end, joins, missing }: BoundLocals): Code {
  return [
    joins.set(i32.lessThan(i32.subtract(end.get, begin.get), i32.const(joinBelow))),
    missing.set(i32.add(
      global.blockSums,
      i32.shiftRight(i32.const(mostBlocks * blockBytes), joins.get),
    )),
  ].flat();
}

/** Sums and bounds a group of columns, given the largest number of their blocks. */
function boundOwn(locals: BoundLocals): Code {
  const { begin, end, joins, list, stop, missing, anyMissing } = locals;
  const { deviation, weight, startDeviation, startWeight } = locals;
  const { positive, negative, hessian } = locals;
  return [
    ifElse(
      joins.get,
      [call(functionIndex.joinToBlocks, begin.get, end.get, list.get)],
      [call(functionIndex.addToBlocks, begin.get, end.get, list.get)],
    ),
    anyMissing.set(i32.const(0)),
    ...columns.flatMap((k) =>
      anyMissing.set(i32.or(
        anyMissing.get,
        i32.load8(i32.add(global.hasMissing, columnAt(locals, k))),
      ))
    ),
    stop.set(i32.add(
      i32.add(global.blockSums, i32.const(blockBytes)),
      i32.shiftLeft(
        i32.shiftRight(i32.subtract(stop.get, i32.const(1)), joins.get),
        i32.const(blockShift),
      ),
    )),
    startBlocks(locals),
    ifElse(anyMissing.get, [
      boundBlocks(locals, { twice: true }),
      loadBlock(locals, missing.get), // then once more with missing values on the left
      deviation.set(f32x4.add(
        startDeviation.get,
        f32x4.subtract(positive.get, negative.get),
      )),
      weight.set(f32x4.add(startWeight.get, hessian.get)),
      boundBlocks(locals, { twice: true }),
      memoryClear(
        global.blockSums,
        i32.add(i32.subtract(missing.get, global.blockSums), i32.const(blockBytes)),
      ),
    ], [
      ifElse(
        i32.lessThan(i32.subtract(end.get, begin.get), i32.const(boundTwiceBelow)),
        [boundBlocks(locals, { clears: true, twice: true })],
        [boundBlocks(locals, { clears: true })],
      ),
    ]),
  ].flat();
}

/** Gathers the parts of the rows, and turns numbers of columns into places in the list. */
function startKept(locals: BoundLocals): Code {
  const { begin, end, otherBegin, otherEnd, list, kept, source, shared } = locals;
  return [
    call(functionIndex.gatherParts, begin.get, end.get),
    call(functionIndex.gatherParts, otherBegin.get, otherEnd.get),
    source.set(i32.subtract(source.get, kept.get)),
    shared.set(i32.add(list.get, i32.shiftLeft(shared.get, i32.const(2)))),
  ].flat();
}

/** Likewise, with sums that are kept. */
function boundKept(locals: BoundLocals): Code {
  const { begin, end, list, stop, kept, shared, otherBegin, otherEnd } = locals;
  return [
    ...columns.map((k) =>
      locals[`table${k}`].set(i32.add(
        kept.get,
        i32.shiftLeft(columnAt(locals, k), i32.const(Math.log2(keptColumnBytes))),
      ))
    ),
    stop.set(i32.add(global.blockSums, i32.shiftLeft(stop.get, i32.const(blockShift)))),
    startBlocks(locals),
    ifElse(i32.lessThan(list.get, shared.get), [
      call(functionIndex.addToBlocks, otherBegin.get, otherEnd.get, list.get),
      boundBlocks(locals, { clears: true, keeps: "rest" }),
    ], [
      call(functionIndex.addToBlocks, begin.get, end.get, list.get),
      boundBlocks(locals, { clears: true, keeps: "sums" }),
    ]),
  ].flat();
}

/** The sums to the left of the first block. */
function startBlocks(locals: BoundLocals): Code {
  const { deviation, weight, startDeviation, startWeight, bound } = locals;
  return [
    deviation.set(startDeviation.get),
    weight.set(startWeight.get),
    bound.set(v128.zero),
  ].flat();
}

/** `if (value > largest) largest = value`. */
function ifLarger(value: Local, largest: Local): Code {
  return ifThen(i32.lessThan(largest.get, value.get), largest.set(value.get));
}

/**
 * The node's constants. A sum of `n` float32 numbers is off by less than `n` roundings of the sum of
 * their magnitudes, and kept sums, in whose blocks rows have been added and taken away again, likewise
 * of those of the whole table; 72 more are for blocks added up and for the terms themselves.
 */
function setConstants(locals: BoundLocals): Code {
  const { slope, span, sizes, operations, mostSpan, error, least } = locals;
  const splat = (value: Code) => f32x4.splat(f32.fromF64(value));
  return [
    error.set(f64.multiply(
      f64.const(rounding),
      f64.fromI32(i32.add(operations.get, i32.const(72))),
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
        f64.add(sizes.get, f64.multiply(f64.abs(slope.get), mostSpan.get)),
      ),
    ))),
    locals.slopes.set(splat(slope.get)),
    locals.gradients.set(splat(f64.multiply(slope.get, span.get))),
    locals.base.set(splat(f64.multiply(slope.get, f64.multiply(slope.get, span.get)))),
    locals.tinies.set(f32x4.const(tiny, tiny, tiny, tiny)),
    locals.leasts.set(splat(least.get)),
    locals.mosts.set(splat(f64.subtract(span.get, least.get))),
    error.set(f64.multiply(error.get, mostSpan.get)),
    locals.doubleErrors.set(splat(f64.add(error.get, error.get))),
    locals.startDeviation.set(
      splat(f64.subtract(f64.const(0), f64.multiply(slope.get, global.lambda))),
    ),
    locals.startWeight.set(splat(f64.add(global.lambda, error.get))),
  ].flat();
}

/** Loads the sums of the block at `at`, as vectors over the four columns. */
function loadBlock(locals: BoundLocals, at: Code): Code {
  return [
    ...columns.map((k) => locals[`v${k}`].set(v128.loadBehind(16 * k, at))),
    turnTerms(locals),
  ].flat();
}

/** Makes vectors over the columns of those of each column, which hold terms. */
function turnTerms({ v0, v1, v2, v3, positive, negative, hessian, gain }: BoundLocals): Code {
  return [
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

/** Likewise of parts, and makes them terms of the node's slope. */
function turnParts(locals: BoundLocals): Code {
  const { v0, v1, v2, v3, positive, negative, hessian, slopes } = locals;
  return [
    positive.set(f32x4.shuffle([0, 4, 1, 5], v0.get, v1.get)),
    hessian.set(f32x4.shuffle([0, 4, 1, 5], v2.get, v3.get)),
    negative.set(f32x4.shuffle([2, 3, 6, 7], positive.get, hessian.get)),
    positive.set(f32x4.shuffle([0, 1, 4, 5], positive.get, hessian.get)),
    v0.set(f32x4.shuffle([2, 6, 3, 7], v0.get, v1.get)),
    v2.set(f32x4.shuffle([2, 6, 3, 7], v2.get, v3.get)),
    v1.set(f32x4.shuffle([2, 3, 6, 7], v0.get, v2.get)),
    v0.set(f32x4.shuffle([0, 1, 4, 5], v0.get, v2.get)),
    positive.set(f32x4.subtract(positive.get, f32x4.multiply(v0.get, slopes.get))),
    negative.set(f32x4.add(negative.get, f32x4.multiply(v1.get, slopes.get))),
    hessian.set(f32x4.add(v0.get, v1.get)),
  ].flat();
}

/** How blocks are bounded. */
interface BlockWay {
  /** Whether the sums are set back to 0. */
  readonly clears?: boolean;
  /**
   * Whether gains are bounded by the sides' own gradients too, which tells apart the splits of few rows;
   * if not, blocks are bounded two by two, but for those at both ends.
   */
  readonly twice?: boolean;
  /** What is kept in the tables: the sums, or the source's less the sums. */
  readonly keeps?: "sums" | "rest";
}

/** Raises the bounds by all blocks, given the sums to their left. */
function boundBlocks(locals: BoundLocals, way: BlockWay): Code {
  const { list, place, stop, blockBound } = locals;
  const goesOn = i32.lessThan(place.get, stop.get);
  const single = (condition: Code) =>
    whileLoop(condition, takeBlock(locals, way, 0), boundGain(locals, way), goOn(locals, way, 1));
  return [
    place.set(global.blockSums),
    blockBound.set(i32.add(
      global.blockBounds,
      i32.shiftLeft(i32.subtract(list.get, global.columns), i32.const(6)),
    )),
    ...(way.twice ? [] : [
      single(i32.and(
        goesOn,
        i32.lessThan(place.get, i32.add(global.blockSums, i32.const(edge * blockBytes))),
      )),
      whileLoop(
        i32.lessThan(i32.add(place.get, i32.const((edge + 1) * blockBytes)), stop.get),
        takeTwoBlocks(locals, way),
        boundGain(locals, way),
        v128.storeBehind(16, blockBound.get, locals.gain.get),
        goOn(locals, way, 2),
      ),
    ]),
    single(goesOn),
  ].flat();
}

/** Goes on by `count` blocks. */
function goOn(locals: BoundLocals, { keeps }: BlockWay, count: number): Code {
  const { place, blockBound } = locals;
  return [
    blockBound.set(i32.add(blockBound.get, i32.const(16 * count))),
    place.set(i32.add(place.get, i32.const(blockBytes * count))),
    ...(keeps === undefined ? [] : columns.map((k) => {
      const table = locals[`table${k}`];
      return table.set(i32.add(table.get, i32.const(16 * count)));
    })),
  ].flat();
}

/** Takes the block `next` behind the current one: `L` and `-L` in it at most, and its hessians. */
function takeBlock(locals: BoundLocals, { clears, keeps }: BlockWay, next: number): Code {
  const { place, positive, negative, upper, lower, deviation, source } = locals;
  const load = columns.flatMap((k) => {
    const at = blockBytes * next + 16 * k;
    const sums = v128.loadBehind(at, place.get);
    const vector = locals[`v${k}`];
    const table = locals[`table${k}`];
    return [
      vector.set(
        keeps === "rest"
          ? f32x4.subtract(v128.loadBehind(16 * next, i32.add(table.get, source.get)), sums)
          : sums,
      ),
      clears ? v128.storeBehind(at, place.get, v128.zero) : [],
      keeps === undefined ? [] : v128.storeBehind(16 * next, table.get, vector.get),
    ].flat();
  });
  return [
    ...load,
    keeps === undefined ? turnTerms(locals) : turnParts(locals),
    upper.set(f32x4.add(deviation.get, positive.get)),
    lower.set(f32x4.subtract(negative.get, deviation.get)),
    deviation.set(f32x4.subtract(upper.get, negative.get)),
  ].flat();
}

/** Takes two blocks as one. */
function takeTwoBlocks(locals: BoundLocals, way: BlockWay): Code {
  const { upper, lower, left, right, hessian } = locals;
  return [
    takeBlock(locals, way, 0),
    left.set(f32x4.max(upper.get, lower.get)),
    right.set(hessian.get),
    takeBlock(locals, way, 1),
    upper.set(f32x4.max(left.get, upper.get)),
    hessian.set(f32x4.add(hessian.get, right.get)),
  ].flat();
}

/** Writes the bound of the block taken, and raises those of the columns. */
function boundGain(locals: BoundLocals, { twice }: BlockWay): Code {
  const { blockBound, hessian, weight, bound, gain } = locals;
  const { spans, alphas, leasts, mosts, doubleErrors, slopes, gradients, base } = locals;
  const { low, high, upper, lower, left, right, heavy } = locals;
  const square = (value: Local) => f32x4.multiply(value.get, value.get);
  const thresholded = (value: Code) => f32x4.max(f32x4.subtract(value, alphas.get), v128.zero);
  const above0 = (value: Code) => f32x4.max(value, locals.tinies.get);
  const product = (side: Local) => f32x4.multiply(side.get, f32x4.subtract(spans.get, side.get));
  return [
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
  ].flat();
}
