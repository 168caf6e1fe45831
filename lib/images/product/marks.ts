/**
 * Paints marks: scratches, flux, cracks, pollution, burns, broken pieces.
 *
 * @module
 */
import { blend, type Canvas, coverage, eachPixel, smoothStep } from "./canvas.ts";
import { paintRod, wavesAround } from "./components.ts";
import { distanceToCourse, smoothCourse } from "./course.ts";
import type { Noise } from "./noise.ts";
import { type Ball, direction, type Mark, type Patch, type Stroke } from "./part.ts";

/** Paints one mark. */
export function paintMark(canvas: Canvas, mark: Mark, noise: Noise): void {
  if (mark.kind === "stroke") paintStroke(canvas, mark, noise);
  else if (mark.kind === "patch") paintPatch(canvas, mark, noise);
  else paintBall(canvas, mark);
}

function paintStroke(canvas: Canvas, stroke: Stroke, noise: Noise): void {
  const course = smoothCourse(stroke.points);
  const half = stroke.width / 2;
  const [red, green, blue] = stroke.colour;
  if (stroke.gloss > 0) {
    return paintRod(canvas, course, half, noise, () => 0, green / 96, stroke.opacity);
  }
  const { rgb, stepY } = canvas;
  const [x0, y0, x1, y1] = course.box;
  const reach = half + stepY;
  eachPixel(canvas, [x0 - reach, y0 - reach, x1 + reach, y1 + reach], (x, y, at) => {
    const { distance } = distanceToCourse(course, x, y);
    // A line thinner than a pixel is as faint as it is thin.
    const covered = coverage(distance - half, stepY) * Math.min(1, stroke.width / stepY);
    if (covered === 0) return;
    const uneven = 0.8 + 0.2 * noise(x * 70, y * 70);
    blend(rgb, at, red, green, blue, covered * stroke.opacity * uneven);
  });
}

function paintPatch(canvas: Canvas, patch: Patch, noise: Noise): void {
  const { rgb, stepY } = canvas;
  const turned = direction(patch.turn);
  const stretch = Math.sqrt(patch.aspect);
  const reach = patch.radius * Math.max(stretch, 1 / stretch) * 1.6;
  const fading = Math.max(patch.softness, stepY / patch.radius);
  const [red, green, blue] = patch.colour;
  const box = [patch.x - reach, patch.y - reach, patch.x + reach, patch.y + reach] as const;
  const { within } = patch;
  eachPixel(canvas, box, (x, y, at) => {
    let shown = 1;
    if (within !== null) {
      const cx = x - within.x;
      const cy = y - within.y;
      shown = coverage(Math.sqrt(cx * cx + cy * cy) - within.radius, stepY);
      if (shown === 0) return;
    }
    const dx = (x - patch.x) / patch.radius;
    const dy = (y - patch.y) / patch.radius;
    const px = (dx * turned.x + dy * turned.y) / stretch;
    const py = (dy * turned.x - dx * turned.y) * stretch;
    const rho = Math.sqrt(px * px + py * py) + 1e-9;
    const outline = 1 + wavesAround(patch.outline, px / rho, py / rho);
    const inside = rho - outline + 0.1 * noise(x * 42 + 6, y * 42);
    const covered = shown * smoothStep(fading, -fading, inside);
    if (covered > 0) {
      const rough = patch.texture *
        (noise(x * 52, y * 52 + 40) * 0.6 + noise(x * 125 + 9, y * 125) * 0.6);
      blend(rgb, at, red + rough, green + rough, blue + rough, covered * patch.opacity);
    }
    if (patch.edge !== 0) {
      const line = 1 - Math.abs(inside) * 7;
      if (line > 0) {
        const lift = shown * patch.edge * line * (0.6 + 0.6 * noise(x * 30 + 9, y * 30));
        rgb[at] += lift;
        rgb[at + 1] += lift;
        rgb[at + 2] += lift;
      }
    }
  });
}

function paintBall(canvas: Canvas, ball: Ball): void {
  const { rgb, stepY } = canvas;
  const reach = ball.radius * 2.2;
  eachPixel(
    canvas,
    [ball.x - reach, ball.y - reach, ball.x + reach, ball.y + reach],
    (x, y, at) => {
      const dx = (x - ball.x) / ball.radius;
      const dy = (y - ball.y) / ball.radius;
      const rho = Math.sqrt(dx * dx + dy * dy);
      const halo = 1 - Math.abs(rho - 1.75) * 4;
      if (halo > 0) blend(rgb, at, 205, 209, 208, 0.4 * halo * ball.flux);
      const shadow = smoothStep(1.5, 1, rho);
      if (shadow > 0) blend(rgb, at, 70, 70, 66, 0.45 * shadow);
      const covered = coverage((rho - 1) * ball.radius, stepY);
      if (covered === 0) return;
      const spot = smoothStep(0.62, 0.08, Math.sqrt(dx * dx + (dy + 0.18) * (dy + 0.18)));
      const tone = 50 + 60 * smoothStep(1, 0.3, rho) + 110 * spot;
      blend(rgb, at, tone * 0.99, tone, tone * 1.02, covered);
    },
  );
}
