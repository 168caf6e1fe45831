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
    // The light ring is open at the top, where it ends in two horns.
    const width = outer - inner + 0.006 * noise(ux * 4 + 9, uy * 4);
    const across = (distance - inner) / width; // 0 inner edge … 1 outer edge
    const shown = across < 1.15 ? smoothStep(ring.horn - 0.14, ring.horn + 0.06, uy) : 0;
    const body = shown * smoothStep(1.06, 0.97, across);
    let grain = 0;
    if (body < 1) {
      // Brushed metal: noise that changes around the centre faster than away from it.
      const strokes = layered(noise, ux * radial, uy * radial, distance * 12) * 0.5 +
        layered(noise, ux * fine + 40, uy * fine, distance * 34) * 0.9;
      const speckle = noise(x * radial * 2 + 11, y * radial * 2.1) * 0.5 +
        noise(x * fine * 2.6, y * fine * 2.7 + 63) * 0.7;
      grain = strokes * membrane.brushed + speckle * (1.15 - membrane.brushed);
      const cloud = noise(x * 5 + 77, y * 5 + 31);
      // Dark pits are small and deep, the rest is evenly grey.
      const raw = grain * membrane.contrast + cloud * 0.16;
      const light = clamp01(0.62 + (raw > 0 ? 0.42 * raw : 0.95 * raw));
      const lift = membrane.blotch * cloud;
      for (let c = 0; c < 3; c++) {
        out[c] = (membraneDark[c] + (membraneLight[c] - membraneDark[c]) * light) * membrane.tone +
          lift;
      }
    }
    if (body > 0) {
      const streak = noise(ux * 30, uy * 30 + 5) * 0.35 +
        layered(noise, ux * 95, uy * 95, distance * 55) * 0.65 +
        noise(x * 120, y * 120 + 17) * 0.3;
      const sheen = 0.5 + 0.5 * noise(ux * 2.1 + 50, uy * 2.1 + 20) +
        0.3 * noise(ux * 7 + 15, uy * 7 + 36);
      const tone = ring.tone *
        (0.72 + 0.34 * sheen + streak * 0.26 * ring.contrast +
          0.12 * (1 - Math.abs(across - 0.5) * 2));
      out[0] += (ringColour[0] * tone - out[0]) * body;
      out[1] += (ringColour[1] * tone - out[1]) * body;
      out[2] += (ringColour[2] * tone - out[2]) * body;
    }
    const rim = shown * (1 - Math.abs(across - 1) * 14);
    if (rim > 0) shift(out, rim * 46 * ring.tone);
    // A dark seam and a fine bright line lie between piezo and metal.
    const seam = 1 - Math.abs(across - 0.03) * 16;
    if (seam > 0) shift(out, -34 * seam);
    const line = 1 - Math.abs(across - 0.15) * 13;
    if (line > 0) shift(out, 34 * line * (0.6 + 0.4 * noise(ux * 6 + 70, uy * 6)));

    let shine = 0;
    for (let i = 0; i < shines.length; i++) {
      const glint = shines[i];
      const off = (distance - glint.radius) / glint.width;
      if (off > 1 || off < -1) continue;
      const chord = 2 - 2 * (ux * glint.toward.x + uy * glint.toward.y);
      const q = off * off + chord / (glint.length * glint.length);
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
    // Signed distance to the quadrant around the first dot: a rounded corner.
    const qx = px - cornerX;
    const qy = py - cornerY;
    const outX = qx > 0 ? qx : 0;
    const outY = qy > 0 ? qy : 0;
    let quadrant = Math.min(Math.max(qx, qy), 0) + Math.sqrt(outX * outX + outY * outY) -
      gap.radius;
    let rim = distance - layout.electrode;
    let ragged = 0;
    const hx = x - hole.x;
    const hy = y - hole.y;
    const fromHole = hx * hx + hy * hy < 0.01 ? Math.sqrt(hx * hx + hy * hy) - hole.radius : 1;
    // Ragged edges are worked out only where an edge is near.
    if (
      Math.abs(rim) < 0.02 || Math.abs(fromHole) < 0.02 ||
      quadrant > -0.02 && quadrant < gap.width + 0.02
    ) {
      ragged = part.piezo.ragged *
        (noise(x * 55 + 21, y * 55) + 0.7 * noise(x * 130, y * 130 + 90));
      quadrant += ragged;
      rim += ragged;
    }
    const main = Math.max(rim, gap.width - quadrant);
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
        const height = across * perRow + 0.05 * noise(along * 16, across * perRow + 50);
        const row = Math.floor(height);
        const inRow = height - row - 0.5;
        // Bright dashes along each row, short stitches between the rows.
        const thread = 1 - Math.abs(inRow) * 4.6;
        const dash = 0.5 + 0.75 * noise(along * 46 + row * 17.3, row * 5.7);
        const stitch = noise(along * 88, row * 9.1 + 4);
        tone += electrode.rows * ((thread > 0 ? 1.7 * thread * dash : 0) +
          (stitch > 0.3 ? 0.9 * (stitch - 0.3) : 0) - 0.34);
      }
      if (electrode.twill > 0.5) {
        const diagonal = noise((along + across) * 74, (along - across) * 17 + 8);
        tone += electrode.twill * diagonal * (0.55 + 0.45 * fine);
      }
      // The light falls in from below: cooler and brighter there, warmer in the upper middle.
      const low = smoothStep(-0.25, 0.4, dy);
      tone += 9 * low + 6 * Math.abs(dx) / 0.4 - 4;
      const warm = electrode.warmth + 3.5 * broad + 3 - 6 * low;
      const base = electrode.tone;
      const red = silver[0] * base + tone + warm;
      const green = silver[1] * base + tone;
      const blue = silver[2] * base + tone - warm;
      out[0] += (red - out[0]) * plated;
      out[1] += (green - out[1]) * plated;
      out[2] += (blue - out[2]) * plated;

      if (fromHole < 0.02) {
        const open = coverage(fromHole + ragged * 0.8, edge);
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

/** Noise over three coordinates: the plane's noise, blended from layer to layer. */
function layered(noise: Noise, x: number, y: number, z: number): number {
  const layer = Math.floor(z);
  const t = z - layer;
  const here = noise(x + layer * 37.3, y + layer * 17.7);
  const next = noise(x + layer * 37.3 + 37.3, y + layer * 17.7 + 17.7);
  return here + (next - here) * t * t * (3 - 2 * t);
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
