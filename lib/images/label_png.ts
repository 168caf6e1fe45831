/**
 * Label images: 8-bit PNGs of one channel whose values are numbers of segments. Decoders for pictures
 * turn palette indices into colours; this one keeps the stored values as they are, and refuses what
 * would need a guess (colour, alpha, 16 bits, scaled greys, interlacing).
 *
 * @module
 */
import { crc32, deflateSync, inflateSync } from "node:zlib";

/** Labels of each pixel, row-major `[height, width]`, 0 to 255. */
export interface LabelImage {
  /** Pixels from left to right, at least 1. */
  readonly width: number;
  /** Pixels from top to bottom, at least 1. */
  readonly height: number;
  /** `[height, width]`, one label a pixel. */
  readonly data: Uint8Array;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Reads the labels of a PNG: grey of 8 bits, or a palette of 1, 2, 4 or 8 bits (the indices).
 *
 * @throws {SyntaxError} that says what is wrong with the bytes, or what is not supported
 */
export function parseLabelPng(bytes: Uint8Array, pixelLimit: number): LabelImage {
  if (signature.some((byte, i) => bytes[i] !== byte)) throw new SyntaxError("it is not a PNG");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Uint8Array | undefined;
  const parts: Uint8Array[] = [];
  let ended = false;
  for (let at = 8; !ended;) {
    if (at + 12 > bytes.length) throw new SyntaxError("PNG is cut short");
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) throw new SyntaxError("PNG is cut short");
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw new SyntaxError(
        `PNG is damaged: checksum of its ${JSON.stringify(kind)} part is wrong`,
      );
    }
    if (kind === "IHDR" && length === 13) header ??= body;
    if (kind === "IDAT") parts.push(body);
    ended = kind === "IEND";
    at += 12 + length;
  }
  if (header === undefined) throw new SyntaxError("PNG has no header");
  const headerView = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height] = [headerView.getUint32(0), headerView.getUint32(4)];
  const [bits, colourType, , , interlace] = header.subarray(8);
  if (width < 1 || height < 1 || width * height > pixelLimit) {
    throw new SyntaxError(
      `its size ${width} x ${height} is not between 1 and ${pixelLimit} pixels`,
    );
  }
  if (colourType !== 3 && !(colourType === 0 && bits === 8)) {
    throw new SyntaxError(
      `it has ${bits} bits a sample, colour type ${colourType}; labels need one channel of 8 bits, ` +
        "grey or palette",
    );
  }
  if (![1, 2, 4, 8].includes(bits)) throw new SyntaxError(`PNG has a palette of ${bits} bits`);
  if (interlace !== 0) throw new SyntaxError("PNG is interlaced; save it without interlacing");
  const stride = Math.ceil((width * bits) / 8);
  const rows = inflateExactly(parts, (stride + 1) * height);
  unfilter(rows, stride, height);
  const data = new Uint8Array(width * height);
  for (let y = 0, out = 0; y < height; y++) {
    const row = y * (stride + 1) + 1;
    for (let x = 0; x < width; x++) {
      const place = x * bits;
      data[out++] = (rows[row + (place >> 3)] >> (8 - bits - (place & 7))) & ((1 << bits) - 1);
    }
  }
  return { width, height, data };
}

/** The labels as the bytes of an 8-bit grey PNG; the same bytes for the same labels and zlib. */
export function labelPngBytes(labels: LabelImage): Uint8Array<ArrayBuffer> {
  const { width, height, data } = labels;
  if (data.length !== width * height || data.length === 0) {
    throw new RangeError(`Cannot write ${data.length} labels as ${width} x ${height} pixels`);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", new Uint8Array(0)),
  ];
  const result = new Uint8Array(8 + chunks.reduce((sum, part) => sum + part.length, 0));
  result.set(signature);
  let at = 8;
  for (const part of chunks) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function chunk(kind: string, body: Uint8Array): Uint8Array {
  const result = new Uint8Array(12 + body.length);
  const view = new DataView(result.buffer);
  view.setUint32(0, body.length);
  result.set(new TextEncoder().encode(kind), 4);
  result.set(body, 8);
  view.setUint32(8 + body.length, crc32(result.subarray(4, 8 + body.length)));
  return result;
}

function inflateExactly(parts: readonly Uint8Array[], size: number): Uint8Array {
  const packed = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  let rows: Uint8Array;
  try {
    rows = inflateSync(packed, { maxOutputLength: size });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`PNG is damaged: ${reason}`);
  }
  if (rows.length !== size) {
    throw new SyntaxError(`PNG is cut short: it has ${rows.length} of ${size} bytes of pixels`);
  }
  return rows;
}

/** Undoes the row filters of PNG (section 9 of its specification) in place, one byte a pixel or less. */
function unfilter(rows: Uint8Array, stride: number, height: number): void {
  for (let y = 0; y < height; y++) {
    const row = y * (stride + 1);
    const above = row - stride - 1;
    const filter = rows[row];
    if (filter > 4) throw new SyntaxError(`PNG is damaged: row ${y} has filter ${filter}`);
    for (let x = 1; x <= stride && filter !== 0; x++) {
      const left = x > 1 ? rows[row + x - 1] : 0;
      const up = y > 0 ? rows[above + x] : 0;
      const corner = x > 1 && y > 0 ? rows[above + x - 1] : 0;
      const guess = filter === 1
        ? left
        : filter === 2
        ? up
        : filter === 3
        ? (left + up) >> 1
        : paeth(left, up, corner);
      rows[row + x] += guess;
    }
  }
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toCorner = Math.abs(estimate - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
