/**
 * The steps of `node_work.ts` as a WebAssembly kernel: histograms and gains with two float64 lanes,
 * gradient beside hessian while sums are made, bin beside bin or left beside right while gains are
 * compared. As long as sums of gradients are exact (see `histogram.ts`) the splits are those of the plain
 * twin, which is the kernel's oracle in the tests and takes over for tables that WebAssembly cannot
 * address.
 *
 * Most columns of a node need no histogram: `block_bounds.ts` finds those in which the best split can be.
 *
 * @module
 */
import { pageSize } from "./arena.ts";
import { type BinnedMatrix, mostBlocks } from "./binning.ts";
import {
  addToBlocks,
  boundColumns,
  boundGroup,
  gatherTerms,
  joinBelow,
  mostBoundedRows,
  mostBoundedSum,
} from "./block_bounds.ts";
import { histogramGroup } from "./histogram.ts";
import { global, globals } from "./kernel_globals.ts";
import type { NodeScratch, NodeWork } from "./node_work.ts";
import { drawColumns, type DrawFunctions, drawRows, kernelTreeDraws } from "./tree_draws.ts";
import { boundSlack, noSplit, type Split, type SplitRule } from "./splitting.ts";
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
  memoryCopy,
  moduleBytes,
  repeatWhile,
  searchWhile,
  v128,
  type ValueType,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** Places of the split's properties in `scratch.best`, in bytes. */
const splitAt = {
  gain: 0,
  column: 4,
  bin: 8,
  defaultLeft: 12,
  left: 16,
  right: 32,
  floor: 48,
} as const;

/** The first column's splits are peeked at in blocks with bounds of at least this share of the largest. */
const peekShare = 0.9;

/** Bounds of float32 numbers are compared with this much room. */
const boundRoom = 1 + 1e-4;

/** Places of the module's functions. */
const functionIndex = {
  sideGain: 0,
  improve: 1,
  addFour: 2,
  addOne: 3,
  scan: 4,
  scanMissing: 5,
  gatherTerms: 6,
  addToBlocks: 7,
  joinToBlocks: 8,
  boundColumns: 9,
  peek: 10,
  addWindow: 11,
} as const;

/** Compiled kernels by the pages of the memory and the address of the block sums, which are in the code. */
const compiled = new Map<string, WebAssembly.Module>();

function kernelModule(memory: WebAssembly.Memory, blockSums: number): WebAssembly.Module {
  const pages = memory.buffer.byteLength / pageSize;
  const key = `${pages} ${blockSums}`;
  let module = compiled.get(key);
  if (module === undefined) {
    module = new WebAssembly.Module(moduleBytes(pages, globals, kernelFunctions(blockSums)));
    compiled.set(key, module);
  }
  return module;
}

/**
 * The kernel for one thread.
 *
 * @param memory holds all arrays of `binned`, `gradientPairs` and `scratch`
 * @param gradientPairs (gradient, hessian) of every row of the table
 */
export function kernelNodeWork(
  memory: WebAssembly.Memory,
  binned: BinnedMatrix,
  gradientPairs: Float64Array,
  scratch: NodeScratch,
  rule: SplitRule,
): NodeWork {
  const values = globalValues(binned, gradientPairs, scratch, rule);
  const imports: Record<string, WebAssembly.ImportValue> = { memory };
  for (const [name, type] of Object.entries(globals)) {
    const value = values[name as keyof typeof globals];
    imports[name] = new WebAssembly.Global({ value: type, mutable: false }, value);
  }
  const exported =
    new WebAssembly.Instance(kernelModule(memory, scratch.blockSums.byteOffset), { env: imports })
      .exports;
  const findSplit = exported.bestSplit as (...given: Parameters<NodeWork["bestSplit"]>) => void;
  const readSplit = splitReader(scratch.best);
  return {
    bestSplit(begin, end, columnCount, gradient, hessian, parentGain) {
      findSplit(begin, end, columnCount, gradient, hessian, parentGain);
      return readSplit();
    },
    divide: exported.divide as NodeWork["divide"],
    draws: kernelTreeDraws(exported as unknown as DrawFunctions, gradientPairs, scratch),
  };
}

function globalValues(
  binned: BinnedMatrix,
  gradientPairs: Float64Array,
  scratch: NodeScratch,
  rule: SplitRule,
): Record<keyof typeof globals, number> {
  return {
    pairIndices: binned.pairIndices.byteOffset,
    blocks: binned.blocks.byteOffset,
    blockCounts: binned.blockCounts.byteOffset,
    rowCount: binned.rows,
    binCounts: binned.binCounts.byteOffset,
    hasMissing: binned.hasMissing.byteOffset,
    gradientPairs: gradientPairs.byteOffset,
    rows: scratch.rows.byteOffset,
    spareRows: scratch.spareRows.byteOffset,
    nodePairs: scratch.nodePairs.byteOffset,
    nodeTerms: scratch.nodeTerms.byteOffset,
    histogram: scratch.histogram.byteOffset,
    stride: scratch.histogram.byteLength / histogramGroup,
    blockSums: scratch.blockSums.byteOffset,
    columns: scratch.columns.byteOffset,
    bounds: scratch.bounds.byteOffset,
    blockBounds: scratch.blockBounds.byteOffset,
    best: scratch.best.byteOffset,
    random: scratch.random.byteOffset,
    totals: scratch.totals.byteOffset,
    flags: scratch.flags.byteOffset,
    alpha: rule.alpha,
    lambda: rule.lambda,
    minChildWeight: rule.minChildWeight,
  };
}

/** Reads the split that the kernel has found, always into the same record. */
function splitReader(best: Float64Array): () => Split {
  const floats = new Float32Array(best.buffer, best.byteOffset, 4);
  const integers = new Int32Array(best.buffer, best.byteOffset, 4);
  const split = noSplit();
  return () => {
    split.gain = floats[splitAt.gain / 4];
    split.column = integers[splitAt.column / 4];
    split.bin = integers[splitAt.bin / 4];
    split.defaultLeft = integers[splitAt.defaultLeft / 4] === 1;
    split.leftGradient = best[splitAt.left / 8];
    split.leftHessian = best[splitAt.left / 8 + 1];
    split.rightGradient = best[splitAt.right / 8];
    split.rightHessian = best[splitAt.right / 8 + 1];
    return split;
  };
}

function kernelFunctions(blockSums: number): WasmFunction[] {
  return [
    sideGain(),
    improve(),
    addToHistograms(histogramGroup),
    addToHistograms(1),
    scan(),
    scanMissing(),
    gatherTerms(),
    addToBlocks(false, blockSums),
    addToBlocks(true, blockSums),
    boundColumns(functionIndex.addToBlocks, functionIndex.joinToBlocks),
    peek(),
    addToHistograms(1, true),
    bestSplit(),
    divide(),
    drawRows(),
    drawColumns(),
  ];
}

/** `nodeGain`: T(G)^2 / (H + lambda). */
function sideGain(): WasmFunction {
  const { gradient, hessian, magnitude, gain } = localsOf(
    ["gradient", "hessian", "magnitude", "gain"],
  );
  return {
    parameters: ["f64", "f64"],
    result: "f32",
    locals: ["f64", "f32"],
    body: [
      magnitude.set(f64.subtract(f64.abs(gradient.get), global.alpha)),
      ifThen(
        i32.and(
          f64.greaterThan(hessian.get, f64.const(0)),
          f64.greaterThan(magnitude.get, f64.const(0)),
        ),
        gain.set(f32.divide(
          f32.fromF64(f64.multiply(magnitude.get, magnitude.get)),
          f32.fromF64(f64.add(hessian.get, global.lambda)),
        )),
      ),
      gain.get,
    ].flat(),
  };
}

/**
 * Takes a split as the best one if its gain is larger, or as large in a column before the best one's;
 * gives the bound for the next ones.
 */
function improve(): WasmFunction {
  const { left, right, parentGain, column, bin, defaultLeft, gain } = localsOf(
    ["left", "right", "parentGain", "column", "bin", "defaultLeft", "gain"],
  );
  const side = (sums: Local) =>
    call(functionIndex.sideGain, f64x2.lane(0, sums.get), f64x2.lane(1, sums.get));
  const at = (place: number) => i32.add(global.best, i32.const(place));
  return {
    parameters: ["v128", "v128", "f32", "i32", "i32", "i32"],
    result: "f64",
    locals: ["f32"],
    body: [
      gain.set(f32.subtract(f32.add(side(left), side(right)), parentGain.get)),
      ifThen(
        i32.and(
          i32.or(
            f32.greaterThan(gain.get, f32.load(at(splitAt.gain))),
            i32.and(
              f32.equal(gain.get, f32.load(at(splitAt.gain))),
              i32.lessThan(column.get, i32.load(at(splitAt.column))),
            ),
          ),
          f32.lessThan(gain.get, f32.infinity),
        ),
        f32.store(at(splitAt.gain), gain.get),
        i32.store(at(splitAt.column), column.get),
        i32.store(at(splitAt.bin), bin.get),
        i32.store(at(splitAt.defaultLeft), defaultLeft.get),
        v128.store(at(splitAt.left), left.get),
        v128.store(at(splitAt.right), right.get),
      ),
      boundFrom(parentGain),
    ].flat(),
  };
}

/** `(best gain + parent's gain) * boundSlack`. */
function boundFrom(parentGain: Local): Code {
  const place = (offset: number) => i32.add(global.best, i32.const(offset));
  return f64.multiply(
    f64.max(
      f64.load(place(splitAt.floor)),
      f64.add(f64.fromF32(f32.load(place(splitAt.gain))), f64.fromF32(parentGain.get)),
    ),
    f64.const(boundSlack),
  );
}

/**
 * Adds a node's gradient pairs to the histograms of `width` columns side by side, from `list` on; two rows
 * in a turn.
 *
 * @param clamps whether pair indices are taken into a range that follows the other parameters
 */
function addToHistograms(width: number, clamps = false): WasmFunction {
  const each = Array.from({ length: width }, (_, k) => k);
  const locals = localsOf([
    ...["begin", "end", "list", ...(clamps ? ["least", "most"] : [])],
    ...["place", "pair", "stop", "row", "sums", "bin", "both"],
    ...each.flatMap((k) => [`column${k}`, `histogram${k}`]),
  ]);
  const { begin, end, list, least, most, place, pair, stop, row, sums, bin, both } = locals;
  const clamp = () =>
    [
      bin.set(i32.select(bin.get, least.get, i32.lessThan(least.get, bin.get))),
      bin.set(i32.select(bin.get, most.get, i32.lessThan(bin.get, most.get))),
    ].flat();
  const addRow = (index: number, number: Code) =>
    [
      row.set(i32.shiftLeft(number, i32.const(1))),
      sums.set(v128.loadBehind(16 * index, pair.get)),
      ...each.flatMap((k) => [
        bin.set(i32.load16(i32.add(locals[`column${k}`].get, row.get))),
        clamps ? clamp() : [],
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
    ],
    body: [
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

/** Names and types of the scanning functions' parameters and locals. */
const scanLocals = {
  ...{ slot: "i32", column: "i32", binCount: "i32", total: "v128", parentGain: "f32" },
  ...{ span: "f64", slope: "f64", inverseSpan: "f64", firstBin: "i32", lastBin: "i32" },
  ...{
    startBin: "i32",
    clearBins: "i32",
    first: "i32",
    stop: "i32",
    at: "i32",
    left: "v128",
    right: "v128",
    next: "v128",
  },
  ...{ gradients: "v128", hessians: "v128", weights: "v128", bound: "f64", hit: "i32" },
  ...{ third: "v128", fourth: "v128", before: "v128", magnitudes: "v128" },
  ...{ spans: "v128", slopes: "v128", alphas: "v128" },
  ...{ lambdas: "v128", factors: "v128", hasMissing: "i32" },
} as const satisfies Record<string, ValueType>;
const scanParameters = 12;
type ScanLocals = Record<keyof typeof scanLocals, Local>;

/**
 * A function that scans the histogram at place `slot`. Before it come the constants of a first, cheap
 * test. With `p` and `q` the hessians of both sides plus lambda, `D = p + q`, `G` the node's gradient
 * and `a` the left side's, the gain of both sides is, by Lagrange's identity and since soft
 * thresholding by alpha leaves at most `|a - alpha|` and at most `|a + alpha|`, not above
 *
 *     G^2 / D + (|a - p G / D| - alpha)^2 D / (p q),
 *
 * so that a split can only reach the bound if `(|a - p G / D| - alpha)^2 >= (bound - G^2 / D) p q / D`.
 */
function scanFunction(body: (locals: ScanLocals) => Code[]): WasmFunction {
  const locals = localsOf(Object.keys(scanLocals) as (keyof typeof scanLocals)[]);
  const { slot, first, parentGain, stop, binCount } = locals;
  const { span, slope, spans, slopes, alphas, lambdas } = locals;
  const types = Object.values(scanLocals);
  return {
    parameters: types.slice(0, scanParameters),
    locals: types.slice(scanParameters),
    body: [
      first.set(i32.add(global.histogram, i32.multiply(slot.get, global.stride))),
      stop.set(i32.add(first.get, i32.shiftLeft(binCount.get, i32.const(4)))),
      spans.set(f64x2.splat(span.get)),
      slopes.set(f64x2.splat(slope.get)),
      alphas.set(f64x2.splat(global.alpha)),
      lambdas.set(f64x2.splat(global.lambda)),
      locals.magnitudes.set(v128.magnitudes),
      setBound(locals, boundFrom(parentGain)),
      ...body(locals),
    ].flat(),
  };
}

/** Sets the bound, and the factor of `p q` in the first test. */
function setBound(locals: ScanLocals, value: Code): Code {
  const { bound, total, slope, inverseSpan, factors } = locals;
  return [
    bound.set(value),
    factors.set(f64x2.splat(f64.multiply(
      f64.subtract(bound.get, f64.multiply(f64x2.lane(0, total.get), slope.get)),
      inverseSpan.get,
    ))),
  ].flat();
}

/**
 * Takes the split between the bins up to `bin` and the others if both sides are heavy enough and the
 * gain is not surely too small: `a q + b p >= bound p q` for a gain of `a / p + b / q`.
 */
function considerSplit(
  locals: ScanLocals,
  left: Local,
  right: Local,
  bin: Code,
  missingLeft: boolean,
): Code {
  const { gradients, hessians, weights, bound, column, parentGain, alphas, lambdas } = locals;
  const swapped = (value: Code) => f64x2.shuffle(1, 0, value, value);
  return [
    hessians.set(f64x2.shuffle(1, 3, left.get, right.get)),
    weights.set(f64x2.add(hessians.get, lambdas.get)),
    gradients.set(f64x2.largest(
      f64x2.subtract(f64x2.abs(f64x2.shuffle(0, 2, left.get, right.get)), alphas.get),
      v128.zero,
    )),
    gradients.set(
      f64x2.multiply(f64x2.multiply(gradients.get, gradients.get), swapped(weights.get)),
    ),
    ifThen(
      v128.bothTrue(v128.and(
        f64x2.greaterOrEqual(hessians.get, f64x2.splat(global.minChildWeight)),
        f64x2.greaterOrEqual(
          f64x2.add(gradients.get, swapped(gradients.get)),
          f64x2.multiply(
            f64x2.splat(bound.get),
            f64x2.multiply(weights.get, swapped(weights.get)),
          ),
        ),
      )),
      setBound(
        locals,
        call(
          functionIndex.improve,
          left.get,
          right.get,
          parentGain.get,
          column.get,
          bin,
          i32.const(missingLeft ? 1 : 0),
        ),
      ),
    ),
  ].flat();
}

/** The number of the bin at address `at`. */
function binAt({ first }: ScanLocals, at: Code): Code {
  return i32.shiftRight(i32.subtract(at, first.get), i32.const(4));
}

/** The first test of two splits at once, given the sums to their left: a lane is set if one may do. */
function mayReachBound(locals: ScanLocals, one: Local, other: Local): Code {
  const { gradients, weights, spans, slopes, alphas, lambdas, factors, magnitudes } = locals;
  return [
    weights.set(f64x2.add(f64x2.shuffle(1, 3, one.get, other.get), lambdas.get)),
    gradients.set(f64x2.subtract(
      v128.and(
        f64x2.subtract(
          f64x2.shuffle(0, 2, one.get, other.get),
          f64x2.multiply(weights.get, slopes.get),
        ),
        magnitudes.get,
      ),
      alphas.get,
    )),
    f64x2.greaterOrEqual(
      f64x2.multiply(gradients.get, gradients.get),
      f64x2.multiply(
        factors.get,
        f64x2.multiply(weights.get, f64x2.subtract(spans.get, weights.get)),
      ),
    ),
  ].flat();
}

/** Considers the split behind the bin at `at`, given the sums to its left. */
function considerBehind(locals: ScanLocals, left: Local, at: Code): Code {
  const { right, total } = locals;
  return [
    right.set(f64x2.subtract(total.get, left.get)),
    considerSplit(locals, left, right, binAt(locals, at), false),
  ].flat();
}

/**
 * Scans a column's bins from address `begin` up to `stop`, four in a turn; those from `start` on before it
 * are only added up. The four are added to one another before they are added to the bins before them, so that a turn
 * waits for one addition of the last. The last turn may pass the column's end, where the histogram is
 * empty. The loop leaves off where a split passes the first test and is entered again behind it: so
 * nothing but the test takes up its registers.
 */
function scanUp(locals: ScanLocals, start: Code, begin: Code): Code {
  const { at, stop, hit, left, next, third, fourth, before } = locals;
  const sums = [left, next, third, fourth];
  const place = (index: number) => i32.add(at.get, i32.const(16 * index));
  const bin = (index: number) => v128.loadBehind(16 * index, at.get);
  return [
    at.set(start),
    hit.set(begin),
    whileLoop(
      i32.lessThan(at.get, hit.get),
      fourth.set(f64x2.add(
        fourth.get,
        f64x2.add(f64x2.add(f64x2.add(bin(0), bin(1)), bin(2)), bin(3)),
      )),
      at.set(place(4)),
    ),
    repeatWhile(
      i32.lessThan(at.get, stop.get),
      searchWhile(
        hit.get,
        i32.lessThan(at.get, stop.get),
        left.set(bin(0)),
        next.set(f64x2.add(left.get, bin(1))),
        third.set(f64x2.add(next.get, bin(2))),
        before.set(fourth.get),
        fourth.set(f64x2.add(before.get, f64x2.add(third.get, bin(3)))),
        ...[left, next, third].map((sum) => sum.set(f64x2.add(before.get, sum.get))),
        hit.set(v128.signs(v128.or(
          mayReachBound(locals, left, next),
          mayReachBound(locals, third, fourth),
        ))),
        at.set(place(4)),
      ),
      ifThen(
        hit.get,
        ...sums.map((sum, index) => considerBehind(locals, sum, place(index - 4))),
      ),
    ),
  ].flat();
}

/**
 * The largest gain of both sides, before any rounding to float32, among every fourth split behind bins
 * `firstBin … lastBin - 1` of the column in the first histogram, which has no missing values: what the
 * best split cannot fall below.
 */
function peek(): WasmFunction {
  const locals = localsOf([
    ...["firstBin", "lastBin", "total", "at", "begin", "stop", "left", "right"] as const,
    ...["gradients", "hessians", "highest"] as const,
  ]);
  const { firstBin, lastBin, total, at, begin, stop, left, right } = locals;
  const { gradients, hessians, highest } = locals;
  const bin = (index: number) => v128.loadBehind(16 * index, at.get);
  const address = ({ get }: Local) => i32.add(global.histogram, i32.shiftLeft(get, i32.const(4)));
  const addFour = [
    left.set(f64x2.add(
      left.get,
      f64x2.add(f64x2.add(bin(0), bin(1)), f64x2.add(bin(2), bin(3))),
    )),
    at.set(i32.add(at.get, i32.const(64))),
  ].flat();
  const swapped = f64x2.shuffle(1, 0, gradients.get, gradients.get);
  return {
    parameters: ["i32", "i32", "v128"],
    result: "f64",
    locals: ["i32", "i32", "i32", "v128", "v128", "v128", "v128", "v128"],
    body: [
      at.set(global.histogram),
      begin.set(address(firstBin)),
      stop.set(address(lastBin)),
      whileLoop(i32.lessThan(at.get, begin.get), addFour),
      repeatWhile(
        i32.lessThan(at.get, stop.get),
        addFour,
        right.set(f64x2.subtract(total.get, left.get)),
        hessians.set(f64x2.shuffle(1, 3, left.get, right.get)),
        gradients.set(f64x2.largest(
          f64x2.subtract(
            f64x2.abs(f64x2.shuffle(0, 2, left.get, right.get)),
            f64x2.splat(global.alpha),
          ),
          v128.zero,
        )),
        gradients.set(v128.and(
          f64x2.divide(
            f64x2.multiply(gradients.get, gradients.get),
            f64x2.add(hessians.get, f64x2.splat(global.lambda)),
          ),
          f64x2.greaterOrEqual(
            f64x2.least(hessians.get, f64x2.shuffle(1, 0, hessians.get, hessians.get)),
            f64x2.splat(global.minChildWeight),
          ),
        )),
        highest.set(f64x2.largest(highest.get, f64x2.add(gradients.get, swapped))),
      ),
      f64x2.lane(0, highest.get),
    ].flat(),
  };
}

/**
 * Scans bins `firstBin … lastBin - 1` of a column without missing values, given that none before
 * `startBin` has a sum, and clears `clearBins` bins from there on.
 */
function scan(): WasmFunction {
  return scanFunction((locals) => {
    const { first, stop, firstBin, lastBin, startBin, clearBins } = locals;
    const place = (bin: Local) => i32.add(first.get, i32.shiftLeft(bin.get, i32.const(4)));
    return [
      stop.set(place(lastBin)),
      scanUp(locals, place(startBin), place(firstBin)),
      memoryClear(place(startBin), i32.shiftLeft(clearBins.get, i32.const(4))),
    ];
  });
}

/**
 * Scans a column with missing values, upwards with these on the right, then, if the node has any,
 * downwards with these on the left; clears them.
 */
function scanMissing(): WasmFunction {
  return scanFunction((locals) => {
    const { at, first, stop, hit, left, right, next, third, total } = locals;
    const { binCount, hasMissing } = locals;
    const evenCount = i32.and(i32.add(binCount.get, i32.const(1)), i32.const(-2));
    const second = i32.add(at.get, i32.const(16));
    const behind = (bin: Code) => i32.subtract(bin, i32.const(1));
    const isThere = v128.anyTrue(f64x2.notEqual(v128.load(stop.get), v128.zero));
    return [
      hasMissing.set(isThere),
      v128.store(stop.get, v128.zero),
      scanUp(locals, first.get, first.get),
      ifThen(
        hasMissing.get,
        right.set(v128.zero),
        at.set(i32.add(first.get, i32.shiftLeft(evenCount, i32.const(4)))),
        repeatWhile(
          i32.lessThan(first.get, at.get),
          searchWhile(
            hit.get,
            i32.lessThan(first.get, at.get),
            at.set(i32.subtract(at.get, i32.const(32))),
            third.set(f64x2.add(right.get, v128.load(second))),
            right.set(f64x2.add(third.get, v128.load(at.get))),
            left.set(f64x2.subtract(total.get, third.get)),
            next.set(f64x2.subtract(total.get, right.get)),
            hit.set(v128.signs(mayReachBound(locals, left, next))),
          ),
          ifThen(
            hit.get,
            considerSplit(locals, left, third, behind(binAt(locals, second)), true),
            considerSplit(locals, next, right, behind(binAt(locals, at.get)), true),
          ),
        ),
      ),
      memoryClear(first.get, i32.shiftLeft(binCount.get, i32.const(4))),
    ];
  });
}

/**
 * `NodeWork.bestSplit`; what it finds is in `scratch.best`. The columns that still can have the best split
 * are searched, that with the highest bound first; each only from the first to the last of its blocks in
 * which the better split can be.
 */
function bestSplit(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "columnCount", "gradient", "hessian", "parentGain"] as const,
    ...["list", "lastList", "slots", "slot", "column", "total", "span", "slope"] as const,
    ...["inverseSpan", "sizes", "first", "highest"] as const,
    ...["firstBin", "lastBin", "offset", "blockZero", "firstBlock", "lastBlock"] as const,
    ...["shift", "threshold", "startBin", "clearBins", "tops"] as const,
  ]);
  const { begin, end, columnCount, gradient, hessian, parentGain } = locals;
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
  const addColumn = [
    startBin.set(i32.const(0)),
    clearBins.set(columnBins),
    call(functionIndex.addOne, begin.get, end.get, list.get),
  ].flat();
  // The rows before the window go into the last bin before it, those behind it into the first one there.
  const addWindow = [
    startBin.set(i32.select(
      i32.subtract(firstBin.get, i32.const(4)),
      i32.const(0),
      firstBin.get,
    )),
    clearBins.set(i32.add(i32.subtract(lastBin.get, startBin.get), i32.const(1))),
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
    parameters: ["i32", "i32", "i32", "f64", "f64", "f32"],
    locals: [
      ...["i32", "i32", "i32", "i32", "i32", "v128", "f64", "f64"] as const,
      ...["f64", "f64", "i32", "f32"] as const,
      ...["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"] as const,
      ...["i32", "i32", "v128"] as const,
    ],
    body: [
      f32.store(i32.add(global.best, i32.const(splitAt.gain)), f32.zero),
      i32.store(i32.add(global.best, i32.const(splitAt.column)), i32.const(0)),
      f64.store(i32.add(global.best, i32.const(splitAt.floor)), f64.const(0)),
      span.set(f64.add(hessian.get, f64.add(global.lambda, global.lambda))),
      slope.set(f64.divide(gradient.get, span.get)),
      inverseSpan.set(f64.divide(f64.const(1), span.get)),
      total.set(f64x2.shuffle(0, 2, f64x2.splat(gradient.get), f64x2.splat(hessian.get))),
      sizes.set(call(
        functionIndex.gatherTerms,
        ...[begin.get, end.get, f64.abs(slope.get)],
        f32.fromF64(f64.copySign(f64.const(1), slope.get)),
      )),
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
            startBin.set(i32.const(0)),
            clearBins.set(columnBins),
            scanColumn,
            slot.set(i32.add(slot.get, i32.const(1))),
          ),
          next(slots.get),
        ),
      ], [
        call(
          functionIndex.boundColumns,
          ...[begin.get, end.get, columnCount.get, f64.abs(slope.get), span.get, sizes.get],
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

/**
 * `NodeWork.divide`; two rows in a turn. Each row is written to both sides and one side moves on: there is
 * no branch.
 */
function divide(): WasmFunction {
  const locals = localsOf([
    ...["begin", "end", "column", "lastLeft", "missing", "place", "stop"] as const,
    ...["left", "right", "row", "bin", "both"] as const,
  ]);
  const { begin, end, column, lastLeft, missing, place, stop } = locals;
  const { left, right, row, bin, both } = locals;
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
      ifThen(
        i32.and(i32.subtract(end.get, begin.get), i32.const(1)),
        takeRow(i32.load(place.get)),
        place.set(i32.add(place.get, four)),
      ),
      whileLoop(
        i32.lessThan(place.get, stop.get),
        both.set(i64.load(place.get)), // before the first row is written, there or further left
        takeRow(i64.toI32(both.get)),
        takeRow(i64.toI32(i64.shiftRight(both.get, i64.const(32)))),
        place.set(i32.add(place.get, i32.const(8))),
      ),
      memoryCopy(left.get, global.spareRows, i32.subtract(right.get, global.spareRows)),
      i32.shiftRight(i32.subtract(left.get, global.rows), i32.const(2)),
    ].flat(),
  };
}
