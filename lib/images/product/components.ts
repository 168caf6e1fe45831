/**
 * Paints the components on the piezo: solder dots, wires and pins.
 *
 * @module
 */
import { blend, type Canvas, clamp01, coverage, eachPixel, smoothStep } from "./canvas.ts";
import type { PinLayout, Point, ProductLayout } from "./layout.ts";
import { type Course, distanceToCourse, smoothCourse } from "./course.ts";
import type { Noise } from "./noise.ts";
import { direction, type Dot, type Part, type Pin, unit, type Wire } from "./part.ts";

/** Paints a solder dot: translucent flux, dark glossy rim, bright crater drawn out towards the wire. */
export function paintDot(canvas: Canvas, dot: Dot, attach: Point, noise: Noise): void {
  if (!dot.present) return paintBareSpot(canvas, dot, noise);
  paintFlux(canvas, dot, noise);
  const { rgb, stepY } = canvas;
  const reach = dot.radius * 1.35;
  const tip = unit(attach.x - dot.x, attach.y - dot.y);
  const cut = direction(dot.cut.turn);
  const char = dot.burn;
  eachPixel(canvas, around(dot, reach), (x, y, at) => {
    const dx = x - dot.x;
    const dy = y - dot.y;
    const distance = Math.sqrt(dx * dx + dy * dy) + 1e-9;
    const ux = dx / distance;
    const uy = dy / distance;
    const radius = dot.radius * (1 + wavesAround(dot.outline, ux, uy));
    let edge = distance - radius;
    if (dot.cut.depth > 0) {
      const wavy = 0.14 * noise(x * 34, y * 34) + 0.07 * noise(x * 90, y * 90);
      edge = Math.max(
        edge,
        dx * cut.x + dy * cut.y - dot.radius * (1 - dot.cut.depth + wavy * dot.cut.depth * 2),
      );
    }
    const covered = coverage(edge, stepY * 1.3);
    // The dot's shadow and the dark line of its foot.
    const foot = 1 - Math.abs(edge) / 0.008;
    if (foot > 0) blend(rgb, at, 30, 30, 30, foot * 0.5 * (1 - covered));
    if (covered === 0) return;

    const rho = distance / radius;
    const cx = dx / dot.radius - dot.crater.x;
    const cy = dy / dot.radius - dot.crater.y;
    const toTip = cx * tip.x + cy * tip.y;
    // The crater is a disc that runs out into a point where the wire goes in.
    const sideways = Math.abs(cx * tip.y - cy * tip.x);
    const drawn = toTip > 0 ? sideways + toTip * 0.62 : Math.sqrt(cx * cx + cy * cy);
    const bumpy = noise(x * 46 + 5, y * 46) * 0.6 + noise(x * 105, y * 105 + 12) * 0.4;
    const roundness = Math.max(drawn, Math.sqrt(cx * cx + cy * cy) * 0.82);
    const crater = roundness / dot.crater.size + bumpy * (0.11 + 0.35 * dot.rough);
    const bright = smoothStep(1.12, 0.68, crater);
    const pit = smoothStep(0.5, 0.22, crater);

    // Reflections in the rim: broad bands that follow the outline.
    const bands = noise(ux * 2.4 + 31, uy * 2.4 + rho * 1.7) * 0.7 +
      noise(ux * 7 + rho * 4, uy * 7 + 88) * 0.4;
    // The dome is darkest above and mirrors the bright part around it below.
    let tone = dot.rim * (0.5 + 0.62 * smoothStep(1.02, 0.55, rho)) +
      44 * bands * (1.15 - rho * 0.75) + 9 * bumpy + 22 * uy * rho +
      24 * smoothStep(0.72, 0.98, rho) * smoothStep(0.1, 0.55, noise(ux * 5 + 12, uy * 5 + 70));
    if (tone < 16) tone = 16;
    const shine = dot.crater.bright *
      (202 + 30 * bumpy + 30 * smoothStep(0.95, 0.6, crater) - 66 * pit * (0.7 + 0.6 * bumpy));
    tone += (shine - tone) * bright;
    if (dot.rough > 0) {
      const pores = noise(x * 120 + 3, y * 120 + 9);
      const dull = 116 + 34 * noise(x * 60, y * 60 + 2) + (pores < -0.35 ? -62 : 22 * pores);
      tone += (dull - tone) * dot.rough * 0.85;
    }
    let red = tone * 0.985;
    let green = tone;
    let blue = tone * 1.025;
    if (char > 0) {
      // Heat turns the solder brown and a little darker; its shape and shine stay.
      const burnt = clamp01(char * (1.15 + 0.5 * noise(x * 21 + 15, y * 21)));
      const scorched = 0.78 * tone;
      red += (scorched * 1.3 - red) * burnt;
      green += (scorched * 0.86 - green) * burnt;
      blue += (scorched * 0.2 - blue) * burnt;
    }
    blend(rgb, at, red, green, blue, covered);
  });
}

/** Where a dot is missing: flux and a dull print on the silver. */
function paintBareSpot(canvas: Canvas, dot: Dot, noise: Noise): void {
  paintFlux(canvas, dot, noise);
  const { rgb } = canvas;
  eachPixel(canvas, around(dot, dot.radius), (x, y, at) => {
    const distance = Math.sqrt((x - dot.x) * (x - dot.x) + (y - dot.y) * (y - dot.y)) / dot.radius;
    const print = smoothStep(0.9, 0.6, distance + 0.2 * noise(x * 30, y * 30));
    if (print > 0) blend(rgb, at, 150, 150, 146, 0.16 * print);
  });
}

function paintFlux(canvas: Canvas, dot: Dot, noise: Noise): void {
  const { rgb } = canvas;
  const x0 = dot.x + dot.flux.x * dot.radius;
  const y0 = dot.y + dot.flux.y * dot.radius;
  eachPixel(canvas, around({ x: x0, y: y0 }, dot.radius * 1.4), (x, y, at) => {
    const dx = x - x0;
    const dy = y - y0;
    const rho = Math.sqrt(dx * dx + dy * dy) / dot.radius + 0.07 * noise(x * 18 + 2, y * 18);
    const wet = smoothStep(1.15, 1.06, rho);
    if (wet > 0) blend(rgb, at, 138, 138, 126, 0.3 * wet * dot.flux.opacity);
    const line = 1 - Math.abs(rho - 1.11) * 22;
    if (line > 0) blend(rgb, at, 214, 218, 216, 0.5 * line * dot.flux.opacity);
  });
}

/** Paints a wire: a dark rod with a lighter back and a faint shadow. */
export function paintWire(canvas: Canvas, wire: Wire, noise: Noise): void {
  if (!wire.present) return;
  paintRod(
    canvas,
    smoothCourse(wire.points),
    wire.width / 2,
    noise,
    (way, x, y) => {
      const burnt = wire.burn === 0 ? 0 : clamp01(
        wire.burn * (1.5 - Math.abs(way - wire.burnAt) * 2.6) + 0.3 * noise(x * 40, y * 40),
      ) * clamp01(wire.burn * 4);
      return burnt;
    },
    wire.tone,
    1,
  );
}

/** Paints a round rod along a course; `burnt` tells how charred it is at a place. */
export function paintRod(
  canvas: Canvas,
  course: Course,
  half: number,
  noise: Noise,
  burnt: (way: number, x: number, y: number) => number,
  tone: number,
  opacity: number,
): void {
  const { rgb, stepY } = canvas;
  const reach = half * 3.2;
  const box = [
    course.box[0] - reach,
    course.box[1] - reach,
    course.box[2] + reach,
    course.box[3] + reach,
  ] as const;
  eachPixel(canvas, box, (x, y, at) => {
    const near = distanceToCourse(course, x, y);
    if (near.distance > reach) return;
    const char = burnt(near.way, x, y);
    const thick = half * (1 + 0.5 * char * (0.6 + noise(x * 60, y * 60)));
    const covered = coverage(near.distance - thick, stepY);
    const shadow = smoothStep(reach, half * 0.6, near.distance);
    blend(rgb, at, 62, 62, 60, shadow * 0.2 * (1 - covered) * opacity);
    if (covered === 0) return;
    const back = 1 - (near.distance / thick) * (near.distance / thick);
    let level = tone *
      (64 + 58 * (back > 0 ? back * back : 0) + 12 * noise(near.way * 30, half * 999));
    level *= 1 - 0.3 * char;
    blend(
      rgb,
      at,
      level * (0.99 + 0.6 * char),
      level,
      level * (1.01 - 0.75 * char),
      covered * opacity,
    );
  });
}

/** Paints a pin: a dark glassy bar in a translucent sleeve, and its body at the picture's edge, out of focus. */
export function paintPin(
  canvas: Canvas,
  layout: ProductLayout,
  side: number,
  pin: Pin,
  noise: Noise,
): void {
  if (!pin.present) return;
  const usual: PinLayout = layout.pins[side];
  const colour = layout.colours.pin;
  const { rgb } = canvas;
  const { opacity, tone, blur } = pin;
  const from = { x: usual.top.x + pin.shift.x, y: usual.top.y + pin.shift.y };
  const to = {
    x: usual.bottom.x + pin.shift.x + pin.tilt,
    y: usual.bottom.y + pin.shift.y,
  };
  const bodyFrom = {
    x: usual.bodyTop.x + pin.shift.x + pin.tilt,
    y: usual.bodyTop.y + pin.shift.y,
  };
  const bodyTo = { x: usual.bodyBottom.x + pin.shift.x + pin.tilt, y: usual.bodyBottom.y };
  const sleeve = barDistance(from, { x: bodyFrom.x, y: bodyFrom.y + 0.03 });
  const bar = barDistance(from, to);
  const body = barDistance(bodyFrom, bodyTo);
  const x0 = Math.min(from.x, to.x, bodyFrom.x, bodyTo.x) - usual.bodyHalf - 0.04;
  const x1 = Math.max(from.x, to.x, bodyFrom.x, bodyTo.x) + usual.bodyHalf + 0.04;
  eachPixel(canvas, [x0, from.y - 0.04, x1, 1.05], (x, y, at) => {
    const sheath = soft(sleeve(x, y, usual.half + 0.013), blur * 1.6);
    const fade = smoothStep(from.y - 0.05, to.y, y);
    if (sheath > 0) {
      blend(rgb, at, 158 * tone, 158 * tone, 160 * tone, sheath * (0.5 + 0.3 * fade));
    }
    const glass = soft(bar(x, y, usual.half - 0.002), blur);
    if (glass > 0) {
      const along = (y - from.y) / (to.y - from.y);
      const band = noise(x * 4 + side * 9, y * 26) * 9 + noise(x * 90, y * 6) * 3;
      const level = tone *
        (1 - 0.13 * smoothStep(0.1, 0, along) + 0.34 * smoothStep(0.7, 1.05, along));
      const strength = glass * opacity * (1 - 0.45 * smoothStep(0.72, 1.02, along));
      blend(
        rgb,
        at,
        colour[0] * level + band,
        colour[1] * level + band,
        colour[2] * level + band,
        strength,
      );
    }
    const lower = soft(body(x, y, usual.bodyHalf), blur * 2);
    if (lower > 0) {
      const inward = side === 0 ? x - bodyFrom.x : bodyFrom.x - x;
      const block = soft(
        Math.max(Math.abs(y - bodyFrom.y - 0.015) - 0.022, Math.abs(inward) - usual.bodyHalf * 0.9),
        blur * 1.8,
      );
      const streak = soft(
        Math.max(0.105 - (y - bodyFrom.y), Math.abs(inward + 0.02 * noise(y * 20, 5)) - 0.03),
        blur * 1.8,
      );
      const level = tone * (150 + 9 * noise(x * 12, y * 9) + 26 * block);
      blend(rgb, at, level, level * 1.01, level * 1.03, lower * 0.72);
      if (streak > 0) blend(rgb, at, 214, 220, 226, streak * lower * 0.6);
      const gold = soft(
        Math.max(Math.abs(y - bodyFrom.y - 0.077) - 0.017, Math.abs(inward - 0.02) - 0.038),
        blur * 1.5,
      );
      if (gold > 0) blend(rgb, at, 122 * tone, 98 * tone, 62 * tone, gold * 0.85);
    }
  });
}

/** Where the wire of a side goes into its dot. */
export function attachPoint(part: Part, side: number): Point {
  return part.wires[side].points[0];
}

/** Signed distance to a bar between two points, as a function of its half width. */
function barDistance(a: Point, b: Point): (x: number, y: number, half: number) => number {
  const axis = unit(b.x - a.x, b.y - a.y);
  const length = (b.x - a.x) * axis.x + (b.y - a.y) * axis.y;
  return (x, y, half) => {
    const along = (x - a.x) * axis.x + (y - a.y) * axis.y;
    const aside = Math.abs((x - a.x) * axis.y - (y - a.y) * axis.x);
    return Math.max(aside - half, -along, along - length);
  };
}

/** Coverage with an edge of given width, for what is out of focus. */
function soft(distance: number, width: number): number {
  return smoothStep(width, -width, distance);
}

function around(middle: Point, reach: number): [number, number, number, number] {
  return [middle.x - reach, middle.y - reach, middle.x + reach, middle.y + reach];
}

/**
 * Sum of waves around a circle in a direction (ux, uy), without angles: the cosine and sine of k times
 * the angle are the real and imaginary part of (ux + i uy)^k. Coefficients from two waves up.
 */
export function wavesAround(outline: readonly number[], ux: number, uy: number): number {
  let real = ux;
  let imaginary = uy;
  let sum = 0;
  for (let k = 0; k < outline.length; k += 2) {
    const next = real * ux - imaginary * uy;
    imaginary = real * uy + imaginary * ux;
    real = next;
    sum += outline[k] * real + outline[k + 1] * imaginary;
  }
  return sum;
}
