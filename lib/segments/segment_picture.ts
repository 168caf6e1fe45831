/**
 * Pictures of segmentation maps: the colours of segments, and an image below them (Figures 5 and 7).
 *
 * @module
 */
import type { SegmentationMap } from "./segmentation_map.ts";

/** A colour with a name for captions. */
export interface SegmentColour {
  /** Plain English, as a caption says it: "the orange part is …". */
  readonly name: string;
  /** Each 0 to 255. */
  readonly rgb: readonly [red: number, green: number, blue: number];
}

/** Colours of segments in the order of their labels, told apart with common colour blindness. */
const segmentColours: readonly SegmentColour[] = [
  { name: "grey", rgb: [128, 128, 128] },
  { name: "blue", rgb: [47, 109, 179] },
  { name: "orange", rgb: [240, 160, 48] },
  { name: "green", rgb: [58, 157, 107] },
  { name: "red", rgb: [196, 40, 60] },
  { name: "purple", rgb: [122, 104, 200] },
  { name: "yellow", rgb: [240, 220, 60] },
  { name: "cyan", rgb: [32, 160, 176] },
  { name: "pink", rgb: [230, 130, 200] },
  { name: "brown", rgb: [140, 98, 70] },
];

/** The colour of a label; the colours begin anew after the last one. */
export function segmentColour(label: number): SegmentColour {
  return segmentColours[label % segmentColours.length];
}

/**
 * The image under its segments.
 *
 * @param pixels RGB `[height, width, 3]` of the map's size
 * @param opacity of the segments, 0 to 1
 * @returns a new array; pixels of no segment are as they were
 * @throws {RangeError} for pixels of another size
 */
export function paintSegments(
  pixels: Uint8Array,
  map: SegmentationMap,
  opacity = 0.45,
): Uint8Array {
  const { width, height, labels, segments } = map;
  if (pixels.length !== width * height * 3) {
    throw new RangeError(
      `Cannot paint segments: the image has ${pixels.length} bytes, the map ${width} x ${height} pixels`,
    );
  }
  const over = pixels.slice();
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] >= segments.length) continue;
    const { rgb } = segmentColour(labels[i]);
    for (let c = 0; c < 3; c++) {
      over[3 * i + c] = Math.round((1 - opacity) * over[3 * i + c] + opacity * rgb[c]);
    }
  }
  return over;
}
