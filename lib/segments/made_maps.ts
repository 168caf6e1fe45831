/**
 * First drafts of a segmentation map from images of good parts, for products that are always in the
 * same place: a threshold between part and ground, or regions of like colour. Both work on the pixelwise
 * median of the images, in which what differs from part to part is gone.
 *
 * @module
 */
import { DataError, UsageError } from "../base/errors.ts";
import { RandomState } from "../base/random.ts";
import type { RgbImage } from "../images/resize.ts";
import type { SegmentationMap } from "./segmentation_map.ts";

/** Smallest region as a share of the image; smaller ones join their surroundings. */
const smallestRegion = 0.003;

/**
 * The median of images of one size, channel by channel; of an even number the lower middle one.
 *
 * @throws {DataError} for images of different sizes
 */
export function medianImage(images: readonly RgbImage[]): RgbImage {
  const [{ width, height }] = images;
  const other = images.find((image) => image.width !== width || image.height !== height);
  if (other !== undefined) {
    throw new DataError(
      `Cannot make a segmentation map: one image has ${other.width} x ${other.height} pixels, the ` +
        `first one ${width} x ${height}`,
      { remedy: "Give images of one size, as the camera takes them." },
    );
  }
  const data = new Uint8Array(width * height * 3);
  const values = new Uint8Array(images.length);
  const middle = (images.length - 1) >> 1;
  for (let i = 0; i < data.length; i++) {
    for (let k = 0; k < images.length; k++) values[k] = images[k].data[i];
    data[i] = values.sort()[middle];
  }
  return { width, height, data };
}

/**
 * Part and ground by Otsu's threshold of the brightness (the one that leaves the least variance within
 * the two). The side that has more of the image's border is the ground; holes are closed.
 */
export function thresholdMap(image: RgbImage): SegmentationMap {
  const { width, height } = image;
  const brightness = brightnessOf(image);
  const level = otsuLevel(brightness);
  const labels = Uint8Array.from(brightness, (value) => Number(value > level));
  let onBorder = 0;
  forBorder(width, height, (i) => onBorder += labels[i]);
  if (onBorder > width + height - 2) labels.forEach((label, i) => labels[i] = 1 - label);
  joinSmallRegions(labels, width, height);
  closeHoles(labels, width, height);
  return namedMap(image, labels, (label) => label === 0 ? "background" : "part", "threshold");
}

/**
 * `count` groups of like colour: k-means on smoothed colours, begun with k-means++ from a fixed seed,
 * small regions joined to their surroundings. The largest group comes first.
 *
 * @param count 2 to 64
 */
export function colourMap(image: RgbImage, count: number): SegmentationMap {
  if (!Number.isInteger(count) || count < 2 || count > 64) {
    throw new UsageError(`Cannot make ${count} segments by colour`, {
      remedy: "Give a number from 2 to 64, e.g. colours:5.",
    });
  }
  const { width, height } = image;
  const labels = kMeans(smoothColours(image), count);
  joinSmallRegions(labels, width, height);
  return namedMap(image, labels, (label) => `region ${label + 1}`, `colours:${count}`);
}

/** Labels renumbered by size, largest first (a background keeps its place), with names. */
function namedMap(
  { width, height }: RgbImage,
  labels: Uint8Array,
  nameOf: (label: number) => string,
  name: string,
): SegmentationMap {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const order = [...counts.keys()].sort((a, b) =>
    name === "threshold" ? a - b : counts.get(b)! - counts.get(a)! || a - b
  );
  const places = new Map(order.map((label, place) => [label, place]));
  return {
    name,
    width,
    height,
    labels: labels.map((label) => places.get(label)!),
    segments: order.map((_, place) => nameOf(place)),
  };
}

/** 0.299 R + 0.587 G + 0.114 B, rounded. */
function brightnessOf({ data }: RgbImage): Uint8Array {
  const brightness = new Uint8Array(data.length / 3);
  for (let i = 0; i < brightness.length; i++) {
    brightness[i] = Math.round(
      0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2],
    );
  }
  return brightness;
}

/** The level with the greatest variance between the values up to it and those above. */
function otsuLevel(values: Uint8Array): number {
  const histogram = new Float64Array(256);
  let total = 0;
  for (const value of values) {
    histogram[value]++;
    total += value;
  }
  let best = 0;
  let most = -1;
  let below = 0;
  let sumBelow = 0;
  for (let level = 0; level < 255; level++) {
    below += histogram[level];
    sumBelow += level * histogram[level];
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (sumBelow / below - (total - sumBelow) / above) ** 2;
    if (between > most) [best, most] = [level, between];
  }
  return best;
}

/** Colours of each pixel, mean over 5 x 5: `[pixels, 3]`. */
function smoothColours({ width, height, data }: RgbImage): Float32Array {
  const radius = 2;
  const colours = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sums = [0, 0, 0];
      let count = 0;
      for (let v = Math.max(0, y - radius); v <= Math.min(height - 1, y + radius); v++) {
        for (let u = Math.max(0, x - radius); u <= Math.min(width - 1, x + radius); u++) {
          const at = (v * width + u) * 3;
          for (let c = 0; c < 3; c++) sums[c] += data[at + c];
          count++;
        }
      }
      for (let c = 0; c < 3; c++) colours[(y * width + x) * 3 + c] = sums[c] / count;
    }
  }
  return colours;
}

/** Group of each colour. */
function kMeans(colours: Float32Array, count: number): Uint8Array {
  const pixels = colours.length / 3;
  const centres = firstCentres(colours, count);
  const labels = new Uint8Array(pixels);
  for (let round = 0; round < 30; round++) {
    let moved = 0;
    const sums = new Float64Array(count * 4);
    for (let i = 0; i < pixels; i++) {
      let nearest = 0;
      let least = Infinity;
      for (let k = 0; k < count; k++) {
        const distance = squaredDistance(colours, i, centres, k);
        if (distance < least) [nearest, least] = [k, distance];
      }
      if (labels[i] !== nearest) moved++;
      labels[i] = nearest;
      for (let c = 0; c < 3; c++) sums[nearest * 4 + c] += colours[3 * i + c];
      sums[nearest * 4 + 3]++;
    }
    for (let k = 0; k < count; k++) {
      const size = sums[k * 4 + 3];
      for (let c = 0; c < 3 && size > 0; c++) centres[k * 3 + c] = sums[k * 4 + c] / size;
    }
    if (moved === 0) break;
  }
  return labels;
}

/** k-means++: each further centre is a pixel drawn by its squared distance to the nearest one so far. */
function firstCentres(colours: Float32Array, count: number): Float64Array {
  const pixels = colours.length / 3;
  const random = new RandomState(0);
  const centres = new Float64Array(count * 3);
  const least = new Float64Array(pixels).fill(Infinity);
  let chosen = Math.floor(random.random() * pixels);
  for (let k = 0; k < count; k++) {
    for (let c = 0; c < 3; c++) centres[k * 3 + c] = colours[chosen * 3 + c];
    let total = 0;
    for (let i = 0; i < pixels; i++) {
      least[i] = Math.min(least[i], squaredDistance(colours, i, centres, k));
      total += least[i];
    }
    let rest = random.random() * total;
    for (chosen = 0; chosen < pixels - 1 && rest >= least[chosen]; chosen++) rest -= least[chosen];
  }
  return centres;
}

function squaredDistance(
  colours: Float32Array,
  i: number,
  centres: Float64Array,
  k: number,
): number {
  const red = colours[3 * i] - centres[3 * k];
  const green = colours[3 * i + 1] - centres[3 * k + 1];
  const blue = colours[3 * i + 2] - centres[3 * k + 2];
  return red * red + green * green + blue * blue;
}

/** A region of one label whose pixels touch along edges. */
interface Region {
  readonly label: number;
  readonly pixels: readonly number[];
  readonly onBorder: boolean;
}

function regionsOf(labels: Uint8Array, width: number, height: number): Region[] {
  const seen = new Uint8Array(labels.length);
  const regions: Region[] = [];
  for (let start = 0; start < labels.length; start++) {
    if (seen[start]) continue;
    const label = labels[start];
    const pixels = [start];
    seen[start] = 1;
    let onBorder = false;
    for (let k = 0; k < pixels.length; k++) {
      const x = pixels[k] % width;
      const y = (pixels[k] - x) / width;
      onBorder ||= x === 0 || y === 0 || x === width - 1 || y === height - 1;
      forNeighbours(pixels[k], width, height, (next) => {
        if (seen[next] || labels[next] !== label) return;
        seen[next] = 1;
        pixels.push(next);
      });
    }
    regions.push({ label, pixels, onBorder });
  }
  return regions;
}

/** Regions below the smallest size, smallest first, take the label that they touch most. */
function joinSmallRegions(labels: Uint8Array, width: number, height: number): void {
  const least = Math.ceil(smallestRegion * labels.length);
  for (let round = 0; round < 10; round++) {
    const small = regionsOf(labels, width, height).filter(({ pixels }) => pixels.length < least)
      .sort((a, b) => a.pixels.length - b.pixels.length);
    if (small.length === 0) return;
    for (const { label, pixels } of small) {
      const touched = new Map<number, number>();
      for (const pixel of pixels) {
        forNeighbours(pixel, width, height, (next) => {
          const other = labels[next];
          if (other !== label) touched.set(other, (touched.get(other) ?? 0) + 1);
        });
      }
      const [most] = [...touched].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
      if (most !== undefined) { for (const pixel of pixels) labels[pixel] = most[0]; }
    }
  }
}

/** Ground that does not reach the border is part. */
function closeHoles(labels: Uint8Array, width: number, height: number): void {
  for (const { label, pixels, onBorder } of regionsOf(labels, width, height)) {
    if (label === 0 && !onBorder) { for (const pixel of pixels) labels[pixel] = 1; }
  }
}

function forBorder(width: number, height: number, visit: (pixel: number) => void): void {
  for (let x = 0; x < width; x++) {
    visit(x);
    visit((height - 1) * width + x);
  }
  for (let y = 1; y < height - 1; y++) {
    visit(y * width);
    visit(y * width + width - 1);
  }
}

function forNeighbours(
  pixel: number,
  width: number,
  height: number,
  visit: (next: number) => void,
): void {
  const x = pixel % width;
  if (x > 0) visit(pixel - 1);
  if (x < width - 1) visit(pixel + 1);
  if (pixel >= width) visit(pixel - width);
  if (pixel < width * (height - 1)) visit(pixel + width);
}
