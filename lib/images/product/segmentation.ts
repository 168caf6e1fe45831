/**
 * The static segmentation map of a product: paper Figure 5, seven segments.
 *
 * @module
 */
import { distanceToCourse, smoothCourse } from "./course.ts";
import { type ProductLayout, vadLayout } from "./layout.ts";
import { unit } from "./part.ts";

/** Names of the segments in the order of their labels. */
export const segmentNames = [
  "background",
  "outer half-circle",
  "piezo border",
  "solder dots",
  "wires",
  "pins",
  "piezo in the middle",
] as const;

/** Name of a segment of the product. */
export type SegmentName = typeof segmentNames[number];

/**
 * VAD's segmentation map: labels 0 … 6 in the order of {@linkcode segmentNames}, `[size, size]`. The
 * areas of solder dots, wires and pins are wide enough for every place that a component takes on good
 * parts and on parts where it is misplaced.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const labels = vadSegmentation(64);
 * assert.equal(segmentNames[labels[0]], "background");
 * assert.equal(segmentNames[labels[38 * 64 + 32]], "piezo in the middle");
 * ```
 */
export function vadSegmentation(size: number): Uint8Array {
  return layoutSegmentation(vadLayout, size);
}

/** The map of a layout; see {@linkcode vadSegmentation}. */
export function layoutSegmentation(layout: ProductLayout, size: number): Uint8Array {
  const labels = new Uint8Array(size * size);
  const label = (name: SegmentName) => segmentNames.indexOf(name);
  const { piezo, dots, pins } = layout;
  const wires = [0, 1].map((side) => {
    const dot = dots[side];
    const { top, bottom, half } = pins[side];
    const { end, bend } = layout.wires[side];
    const axis = unit(bottom.x - top.x, bottom.y - top.y);
    const from = { x: dot.x, y: dot.y + dot.radius * 0.6 };
    const to = { x: top.x + axis.y * half * end, y: top.y - axis.x * half * end };
    const at = (way: number, right: number) => ({
      x: from.x + (to.x - from.x) * way + (to.y - from.y) * right,
      y: from.y + (to.y - from.y) * way - (to.x - from.x) * right,
    });
    return smoothCourse([from, at(0.22, bend[0]), at(0.56, bend[1]), at(0.84, bend[2]), to]);
  });

  for (let row = 0; row < size; row++) {
    const y = (row + 0.5) / size;
    for (let column = 0; column < size; column++) {
      const u = (column + 0.5) / size;
      const x = layout.mirrored ? 1 - u : u;
      const dx = x - piezo.x;
      const dy = y - piezo.y;
      const distance = Math.sqrt(dx * dx + dy * dy);
      let name: SegmentName = "background";
      if (distance < layout.ring + 0.012 && dy > -0.62 * distance && y < 0.975) {
        name = "outer half-circle";
      }
      if (distance < piezo.radius + 0.006) {
        name = distance < layout.electrode - 0.014 ? "piezo in the middle" : "piezo border";
      }
      if (wires.some((wire) => distanceToCourse(wire, x, y).distance < 0.085)) name = "wires";
      if (dots.some((dot) => reaches(dot.x - x, dot.y - y, dot.radius + 0.028))) {
        name = "solder dots";
      }
      if (pins.some((pin) => onPin(pin, x, y))) name = "pins";
      labels[row * size + column] = label(name);
    }
  }
  return labels;
}

function reaches(dx: number, dy: number, radius: number): boolean {
  return dx * dx + dy * dy < radius * radius;
}

function onPin(pin: ProductLayout["pins"][number], x: number, y: number): boolean {
  const bar = beside(pin.top, { x: pin.bodyTop.x, y: pin.bodyTop.y + 0.03 }, x, y);
  const straight = beside(pin.top, pin.bottom, x, y);
  const body = beside(pin.bodyTop, pin.bodyBottom, x, y);
  const margin = 0.024;
  return [
    [bar, pin.half],
    [straight, pin.half],
    [body, pin.bodyHalf],
  ].some(([place, half]) => {
    const { aside, before } = place as { aside: number; before: number };
    return aside < (half as number) + margin && before < 0.012;
  });
}

/** Distance from the line a-b, and how far outside its ends. */
function beside(
  a: { readonly x: number; readonly y: number },
  b: { readonly x: number; readonly y: number },
  x: number,
  y: number,
): { aside: number; before: number } {
  const axis = unit(b.x - a.x, b.y - a.y);
  const length = (b.x - a.x) * axis.x + (b.y - a.y) * axis.y;
  const along = (x - a.x) * axis.x + (y - a.y) * axis.y;
  return {
    aside: Math.abs((x - a.x) * axis.y - (y - a.y) * axis.x),
    before: Math.max(-along, along - length),
  };
}
