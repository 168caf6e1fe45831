/**
 * Anomaly maps: from a detector's native resolution to the size of the images. Detectors store small
 * maps (PatchCore 32 x 32); up-sampling and blur are part of reading them, and differ by detector
 * (method details 3.1 to 3.4), so they are a declared value, `MapReading`.
 *
 * Both steps are linear and separable: along one axis, up-sampling from h to n is a matrix U [n, h]
 * and blur a matrix B [n, n], so that the read map is A M A' with the banded matrix A = B U, made
 * once per detector. For PatchCore (nearest from 32 to 256, then sigma 4) a row of A holds 6 numbers
 * instead of 33 taps. Sums run in float64 in a fixed order and are rounded once, to float32.
 *
 * @module
 */
import { gaussianKernel } from "../base/statistics.ts";

/**
 * How positions of the native map are found (torch `interpolate`): `"nearest"`; `"bilinear"` with
 * pixel centres aligned (`align_corners=False`, no antialiasing); `"bilinear_corners"` with the corner
 * pixels' centres on one another (`align_corners=True`).
 */
export type Upsampling = "nearest" | "bilinear" | "bilinear_corners";

/** Gaussian blur after up-sampling; the kernel reaches floor(4 sigma + 0.5) pixels to each side. */
export interface MapBlur {
  /** Standard deviation in pixels of the up-sampled map, above 0. */
  readonly sigma: number;
  /**
   * What lies beyond the border. `"reflect_no_edge"` (d c b | a b c d | c b a): torch's "reflect", in
   * anomalib and kornia. `"reflect_edge"` (d c b a | a b c d | d c b a): SciPy's "reflect", its
   * default, in the official PatchCore and RD4AD.
   */
  readonly border: "reflect_no_edge" | "reflect_edge";
}

/** How a native map becomes a map of image size. Plain JSON: it is part of keys. */
export interface MapReading {
  /** How the native map is brought to the image's size. */
  readonly upsample: Upsampling;
  /** Blur after that; none where it is left out. */
  readonly blur?: MapBlur;
}

/**
 * The anomaly map at image size.
 *
 * @param native `[height, width]`, row-major
 * @param size side of the (square) images in pixels
 * @returns `[size, size]`, a new array
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const native = Float32Array.of(0, 1, 2, 3);
 * const map = readAnomalyMap(native, 2, 2, 4, { upsample: "nearest" });
 * assert.deepEqual([...map.subarray(0, 8)], [0, 0, 1, 1, 0, 0, 1, 1]);
 * ```
 */
export function readAnomalyMap(
  native: Float32Array,
  height: number,
  width: number,
  size: number,
  reading: MapReading,
): Float32Array<ArrayBuffer> {
  checkShape(native, height, width);
  if (height === size && width === size && reading.blur === undefined) return native.slice();
  return applyBoth(
    native,
    width,
    operatorFor(height, size, reading),
    operatorFor(width, size, reading),
  );
}

/** `native` `[height, width]` resized to `[outHeight, outWidth]`. */
export function resizeMap(
  native: Float32Array,
  height: number,
  width: number,
  outHeight: number,
  outWidth: number,
  upsample: Upsampling,
): Float32Array<ArrayBuffer> {
  checkShape(native, height, width);
  const reading = { upsample };
  return applyBoth(
    native,
    width,
    operatorFor(height, outHeight, reading),
    operatorFor(width, outWidth, reading),
  );
}

/** `map` `[height, width]` blurred; the size stays. */
export function gaussianBlur(
  map: Float32Array,
  height: number,
  width: number,
  blur: MapBlur,
): Float32Array<ArrayBuffer> {
  checkShape(map, height, width);
  const reading = { upsample: "nearest", blur } as const;
  return applyBoth(
    map,
    width,
    operatorFor(height, height, reading),
    operatorFor(width, width, reading),
  );
}

/**
 * The largest value of a map: the score of a detector alone (paper, section 5.5).
 *
 * @returns NaN when a value is NaN
 * @throws {RangeError} for an empty map
 */
export function mapMaximum(map: Float32Array | Float64Array): number {
  if (map.length === 0) throw new RangeError("Cannot take the maximum of an empty anomaly map");
  let maximum = map[0];
  for (let i = 1; i < map.length; i++) {
    if (!(map[i] <= maximum)) {
      if (Number.isNaN(maximum)) return NaN;
      maximum = map[i];
    }
  }
  return maximum;
}

/**
 * A linear map along one axis, with a band of weights for each pair of outputs: with p = i >> 1,
 * out[i] = sum over k < taps of weights[(p * taps + k) * 2 + (i & 1)] * in[starts[p] + k].
 * Pairs, because two outputs read nearly the same inputs: a value is loaded once for both.
 */
interface AxisOperator {
  readonly outputs: number;
  readonly taps: number;
  /** `[ceil(outputs / 2)]`. */
  readonly starts: Int32Array;
  /** `[ceil(outputs / 2), taps, 2]`; zero for the second of an unpaired last output. */
  readonly weights: Float64Array;
}

/** Operators made so far; few combinations of size and reading exist in a run. */
const operators = new Map<string, AxisOperator>();
const operatorLimit = 64;

function operatorFor(input: number, output: number, reading: MapReading): AxisOperator {
  const { upsample, blur } = reading;
  const key = `${input} ${output} ${upsample} ${blur?.sigma} ${blur?.border}`;
  let operator = operators.get(key);
  if (operator === undefined) {
    operator = makeOperator(input, output, upsample, blur);
    if (operators.size >= operatorLimit) operators.clear();
    operators.set(key, operator);
  }
  return operator;
}

function makeOperator(
  input: number,
  output: number,
  upsample: Upsampling,
  blur: MapBlur | undefined,
): AxisOperator {
  if (!Number.isInteger(output) || output < 1) {
    throw new RangeError(`Cannot read an anomaly map at size ${output}: not a positive integer`);
  }
  const kernel = blur === undefined ? Float64Array.of(1) : gaussianKernel(blur.sigma);
  const radius = (kernel.length - 1) / 2;
  const withEdge = blur?.border === "reflect_edge";
  if (!withEdge && radius >= output) {
    throw new RangeError(
      `Cannot blur an anomaly map of size ${output}: sigma ${blur?.sigma} reaches ${radius} pixels, ` +
        `and reflection without the edge pixel needs a larger map`,
    );
  }
  const dense = new Float64Array(output * input);
  for (let i = 0; i < output; i++) {
    for (let t = -radius; t <= radius; t++) {
      const { lower, upper, fraction } = source(
        reflect(i + t, output, withEdge),
        input,
        output,
        upsample,
      );
      const weight = kernel[t + radius];
      dense[i * input + lower] += weight * (1 - fraction);
      if (fraction > 0) dense[i * input + upper] += weight * fraction;
    }
  }
  return banded(dense, input, output);
}

/** The two native positions that output position `i` lies between, and the weight of the upper. */
function source(
  i: number,
  input: number,
  output: number,
  upsample: Upsampling,
): { readonly lower: number; readonly upper: number; readonly fraction: number } {
  if (upsample === "nearest") {
    // torch computes the ratio and the product in float32.
    const position = Math.floor(Math.fround(i * Math.fround(input / output)));
    const lower = Math.min(position, input - 1);
    return { lower, upper: lower, fraction: 0 };
  }
  const position = upsample === "bilinear"
    ? Math.max(0, (i + 0.5) * (input / output) - 0.5)
    : output === 1
    ? 0
    : i * ((input - 1) / (output - 1));
  const lower = Math.min(Math.floor(position), input - 1);
  const upper = Math.min(lower + 1, input - 1);
  return { lower, upper, fraction: upper === lower ? 0 : position - lower };
}

/** The position inside [0, size) that `i` is mirrored to, as often as needed. */
function reflect(i: number, size: number, withEdge: boolean): number {
  const first = withEdge ? -1 : 0; // what -k is mirrored to: first + k
  const last = withEdge ? 2 * size - 1 : 2 * size - 2;
  while (i < 0 || i >= size) i = i < 0 ? first - i : last - i;
  return i;
}

/** The band form of a dense `[output, input]` matrix. */
function banded(dense: Float64Array, input: number, output: number): AxisOperator {
  const pairs = Math.ceil(output / 2);
  const starts = new Int32Array(pairs);
  let taps = 1;
  for (let p = 0; p < pairs; p++) {
    let first = input - 1;
    let last = 0;
    for (let i = 2 * p; i < Math.min(2 * p + 2, output); i++) {
      for (let k = 0; k < input; k++) {
        if (dense[i * input + k] === 0) continue;
        first = Math.min(first, k);
        last = Math.max(last, k);
      }
    }
    starts[p] = first;
    taps = Math.max(taps, last - first + 1);
  }
  const weights = new Float64Array(pairs * taps * 2);
  for (let p = 0; p < pairs; p++) {
    starts[p] = Math.min(starts[p], input - taps);
    for (let i = 2 * p; i < Math.min(2 * p + 2, output); i++) {
      for (let k = 0; k < taps; k++) {
        weights[(p * taps + k) * 2 + (i & 1)] = dense[i * input + starts[p] + k];
      }
    }
  }
  return { outputs: output, taps, starts, weights };
}

/**
 * rows M columns': first along the height, then along the width. `native` is `[height, width]`. Both
 * steps add up eight outputs at a time (a pair along the axis, four across), which keeps the sums in
 * registers; arrays between them are padded to whole groups of four.
 */
function applyBoth(
  native: Float32Array,
  width: number,
  rows: AxisOperator,
  columns: AxisOperator,
): Float32Array<ArrayBuffer> {
  // Not a multiple of the cache's way size, or the rows of a band would evict one another.
  const stride = Math.ceil(width / 4) * 4 + 4;
  const padded = new Float64Array(native.length / width * stride);
  for (let i = 0, to = 0; i < native.length; i += width, to += stride) {
    for (let x = 0; x < width; x++) padded[to + x] = native[i + x];
  }
  return alongWidth(alongHeight(padded, width, stride, rows), stride, rows.outputs, columns);
}

/** rows M: `[height, stride]` to `[outHeight padded to 4, stride]`. */
function alongHeight(
  map: Float64Array,
  width: number,
  stride: number,
  rows: AxisOperator,
): Float64Array {
  const { outputs, taps, starts, weights } = rows;
  const out = new Float64Array(Math.ceil(outputs / 4) * 4 * stride);
  for (let p = 0; p < starts.length; p++) {
    const from = p * taps * 2;
    const top = starts[p] * stride;
    for (let x = 0; x < width; x += 4) {
      let upper0 = 0;
      let upper1 = 0;
      let upper2 = 0;
      let upper3 = 0;
      let lower0 = 0;
      let lower1 = 0;
      let lower2 = 0;
      let lower3 = 0;
      for (let k = 0, at = top + x; k < taps; k++, at += stride) {
        const upper = weights[from + 2 * k];
        const lower = weights[from + 2 * k + 1];
        const value0 = map[at];
        const value1 = map[at + 1];
        const value2 = map[at + 2];
        const value3 = map[at + 3];
        upper0 += upper * value0;
        upper1 += upper * value1;
        upper2 += upper * value2;
        upper3 += upper * value3;
        lower0 += lower * value0;
        lower1 += lower * value1;
        lower2 += lower * value2;
        lower3 += lower * value3;
      }
      const to = 2 * p * stride + x;
      out[to] = upper0;
      out[to + 1] = upper1;
      out[to + 2] = upper2;
      out[to + 3] = upper3;
      out[to + stride] = lower0;
      out[to + stride + 1] = lower1;
      out[to + stride + 2] = lower2;
      out[to + stride + 3] = lower3;
    }
  }
  return out;
}

/** M columns': `[height padded to 4, stride]` to float32 `[height, outWidth]`. */
function alongWidth(
  map: Float64Array,
  stride: number,
  height: number,
  columns: AxisOperator,
): Float32Array<ArrayBuffer> {
  const { outputs, taps, starts, weights } = columns;
  const out = new Float32Array(height * outputs);
  for (let i = 0; i < height; i += 4) {
    for (let p = 0; p < starts.length; p++) {
      const from = p * taps * 2;
      let left0 = 0;
      let left1 = 0;
      let left2 = 0;
      let left3 = 0;
      let right0 = 0;
      let right1 = 0;
      let right2 = 0;
      let right3 = 0;
      for (let k = 0, at = i * stride + starts[p]; k < taps; k++, at++) {
        const left = weights[from + 2 * k];
        const right = weights[from + 2 * k + 1];
        const value0 = map[at];
        const value1 = map[at + stride];
        const value2 = map[at + 2 * stride];
        const value3 = map[at + 3 * stride];
        left0 += left * value0;
        left1 += left * value1;
        left2 += left * value2;
        left3 += left * value3;
        right0 += right * value0;
        right1 += right * value1;
        right2 += right * value2;
        right3 += right * value3;
      }
      // Rows past the last one fall outside the array, where a typed array ignores the store.
      const to = i * outputs + 2 * p;
      out[to] = left0;
      out[to + outputs] = left1;
      out[to + 2 * outputs] = left2;
      out[to + 3 * outputs] = left3;
      if (2 * p + 1 === outputs) continue;
      out[to + 1] = right0;
      out[to + outputs + 1] = right1;
      out[to + 2 * outputs + 1] = right2;
      out[to + 3 * outputs + 1] = right3;
    }
  }
  return out;
}

function checkShape(map: Float32Array, height: number, width: number): void {
  if (map.length !== height * width || map.length === 0) {
    throw new RangeError(
      `Cannot read an anomaly map: ${map.length} values are not a map of ${height} x ${width}`,
    );
  }
}
