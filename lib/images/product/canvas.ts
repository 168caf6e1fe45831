/**
 * The surface that a part is painted on, addressed in the part's own coordinates.
 *
 * @module
 */

/** A square picture in the making. */
export interface Canvas {
  /** width and height in pixels */
  readonly size: number;
  /** `[size, size, 3]`, grey levels, not yet limited to 0 … 255 */
  readonly rgb: Float32Array;
  /** the part's x at the middle of the leftmost pixels, and its change to the next column */
  readonly left: number;
  /** below 0 where the layout is mirrored */
  readonly stepX: number;
  /** the part's y at the middle of the topmost pixels, and its change to the next row */
  readonly top: number;
  /** always above 0 */
  readonly stepY: number;
}

/** Calls `visit` with the part's coordinates and the place in `rgb` of every pixel inside a box. */
export function eachPixel(
  canvas: Canvas,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  visit: (x: number, y: number, at: number) => void,
): void {
  const { size, left, top, stepX, stepY } = canvas;
  const a = (x0 - left) / stepX;
  const b = (x1 - left) / stepX;
  const firstColumn = Math.max(0, Math.floor(Math.min(a, b)));
  const lastColumn = Math.min(size - 1, Math.ceil(Math.max(a, b)));
  const firstRow = Math.max(0, Math.floor((y0 - top) / stepY));
  const lastRow = Math.min(size - 1, Math.ceil((y1 - top) / stepY));
  for (let row = firstRow; row <= lastRow; row++) {
    const y = top + row * stepY;
    let at = (row * size + firstColumn) * 3;
    for (let column = firstColumn; column <= lastColumn; column++, at += 3) {
      visit(left + column * stepX, y, at);
    }
  }
}

/** Lays a colour over a pixel. */
export function blend(
  rgb: Float32Array,
  at: number,
  red: number,
  green: number,
  blue: number,
  opacity: number,
): void {
  rgb[at] += (red - rgb[at]) * opacity;
  rgb[at + 1] += (green - rgb[at + 1]) * opacity;
  rgb[at + 2] += (blue - rgb[at + 2]) * opacity;
}

/** Share of a pixel of width `pixel` that lies inside, from the signed distance of its middle. */
export function coverage(distance: number, pixel: number): number {
  return clamp01(0.5 - distance / pixel);
}

/** `value` limited to 0 … 1. */
export function clamp01(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** Smooth step from 0 at `from` to 1 at `to`; `from` may be the greater one. */
export function smoothStep(from: number, to: number, value: number): number {
  const t = clamp01((value - from) / (to - from));
  return t * t * (3 - 2 * t);
}
