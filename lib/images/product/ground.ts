/**
 * Paints what carries the components: housing, membrane, light ring, piezo border and electrode.
 *
 * @module
 */
import { type Canvas, clamp01, coverage, smoothStep } from "./canvas.ts";
import { spline } from "./course.ts";
import { type Colour, type ProductLayout, vadLayout } from "./layout.ts";
import { cosineOfTurns, type Noise, sineOfTurns } from "./noise.ts";
import { direction, type Part } from "./part.ts";

/** Paints every pixel of the canvas. */
export function paintGround(canvas: Canvas, layout: ProductLayout, part: Part, noise: Noise): void {
  const { size, rgb, left, top, stepX, stepY } = canvas;
  const { piezo } = layout;
  const surround = surroundings(layout, part, noise);
  const ceramic = piezoSurface(layout, part, noise, stepY);
  const colour = new Float64Array(3);
  for (let row = 0; row < size; row++) {
    const y = top + row * stepY;
    for (let column = 0; column < size; column++) {
      const x = left + column * stepX;
      const dx = x - piezo.x;
      const dy = y - piezo.y;
      const distance = Math.sqrt(dx * dx + dy * dy);
      const inside = coverage(distance - piezo.radius, stepY * 1.4);
      const at = (row * size + column) * 3;
      if (inside < 1) {
        surround(x, y, dx, dy, distance, colour);
        rgb[at] = colour[0];
        rgb[at + 1] = colour[1];
        rgb[at + 2] = colour[2];
      }
      if (inside > 0) {
        ceramic(x, y, dx, dy, distance, colour);
        rgb[at] += (colour[0] - rgb[at]) * inside;
        rgb[at + 1] += (colour[1] - rgb[at + 1]) * inside;
        rgb[at + 2] += (colour[2] - rgb[at + 2]) * inside;
      }
    }
  }
}

/** Writes the colour of a point into `out`; `dx`, `dy`, `distance` are relative to the piezo's centre. */
type Shader = (
  x: number,
  y: number,
  dx: number,
  dy: number,
  distance: number,
  out: Float64Array,
) => void;

/** The upper edge of the membrane (the housing's lip), at nine places from left to right. */
const upperEdge = [0.125, 0.062, 0.042, 0.03, 0.002, 0.008, 0.03, 0.044, 0.095];
/** Its lower edge. */
const lowerEdge = [0.87, 0.945, 0.962, 0.962, 0.96, 0.96, 0.958, 0.938, 0.865];

/** Housing, membrane and light ring. */
function surroundings(layout: ProductLayout, part: Part, noise: Noise): Shader {
  const { membrane, ring, glints } = part;
  const { membraneDark, membraneLight, housing } = layout.colours;
  const ringColour = layout.colours.ring;
  const inner = layout.piezo.radius;
  const outer = layout.ring;
  const scale = layout.piezo.radius / vadLayout.piezo.radius;
  const radial = 26 / membrane.grainSize;
  const fine = 62 / membrane.grainSize;
  const shines = glints.map((glint) => ({ ...glint, toward: direction(glint.turn) }));

  return (x, y, dx, dy, distance, out) => {
    const ux = dx / distance;
    const uy = dy / distance;
    // Brushed metal: noise that changes around the centre faster than away from it.
    const strokes = noise(ux * radial + distance * 7, uy * radial - distance * 7) * 0.6 +
      noise(ux * fine + distance * 16 + 40, uy * fine - distance * 16) * 0.6;
    const speckle = noise(x * radial * 2 + 11, y * radial * 2.1) * 0.55 +
      noise(x * fine * 2.6, y * fine * 2.7 + 63) * 0.6;
    const grain = strokes * membrane.brushed + speckle * (1.15 - membrane.brushed);
    const cloud = noise(x * 5 + 77, y * 5 + 31);
    const light = clamp01(0.52 + grain * 0.62 * membrane.contrast + cloud * 0.1);
    const lift = membrane.blotch * cloud;
    out[0] = (membraneDark[0] + (membraneLight[0] - membraneDark[0]) * light) * membrane.tone +
      lift;
    out[1] = (membraneDark[1] + (membraneLight[1] - membraneDark[1]) * light) * membrane.tone +
      lift;
    out[2] = (membraneDark[2] + (membraneLight[2] - membraneDark[2]) * light) * membrane.tone +
      lift;

    // The light ring is open at the top, where it ends in two horns.
    const shown = smoothStep(ring.horn - 0.14, ring.horn + 0.06, uy);
    const width = outer - inner + 0.006 * noise(ux * 4 + 9, uy * 4);
    const across = (distance - inner) / width; // 0 inner edge … 1 outer edge
    if (shown > 0 && across < 1.15) {
      const body = shown * smoothStep(1.06, 0.97, across);
      const streak = noise(ux * 42 + distance * 3, uy * 42 + 5) * 0.6 +
        noise(ux * 95 + distance * 30, uy * 95 - distance * 30) * 0.6;
      const sheen = 0.5 + 0.5 * noise(ux * 2.1 + 50, uy * 2.1 + 20);
      const tone = ring.tone *
        (0.8 + 0.24 * sheen + streak * 0.2 * ring.contrast +
          0.1 * (1 - Math.abs(across - 0.5) * 2));
      out[0] += (ringColour[0] * tone - out[0]) * body;
      out[1] += (ringColour[1] * tone - out[1]) * body;
      out[2] += (ringColour[2] * tone - out[2]) * body;
      const rim = 1 - Math.abs(across - 1) * 14;
      if (rim > 0) {
        const bright = rim * shown * 46 * ring.tone;
        out[0] += bright;
        out[1] += bright;
        out[2] += bright;
      }
    }
    // A dark seam and a fine bright line lie between piezo and metal.
    const seam = 1 - Math.abs(across - 0.03) * 16;
    if (seam > 0) shift(out, -34 * seam);
    const line = 1 - Math.abs(across - 0.15) * 13;
    if (line > 0) shift(out, 34 * line * (0.6 + 0.4 * noise(ux * 6 + 70, uy * 6)));

    let shine = 0;
    for (let i = 0; i < shines.length; i++) {
      const glint = shines[i];
      const across = (distance - glint.radius) / glint.width;
      if (across > 1 || across < -1) continue;
      const chord = 2 - 2 * (ux * glint.toward.x + uy * glint.toward.y);
      const q = across * across + chord / (glint.length * glint.length);
      if (q < 1) shine += glint.strength * (1 - q) * (1 - q);
    }
    if (shine !== 0) shift(out, shine * (0.75 + 0.25 * grain));

    paintHousing(x, y, housing, noise, scale, out);
  };
}

/** The housing above and below the membrane: out of focus, behind a lip of dark and light lines. */
function paintHousing(
  x: number,
  y: number,
  housing: Colour,
  noise: Noise,
  scale: number,
  out: Float64Array,
): void {
  if (y < 0.2) {
    const edge = 0.5 + (along(upperEdge, x) - 0.5) * (0.6 + 0.4 * scale);
    const t = (y - edge) / 0.05;
    if (t < 1) {
      const body = smoothStep(0.08, -0.08, t);
      const lip = smoothStep(1, 0.82, t);
      const wave = 0.5 + 0.06 * noise(x * 9, 3);
      const tone = t < wave
        ? 62 + 88 * smoothStep(0.12, wave, t)
        : 150 - 48 * smoothStep(wave, 0.85, t);
      toward(out, tone * 0.97, tone, tone * 1.03, lip * 0.85);
      const blur = 12 * noise(x * 6 + 3, y * 9 + 8) + 26 * smoothStep(0, -1.8, t);
      toward(out, housing[0] + blur, housing[1] + blur, housing[2] + blur, body);
    }
  }
  if (y > 0.8) {
    const edge = 0.5 + (along(lowerEdge, x) - 0.5) * (0.6 + 0.4 * scale);
    const t = (y - edge) / 0.05;
    if (t > -0.35) {
      const body = smoothStep(-0.12, 0.16, t);
      const line = 1 - Math.abs(t + 0.12) * 5;
      if (line > 0) shift(out, 42 * line);
      const blur = 9 * noise(x * 7 + 19, y * 7 + 4) - 6 * t;
      toward(out, housing[0] - 6 + blur, housing[1] - 4 + blur, housing[2] + blur, body);
      const corner = smoothStep(0.955, 0.985, y) * smoothStep(0.44, 0.49, Math.abs(x - 0.5));
      if (corner > 0) toward(out, 168, 152, 88, corner * 0.8);
    }
  }
}

/** Border, electrode, gap and hole of the piezo. */
function piezoSurface(layout: ProductLayout, part: Part, noise: Noise, pixel: number): Shader {
  const { border, electrode, hole } = part;
  const { gap } = layout;
  const edge = pixel * 1.3;
  const turnedX = cosineOfTurns(part.piezo.turn);
  const turnedY = sineOfTurns(part.piezo.turn);
  const rowsX = cosineOfTurns(electrode.turn);
  const rowsY = sineOfTurns(electrode.turn);
  const perRow = 1 / electrode.period;
  const silver = layout.colours.electrode;
  const ceramic = layout.colours.border;
  const cornerX = gap.corner.x - gap.radius - layout.piezo.x;
  const cornerY = gap.corner.y - gap.radius - layout.piezo.y;

  return (x, y, dx, dy, distance, out) => {
    const px = dx * turnedX + dy * turnedY;
    const py = dy * turnedX - dx * turnedY;
    const ragged = part.piezo.ragged *
      (noise(x * 55 + 21, y * 55) + 0.7 * noise(x * 130, y * 130 + 90));
    // Signed distance to the quadrant around the first dot: a rounded corner.
    const qx = px - cornerX;
    const qy = py - cornerY;
    const outX = qx > 0 ? qx : 0;
    const outY = qy > 0 ? qy : 0;
    const quadrant = Math.min(Math.max(qx, qy), 0) + Math.sqrt(outX * outX + outY * outY) -
      gap.radius + ragged;
    const main = Math.max(distance - layout.electrode + ragged, gap.width - quadrant);
    const shore = Math.min(main, quadrant); // negative on the electrode
    const plated = coverage(shore, edge);

    if (plated < 1) {
      // Clear glue lightens the border below a certain height.
      const glued = smoothStep(border.glueFrom - 0.05, border.glueFrom + 0.05, py) *
        smoothStep(0.1, 0.22, Math.abs(px));
      const grey = border.tone * (0.94 + 0.05 * noise(x * 9, y * 9 + 44)) +
        0.035 * noise(x * 150 + 7, y * 150);
      const depth = -16 * smoothStep(0.012, 0, shore) + border.glue * glued;
      const warm = 1 - 0.3 * glued;
      out[0] = ceramic[0] * grey + depth;
      out[1] = ceramic[1] * grey + depth;
      out[2] = (ceramic[1] + (ceramic[2] - ceramic[1]) * warm) * grey + depth;
    }
    if (plated > 0) {
      const along = x * rowsX + y * rowsY;
      const across = y * rowsX - x * rowsY;
      const broad = noise(x * 3.1 + 60, y * 3.1 + 15);
      const fine = noise(x * 118, y * 118 + 30);
      const finest = noise(x * 236 + 50, y * 236);
      let tone = electrode.clouds * broad + electrode.speckle * (fine * 0.8 + finest * 0.9);
      if (electrode.rows > 0.5) {
        const height = across * perRow + 0.16 * noise(along * 22, across * perRow + 50);
        const row = Math.floor(height);
        const inRow = height - row - 0.5;
        const dash = noise(along * 78 + row * 17.3, row * 5.7);
        const weft = 1 - Math.abs(inRow) * 2;
        tone += electrode.rows *
          ((weft - 0.5) * (0.55 + 0.5 * dash) +
            0.3 * (1 - weft) * noise(along * 64, row * 9.1 + 4));
      }
      if (electrode.twill > 0.5) {
        const diagonal = noise((along + across) * 74, (along - across) * 17 + 8);
        tone += electrode.twill * diagonal * (0.55 + 0.45 * fine);
      }
      const warm = electrode.warmth + 3.5 * broad;
      const base = electrode.tone;
      const red = silver[0] * base + tone + warm;
      const green = silver[1] * base + tone;
      const blue = silver[2] * base + tone - warm;
      out[0] += (red - out[0]) * plated;
      out[1] += (green - out[1]) * plated;
      out[2] += (blue - out[2]) * plated;

      const hx = x - hole.x;
      const hy = y - hole.y;
      if (hx * hx + hy * hy < 0.01) {
        const open = coverage(Math.sqrt(hx * hx + hy * hy) - hole.radius + ragged * 0.8, edge);
        if (open > 0) {
          const dark = hole.tone * (1 + 0.06 * fine + 0.07 * noise(x * 40, y * 40));
          toward(
            out,
            ceramic[0] * 0.72 * dark,
            ceramic[1] * 0.72 * dark,
            ceramic[2] * 0.76 * dark,
            open,
          );
        }
      }
    }
  };
}

function shift(out: Float64Array, by: number): void {
  out[0] += by;
  out[1] += by;
  out[2] += by;
}

function toward(out: Float64Array, red: number, green: number, blue: number, share: number): void {
  out[0] += (red - out[0]) * share;
  out[1] += (green - out[1]) * share;
  out[2] += (blue - out[2]) * share;
}

/** A smooth curve through evenly spaced heights, at `x` in 0 … 1. */
function along(heights: readonly number[], x: number): number {
  const last = heights.length - 1;
  const place = clamp01(x) * last;
  const i = Math.min(last - 1, Math.floor(place));
  const before = heights[Math.max(0, i - 1)];
  const after = heights[Math.min(last, i + 2)];
  return spline(before, heights[i], heights[i + 1], after, place - i);
}
