/**
 * Value noise and the sine of an angle, from + - * / and integer operations alone, so that a drawing
 * has the same bytes on every machine.
 *
 * @module
 */

/** Smooth noise over the plane: a value in [-1, 1], one independent lattice value per unit square. */
export type Noise = (x: number, y: number) => number;

const side = 128;
const mask = side - 1;

/**
 * Noise of a seed: bilinear interpolation with smoothed weights between hashed lattice values. It
 * repeats after 128 units.
 *
 * @param seed integer in [0, 2^32)
 */
export function valueNoise(seed: number): Noise {
  const lattice = new Float32Array(side * side);
  for (let i = 0; i < lattice.length; i++) lattice[i] = hash(seed, i) / 2147483648 - 1;
  return (x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const fx = x - left;
    const fy = y - top;
    const wx = fx * fx * (3 - 2 * fx);
    const wy = fy * fy * (3 - 2 * fy);
    const upper = (top & mask) * side;
    const lower = ((top + 1) & mask) * side;
    const here = left & mask;
    const next = (left + 1) & mask;
    const a = lattice[upper + here];
    const b = lattice[lower + here];
    const above = a + (lattice[upper + next] - a) * wx;
    return above + (b + (lattice[lower + next] - b) * wx - above) * wy;
  };
}

/** 32 mixed bits of a seed and a counter, in [0, 2^32). */
export function hash(seed: number, counter: number): number {
  let z = (seed + Math.imul(counter + 1, 0x9e3779b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

/**
 * Sine of an angle in turns (1 = a full circle), by its Taylor polynomial on a quarter of a turn;
 * error below 1e-7.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.ok(Math.abs(sineOfTurns(1 / 12) - 0.5) < 1e-7);
 * assert.ok(Math.abs(sineOfTurns(-0.75) - 1) < 1e-7);
 * ```
 */
export function sineOfTurns(turns: number): number {
  let part = turns - Math.floor(turns + 0.5); // -1/2 … 1/2
  if (part > 0.25) part = 0.5 - part;
  else if (part < -0.25) part = -0.5 - part;
  const x = part * 6.283185307179586;
  const q = x * x;
  return x *
    (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110 * (1 - q / 156))))));
}

/** Cosine of an angle in turns; see {@linkcode sineOfTurns}. */
export function cosineOfTurns(turns: number): number {
  return sineOfTurns(turns + 0.25);
}
