/**
 * Arrays and runs for the tests of lib/onnx.
 *
 * @module
 */
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { type Graph, sizeOf } from "../../lib/onnx/graph.ts";
import { modelBytes } from "../../lib/onnx/proto.ts";
import { openSession } from "../../lib/onnx/session.ts";

/** The float32 normal numbers that `drawn` of tests/fixtures/torch_ops/generate.py gives. */
export function drawn(
  seed: number,
  shape: readonly number[],
  scale = 1,
  shift = 0,
): NdArray<Float32Array> {
  const random = new RandomState(seed);
  return {
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal() * scale + shift),
  };
}

/** The contents of a JSON fixture of torch. */
export function torchFixture<T>(name: string): T {
  const path = new URL(`../fixtures/torch_ops/${name}.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(path)) as T;
}

/** Runs a graph's outputs once. */
export async function evaluate(
  graph: Graph,
  feeds: Readonly<Record<string, NdArray>>,
): Promise<Record<string, NdArray>> {
  const session = await openSession(modelBytes(graph));
  try {
    const known = Object.entries(feeds).filter(([name]) => session.inputs.includes(name));
    return await session.run(Object.fromEntries(known));
  } finally {
    await session.close();
  }
}

/** Largest difference between two lists, relative to the largest number expected. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let most = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs(expected[i]));
    const d = Math.abs(Number(actual[i]) - expected[i]);
    difference = Number.isNaN(d) ? Infinity : Math.max(difference, d);
  }
  return difference === 0 ? 0 : difference / Math.max(most, 1e-30);
}
