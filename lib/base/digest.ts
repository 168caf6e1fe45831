/**
 * Identity by content: canonical JSON and SHA-256. Two values have the same canonical text exactly
 * when they hold the same data, whatever the order of their keys (RFC 8785 for the values allowed here).
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A value that JSON can hold and a key may be made of. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/**
 * The canonical JSON text of `value`: keys sorted by UTF-16 code units, no white space, numbers in
 * ECMAScript's shortest form. Fields that are `undefined` are left out, as in `JSON.stringify`.
 *
 * @throws {TypeError} for a number that is NaN, infinite or minus zero, and for what JSON cannot hold
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(canonicalJson({ b: [1, 0.5], a: "x" }), '{"a":"x","b":[1,0.5]}');
 * ```
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") {
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value) || Object.is(value, -0)) {
      throw new TypeError(`Cannot write a number as canonical JSON: value is ${value}`);
    }
    return String(value);
  }
  if (Array.isArray(value)) {
    // Lists of images and of places are long and flat: JSON's own writer gives the same text at once.
    return value.every(isPlain) ? JSON.stringify(value) : `[${value.map(canonicalJson).join(",")}]`;
  }
  if (typeof value === "object") {
    const fields = value as { readonly [key: string]: Json | undefined };
    const parts: string[] = [];
    for (const key of Object.keys(fields).sort()) {
      const field = fields[key];
      if (field !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(field)}`);
    }
    return `{${parts.join(",")}}`;
  }
  throw new TypeError(`Cannot write a ${typeof value} as canonical JSON`);
}

/** Whether JSON writes a value as its canonical text. */
function isPlain(value: Json | undefined): boolean {
  return typeof value === "string" || typeof value === "boolean" || value === null ||
    typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0);
}

/** SHA-256 of bytes, or of a text's UTF-8 bytes, as 64 hexadecimal digits. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of the canonical JSON of `value`. */
export function digestOf(value: Json): string {
  return sha256(canonicalJson(value));
}
