/**
 * Area under the per-region overlap curve, up to a false positive rate of 0.3, in two definitions that
 * must not be compared with one another.
 *
 * A region is a connected component (8-neighbourhood) of a ground truth mask. For a threshold t,
 * PRO(t) is the mean over regions of the share of a region's pixels with map >= t.
 *
 * - `aupro` (MVTec AD's evaluation; Bergmann et al., IJCV 2021, section 5): one curve for the data
 *   set. FPR(t) is the share of all pixels outside of regions, good images included, with map >= t;
 *   every distinct value is a threshold. The area under the straight lines between points, from FPR 0
 *   to the limit (interpolated there), over the limit.
 * - `auproPerImage` (official RD4AD code, method details 3.3): one curve per bad image. 200 thresholds
 *   from the map's minimum to its maximum, pixels above the threshold count; the points with FPR below
 *   the limit, FPR rescaled by the largest one reached; the area by trapezoids; the mean over the bad
 *   images. Images without a point of positive FPR below the limit cannot be measured and are counted.
 *
 * @module
 */

/** An anomaly map with its truth. */
export interface PixelTruth {
  /** `[height, width]`, higher is more anomalous. */
  readonly map: Float32Array;
  /** `[height, width]`, non-zero where defective; null for a good image. */
  readonly mask: Uint8Array | null;
  /** Of map and mask, pixels. */
  readonly height: number;
  /** Of map and mask, pixels. */
  readonly width: number;
}

/** The false positive rate up to which the area is taken, in the literature and here. */
export const fprLimit = 0.3;

/**
 * Pooled AUPRO in [0, 1] (MVTec).
 *
 * @param images all test images, the good ones too
 * @throws {RangeError} when there is no region, no pixel outside of regions, a NaN, or a wrong length
 */
export function aupro(images: Iterable<PixelTruth>, limit: number = fprLimit): number {
  checkLimit(limit);
  const goodParts: Float32Array[] = [];
  const values: number[] = []; // of pixels in regions …
  const weights: number[] = []; // … and one over the size of their region
  let regions = 0;
  let goodPixels = 0;
  for (const image of images) {
    const { map } = image;
    const { labels, sizes } = regionsOf(image);
    regions += sizes.length;
    const good = new Float32Array(map.length);
    let n = 0;
    for (let i = 0; i < map.length; i++) {
      if (labels === undefined || labels[i] === 0) good[n++] = map[i];
      else {
        values.push(map[i]);
        weights.push(1 / sizes[labels[i] - 1]);
      }
    }
    goodParts.push(good.subarray(0, n));
    goodPixels += n;
  }
  if (regions === 0) throw new RangeError("Cannot compute AUPRO: no mask has a defective pixel");
  if (goodPixels === 0) {
    throw new RangeError("Cannot compute AUPRO: no pixel lies outside a region");
  }

  const good = new Float32Array(goodPixels);
  let filled = 0;
  for (const part of goodParts) {
    good.set(part, filled);
    filled += part.length;
  }
  good.sort();
  const order = Uint32Array.from(values, (_, i) => i);
  order.sort((i, j) => values[i] - values[j] || i - j);

  // Falling thresholds: both lists are read from their ends.
  let area = 0;
  let fpr = 0;
  let pro = 0;
  let overlap = 0;
  let g = goodPixels - 1;
  let r = order.length - 1;
  for (;;) { // ends: FPR reaches 1 with the last pixel
    const threshold = Math.max(g >= 0 ? good[g] : -Infinity, r >= 0 ? values[order[r]] : -Infinity);
    while (g >= 0 && good[g] === threshold) g--;
    for (; r >= 0 && values[order[r]] === threshold; r--) overlap += weights[order[r]];
    const nextFpr = (goodPixels - 1 - g) / goodPixels;
    const nextPro = Math.min(1, overlap / regions);
    if (nextFpr >= limit) {
      const share = (limit - fpr) / (nextFpr - fpr);
      const proAtLimit = pro + (nextPro - pro) * share;
      return (area + (limit - fpr) * (pro + proAtLimit) / 2) / limit;
    }
    area += (nextFpr - fpr) * (pro + nextPro) / 2;
    fpr = nextFpr;
    pro = nextPro;
  }
}

/** What `auproPerImage` gives. */
export interface PerImageAupro {
  /** Mean over the measured bad images, in [0, 1]. */
  readonly mean: number;
  /** Bad images that could be measured. */
  readonly measured: number;
  /** Bad images without a point of positive FPR below the limit. */
  readonly unmeasured: number;
}

/**
 * AUPRO per bad image, averaged (RD4AD).
 *
 * @param images good ones are passed over
 * @throws {RangeError} when no bad image can be measured, for a NaN or a wrong length
 */
export function auproPerImage(
  images: Iterable<PixelTruth>,
  limit: number = fprLimit,
): PerImageAupro {
  checkLimit(limit);
  let total = 0;
  let measured = 0;
  let unmeasured = 0;
  for (const image of images) {
    const area = auproOfImage(image, limit);
    if (area === null) continue;
    if (Number.isNaN(area)) unmeasured++;
    else {
      total += area;
      measured++;
    }
  }
  if (measured === 0) {
    throw new RangeError(
      `Cannot compute AUPRO per image: none of ${unmeasured} bad images can be measured`,
    );
  }
  return { mean: total / measured, measured, unmeasured };
}

/** Thresholds per image in the official RD4AD code. */
const thresholdCount = 200;

/** The area for one image: null without a region, NaN where the curve has no extent. */
function auproOfImage(image: PixelTruth, limit: number): number | null {
  const { map } = image;
  const { labels, sizes } = regionsOf(image);
  if (labels === undefined || sizes.length === 0) return null;
  let minimum = Infinity;
  let maximum = -Infinity;
  for (const value of map) {
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
  }
  const step = (maximum - minimum) / thresholdCount;
  if (!(step > 0)) return NaN;
  const above = new Uint32Array(sizes.length + 1);
  const outside = map.length - sizes.reduce((sum, size) => sum + size, 0);
  const fprs: number[] = [];
  const pros: number[] = [];
  for (let k = 0; minimum + k * step < maximum; k++) {
    const threshold = minimum + k * step;
    above.fill(0);
    for (let i = 0; i < map.length; i++) if (map[i] > threshold) above[labels[i]]++;
    const fpr = above[0] / outside;
    if (!(fpr < limit)) continue;
    let overlap = 0;
    for (let s = 0; s < sizes.length; s++) overlap += above[s + 1] / sizes[s];
    fprs.push(fpr);
    pros.push(overlap / sizes.length);
  }
  const largest = Math.max(0, ...fprs);
  if (largest === 0) return NaN;
  let area = 0; // FPR falls from point to point
  for (let k = 1; k < fprs.length; k++) {
    area += (fprs[k - 1] - fprs[k]) / largest * (pros[k - 1] + pros[k]) / 2;
  }
  return area;
}

/** Connected components: `labels` holds 0 outside and 1 … n inside region n, `sizes[n - 1]` pixels. */
interface Regions {
  readonly labels: Uint32Array | undefined;
  readonly sizes: readonly number[];
}

function regionsOf({ map, mask, height, width }: PixelTruth): Regions {
  if (map.length !== height * width || (mask !== null && mask.length !== map.length)) {
    throw new RangeError(
      `Cannot compute AUPRO: a map of ${map.length} and a mask of ${mask?.length ?? 0} values ` +
        `are not ${height} x ${width}`,
    );
  }
  for (let i = 0; i < map.length; i++) {
    if (Number.isNaN(map[i])) throw new RangeError(`Cannot compute AUPRO: map value ${i} is NaN`);
  }
  return mask === null ? { labels: undefined, sizes: [] } : connectedRegions(mask, height, width);
}

/** The 8-connected components of the non-zero pixels, numbered in row-major order of first pixel. */
export function connectedRegions(
  mask: Uint8Array,
  height: number,
  width: number,
): { readonly labels: Uint32Array; readonly sizes: readonly number[] } {
  const labels = new Uint32Array(mask.length);
  const sizes: number[] = [];
  const open: number[] = [];
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || labels[seed] !== 0) continue;
    const label = sizes.length + 1;
    let size = 0;
    labels[seed] = label;
    open.push(seed);
    while (open.length > 0) {
      const pixel = open.pop()!;
      size++;
      const y = Math.floor(pixel / width);
      const x = pixel - y * width;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (mask[next] === 0 || labels[next] !== 0) continue;
          labels[next] = label;
          open.push(next);
        }
      }
    }
    sizes.push(size);
  }
  return { labels, sizes };
}

function checkLimit(limit: number): void {
  if (!(limit > 0 && limit <= 1)) {
    throw new RangeError(`Cannot compute AUPRO: the FPR limit is ${limit}, not in (0, 1]`);
  }
}
