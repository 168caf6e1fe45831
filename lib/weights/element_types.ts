/**
 * Element types of stored weights, little-endian, by safetensors' names, and their numbers in memory.
 *
 * @module
 */
import type { NpyData } from "../base/npy.ts";

/** An element type of a file of weights. */
export type StoredType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

/** Bytes per element. */
export const storedSizes: Readonly<Record<StoredType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/**
 * The elements in `bytes`, in an array of their own: F16 and BF16 as float32 (exact), I16 and I8 as
 * int32, BOOL as bytes, the others as they are.
 *
 * @throws {RangeError} if `bytes` does not hold whole elements
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([...decodeElements("F16", new Uint8Array([0x00, 0x3c, 0x00, 0xc0]))], [1, -2]);
 * ```
 */
export function decodeElements(type: StoredType, bytes: Uint8Array): NpyData {
  if (bytes.length % storedSizes[type] !== 0) {
    throw new RangeError(`Cannot decode ${bytes.length} bytes as elements of type ${type}`);
  }
  const own = new Uint8Array(bytes).buffer; // a Buffer's own slice would not copy
  switch (type) {
    case "F64":
      return new Float64Array(own);
    case "F32":
      return new Float32Array(own);
    case "F16":
      return Float32Array.from(new Uint16Array(own), fromHalf);
    case "BF16": {
      const halves = new Uint16Array(own);
      const bits = new Uint32Array(halves.length);
      for (let i = 0; i < bits.length; i++) bits[i] = halves[i] << 16;
      return new Float32Array(bits.buffer);
    }
    case "I64":
      return new BigInt64Array(own);
    case "I32":
      return new Int32Array(own);
    case "I16":
      return Int32Array.from(new Int16Array(own));
    case "I8":
      return Int32Array.from(new Int8Array(own));
    case "U32":
      return new Uint32Array(own);
    case "U16":
      return new Uint16Array(own);
    case "U8":
    case "BOOL":
      return new Uint8Array(own);
  }
}

/** The number whose IEEE 754 binary16 bits are `bits`. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = bits >> 10 & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
