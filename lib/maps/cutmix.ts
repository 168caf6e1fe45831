/**
 * Pseudo anomalies of DRA (Ding et al. 2022): a piece of a good image, its colours changed a little,
 * pasted unblended at another place of the same image.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";

/** What a piece may be. Plain JSON, for keys. */
export type CutMixSettings = {
  /** Least and greatest share of the image's area. */
  readonly area: readonly [number, number];
  /** Least and greatest width by height, drawn evenly on a logarithmic scale. */
  readonly aspect: readonly [number, number];
  /** Factors of brightness, contrast and saturation lie in 1 ± jitter, the hue turns by ± jitter. */
  readonly jitter: number;
};

/** DRA's published settings. */
export const draCutMix: CutMixSettings = {
  area: [0.02, 0.15],
  aspect: [0.3, 1 / 0.3],
  jitter: 0.1,
};

/** A piece of an image, in pixels. */
export interface Piece {
  /** At least 1, at most the side of the image. */
  readonly width: number;
  /** At least 1, at most the side of the image. */
  readonly height: number;
  /** Where it is cut. */
  readonly from: readonly [x: number, y: number];
  /** Where it is pasted. */
  readonly to: readonly [x: number, y: number];
}

/**
 * Makes a pseudo anomaly of `image` in place.
 *
 * @param image uint8 RGB `[size, size, 3]`
 * @returns the piece that was moved
 */
export function cutMix(
  image: Uint8Array,
  size: number,
  random: RandomState,
  settings: CutMixSettings = draCutMix,
): Piece {
  const piece = drawPiece(size, random, settings);
  const { width, height, from, to } = piece;
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((from[1] + y) * size + from[0]) * 3;
    pixels.set(image.subarray(start, start + width * 3), y * width * 3);
  }
  jitterColours(pixels, random, settings.jitter);
  for (let y = 0; y < height; y++) {
    const row = pixels.subarray(y * width * 3, (y + 1) * width * 3);
    image.set(row, ((to[1] + y) * size + to[0]) * 3);
  }
  return piece;
}

function drawPiece(
  size: number,
  random: RandomState,
  { area, aspect }: CutMixSettings,
): Piece {
  const pixels = random.uniform(area[0], area[1]) * size * size;
  const ratio = Math.exp(random.uniform(Math.log(aspect[0]), Math.log(aspect[1])));
  const side = (length: number) => Math.min(size, Math.max(1, Math.round(length)));
  const width = side(Math.sqrt(pixels * ratio));
  const height = side(Math.sqrt(pixels / ratio));
  const corner = (): [number, number] => [
    random.integer(size - width + 1),
    random.integer(size - height + 1),
  ];
  return { width, height, from: corner(), to: corner() };
}

/** The four colour changes of torchvision's ColorJitter. */
type ColourChange = "brightness" | "contrast" | "saturation" | "hue";
const changes: readonly ColourChange[] = ["brightness", "contrast", "saturation", "hue"];

/**
 * Changes the colours of `pixels` (RGB, any number of them) in place, as torchvision's ColorJitter: in
 * random order, brightness (times a factor), contrast (away from the mean grey), saturation (away from
 * each pixel's grey) and hue (a turn of the colour circle), clamped after each; rounded once, at the
 * end.
 */
export function jitterColours(pixels: Uint8Array, random: RandomState, jitter: number): void {
  const colours = Float64Array.from(pixels, (value) => value / 255);
  for (const index of random.permutation(changes.length)) {
    const change = changes[index];
    const amount = random.uniform(-jitter, jitter);
    if (change === "hue") turnHue(colours, amount);
    else blend(colours, change, 1 + amount);
  }
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.round(255 * colours[i]);
}

/** `factor` · colour + (1 - `factor`) · reference, which is black, the mean grey, or the pixel's grey. */
function blend(
  colours: Float64Array,
  change: Exclude<ColourChange, "hue">,
  factor: number,
): void {
  let reference = 0;
  if (change === "contrast") {
    for (let i = 0; i < colours.length; i += 3) reference += greyOf(colours, i);
    reference /= colours.length / 3;
  }
  for (let i = 0; i < colours.length; i += 3) {
    if (change === "saturation") reference = greyOf(colours, i);
    for (let c = i; c < i + 3; c++) {
      colours[c] = clamp(factor * colours[c] + (1 - factor) * reference);
    }
  }
}

/** ITU-R 601 luma. */
function greyOf(colours: Float64Array, i: number): number {
  return 0.299 * colours[i] + 0.587 * colours[i + 1] + 0.114 * colours[i + 2];
}

/** Turns every pixel's hue by `turn` of the colour circle, value and saturation as they are (HSV). */
function turnHue(colours: Float64Array, turn: number): void {
  for (let i = 0; i < colours.length; i += 3) {
    const [r, g, b] = [colours[i], colours[i + 1], colours[i + 2]];
    const most = Math.max(r, g, b);
    const range = most - Math.min(r, g, b);
    if (range === 0) continue;
    // In sixths of the circle, red at 0.
    let hue = most === r ? (g - b) / range : most === g ? 2 + (b - r) / range : 4 + (r - g) / range;
    hue += 6 * turn;
    for (let c = 0; c < 3; c++) {
      const away = hue + [5, 3, 1][c];
      const sector = away - 6 * Math.floor(away / 6);
      const fall = Math.max(0, Math.min(sector, 4 - sector, 1));
      colours[i + c] = clamp(most - range * fall);
    }
  }
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
