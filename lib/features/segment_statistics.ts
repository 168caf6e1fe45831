/**
 * The statistics of an anomaly map over each segment, from which SegAD's features are made (paper,
 * section 4). With the n values x of a segment, their mean m and their central moments
 * m_p = sum((x - m)^p) / n:
 *
 * - `q99.5`: the 0.995 quantile, linear between order statistics (NumPy's default);
 * - `skew`: m_3 / m_2^1.5 (SciPy, biased);
 * - `kurtosis`: m_4 / m_2^2 - 3 (SciPy, biased, Fisher);
 * - `mean`: m;
 * - `max`: the largest value (row "Max." of Table 6; not one of the paper's four).
 *
 * Everything is computed in float64, whatever the type of the map; SciPy works in float32 on float32
 * maps and agrees to about 1e-4. Edge cases, as in the public SegAD code (method details 3.0, 3.8): an
 * empty segment has 0 for each statistic; a constant one has NaN as skew and kurtosis, which the forest
 * treats as missing. SciPy 1.10.1, which that code pins, calls a segment constant when
 * m_2 <= (r m)^2 with r = 1e-15 for float64 and 1e-6 for float32 maps (`finfo.resolution`; newer
 * versions have the machine epsilon instead); that rule is used here, with the type of the map. SciPy
 * itself misses constant segments whose float64 mean it rounds too far (1,000 times 0.1 have skew 1);
 * here the mean of equal values is that value. A NaN in a segment makes all its statistics NaN.
 *
 * @module
 */
import { quantileInPlace } from "../base/statistics.ts";
import type { SegmentIndex } from "../segments/segmentation_map.ts";

/** The statistics of a segment, in the order in which `segmentStatistics` gives them. */
export const segmentStatisticNames = ["q99.5", "skew", "kurtosis", "mean", "max"] as const;
/** Name of one of the statistics. */
export type SegmentStatistic = typeof segmentStatisticNames[number];

/** The level of the quantile (paper, section 4). */
export const featureQuantile = 0.995;

/** Values that are added up before the partial sums join the totals; bounds the rounding error. */
const blockLength = 128;

/**
 * The statistics of `map` over each segment.
 *
 * @param map anomaly map of the size that `segments` was made for, row-major
 * @returns `[segments, 5]` in the order of `segmentStatisticNames`, a new array
 * @throws {RangeError} for a map of another size
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { segmentIndex } from "../segments/segmentation_map.ts";
 *
 * const labels = Uint8Array.of(0, 0, 0, 1);
 * const segments = ["part", "ground", "none"];
 * const index = segmentIndex({ name: "example", height: 2, width: 2, labels, segments });
 * const values = segmentStatistics(Float32Array.of(1, 2, 3, 8), index);
 * assert.deepEqual([...values.subarray(0, 5)], [2.99, 0, -1.5, 2, 3]);
 * assert.deepEqual([...values.subarray(5, 10)], [8, NaN, NaN, 8, 8]);
 * assert.deepEqual([...values.subarray(10)], [0, 0, 0, 0, 0]);
 * ```
 */
export function segmentStatistics(
  map: Float32Array | Float64Array,
  segments: SegmentIndex,
): Float64Array<ArrayBuffer> {
  if (map.length !== segments.height * segments.width) {
    throw new RangeError(
      `Cannot take segment statistics: the anomaly map has ${map.length} values, ` +
        `the segmentation map ${segments.height} x ${segments.width}`,
    );
  }
  const resolution = map instanceof Float32Array ? 1e-6 : 1e-15;
  const { offsets, pixels } = segments;
  const count = offsets.length - 1;
  const width = segmentStatisticNames.length;
  const out = new Float64Array(count * width);
  let largest = 0;
  for (let s = 0; s < count; s++) largest = Math.max(largest, offsets[s + 1] - offsets[s]);
  const buffer = new Float64Array(largest);
  for (let s = 0; s < count; s++) {
    const n = offsets[s + 1] - offsets[s];
    if (n === 0) continue;
    for (let i = 0, at = offsets[s]; i < n; i++, at++) buffer[i] = map[pixels[at]];
    describe(buffer, n, resolution, out.subarray(s * width, (s + 1) * width));
  }
  return out;
}

/** Writes the five statistics of `values[0 … n)` to `out`; reorders the values. */
function describe(values: Float64Array, n: number, resolution: number, out: Float64Array): void {
  let total = 0;
  let maximum = -Infinity;
  for (let block = 0; block < n; block += blockLength) {
    const stop = Math.min(block + blockLength, n);
    let partial = 0;
    for (let i = block; i < stop; i++) {
      const value = values[i];
      partial += value;
      if (value > maximum) maximum = value;
    }
    total += partial;
  }
  const centre = total / n;
  if (Number.isNaN(centre) && hasNaN(values, n)) {
    out.fill(NaN);
    return;
  }
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let sum4 = 0;
  for (let block = 0; block < n; block += blockLength) {
    const stop = Math.min(block + blockLength, n);
    let part1 = 0;
    let part2 = 0;
    let part3 = 0;
    let part4 = 0;
    for (let i = block; i < stop; i++) {
      const deviation = values[i] - centre;
      const square = deviation * deviation;
      part1 += deviation;
      part2 += square;
      part3 += square * deviation;
      part4 += square * square;
    }
    sum1 += part1;
    sum2 += part2;
    sum3 += part3;
    sum4 += part4;
  }
  // The centre is the mean but for its rounding, the same rounding at each step where the values are
  // equal. The mean deviation from it corrects the mean and moves the moments to it.
  const rest = Number.isFinite(centre) ? sum1 / n : 0;
  const mean = centre + rest;
  const moment2 = Math.max(0, sum2 / n - rest * rest);
  const moment3 = sum3 / n - 3 * rest * (sum2 / n) + 2 * rest * rest * rest;
  const moment4 = sum4 / n - 4 * rest * (sum3 / n) + 6 * rest * rest * (sum2 / n) -
    3 * rest * rest * rest * rest;
  const constant = moment2 <= (resolution * mean) * (resolution * mean);
  out[0] = quantileInPlace(values, featureQuantile, n);
  out[1] = constant ? NaN : moment3 / (moment2 * Math.sqrt(moment2));
  out[2] = constant ? NaN : moment4 / (moment2 * moment2) - 3;
  out[3] = mean;
  out[4] = maximum;
}

/** The mean is NaN also where infinities of both signs meet; only a NaN value makes all else NaN. */
function hasNaN(values: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) if (Number.isNaN(values[i])) return true;
  return false;
}
