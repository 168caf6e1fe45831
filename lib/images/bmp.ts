/**
 * Windows bitmaps, which sharp cannot read: uncompressed, 1, 4, 8, 24 or 32 bits a pixel, rows from
 * the bottom up or from the top down. The fourth byte of 32-bit pixels is ignored, as PIL does.
 *
 * @module
 */
import type { RgbImage } from "./resize.ts";

/**
 * Decodes a BMP file to 8-bit RGB.
 *
 * @throws {SyntaxError} that says what is wrong with the bytes, or what is not supported
 */
export function decodeBmp(bytes: Uint8Array): RgbImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 54 || bytes[0] !== 0x42 || bytes[1] !== 0x4d) {
    throw new SyntaxError("BMP header is cut short");
  }
  const pixelStart = view.getUint32(10, true);
  const headerSize = view.getUint32(14, true);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  const height = Math.abs(signedHeight);
  if (headerSize < 40 || headerSize > 124) {
    throw new SyntaxError(`BMP header of ${headerSize} bytes is not supported`);
  }
  if (width < 1 || height < 1) {
    throw new SyntaxError(`BMP size ${width} x ${signedHeight} is not positive`);
  }
  const masked = compression === 3 && bits === 32;
  if (![1, 4, 8, 24, 32].includes(bits) || (compression !== 0 && !masked)) {
    throw new SyntaxError(
      `BMP with ${bits} bits a pixel, compression ${compression} is unsupported`,
    );
  }
  if (masked) {
    const masks = [54, 58, 62].map((at) => at + 4 <= bytes.length ? view.getUint32(at, true) : 0);
    if (masks[0] !== 0xff0000 || masks[1] !== 0xff00 || masks[2] !== 0xff) {
      throw new SyntaxError("BMP with unusual colour masks is not supported");
    }
  }
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (pixelStart < 14 + headerSize || pixelStart + stride * height > bytes.length) {
    throw new SyntaxError(
      `BMP is cut short: ${width} x ${height} pixels of ${bits} bits need ` +
        `${pixelStart + stride * height} bytes, the file has ${bytes.length}`,
    );
  }
  const paletteStart = 14 + headerSize;
  const colours = bits > 8 ? 0 : view.getUint32(46, true) || 1 << bits;
  if (colours > 1 << bits || paletteStart + 4 * colours > pixelStart) {
    throw new SyntaxError(`BMP palette of ${colours} colours does not fit`);
  }

  const data = new Uint8Array(width * height * 3);
  for (let y = 0, out = 0; y < height; y++) {
    const row = pixelStart + stride * (signedHeight < 0 ? y : height - 1 - y);
    for (let x = 0; x < width; x++, out += 3) {
      let at: number;
      if (bits > 8) {
        at = row + x * (bits >> 3);
      } else {
        const place = x * bits;
        const index = (bytes[row + (place >> 3)] >> (8 - bits - (place & 7))) & ((1 << bits) - 1);
        if (index >= colours) {
          throw new SyntaxError(`BMP pixel refers to colour ${index} of ${colours}`);
        }
        at = paletteStart + 4 * index;
      }
      data[out] = bytes[at + 2];
      data[out + 1] = bytes[at + 1];
      data[out + 2] = bytes[at];
    }
  }
  return { width, height, data };
}
