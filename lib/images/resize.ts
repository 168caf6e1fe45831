/**
 * Antialiased bilinear resize of 8-bit RGB images: what torchvision's `Resize` does on PIL images.
 *
 * Two passes, horizontal then vertical, with 8-bit values between them; weights of the triangle
 * filter, widened by the scale when shrinking, in fixed point with 22 fraction bits (Pillow's
 * `Image.resize(size, BILINEAR)`). Integer arithmetic: the same bytes as Pillow, on every machine.
 * Pillow 13 takes the passes in the other order where the height shrinks much more than the width,
 * which changes some values by one; here the order of all earlier versions is kept.
 *
 * @module
 */

/** An 8-bit RGB image: `data` is row-major `[height, width, 3]`. */
export interface RgbImage {
  /** Pixels from left to right, at least 1. */
  readonly width: number;
  /** Pixels from top to bottom, at least 1. */
  readonly height: number;
  /** Bytes in the order of the rows. */
  readonly data: Uint8Array;
}

const fractionBits = 22;

/**
 * The image at `width` x `height` (`height` defaults to `width`), aspect ratio not kept. The given
 * image itself is returned where it has that size already.
 *
 * @throws {RangeError} for a size that is not a positive integer, or data of another length than
 * `height * width * 3`
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const image = { width: 2, height: 1, data: new Uint8Array([0, 0, 0, 100, 200, 255]) };
 * assert.deepEqual([...resizeImage(image, 1).data], [50, 100, 128]);
 * ```
 */
export function resizeImage(image: RgbImage, width: number, height: number = width): RgbImage {
  for (const size of [width, height]) {
    if (!Number.isInteger(size) || size < 1) {
      throw new RangeError(`Cannot resize an image to ${width} x ${height} pixels`);
    }
  }
  if (image.data.length !== image.width * image.height * 3) {
    throw new RangeError(
      `Cannot resize an image of ${image.width} x ${image.height}: it has ${image.data.length} bytes`,
    );
  }
  let { data } = image;
  if (width !== image.width) data = resizeRows(data, image.width, image.height, width);
  if (height !== image.height) data = resizeColumns(data, width, image.height, height);
  return data === image.data ? image : { width, height, data };
}

/** Where the taps of each output place begin, how many there are, and their weights. */
interface Filter {
  readonly starts: Int32Array; // [to]
  readonly counts: Int32Array; // [to]
  readonly weights: Int32Array; // [to, taps], weight * 2^22 rounded
  readonly taps: number;
}

/** Triangle filter from `from` places to `to` places. */
function triangleFilter(from: number, to: number): Filter {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const inverse = 1 / filterScale;
  const taps = Math.ceil(filterScale) * 2 + 1;
  const starts = new Int32Array(to);
  const counts = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  const row = new Float64Array(taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - filterScale + 0.5));
    const end = Math.min(from, Math.trunc(centre + filterScale + 0.5));
    let sum = 0;
    for (let k = 0; k < end - start; k++) {
      const distance = Math.abs((k + start - centre + 0.5) * inverse);
      row[k] = distance < 1 ? 1 - distance : 0;
      sum += row[k];
    }
    starts[i] = start;
    counts[i] = end - start;
    for (let k = 0; k < end - start; k++) {
      const weight = sum === 0 ? row[k] : row[k] / sum;
      weights[i * taps + k] = Math.trunc(0.5 + weight * (1 << fractionBits));
    }
  }
  return { starts, counts, weights, taps };
}

// The weights of a place sum to 2^22 but for rounding. With thousands of taps the rounding can lift a
// white image above 255, hence the clamped arrays.

/** `[height, width, 3]` to `[height, to, 3]`. */
function resizeRows(data: Uint8Array, width: number, height: number, to: number): Uint8Array {
  const { starts, counts, weights, taps } = triangleFilter(width, to);
  const result = new Uint8ClampedArray(height * to * 3);
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      let at = (y * width + starts[x]) * 3;
      let red = 1 << (fractionBits - 1);
      let green = red;
      let blue = red;
      const first = x * taps;
      const last = first + counts[x];
      for (let k = first; k < last; k++) {
        const weight = weights[k];
        red += data[at++] * weight;
        green += data[at++] * weight;
        blue += data[at++] * weight;
      }
      result[out++] = red >> fractionBits;
      result[out++] = green >> fractionBits;
      result[out++] = blue >> fractionBits;
    }
  }
  return new Uint8Array(result.buffer);
}

/** `[height, width, 3]` to `[to, width, 3]`. */
function resizeColumns(data: Uint8Array, width: number, height: number, to: number): Uint8Array {
  const { starts, counts, weights, taps } = triangleFilter(height, to);
  const stride = width * 3;
  const result = new Uint8ClampedArray(to * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < to; y++) {
    sums.fill(1 << (fractionBits - 1));
    for (let k = 0; k < counts[y]; k++) {
      const weight = weights[y * taps + k];
      const at = (starts[y] + k) * stride;
      for (let x = 0; x < stride; x++) sums[x] += data[at + x] * weight;
    }
    const out = y * stride;
    for (let x = 0; x < stride; x++) result[out + x] = sums[x] >> fractionBits;
  }
  return new Uint8Array(result.buffer);
}
