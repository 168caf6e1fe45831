/**
 * The safetensors format: the header's length (8 bytes), a JSON header, the elements. Strict in both
 * directions: the header is parsed by a small grammar of its own that refuses repeated names, and the
 * tensors must fill the file without overlap or hole.
 *
 * Reference: https://huggingface.co/docs/safetensors (format), checks of the Rust crate 0.4.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { decodeElements, storedSizes, type StoredType } from "./element_types.ts";

const headerLimit = 100_000_000;
const rankLimit = 8;
const nameLimit = 512;
const tensorLimit = 100_000;

/** What a file holds: tensors by name, and free text by name. */
export interface SafeTensors {
  /** Each with the element type that it is stored in. */
  readonly tensors: Map<string, NdArray>;
  /** The header's `__metadata__`. */
  readonly metadata: Map<string, string>;
}

/**
 * Reads a file of safetensors; tensors come in the order of their data, each in memory of its own,
 * element types as in `decodeElements`. `name` stands in the messages.
 *
 * @throws {DataError} for a header that is damaged or does not describe the file's bytes exactly
 */
export function parseSafetensors(bytes: Uint8Array, name: string): SafeTensors {
  const fail = (reason: string) =>
    new DataError(`Cannot read ${name} as .safetensors: ${reason}`, {
      remedy: "Fetch the file again, or import the weights from their original file.",
    });
  if (bytes.length < 10) throw fail(`it has only ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stated = view.getBigUint64(0, true);
  if (stated > BigInt(headerLimit) || stated > BigInt(bytes.length - 8)) {
    throw fail(`its header would have ${stated} bytes, the file has ${bytes.length}`);
  }
  const headerEnd = 8 + Number(stated);
  let header: HeaderValue;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes.subarray(8, headerEnd));
    header = new HeaderParser(text).parse();
  } catch (error) {
    if (error instanceof SyntaxError) throw fail(`its header is damaged: ${error.message}`);
    if (error instanceof TypeError) throw fail("its header is not UTF-8");
    throw error;
  }
  if (!(header instanceof Map)) throw fail("its header is no object");

  const metadata = new Map<string, string>();
  const entries: { name: string; type: StoredType; shape: number[]; begin: number; end: number }[] =
    [];
  for (const [key, value] of header) {
    if (!(value instanceof Map)) throw fail(`entry ${quote(key)} is no object`);
    if (key === "__metadata__") {
      for (const [field, text] of value) {
        if (typeof text !== "string") throw fail(`metadata ${quote(field)} is no text`);
        metadata.set(field, text);
      }
      continue;
    }
    if (key.length > nameLimit) throw fail(`a name has ${key.length} characters`);
    const extra = [...value.keys()].find((field) =>
      !["dtype", "shape", "data_offsets"].includes(field)
    );
    if (extra !== undefined) throw fail(`tensor ${quote(key)} has an unknown field`);
    const dtype = value.get("dtype");
    if (typeof dtype !== "string" || !Object.hasOwn(storedSizes, dtype)) {
      throw fail(`tensor ${quote(key)} has element type ${quote(dtype)}`);
    }
    const shape = value.get("shape");
    const offsets = value.get("data_offsets");
    if (!isCounts(shape) || shape.length > rankLimit) {
      throw fail(`tensor ${quote(key)} has a wrong shape`);
    }
    if (!isCounts(offsets) || offsets.length !== 2) {
      throw fail(`tensor ${quote(key)} has wrong offsets`);
    }
    const type = dtype as StoredType;
    let size = storedSizes[type];
    for (const length of shape) {
      size *= length;
      if (!Number.isSafeInteger(size)) throw fail(`tensor ${quote(key)} has shape [${shape}]`);
    }
    const [begin, end] = offsets;
    if (end - begin !== size) {
      throw fail(`tensor ${quote(key)} has ${end - begin} bytes, its shape needs ${size}`);
    }
    entries.push({ name: key, type, shape, begin, end });
  }
  // Empty tensors have no place of their own: they sort before a tensor that begins where they lie.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const entry of entries) {
    if (entry.begin !== at) {
      throw fail(
        `tensor ${quote(entry.name)} begins at ${entry.begin}, the one before ends at ${at}`,
      );
    }
    at = entry.end;
  }
  if (headerEnd + at !== bytes.length) {
    throw fail(`its tensors have ${at} bytes, the file holds ${bytes.length - headerEnd}`);
  }
  const tensors = new Map<string, NdArray>();
  for (const { name: key, type, shape, begin, end } of entries) {
    const data = decodeElements(type, bytes.subarray(headerEnd + begin, headerEnd + end));
    tensors.set(key, { shape, data });
  }
  return { tensors, metadata };
}

/**
 * `tensors` as a file of safetensors. The same tensors give the same bytes whatever their order:
 * larger elements come first, then by name, and the data begins at a multiple of 8.
 *
 * @throws {RangeError} for a shape that does not fit its data, or a name that is reserved
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const file = safetensorsBytes(new Map([["a", { shape: [2], data: new Float32Array([1, 2]) }]]));
 * assert.deepEqual(parseSafetensors(file, "a").tensors.get("a")!.shape, [2]);
 * ```
 */
export function safetensorsBytes(
  tensors: ReadonlyMap<string, NdArray>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].map(([name, array]) => ({ name, array, type: typeOf(array) }))
    .sort((a, b) =>
      storedSizes[b.type] - storedSizes[a.type] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
    );
  const parts: string[] = [];
  if (metadata.size > 0) {
    const fields = [...metadata].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    parts.push(`"__metadata__":{${fields.join(",")}}`);
  }
  let at = 0;
  for (const { name, array, type } of sorted) {
    const count = array.shape.reduce((product, size) => product * size, 1);
    if (count !== array.data.length) {
      throw new RangeError(
        `Cannot write tensor ${name}: shape [${array.shape}] has ${count} elements, ` +
          `data ${array.data.length}`,
      );
    }
    if (name === "__metadata__" || name.length > nameLimit) {
      throw new RangeError(`Cannot write tensor: its name is ${quote(name)}`);
    }
    const end = at + array.data.byteLength;
    parts.push(
      `${JSON.stringify(name)}:{"dtype":"${type}","shape":[${array.shape}],` +
        `"data_offsets":[${at},${end}]}`,
    );
    at = end;
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const headerLength = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(text, 8);
  bytes.fill(0x20, 8 + text.length, 8 + headerLength);
  let offset = 8 + headerLength;
  for (const { array: { data } } of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

function typeOf({ data }: NdArray): StoredType {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof BigInt64Array) return "I64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint32Array) return "U32";
  if (data instanceof Uint16Array) return "U16";
  return "U8";
}

/** What the header's JSON may hold. */
type HeaderValue = string | number | HeaderValue[] | Map<string, HeaderValue>;

/**
 * JSON of objects, arrays, texts and non-negative integers, nested at most four deep. Objects become
 * `Map`s; a repeated key is an error, which `JSON.parse` would pass over in silence.
 */
class HeaderParser {
  #at = 0;
  #count = 0;

  constructor(readonly text: string) {}

  parse(): HeaderValue {
    if (this.text[0] !== "{") throw new SyntaxError("it does not begin with {");
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.text.length) throw this.#unexpected();
    return value;
  }

  #value(depth: number): HeaderValue {
    if (depth > 4) throw new SyntaxError("it is nested too deep");
    if (++this.#count > 8 * tensorLimit) throw new SyntaxError("it has too many values");
    this.#space();
    switch (this.text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      default:
        return this.#integer();
    }
  }

  #object(depth: number): Map<string, HeaderValue> {
    const object = new Map<string, HeaderValue>();
    this.#at++;
    if (this.#closes("}")) return object;
    for (;;) {
      this.#space();
      const key = this.#string();
      if (object.has(key)) throw new SyntaxError(`${quote(key)} is there twice`);
      this.#expect(":");
      object.set(key, this.#value(depth + 1));
      if (this.#closes("}")) return object;
      this.#expect(",");
    }
  }

  #array(depth: number): HeaderValue[] {
    const array: HeaderValue[] = [];
    this.#at++;
    if (this.#closes("]")) return array;
    for (;;) {
      array.push(this.#value(depth + 1));
      if (this.#closes("]")) return array;
      this.#expect(",");
    }
  }

  #string(): string {
    const from = this.#at;
    if (this.text[from] !== '"') throw this.#unexpected();
    let at = from + 1;
    for (; at < this.text.length && this.text[at] !== '"'; at++) if (this.text[at] === "\\") at++;
    if (at >= this.text.length) throw new SyntaxError("a text has no end");
    this.#at = at + 1;
    return JSON.parse(this.text.slice(from, this.#at)); // a JSON string: no keys, no depth
  }

  #integer(): number {
    const match = /^(0|[1-9]\d{0,15})(?![\d.eE])/.exec(this.text.slice(this.#at, this.#at + 18));
    const value = match === null ? NaN : Number(match[1]);
    if (!Number.isSafeInteger(value)) throw this.#unexpected();
    this.#at += match![1].length;
    return value;
  }

  #closes(bracket: string): boolean {
    this.#space();
    if (this.text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    this.#space();
    if (this.text[this.#at] !== character) throw this.#unexpected();
    this.#at++;
  }

  #space(): void {
    while (" \t\n\r".includes(this.text[this.#at] ?? "x")) this.#at++;
  }

  #unexpected(): SyntaxError {
    const found = this.text.slice(this.#at, this.#at + 10);
    return new SyntaxError(`${quote(found)} at character ${this.#at}`);
  }
}

function isCounts(value: HeaderValue | undefined): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function quote(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value;
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
