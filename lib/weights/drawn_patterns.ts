/**
 * Drawn patterns: small colour images of one shape with one texture on another texture, in endless
 * variety, for pretraining a backbone without any photograph. A pattern is to be told by three things:
 * its shape, the texture of the shape and the texture of the ground (288 classes in all); colours, place,
 * size, orientation, light, sharpness and noise say nothing about them, so a network that tells them has
 * learned edges, corners, textures and their arrangement regardless of brightness.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import type { RandomState } from "../base/random.ts";

/** The shapes: inside where the function of the place, in units of the shape's radius, is negative. */
const shapes = {
  disc: (x: number, y: number) => Math.sqrt(x * x + y * y) - 1,
  ring: (x: number, y: number) => Math.abs(Math.sqrt(x * x + y * y) - 0.75) - 0.25,
  square: (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y)) - 0.8,
  bar: (x: number, y: number) => Math.max(Math.abs(x) - 1.2, Math.abs(y) - 0.3),
  triangle: (x: number, y: number) =>
    Math.max(-y - 0.5, 0.866 * x + 0.5 * y - 0.55, -0.866 * x + 0.5 * y - 0.55),
  cross: (x: number, y: number) =>
    Math.min(
      Math.max(Math.abs(x) - 1, Math.abs(y) - 0.28),
      Math.max(Math.abs(y) - 1, Math.abs(x) - 0.28),
    ),
  crescent: (x: number, y: number) =>
    Math.max(
      Math.sqrt(x * x + y * y) - 1,
      0.75 - Math.sqrt((x - 0.5) * (x - 0.5) + y * y),
    ),
  arc: (x: number, y: number) => {
    const radius = Math.sqrt(x * x + y * y);
    return y > 0
      ? Math.abs(radius - 0.85) - 0.15
      : Math.sqrt((Math.abs(x) - 0.85) ** 2 + y * y) - 0.15;
  },
} as const;

/** The textures: a number in [0, 1] at a place, in units of the texture's period. */
const textures = {
  plain: () => 0.5,
  stripes: (x: number) => wave(x),
  checks: (x: number, y: number) => wave(x) > 0.5 === wave(y) > 0.5 ? 1 : 0,
  dots: (x: number, y: number) => {
    const dx = x - Math.round(x);
    const dy = y - Math.round(y);
    return dx * dx + dy * dy < 0.08 ? 1 : 0.1;
  },
  rings: (x: number, y: number) => wave(Math.sqrt(x * x + y * y)),
  grain: (x: number, y: number, grain: Grain) => grain.at(x, y),
} as const;

/** Size of a pattern's sides, in pixels. */
export const patternSize = 64;

type ShapeName = keyof typeof shapes;
type TextureName = keyof typeof textures;
const shapeNames = Object.keys(shapes) as ShapeName[];
const textureNames = Object.keys(textures) as TextureName[];

/** What there is to tell of a pattern, and the kinds of each, in the order of the labels. */
export const patternTraits: ReadonlyMap<string, readonly string[]> = new Map<
  string,
  readonly string[]
>([
  ["shape", shapeNames],
  ["texture", textureNames],
  ["ground", textureNames],
]);

/** Images with what is drawn on them. */
export interface PatternBatch {
  /** [n, 64, 64, 3] */
  readonly images: NdArray<Uint8Array>;
  /** For each trait the kind's number, [n]. */
  readonly labels: Readonly<Record<string, NdArray<BigInt64Array>>>;
}

/** `count` patterns, every kind as often as any other; the same generator state gives the same bytes. */
export function drawPatterns(count: number, random: RandomState): PatternBatch {
  const size = patternSize * patternSize * 3;
  const images = new Uint8Array(count * size);
  const traits = [...patternTraits].map(([trait, kinds]) => ({
    trait,
    kinds: Array.from({ length: count }, () => random.integer(kinds.length)),
  }));
  for (let i = 0; i < count; i++) {
    const [shape, texture, ground] = traits.map(({ kinds }) => kinds[i]);
    const pixels = images.subarray(i * size, (i + 1) * size);
    drawPattern(shapeNames[shape], textureNames[texture], textureNames[ground], random, pixels);
  }
  return {
    images: { shape: [count, patternSize, patternSize, 3], data: images },
    labels: Object.fromEntries(
      traits.map(({ trait, kinds }) => [
        trait,
        { shape: [count], data: BigInt64Array.from(kinds, BigInt) },
      ]),
    ),
  };
}

/** Draws one pattern into `pixels` [64, 64, 3]. */
function drawPattern(
  shapeName: ShapeName,
  texture: TextureName,
  ground: TextureName,
  random: RandomState,
  pixels: Uint8Array,
): void {
  const shape = shapes[shapeName];
  const front = surface(texture, random);
  const back = surface(ground, random);
  separate(front, back, random);
  const n = patternSize;
  const radius = n * random.uniform(0.2, 0.42);
  const centerX = n / 2 + random.uniform(-0.14, 0.14) * n;
  const centerY = n / 2 + random.uniform(-0.14, 0.14) * n;
  const turn = random.uniform(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(turn) / radius, Math.sin(turn) / radius];
  const squeeze = random.uniform(0.8, 1.25);

  const image = new Float32Array(n * n * 3);
  for (let row = 0, at = 0; row < n; row++) {
    for (let column = 0; column < n; column++, at += 3) {
      const dx = column - centerX;
      const dy = row - centerY;
      const distance = shape((cos * dx + sin * dy) * squeeze, cos * dy - sin * dx) * radius;
      const cover = Math.min(1, Math.max(0, 0.5 - distance)); // one pixel of smooth edge
      const a = cover > 0 ? front.at(column, row) : 0;
      const b = cover < 1 ? back.at(column, row) : 0;
      for (let c = 0; c < 3; c++) {
        const inside = front.dark[c] + a * (front.light[c] - front.dark[c]);
        const outside = back.dark[c] + b * (back.light[c] - back.dark[c]);
        image[at + c] = cover * inside + (1 - cover) * outside;
      }
    }
  }
  finish(image, random, pixels);
}

/** A texture with two colours, placed and turned. */
interface Surface {
  readonly dark: number[];
  readonly light: number[];
  readonly at: (column: number, row: number) => number;
}

function surface(name: TextureName, random: RandomState): Surface {
  const texture = textures[name];
  const turn = random.uniform(0, 2 * Math.PI);
  const period = random.uniform(5, 14);
  const [cos, sin] = [Math.cos(turn) / period, Math.sin(turn) / period];
  const [shiftX, shiftY] = [random.uniform(-8, 8), random.uniform(-8, 8)];
  const grain = new Grain(random);
  const base = colour(random);
  const contrast = random.uniform(0.12, 0.4);
  return {
    dark: base.map((value) => value - contrast / 2),
    light: base.map((value) => value + contrast / 2 + random.uniform(-0.08, 0.08)),
    at: (column, row) =>
      texture(
        cos * column + sin * row + shiftX,
        cos * row - sin * column + shiftY,
        grain,
      ),
  };
}

/** Mostly grey, sometimes strongly coloured. */
function colour(random: RandomState): number[] {
  const grey = random.uniform(0.15, 0.85);
  const strength = 0.35 * random.random() ** 2;
  return [0, 1, 2].map(() => grey + strength * random.normal());
}

/** Moves the shape's colours away from the ground's where their mean brightness is nearly the same. */
function separate(front: Surface, back: Surface, random: RandomState): void {
  const brightness = ({ dark, light }: Surface) =>
    [...dark, ...light].reduce((sum, value) => sum + value, 0) / 6;
  const gap = brightness(front) - brightness(back);
  const wanted = random.uniform(0.12, 0.3);
  if (Math.abs(gap) >= wanted) return;
  const move = (brightness(back) > 0.5 ? -wanted : wanted) - gap;
  for (let c = 0; c < 3; c++) {
    front.dark[c] += move;
    front.light[c] += move;
  }
}

/** Light, blur and noise, then bytes. */
function finish(image: Float32Array, random: RandomState, pixels: Uint8Array): void {
  const n = patternSize;
  if (random.random() < 0.5) blur(image, random.uniform(0, 0.33));
  const gain = random.uniform(0.7, 1.3);
  const offset = random.uniform(-0.12, 0.12);
  const slopeX = random.uniform(-0.3, 0.3) / n;
  const slopeY = random.uniform(-0.3, 0.3) / n;
  const noise = 255 * 0.05 * random.random() ** 2;
  for (let row = 0, at = 0; row < n; row++) {
    for (let column = 0; column < n; column++, at += 3) {
      const light = gain * (1 + slopeX * (column - n / 2) + slopeY * (row - n / 2));
      // One draw gives three numbers of variance 1: sums of bits, near enough to normal.
      const bits = random.uint32();
      for (let c = 0; c < 3; c++) {
        const value = 255 * (light * image[at + c] + offset) + noise * bitNormal(bits >>> (10 * c));
        pixels[at + c] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
}

/** Two 5-bit numbers of `bits`, added, centred, of variance 1. */
function bitNormal(bits: number): number {
  return ((bits & 31) + ((bits >>> 5) & 31) - 31) * 0.0766;
}

/** Weighs each pixel with its four neighbours, `share` in all for them; edges are repeated. */
function blur(image: Float32Array, share: number): void {
  const n = patternSize;
  const source = image.slice();
  for (let row = 0; row < n; row++) {
    const up = (row === 0 ? 0 : row - 1) * n;
    const down = (row === n - 1 ? row : row + 1) * n;
    for (let column = 0; column < n; column++) {
      const left = row * n + (column === 0 ? 0 : column - 1);
      const right = row * n + (column === n - 1 ? column : column + 1);
      const at = 3 * (row * n + column);
      for (let c = 0; c < 3; c++) {
        const around = source[3 * left + c] + source[3 * right + c] +
          source[3 * (up + column) + c] + source[3 * (down + column) + c];
        image[at + c] = (1 - share) * source[at + c] + share / 4 * around;
      }
    }
  }
}

/** A wave of period 1 between 0 and 1, steep like a printed stripe. */
function wave(x: number): number {
  return Math.min(1, Math.max(0, 0.5 + 1.5 * Math.sin(2 * Math.PI * x)));
}

/** Smooth random grain: random numbers on a lattice of a quarter period, interpolated. */
class Grain {
  readonly #lattice: Float32Array;
  static readonly side = 64;

  constructor(random: RandomState) {
    this.#lattice = new Float32Array(Grain.side * Grain.side);
    for (let i = 0; i < this.#lattice.length; i += 4) {
      const bits = random.uint32();
      for (let j = 0; j < 4; j++) this.#lattice[i + j] = ((bits >>> (8 * j)) & 255) / 255;
    }
  }

  at(x: number, y: number): number {
    const mask = Grain.side - 1;
    const column = Math.floor(4 * x);
    const row = Math.floor(4 * y);
    const [fx, fy] = [4 * x - column, 4 * y - row];
    const value = (i: number, j: number) =>
      this.#lattice[((row + i) & mask) * Grain.side + ((column + j) & mask)];
    const top = value(0, 0) + fx * (value(0, 1) - value(0, 0));
    const bottom = value(1, 0) + fx * (value(1, 1) - value(1, 0));
    return top + fy * (bottom - top);
  }
}
