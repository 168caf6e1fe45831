/**
 * Smooth lines through points, and the distance from a place to them.
 *
 * @module
 */
import type { Point } from "./layout.ts";

/** A polyline: straight pieces `[x0, y0, x1, y1, way at the start, way at the end]`. */
export interface Course {
  /** `[pieces, 6]`; ways count from 0 at the first point to 1 at the last */
  readonly pieces: Float64Array;
  /** left, top, right, bottom */
  readonly box: readonly [number, number, number, number];
}

/** Pieces between two given points. */
const perSpan = 6;

/** A smooth line through two or more points (Catmull and Rom's spline), cut into straight pieces. */
export function smoothCourse(points: readonly Point[]): Course {
  const bends: Point[] = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const a = points[Math.max(0, i - 1)];
    const b = points[i];
    const c = points[i + 1];
    const d = points[Math.min(points.length - 1, i + 2)];
    for (let k = 0; k < perSpan; k++) bends.push(between(a, b, c, d, k / perSpan));
  }
  bends.push(points[points.length - 1]);
  return straightCourse(bends);
}

/** The polyline through the points as they are. */
function straightCourse(points: readonly Point[]): Course {
  const count = points.length - 1;
  const pieces = new Float64Array(count * 6);
  let [left, top, right, bottom] = [points[0].x, points[0].y, points[0].x, points[0].y];
  for (let i = 0; i < count; i++) {
    const a = points[i];
    const b = points[i + 1];
    pieces.set([a.x, a.y, b.x, b.y, i / count, (i + 1) / count], i * 6);
    left = Math.min(left, b.x);
    top = Math.min(top, b.y);
    right = Math.max(right, b.x);
    bottom = Math.max(bottom, b.y);
  }
  return { pieces, box: [left, top, right, bottom] };
}

const nearest = { distance: 0, way: 0 };

/**
 * Distance from (x, y) to the course, and how far along it (0 … 1) its nearest place lies. The
 * returned record is reused by the next call.
 */
export function distanceToCourse(
  course: Course,
  x: number,
  y: number,
): { readonly distance: number; readonly way: number } {
  const { pieces } = course;
  let least = Infinity;
  let way = 0;
  for (let i = 0; i < pieces.length; i += 6) {
    const ax = x - pieces[i];
    const ay = y - pieces[i + 1];
    const bx = pieces[i + 2] - pieces[i];
    const by = pieces[i + 3] - pieces[i + 1];
    const square = bx * bx + by * by;
    let t = square > 0 ? (ax * bx + ay * by) / square : 0;
    if (t < 0) t = 0;
    else if (t > 1) t = 1;
    const dx = ax - bx * t;
    const dy = ay - by * t;
    const distance = dx * dx + dy * dy;
    if (distance < least) {
      least = distance;
      way = pieces[i + 4] + (pieces[i + 5] - pieces[i + 4]) * t;
    }
  }
  nearest.distance = Math.sqrt(least);
  nearest.way = way;
  return nearest;
}

/** The point a share `t` of the way from b to c, on the spline through a, b, c, d. */
function between(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  return { x: spline(a.x, b.x, c.x, d.x, t), y: spline(a.y, b.y, c.y, d.y, t) };
}

/** Catmull and Rom's cubic through b (t = 0) and c (t = 1). */
export function spline(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}
