/**
 * The class of machines whose results are the same to the last bit.
 *
 * @module
 */
import { convolutionBlock } from "./blocked_convolutions.ts";
import { numericsClass } from "./session.ts";

/**
 * This machine's class in words: system, architecture, the runtime, and the channels per block of its
 * convolutions, which tell its vector instructions (16 with AVX-512, 8 with AVX2). Within a class results
 * are equal to the last bit; between classes sums are rounded in another order, and a training goes
 * another way from there.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.match(await machineClass(), /^\w+ \w+, onnxruntime-node [\d.]+, \w+ channels per block$/);
 * ```
 */
export async function machineClass(): Promise<string> {
  const block = await convolutionBlock() ?? "no";
  const { runtime } = numericsClass();
  return `${Deno.build.os} ${Deno.build.arch}, ${runtime}, ${block} channels per block`;
}
