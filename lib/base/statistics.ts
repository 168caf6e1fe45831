/**
 * Sums, quantiles and the normal distribution, each with one fixed order of operations, so that a
 * number is the same on every machine. NumPy's and SciPy's definitions where they have one.
 *
 * @module
 */

/** Elements that are added up before the partial sum joins the total; bounds the rounding error. */
const blockLength = 128;

/**
 * The sum of `values[start … end)`, added up in blocks of 128 so that the relative rounding error of
 * n values grows with 128 + n/128 instead of n.
 */
export function sum(values: ArrayLike<number>, start = 0, end: number = values.length): number {
  let total = 0;
  for (let block = start; block < end; block += blockLength) {
    const stop = Math.min(block + blockLength, end);
    let partial = 0;
    for (let i = block; i < stop; i++) partial += values[i];
    total += partial;
  }
  return total;
}

/**
 * The arithmetic mean, corrected once by the mean of what the values deviate from it, so that the mean
 * of equal values is that value (and their standard deviation 0).
 *
 * @throws {RangeError} for no values
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(mean([1, 2, 6]), 3);
 * ```
 */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new RangeError("Cannot take a mean: there are no values");
  const first = sum(values) / values.length;
  if (!Number.isFinite(first)) return first;
  const rest = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) rest[i] = values[i] - first;
  return first + sum(rest) / values.length;
}

/**
 * The standard deviation: the square root of the summed squared deviations over n (`"population"`,
 * the default of NumPy) or over n - 1 (`"sample"`, the default of pandas).
 *
 * @returns NaN for a single value with `"sample"`
 * @throws {RangeError} for no values
 */
export function standardDeviation(
  values: ArrayLike<number>,
  kind: "population" | "sample",
): number {
  const centre = mean(values);
  const squares = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) squares[i] = (values[i] - centre) ** 2;
  return Math.sqrt(sum(squares) / (values.length - (kind === "sample" ? 1 : 0)));
}

/**
 * The quantile `q` of `values`, linear between neighbours, as `numpy.quantile` computes it:
 * v = q (n - 1), and the value at v between the order statistics floor(v) and floor(v) + 1.
 *
 * @param q in [0, 1]
 * @returns NaN when a value is NaN
 * @throws {RangeError} for no values or a `q` outside [0, 1]
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(quantile([4, 1, 2, 3], 0.5), 2.5);
 * ```
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  const copy = Float64Array.from(values);
  for (let i = 0; i < copy.length; i++) if (Number.isNaN(copy[i])) return NaN;
  return quantileInPlace(copy, q);
}

/**
 * As `quantile`, of `buffer[0 … length)` without a copy: the elements are reordered. Linear time in
 * the mean (selection instead of sorting). No element may be NaN.
 */
export function quantileInPlace(
  buffer: Float64Array,
  q: number,
  length: number = buffer.length,
): number {
  const { lower, fraction } = quantilePosition(q, length);
  select(buffer, lower, 0, length - 1);
  if (lower + 1 >= length) return buffer[lower];
  // Selection leaves everything right of `lower` at or above it; the neighbour is their minimum.
  let upper = buffer[lower + 1];
  for (let i = lower + 2; i < length; i++) if (buffer[i] < upper) upper = buffer[i];
  return interpolate(buffer[lower], upper, fraction);
}

/** As `quantile`, of values that are already in ascending order. */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  const { lower, fraction } = quantilePosition(q, sorted.length);
  return interpolate(sorted[lower], sorted[Math.min(lower + 1, sorted.length - 1)], fraction);
}

/** Where the quantile `q` of `count` values lies: between `lower` and `lower + 1`, at `fraction`. */
export function quantilePosition(
  q: number,
  count: number,
): { readonly lower: number; readonly fraction: number } {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`Cannot take a quantile: q is ${q}, not in [0, 1]`);
  if (count < 1) throw new RangeError("Cannot take a quantile: there are no values");
  const position = q * (count - 1);
  const lower = Math.floor(position);
  return { lower, fraction: position - lower };
}

/** `low + (high - low) * fraction`, counted from the nearer end as NumPy does. */
export function interpolate(low: number, high: number, fraction: number): number {
  const difference = high - low;
  return fraction >= 0.5 ? high - difference * (1 - fraction) : low + difference * fraction;
}

/**
 * Reorders `a[left … right]` so that `a[k]` is what it would be after sorting, nothing left of it is
 * above it and nothing right of it is below it (Floyd and Rivest 1975: partition around a pivot that
 * a sample puts close to the wanted place).
 */
function select(a: Float64Array, k: number, left: number, right: number): void {
  while (right > left) {
    if (right - left > 600) {
      const n = right - left + 1;
      const place = k - left + 1;
      const log = Math.log(n);
      const sample = 0.5 * Math.exp(2 * log / 3);
      const spread = 0.5 * Math.sqrt(log * sample * (n - sample) / n) * Math.sign(place - n / 2);
      select(
        a,
        k,
        Math.max(left, Math.floor(k - place * sample / n + spread)),
        Math.min(right, Math.floor(k + (n - place) * sample / n + spread)),
      );
    }
    const pivot = a[k];
    let i = left;
    let j = right;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        const swapped = a[i];
        a[i++] = a[j];
        a[j--] = swapped;
      }
    }
    // Now everything up to j is at most the pivot, everything from i is at least it.
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else return;
  }
}

/**
 * P(Z > z) for a standard normal Z, to a relative error of about 1e-13 (`scipy.stats.norm.sf`).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.ok(Math.abs(normalTail(1.959963984540054) - 0.025) < 1e-15);
 * ```
 */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const x = z / Math.SQRT2;
  if (x > 27.3) return 0;
  const bell = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x < 2) {
    // erf(x) = 2/sqrt(pi) exp(-x^2) (x + 2x^3/3 + 4x^5/15 + …), all terms positive.
    let term = x;
    let series = x;
    for (let n = 1; term > series * 1e-17; n++) series += term *= 2 * x * x / (2 * n + 1);
    return 0.5 - bell * series;
  }
  // erfc(x) = exp(-x^2)/sqrt(pi) / (x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …)))), from the inside out.
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (x + fraction);
  return 0.5 * bell / (x + fraction);
}

/**
 * The z with P(Z <= z) = p (`scipy.stats.norm.ppf`), to about 1e-12.
 *
 * @param p in (0, 1)
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) {
    throw new RangeError(`Cannot take a normal quantile: p is ${p}, not in (0, 1)`);
  }
  if (p > 0.5) return -normalQuantile(1 - p);
  // Abramowitz and Stegun 26.2.23 gives three digits; each Newton step doubles them.
  const t = Math.sqrt(-2 * Math.log(p));
  let z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
      (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
  for (let step = 0; step < 4; step++) {
    const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
    z += (normalTail(z) - p) / density;
  }
  return -z;
}

/**
 * The normalised Gaussian kernel w[t] ~ exp(-t^2 / (2 sigma^2)) for t = -radius … radius; the default
 * radius is floor(4 sigma + 0.5), as in SciPy (`truncate=4`) and in anomalib.
 *
 * @param sigma standard deviation in pixels, above 0
 * @returns `2 * radius + 1` weights that sum to 1
 */
export function gaussianKernel(
  sigma: number,
  radius: number = Math.floor(4 * sigma + 0.5),
): Float64Array {
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    throw new RangeError(`Cannot make a Gaussian kernel: sigma is ${sigma}, not above 0`);
  }
  const kernel = new Float64Array(2 * radius + 1);
  for (let t = -radius; t <= radius; t++) {
    kernel[t + radius] = Math.exp(-0.5 / (sigma * sigma) * t * t);
  }
  const total = sum(kernel);
  return kernel.map((weight) => weight / total);
}
