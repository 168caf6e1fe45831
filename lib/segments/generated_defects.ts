/**
 * Generated defects for the one-class benchmark: good images turned bad by simple disturbances, since
 * the forest needs bad images and none may be used (paper, section 5.1): "Gaussian blur or a randomly
 * placed, randomly sized thin rectangle of a random shade of gray … applied to randomly selected
 * segments or random parts of the segments"; Figure 8 shows a blurred part of a segment, a small
 * rectangle and a thin rectangle. They are not meant to look real, only to raise anomaly maps where they
 * are (A.2).
 *
 * The paper gives no sizes, and the public code does not hold this part: every number below is an
 * assumption, in shares of the image's side so that it means the same at any resolution.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import type { RandomState } from "../base/random.ts";
import { gaussianKernel } from "../base/statistics.ts";
import { type SegmentationMap, segmentIndex } from "./segmentation_map.ts";

/** The kinds of generated defects (section 5.1, Figure 8); each is drawn equally often. */
export const generatedDefectKinds = [
  "blurred segment",
  "blurred part",
  "thin rectangle",
  "small rectangle",
] as const;
/** Name of a way to spoil a good image. */
export type GeneratedDefectKind = typeof generatedDefectKinds[number];

/** Ranges that sizes are drawn from, uniformly, in shares of the shorter side of the image. */
const generatedDefectSizes = {
  /** Standard deviation of the blur: 2 to 5 pixels of 256, so that wires and texture vanish. */
  blurSigma: [0.008, 0.02],
  /** Height and width of the window that cuts a part out of a segment: 25 to 100 pixels of 256. */
  partSide: [0.1, 0.4],
  /** Length of a thin rectangle: 25 to 100 pixels of 256. */
  thinLength: [0.1, 0.4],
  /** Thickness of a thin rectangle: 2 to 5 pixels of 256. */
  thinThickness: [0.008, 0.02],
  /** Height and width of a small rectangle: 6 to 20 pixels of 256. */
  smallSide: [0.025, 0.08],
} as const;

/** Draws after which an image on which nothing shows is given up. */
const drawLimit = 100;

/** An image with a defect, and what was done to it. */
export interface GeneratedDefect {
  /** `[height, width, 3]`, a new array. */
  readonly pixels: Uint8Array;
  /** Which of the ways was drawn, or was asked for. */
  readonly kind: GeneratedDefectKind;
  /** Name of the segment it was applied to. */
  readonly segment: string;
  /** `[height, width]`: 1 where a pixel differs from the good image. */
  readonly mask: Uint8Array;
}

/** Options of `generateDefect`. */
export interface GenerateDefectOptions {
  /**
   * Kinds to draw from.
   * @default all
   */
  readonly kinds?: readonly GeneratedDefectKind[];
}

/**
 * A good image with one generated defect. The kind and the segment are drawn first, then place and
 * size; a rectangle lies around a random pixel of the segment, at a random angle when thin, and may
 * reach over the segment's edge. Where the drawing changes no pixel (blur of an even area), it is drawn
 * anew.
 *
 * @param pixels good image `[height, width, 3]` of the size of `map`; not changed
 * @param random draws everything; the same state gives the same defect
 * @throws {RangeError} for pixels of another size, or an image that no drawing changes
 */
export function generateDefect(
  pixels: Uint8Array,
  map: SegmentationMap,
  random: RandomState,
  options: GenerateDefectOptions = {},
): GeneratedDefect {
  const { height, width } = map;
  if (pixels.length !== height * width * 3) {
    throw new RangeError(
      `Cannot generate a defect: the image has ${pixels.length} values, and segmentation map ` +
        `${map.name} has ${height} x ${width} pixels`,
    );
  }
  const { kinds = generatedDefectKinds } = options;
  const unknown = kinds.find((kind) => !generatedDefectKinds.includes(kind));
  if (unknown !== undefined || kinds.length === 0) {
    throw unknownName("kind of generated defect", unknown ?? "", generatedDefectKinds);
  }
  const { offsets, pixels: places } = segmentIndex(map);
  const present = map.segments.map((_, s) => s).filter((s) => offsets[s + 1] > offsets[s]);
  if (present.length === 0) {
    throw new RangeError(`Cannot generate a defect: segmentation map ${map.name} has no pixel`);
  }
  for (let draw = 0; draw < drawLimit; draw++) {
    const kind = kinds[random.integer(kinds.length)];
    const s = present[random.integer(present.length)];
    const place = places[offsets[s] + random.integer(offsets[s + 1] - offsets[s])];
    const result = pixels.slice();
    const canvas = { pixels: result, height, width };
    if (kind === "blurred segment") {
      blurWhere(canvas, drawSigma(canvas, random), (i) => map.labels[i] === s);
    } else if (kind === "blurred part") {
      const sigma = drawSigma(canvas, random);
      const window = drawRectangle(canvas, place, generatedDefectSizes.partSide, random);
      blurWhere(canvas, sigma, (i) => map.labels[i] === s && covers(window, i, width));
    } else {
      const rectangle = kind === "thin rectangle"
        ? drawThinRectangle(canvas, place, random)
        : drawRectangle(canvas, place, generatedDefectSizes.smallSide, random);
      paint(canvas, rectangle, random.integer(256));
    }
    const mask = difference(pixels, result);
    if (mask.includes(1)) return { pixels: result, kind, segment: map.segments[s], mask };
  }
  throw new RangeError(
    `Cannot generate a defect: ${drawLimit} drawings of ${kinds.join(", ")} change no pixel`,
  );
}

/** An image that is being changed. */
interface Canvas {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** A rectangle around a centre, turned by an angle (0: `across` runs along x). In pixels. */
interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly across: number;
  readonly along: number;
  readonly cosine: number;
  readonly sine: number;
}

function drawSize(
  { height, width }: Canvas,
  [least, most]: readonly [number, number],
  random: RandomState,
): number {
  return random.uniform(least, most) * Math.min(height, width);
}

function drawSigma(canvas: Canvas, random: RandomState): number {
  return drawSize(canvas, generatedDefectSizes.blurSigma, random);
}

function drawRectangle(
  canvas: Canvas,
  place: number,
  sides: readonly [number, number],
  random: RandomState,
): Rectangle {
  const across = drawSize(canvas, sides, random);
  const along = drawSize(canvas, sides, random);
  return { ...centreOf(place, canvas), across, along, cosine: 1, sine: 0 };
}

function drawThinRectangle(canvas: Canvas, place: number, random: RandomState): Rectangle {
  const across = drawSize(canvas, generatedDefectSizes.thinLength, random);
  const along = drawSize(canvas, generatedDefectSizes.thinThickness, random);
  const angle = random.uniform(0, Math.PI);
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  return { ...centreOf(place, canvas), across, along, cosine, sine };
}

function centreOf(place: number, { width }: Canvas): { readonly x: number; readonly y: number } {
  return { x: place % width, y: Math.floor(place / width) };
}

/** Whether the centre of pixel `i` lies in the rectangle; the pixel it is drawn around always does. */
function covers(rectangle: Rectangle, i: number, width: number): boolean {
  const dx = i % width - rectangle.x;
  const dy = Math.floor(i / width) - rectangle.y;
  const { across, along, cosine, sine } = rectangle;
  return Math.abs(dx * cosine + dy * sine) <= across / 2 &&
    Math.abs(dy * cosine - dx * sine) <= along / 2;
}

function paint({ pixels, height, width }: Canvas, rectangle: Rectangle, grey: number): void {
  for (let i = 0; i < height * width; i++) {
    if (covers(rectangle, i, width)) pixels.fill(grey, 3 * i, 3 * i + 3);
  }
}

/** Replaces the pixels that `inside` picks by those of the blurred image (edge pixels repeated). */
function blurWhere(canvas: Canvas, sigma: number, inside: (pixel: number) => boolean): void {
  const { pixels, height, width } = canvas;
  const chosen: number[] = [];
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let i = 0; i < height * width; i++) {
    if (!inside(i)) continue;
    chosen.push(i);
    const [y, x] = [Math.floor(i / width), i % width];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
  }
  if (chosen.length === 0) return;
  const radius = Math.ceil(3 * sigma);
  const kernel = gaussianKernel(sigma, radius);
  // Down the columns for the rows that are needed, over all columns the second step can reach.
  const from = Math.max(0, left - radius);
  const to = Math.min(width - 1, right + radius);
  const stride = (to - from + 1) * 3;
  const middle = new Float64Array((bottom - top + 1) * stride);
  for (let y = top; y <= bottom; y++) {
    const row = (y - top) * stride;
    for (let t = -radius; t <= radius; t++) {
      const weight = kernel[t + radius];
      const source = (Math.min(height - 1, Math.max(0, y + t)) * width + from) * 3;
      for (let k = 0; k < stride; k++) middle[row + k] += weight * pixels[source + k];
    }
  }
  for (const i of chosen) {
    const row = (Math.floor(i / width) - top) * stride;
    const x = i % width;
    for (let c = 0; c < 3; c++) {
      let total = 0;
      for (let t = -radius; t <= radius; t++) {
        const column = Math.min(width - 1, Math.max(0, x + t)) - from;
        total += kernel[t + radius] * middle[row + column * 3 + c];
      }
      pixels[3 * i + c] = Math.round(total);
    }
  }
}

/** `[height, width]`: 1 where any channel differs. */
function difference(before: Uint8Array, after: Uint8Array): Uint8Array {
  const mask = new Uint8Array(before.length / 3);
  for (let k = 0; k < before.length; k++) {
    if (before[k] !== after[k]) mask[Math.floor(k / 3)] = 1;
  }
  return mask;
}
