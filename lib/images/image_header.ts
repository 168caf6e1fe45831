/**
 * What the first bytes of a file say about the image in it, without decoding anything: enough to
 * refuse a text file named `.png`, or a picture of 400 megapixels, before any decoder sees it.
 *
 * @module
 */

/** Formats that are read; by content, never by the extension of the name. */
export type ImageFormat = "png" | "jpeg" | "webp" | "tiff" | "bmp";

/** What the header of an image says. */
export interface ImageHeader {
  /** From the signature in the first bytes. */
  readonly format: ImageFormat;
  /** Size in pixels, where it stands at a fixed place (PNG, BMP). */
  readonly size?: { readonly width: number; readonly height: number };
  /** PNG only: bits per sample and colour type (0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA). */
  readonly png?: { readonly bits: number; readonly colourType: number };
}

/** Extensions that are taken for images, in any case, without the dot. */
const imageExtensions: readonly string[] = [
  "png",
  "jpg",
  "jpeg",
  "bmp",
  "tif",
  "tiff",
  "webp",
];

/** Number of leading bytes that `readImageHeader` needs to tell all that it can tell. */
export const headerBytes = 64;

/**
 * The header of the image that starts with `bytes`, or undefined where it is none of the formats.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0]);
 * assert.equal(readImageHeader(jpeg)?.format, "jpeg");
 * assert.equal(readImageHeader(new TextEncoder().encode("not an image")), undefined);
 * ```
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsWith(bytes, 0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) {
    if (bytes.length < 26 || !startsWith(bytes, 12, [0x49, 0x48, 0x44, 0x52])) {
      return { format: "png" };
    }
    return {
      format: "png",
      size: { width: view.getUint32(16), height: view.getUint32(20) },
      png: { bits: bytes[24], colourType: bytes[25] },
    };
  }
  if (startsWith(bytes, 0, [0xff, 0xd8, 0xff])) return { format: "jpeg" };
  if (
    startsWith(bytes, 0, [0x52, 0x49, 0x46, 0x46]) && startsWith(bytes, 8, [0x57, 0x45, 0x42, 0x50])
  ) return { format: "webp" };
  if (
    startsWith(bytes, 0, [0x49, 0x49, 42, 0]) || startsWith(bytes, 0, [0x4d, 0x4d, 0, 42]) ||
    startsWith(bytes, 0, [0x49, 0x49, 43, 0]) || startsWith(bytes, 0, [0x4d, 0x4d, 0, 43])
  ) return { format: "tiff" };
  // "BM" alone could begin a text; the two reserved words are zero in every BMP.
  if (startsWith(bytes, 0, [0x42, 0x4d]) && startsWith(bytes, 6, [0, 0, 0, 0])) {
    if (bytes.length < 26) return { format: "bmp" };
    const height = Math.abs(view.getInt32(22, true));
    return { format: "bmp", size: { width: view.getInt32(18, true), height } };
  }
  return undefined;
}

/** The extension of a file name in lower case without its dot; "" where there is none. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Whether the name has the extension of an image that is read. */
export function hasImageExtension(name: string): boolean {
  return imageExtensions.includes(extensionOf(name));
}

function startsWith(bytes: Uint8Array, offset: number, prefix: readonly number[]): boolean {
  return bytes.length >= offset + prefix.length &&
    prefix.every((byte, i) => bytes[offset + i] === byte);
}
