/**
 * The image that EfficientAD's autoencoder sees where the augmentation is on: brightness, contrast or
 * saturation times a factor from [0.8, 1.2). Whether the paper kept it is open: its appendix says that
 * all augmentations were removed.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";

/**
 * Whose arithmetic: `pillow` works on bytes and cuts fractions (torchvision's ColorJitter of PIL images,
 * in nelson1425/EfficientAD), `tensor` on floats (anomalib).
 */
export type Augmentation = "pillow" | "tensor";

/** What is changed. */
export type Change = "brightness" | "contrast" | "saturation";

const changes: readonly Change[] = ["brightness", "contrast", "saturation"];

/**
 * A change and a factor drawn at random, applied.
 *
 * @param pixels `[h, w, 3]`
 * @returns `[h, w, 3]`, numbers from 0 to 255
 */
export function augmentedImage(
  pixels: Uint8Array,
  kind: Augmentation,
  random: RandomState,
): Float32Array {
  const change = changes[random.integer(changes.length)];
  return changedImage(pixels, change, random.uniform(0.8, 1.2), kind);
}

/**
 * factor · image + (1 - factor) · other, with other black (brightness), the mean grey (contrast) or the
 * image in grey (saturation); limited to 0 … 255.
 */
export function changedImage(
  pixels: Uint8Array,
  change: Change,
  factor: number,
  kind: Augmentation,
): Float32Array {
  const grey = change === "brightness" ? undefined : greyOf(pixels, kind);
  if (change === "contrast") grey!.fill(meanGrey(grey!, kind));
  const result = new Float32Array(pixels.length);
  const share = Math.fround(factor);
  for (let i = 0; i < pixels.length; i++) {
    const other = grey === undefined ? 0 : grey[Math.floor(i / 3)];
    const value = Math.fround(other + Math.fround(share * (pixels[i] - other)));
    const limited = Math.min(255, Math.max(0, value));
    result[i] = kind === "pillow" ? Math.trunc(limited) : limited;
  }
  return result;
}

/** ITU-R 601 luma of each pixel: Pillow's conversion to "L" in integers, torchvision's in floats. */
function greyOf(pixels: Uint8Array, kind: Augmentation): Float32Array {
  const grey = new Float32Array(pixels.length / 3);
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    const [r, g, b] = [pixels[at], pixels[at + 1], pixels[at + 2]];
    grey[i] = kind === "pillow"
      ? (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16
      : 0.2989 * r + 0.587 * g + 0.114 * b;
  }
  return grey;
}

/** The mean, rounded by Pillow. */
function meanGrey(grey: Float32Array, kind: Augmentation): number {
  let sum = 0;
  for (let i = 0; i < grey.length; i++) sum += grey[i];
  const mean = sum / grey.length;
  return kind === "pillow" ? Math.floor(mean + 0.5) : mean;
}
