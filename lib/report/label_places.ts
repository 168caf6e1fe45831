/**
 * Places of labels beside points, so that neither labels nor points cover one another where there is
 * room: each label tries the places around its point in order of liking and takes the first free one.
 *
 * @module
 */

/** A point with its label, in pixels; y down. */
export interface LabelledPoint {
  /** From the left edge of the plot. */
  readonly x: number;
  /** From the upper edge of the plot. */
  readonly y: number;
  /** One line. */
  readonly text: string;
}

/** Where a label stands, relative to its point. */
export interface LabelPlace {
  /** Which part of the text lies at the place. */
  readonly align: "left" | "center" | "right";
  /** Pixels to the right. */
  readonly dx: number;
  /** Pixels down, of the text's middle. */
  readonly dy: number;
}

/** Of a label with a font of 11 pixels: a character's mean width, a line's height. */
const [characterWidth, lineHeight] = [6.3, 12];
/** Half the edge of the square that a point takes. */
const pointReach = 5;

/** From the most liked to the least. */
const places: readonly LabelPlace[] = [
  { align: "left", dx: 8, dy: 0 },
  { align: "right", dx: -8, dy: 0 },
  { align: "left", dx: 6, dy: -9 },
  { align: "left", dx: 6, dy: 9 },
  { align: "right", dx: -6, dy: -9 },
  { align: "right", dx: -6, dy: 9 },
  { align: "center", dx: 0, dy: -13 },
  { align: "center", dx: 0, dy: 13 },
];

/** Left, top, right, bottom in pixels. */
type Box = readonly [left: number, top: number, right: number, bottom: number];

/**
 * A place for each label, in the order of the points. Labels may reach over the right edge of a plot,
 * which leaves room there, and over no other.
 *
 * @param height of the plot in pixels
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const points = [{ x: 50, y: 50, text: "first" }, { x: 70, y: 52, text: "second" }];
 * assert.deepEqual(labelPlaces(points, 100).map(({ align }) => align), ["right", "left"]);
 * ```
 */
export function labelPlaces(points: readonly LabelledPoint[], height: number): LabelPlace[] {
  const dots = points.map(({ x, y }): Box => [
    x - pointReach,
    y - pointReach,
    x + pointReach,
    y + pointReach,
  ]);
  const chosen: (LabelPlace | undefined)[] = points.map(() => undefined);
  // The second round sees the labels that were placed later in the first.
  for (let round = 0; round < 2; round++) {
    for (const [i, point] of points.entries()) {
      const taken = [
        ...dots.filter((_, j) => j !== i),
        ...points.flatMap((other, j) => {
          const place = j === i ? undefined : chosen[j];
          return place === undefined ? [] : [labelBox(other, place)];
        }),
      ];
      const costs = places.map((place) => cost(labelBox(point, place), taken, height));
      chosen[i] = places[costs.indexOf(Math.min(...costs))];
    }
  }
  return chosen as LabelPlace[];
}

function labelBox({ x, y, text }: LabelledPoint, { align, dx, dy }: LabelPlace): Box {
  const width = characterWidth * text.length;
  const left = x + dx - (align === "left" ? 0 : align === "right" ? width : width / 2);
  return [left, y + dy - lineHeight / 2, left + width, y + dy + lineHeight / 2];
}

/** Square pixels that a label shares with what is there, or has beyond the edges of the plot. */
function cost(box: Box, taken: readonly Box[], height: number): number {
  const [left, top, right, bottom] = box;
  const outside = Math.max(0, -left) * lineHeight +
    (Math.max(0, -top) + Math.max(0, bottom - height)) * (right - left);
  return taken.reduce((sum, [l, t, r, b]) => {
    const across = Math.min(right, r) - Math.max(left, l);
    const down = Math.min(bottom, b) - Math.max(top, t);
    return across > 0 && down > 0 ? sum + across * down : sum;
  }, outside);
}
