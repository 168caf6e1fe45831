/**
 * Draws a part: ground, then what lies on it from the piezo up to the pins, then light and camera.
 *
 * @module
 */
import type { Canvas } from "./canvas.ts";
import { attachPoint, paintDot, paintPin, paintWire } from "./components.ts";
import { paintGround } from "./ground.ts";
import type { ProductLayout } from "./layout.ts";
import { paintMark } from "./marks.ts";
import { hash, valueNoise } from "./noise.ts";
import type { Layer, Part } from "./part.ts";

/** The picture of a part, uint8 RGB `[size, size, 3]`. */
export function drawPart(layout: ProductLayout, part: Part, size: number): Uint8Array {
  const noise = valueNoise(part.noise);
  const canvas = blankCanvas(layout, part, size);
  const paintMarks = (layer: Layer) => {
    for (const mark of part.marks) if (mark.above === layer) paintMark(canvas, mark, noise);
  };
  paintGround(canvas, layout, part, noise);
  paintMarks("piezo");
  for (const side of [0, 1]) paintDot(canvas, part.dots[side], attachPoint(part, side), noise);
  for (const side of [0, 1]) paintWire(canvas, part.wires[side], noise);
  paintMarks("solder");
  for (const side of [0, 1]) paintPin(canvas, layout, side, part.pins[side], noise);
  paintMarks("pins");
  defocus(canvas, part.camera.defocus);
  return expose(canvas, part);
}

/** An empty canvas seen by the part's camera; a mirrored layout is looked at from right to left. */
function blankCanvas(layout: ProductLayout, part: Part, size: number): Canvas {
  const { shift, scale } = part.camera;
  const step = 1 / (size * scale);
  const start = (offset: number) => (0.5 / size - 0.5 - offset) / scale + 0.5;
  const left = start(shift.x);
  return {
    size,
    rgb: new Float32Array(size * size * 3),
    left: layout.mirrored ? 1 - left : left,
    stepX: layout.mirrored ? -step : step,
    top: start(shift.y),
    stepY: step,
  };
}

/** A light blur: each pixel gives `share` of itself to both neighbours, in rows and then in columns. */
function defocus(canvas: Canvas, share: number): void {
  if (share === 0) return;
  const { rgb, size } = canvas;
  const keep = 1 - 2 * share;
  for (const [step, lineStep] of [[3, size * 3], [size * 3, 3]]) {
    for (let line = 0; line < size; line++) {
      for (let c = 0; c < 3; c++) {
        let at = line * lineStep + c;
        let before = rgb[at];
        for (let i = 0; i < size; i++, at += step) {
          const here = rgb[at];
          const after = i + 1 < size ? rgb[at + step] : here;
          rgb[at] = here * keep + (before + after) * share;
          before = here;
        }
      }
    }
  }
}

/** Applies light, sensor noise and the black border, and rounds to bytes. */
function expose(canvas: Canvas, part: Part): Uint8Array {
  const { rgb, size } = canvas;
  const { gain, tint, slope, vignette } = part.light;
  const { grain, border } = part.camera;
  const data = new Uint8Array(size * size * 3);
  const dark = size - border * size; // rows from here on are black
  const seed = hash(part.noise, 0x5eed);
  for (let row = 0; row < size; row++) {
    const v = (row + 0.5) / size - 0.5;
    for (let column = 0; column < size; column++) {
      const u = (column + 0.5) / size - 0.5;
      const light = gain * (1 + slope.x * u + slope.y * v - vignette * 2 * (u * u + v * v));
      const pixel = row * size + column;
      const bits = hash(seed, pixel);
      const common = (bits & 255) + (bits >>> 8 & 255) - 255;
      const noise = grain * common / 104; // standard deviation of the sum of two bytes
      const chroma = grain * ((bits >>> 16 & 255) - 127.5) / 220;
      const shown = row + 1 <= dark ? 1 : row >= dark ? 0.06 : 0.06 + 0.94 * (dark - row);
      const at = pixel * 3;
      data[at] = toByte((rgb[at] * light * tint[0] + noise + chroma) * shown);
      data[at + 1] = toByte((rgb[at + 1] * light * tint[1] + noise) * shown);
      data[at + 2] = toByte((rgb[at + 2] * light * tint[2] + noise - chroma) * shown);
    }
  }
  return data;
}

function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0;
}
