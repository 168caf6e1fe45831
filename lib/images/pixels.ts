/**
 * Pixels of samples at the size that the detectors see, from a folder or drawn. Both take the same
 * way, so the embedded product gives the same bytes when it is written as PNGs and read again.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { checkFileSize, decodeImage } from "./decode.ts";
import { readError } from "./image_folder.ts";
import { resizeImage, type RgbImage } from "./resize.ts";
import type { ImageSource, Sample } from "./sample.ts";
import { shownPath } from "./shown_path.ts";
import { drawSample } from "./synthetic_product.ts";

/** Reads one sample: `[size, size, 3]`, owned by the caller. */
export type PixelReader = (sample: Sample) => Promise<Uint8Array>;

/**
 * A reader of samples of `source` at `size` x `size` pixels.
 *
 * @throws {RangeError} for a size that is not a positive integer; the reader throws as `readImage`
 */
export function pixelReader(source: ImageSource, size: number): PixelReader {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Cannot read pixels: size is ${size}, not a positive integer`);
  }
  return async (sample) => resizeImage(await readImage(source, sample), size).data;
}

/**
 * All samples in their order as one array `[n, size, size, 3]`.
 *
 * @throws {DataError} as `readImage`
 */
export async function readPixels(
  source: ImageSource,
  samples: readonly Sample[],
  size: number,
): Promise<NdArray<Uint8Array>> {
  const read = pixelReader(source, size);
  const length = size * size * 3;
  const data = new Uint8Array(samples.length * length);
  for (const [i, sample] of samples.entries()) data.set(await read(sample), i * length);
  return { shape: [samples.length, size, size, 3], data };
}

/**
 * One sample at its own size.
 *
 * @throws {DataError} where the file is gone, is no image, or is not the file that was indexed
 */
export async function readImage(source: ImageSource, sample: Sample): Promise<RgbImage> {
  if (source.kind === "synthetic") return drawSample(source.product, sample);
  if (source.kind === "products") {
    const product = source.products.find(({ name }) => name === sample.class);
    if (product === undefined) throw new RangeError(`Cannot draw ${sample.id}: no such product`);
    return drawSample(product, { id: sample.id.slice(product.name.length + 1) });
  }
  const path = join(source.root, sample.id);
  const name = shownPath(path);
  const bytes = await readSampleFile(path);
  const digest = sha256(bytes);
  if (digest !== sample.digest) {
    throw new DataError(
      `Cannot read ${name}: the file has changed since the data set was indexed (SHA-256 ` +
        `${digest.slice(0, 12)}…, expected ${sample.digest.slice(0, 12)}…)`,
      { remedy: "Run the command again; only what depends on this image is computed anew." },
    );
  }
  return decodeImage(bytes, name);
}

/** The bytes of an image file, refused before reading where it is too large. */
async function readSampleFile(path: string): Promise<Uint8Array> {
  try {
    checkFileSize((await Deno.stat(path)).size, shownPath(path));
    return await Deno.readFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}
