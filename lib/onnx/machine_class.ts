/**
 * The class of machines whose results are the same to the last bit.
 *
 * @module
 */
import { sha256 } from "../base/digest.ts";
import type { NdArray } from "../base/npy.ts";
import { RandomState } from "../base/random.ts";
import { convolutionBlock } from "./blocked_convolutions.ts";
import { Graph, sizeOf } from "./graph.ts";
import { conv, matMul, softmax } from "./ops.ts";
import { modelBytes } from "./proto.ts";
import { numericsClass, openSession } from "./session.ts";

/**
 * This machine's class in words: system, architecture, the runtime, the channels per block of its
 * convolutions, which tell its vector instructions (16 with AVX-512), and a digest of how it rounds some
 * sums. Within a class results are equal to the last bit; another class adds in another order, and a
 * training goes another way from there.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const pattern = /^\w+ \w+, onnxruntime-node [\d.]+, \w+ channels per block, rounding \w{8}$/;
 * assert.match(await machineClass(), pattern);
 * assert.equal(await machineClass(), await machineClass());
 * ```
 */
export async function machineClass(): Promise<string> {
  const { runtime } = numericsClass();
  const block = await convolutionBlock() ?? "no";
  const { os, arch } = Deno.build;
  return `${os} ${arch}, ${runtime}, ${block} channels per block, rounding ${await roundingDigest()}`;
}

/** Eight digits of the SHA-256 of what some operators give that sum in the order of the processor. */
async function roundingDigest(): Promise<string> {
  const graph = new Graph();
  const image = graph.input("image", "float32", [2, 32, 24, 24]);
  const weight = graph.input("weight", "float32", [32, 32, 3, 3]);
  const constant = graph.constant(drawn(weight.shape, 1));
  graph.output("convolution", conv(image, constant, undefined, { pads: [1, 1, 1, 1] }));
  graph.output("with fed weight", conv(image, weight, undefined, { strides: [2, 2] }));
  graph.output("product", matMul(image, matMul(image, image)));
  graph.output("softmax", softmax(image, 1));
  const session = await openSession(modelBytes(graph), { name: "the probe of rounding" });
  try {
    const outputs = await session.run({
      image: drawn(image.shape, 2),
      weight: drawn(weight.shape, 3),
    });
    const digests = Object.values(outputs).map(({ data }) =>
      sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    );
    return sha256(digests.join()).slice(0, 8);
  } finally {
    await session.close();
  }
}

/** Normal numbers of a seed. */
function drawn(shape: readonly number[], seed: number): NdArray<Float32Array> {
  const random = new RandomState(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()) };
}
