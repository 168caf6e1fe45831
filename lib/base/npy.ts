/**
 * NumPy's `.npy` format, version 1.0, for the element types the harness stores. Strict in reading: the
 * header is parsed by a small grammar of its own, only the listed types are accepted, and the payload
 * must have exactly the size that the shape asks for, so that a short file is an error, never zeros.
 *
 * @module
 */
import { DataError } from "./errors.ts";

/** Element types that can be read and written, by NumPy's descriptor. */
const arrayTypes = {
  "|u1": Uint8Array,
  "<u2": Uint16Array,
  "<i4": Int32Array,
  "<u4": Uint32Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
  "<i8": BigInt64Array,
} as const satisfies Readonly<Record<NpyDescriptor, unknown>>;

/** Element type as it stands in the header of a file: `<f4` is float32. */
export type NpyDescriptor = "|u1" | "<u2" | "<i4" | "<u4" | "<f4" | "<f8" | "<i8";

/** Typed arrays that a `.npy` file can hold. */
export type NpyData =
  | Uint8Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array;

/** An n-dimensional array in C order; `data.length` is the product of `shape`. */
export interface NdArray<T extends NpyData = NpyData> {
  /** Lengths of the dimensions, the outermost first. */
  readonly shape: readonly number[];
  /** The elements, row by row. */
  readonly data: T;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const headerLimit = 65_535;

/** The array as `.npy` bytes (a new buffer). */
export function npyBytes(array: NdArray): Uint8Array<ArrayBuffer> {
  const { shape, data } = array;
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== data.length) {
    throw new RangeError(
      `Cannot write .npy: shape [${shape}] has ${count} elements, data ${data.length}`,
    );
  }
  const descriptor = (Object.keys(arrayTypes) as NpyDescriptor[])
    .find((key) => data instanceof arrayTypes[key])!;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  let header = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${tuple}, }`;
  header += " ".repeat((64 - (10 + header.length + 1) % 64) % 64) + "\n";
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([...magic, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return bytes;
}

/**
 * Reads `.npy` bytes (format versions 1.0 and 2.0). `name` stands in the messages.
 *
 * @throws {DataError} for anything that is not exactly one array of a known type in C order
 */
export function parseNpy(bytes: Uint8Array, name = ".npy data"): NdArray {
  const fail = (reason: string) => new DataError(`Cannot read ${name} as .npy: ${reason}`);
  if (bytes.length < 12 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw fail("no .npy signature");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [major, minor] = [bytes[6], bytes[7]];
  if ((major !== 1 && major !== 2) || minor !== 0) throw fail(`version ${major}.${minor}`);
  const headerStart = major === 1 ? 10 : 12;
  const headerLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerLength > headerLimit || headerStart + headerLength > bytes.length) {
    throw fail(`header of ${headerLength} bytes`);
  }
  const dataStart = headerStart + headerLength;
  const header = String.fromCharCode(...bytes.subarray(headerStart, dataStart)).trim();
  const match =
    /^\{\s*'descr':\s*'([^']{1,8})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}$/
      .exec(header);
  if (match === null) throw fail(`header is ${JSON.stringify(header.slice(0, 120))}`);
  const [, descriptor, fortran, dimensions] = match;
  if (!Object.hasOwn(arrayTypes, descriptor)) {
    throw fail(`element type ${JSON.stringify(descriptor)}`);
  }
  if (fortran === "True") throw fail("Fortran order");
  const shape = dimensions.split(",").map((text) => text.trim()).filter((text) => text !== "").map(
    Number,
  );
  const count = shape.reduce((product, size) => product * size, 1);
  const type = arrayTypes[descriptor as NpyDescriptor];
  const size = count * type.BYTES_PER_ELEMENT;
  if (shape.length > 8 || !Number.isSafeInteger(size) || dataStart + size !== bytes.length) {
    throw fail(`shape (${shape}) needs ${size} bytes, the file holds ${bytes.length - dataStart}`);
  }
  const aligned = (bytes.byteOffset + dataStart) % type.BYTES_PER_ELEMENT === 0;
  const payload = aligned ? bytes : bytes.slice(dataStart);
  const offset = aligned ? bytes.byteOffset + dataStart : 0;
  return { shape, data: new type(payload.buffer as ArrayBuffer, offset, count) };
}

/** `parseNpy`, and the element type must be `descriptor`. */
export function parseFloat32Npy(bytes: Uint8Array, name?: string): NdArray<Float32Array> {
  const array = parseNpy(bytes, name);
  if (!(array.data instanceof Float32Array)) {
    throw new DataError(`Cannot read ${name ?? ".npy data"}: elements are not float32`);
  }
  return array as NdArray<Float32Array>;
}
