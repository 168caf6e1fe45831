/**
 * The borders of segments as polygons, for pictures: each segment of a label image as loops along the
 * edges of its pixels, and the place inside it where a label has most room.
 *
 * @module
 */
import type { SegmentationMap } from "./segmentation_map.ts";

/** A segment as a shape, in pixels of the map: x to the right, y down. */
export interface SegmentOutline {
  /** Its name in the map. */
  readonly segment: string;
  /**
   * Closed loops without the repeated last corner, `[x, y]` in whole numbers: around the segment with
   * it on the right-hand side, so that holes run the other way round. Empty where it has no pixel.
   */
  readonly loops: readonly (readonly (readonly [x: number, y: number])[])[];
  /** Centre of the pixel that is farthest from the border; undefined where there is no pixel. */
  readonly anchor?: readonly [x: number, y: number];
  /** Pixels from there to the border, along the axes; 0 where there is no pixel. */
  readonly room: number;
}

/**
 * The outlines of all segments of `map`, in the order of their labels. Pixels that touch at a corner
 * only are apart.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const [ground, part] = segmentOutlines({
 *   name: "example",
 *   width: 3,
 *   height: 2,
 *   labels: Uint8Array.of(0, 1, 1, 0, 0, 0),
 *   segments: ["ground", "part"],
 * });
 * assert.deepEqual(part.loops, [[[1, 0], [3, 0], [3, 1], [1, 1]]]);
 * assert.deepEqual(part.anchor, [1.5, 0.5]);
 * assert.deepEqual(ground.loops, [[[0, 0], [1, 0], [1, 1], [3, 1], [3, 2], [0, 2]]]);
 * ```
 */
export function segmentOutlines(map: SegmentationMap): SegmentOutline[] {
  const anchors = segmentAnchors(map);
  return map.segments.map((segment, label) => {
    const { anchor, room } = anchors[label];
    const loops = loopsOf(map, label);
    return { segment, loops, room, ...(anchor === undefined ? {} : { anchor }) };
  });
}

/** Right, down, left, up: the edges of a pixel in the order in which they run around it. */
const steps = [[1, 0], [0, 1], [-1, 0], [0, -1]] as const;

function loopsOf({ width, height, labels }: SegmentationMap, label: number): [number, number][][] {
  const stride = width + 1;
  // A bit for each direction in which an edge leaves a corner.
  const edges = new Uint8Array(stride * (height + 1));
  const isInside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && labels[y * width + x] === label;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (labels[y * width + x] !== label) continue;
      const corner = y * stride + x;
      if (!isInside(x, y - 1)) edges[corner] |= 1;
      if (!isInside(x + 1, y)) edges[corner + 1] |= 2;
      if (!isInside(x, y + 1)) edges[corner + stride + 1] |= 4;
      if (!isInside(x - 1, y)) edges[corner + stride] |= 8;
    }
  }
  const loops: [number, number][][] = [];
  for (let start = 0; start < edges.length; start++) {
    while (edges[start] !== 0) loops.push(followLoop(edges, stride, start));
  }
  return loops;
}

/** Takes the edges of one loop away, and gives its corners. */
function followLoop(edges: Uint8Array, stride: number, start: number): [number, number][] {
  const corners: [number, number][] = [];
  let at = start;
  let direction = [0, 1, 2, 3].find((one) => edges[at] & (1 << one))!;
  let last = -1;
  do {
    if (direction !== last) corners.push([at % stride, Math.floor(at / stride)]);
    edges[at] &= ~(1 << direction);
    last = direction;
    at += steps[direction][0] + steps[direction][1] * stride;
    // Right first: pixels that touch at a corner stay apart.
    const turn = [1, 0, 3].find((turn) => edges[at] & (1 << ((last + turn) & 3)));
    if (turn !== undefined) direction = (last + turn) & 3;
  } while (at !== start);
  // The loop may begin in the middle of a straight line.
  if (corners.length > 2) {
    const [[x0, y0], [x1, y1]] = corners;
    const [x2, y2] = corners.at(-1)!;
    if ((x0 === x1 && x0 === x2) || (y0 === y1 && y0 === y2)) corners.shift();
  }
  return corners;
}

/** For each label the pixel with the greatest distance (in steps along the axes) to another label. */
function segmentAnchors(
  { width, height, labels, segments }: SegmentationMap,
): { anchor?: [number, number]; room: number }[] {
  const distance = new Int32Array(width * height);
  const reach = (at: number, next: number, isNeighbour: boolean) =>
    isNeighbour && labels[next] === labels[at] ? distance[next] + 1 : 1;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      distance[at] = Math.min(reach(at, at - 1, x > 0), reach(at, at - width, y > 0));
    }
  }
  const best = segments.map((): { anchor?: [number, number]; room: number } => ({ room: 0 }));
  for (let y = height - 1, at = width * height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--, at--) {
      distance[at] = Math.min(
        distance[at],
        reach(at, at + 1, x < width - 1),
        reach(at, at + width, y < height - 1),
      );
      const label = labels[at];
      if (label < segments.length && distance[at] >= best[label].room) {
        best[label] = { anchor: [x + 0.5, y + 0.5], room: distance[at] };
      }
    }
  }
  return best;
}
