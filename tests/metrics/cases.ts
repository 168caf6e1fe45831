/** Scored images as tests/fixtures/sklearn/generate.py draws them. */
import { RandomState } from "../../lib/base/random.ts";

/** Seed, good images, bad images, shift of the bad ones, steps that make ties (0: none). */
export type Case = readonly [number, number, number, number, number];

export function drawCase([seed, good, bad, shift, steps]: Case): {
  scores: Float64Array;
  labels: Uint8Array;
} {
  const random = new RandomState(seed);
  const drawn = Float64Array.from({ length: good + bad }, () => random.random());
  for (let i = good; i < drawn.length; i++) drawn[i] += shift;
  const rounded = steps > 0 ? drawn.map((score) => Math.floor(score * steps)) : drawn;
  const order = random.permutation(good + bad);
  return {
    scores: Float64Array.from(order, (i) => rounded[i]),
    labels: Uint8Array.from(order, (i) => i < good ? 0 : 1),
  };
}

/** Whether `actual` is `expected` up to `tolerance`, relative where `expected` exceeds 1. */
export function isClose(actual: number, expected: number, tolerance: number): boolean {
  return Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));
}

/** The JSON of a fixture below tests/fixtures. */
export async function readFixture<T>(path: string): Promise<T> {
  return JSON.parse(
    await Deno.readTextFile(new URL(`../fixtures/${path}`, import.meta.url)),
  ) as T;
}
