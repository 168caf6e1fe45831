/**
 * The kernel's search among the splits of one column: its histogram's bins are added up from the left, and
 * splits that pass a first, cheap test are tried by XGBoost's rules.
 *
 * @module
 */
import { functionIndex, global, splitAt } from "./kernel_globals.ts";
import { boundSlack } from "./splitting.ts";
import {
  call,
  type Code,
  f32,
  f64,
  f64x2,
  i32,
  ifThen,
  type Local,
  localsOf,
  memoryClear,
  repeatWhile,
  searchWhile,
  v128,
  type ValueType,
  type WasmFunction,
  whileLoop,
} from "./wasm_code.ts";

/** `nodeGain`: T(G)^2 / (H + lambda). */
export function sideGain(): WasmFunction {
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
export function improve(): WasmFunction {
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
export function boundFrom(parentGain: Local): Code {
  const place = (offset: number) => i32.add(global.best, i32.const(offset));
  return f64.multiply(
    f64.max(
      f64.load(place(splitAt.floor)),
      f64.add(f64.fromF32(f32.load(place(splitAt.gain))), f64.fromF32(parentGain.get)),
    ),
    f64.const(boundSlack),
  );
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
export function peek(): WasmFunction {
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
          f64x2.greaterOrEqual( // and above 0: rounding may leave gradients to a side without rows
            f64x2.least(hessians.get, f64x2.shuffle(1, 0, hessians.get, hessians.get)),
            f64x2.splat(f64.max(global.minChildWeight, f64.const(Number.MIN_VALUE))),
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
export function scan(): WasmFunction {
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
export function scanMissing(): WasmFunction {
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
