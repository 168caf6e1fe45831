/**
 * Bytes of an image file to 8-bit RGB pixels, as `PIL.Image.open(file).convert("RGB")` gives them. The
 * only file with sharp, which is loaded on first use.
 *
 * What PIL does, and this does too (Pillow 13.0.0, fixtures in `tests/fixtures/pillow`):
 * - the format is told by content, not by extension; of several pictures in a file the first counts;
 * - alpha is dropped, not blended; palettes and transparent colours become plain colours;
 * - colour profiles and gamma are ignored; CMYK is converted by (255 - C)(255 - K) / 255;
 * - EXIF orientation is not applied, but the orientation tag of a TIFF is;
 * - 16-bit RGB, RGBA and grey with alpha keep the high byte, but 16-bit **grey is clipped at 255**, not
 *   scaled: `data inspect` warns of such files, since most come out white.
 *
 * @module
 */
import type sharpModule from "sharp";
import { DataError } from "../base/errors.ts";
import { decodeBmp } from "./bmp.ts";
import { type ImageHeader, readImageHeader } from "./image_header.ts";
import { type LabelImage, parseLabelPng } from "./label_png.ts";
import type { RgbImage } from "./resize.ts";

export type { LabelImage } from "./label_png.ts";
export type { RgbImage } from "./resize.ts";

/** Largest picture and file that are read; beyond it a file is more likely an accident or an attack. */
export const imageLimits = { pixels: 64_000_000, bytes: 64_000_000 } as const;

/** What a file holds, told without decoding its pixels. */
export interface ImageDescription {
  /** From the file's first bytes, not from its name. */
  readonly format: ImageHeader["format"];
  /** Pixels from left to right as stored, before `orientation` turns them. */
  readonly width: number;
  /** Pixels from top to bottom as stored. */
  readonly height: number;
  /** As PIL names it, with the bits where they are not 8: "RGB", "L", "P", "RGBA", "L;16", … */
  readonly mode: string;
  /** EXIF orientation, 1 (upright) to 8; applied to TIFF only, as PIL does. */
  readonly orientation: number;
}

type Sharp = typeof sharpModule;
let loading: Promise<Sharp> | undefined;

/** sharp with one thread and no cache, so that results and memory are predictable. */
function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

/**
 * Decodes PNG, JPEG, WebP, TIFF or BMP bytes to RGB. `name` stands in the messages.
 *
 * @throws {DataError} for what is no such image, cut short, damaged, or beyond `imageLimits`
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<RgbImage> {
  const header = checkHeader(bytes, name);
  if (header.format === "bmp") {
    try {
      return decodeBmp(bytes);
    } catch (error) {
      throw damaged(name, error);
    }
  }
  const sharp = await loadSharp();
  const kind = await describe(sharp, bytes, name, header);
  const turned = header.format === "tiff" && kind.orientation !== 1;
  const options = {
    failOn: "warning",
    ignoreIcc: true,
    limitInputPixels: imageLimits.pixels,
    sequentialRead: !turned,
  } as const;
  try {
    let image = sharp(bytes, options);
    if (turned) image = image.autoOrient();
    if (kind.space === "cmyk") {
      image = image.pipelineColourspace("cmyk").toColourspace("cmyk");
      const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
      return { width: info.width, height: info.height, data: rgbFromCmyk(data, info.channels) };
    }
    if (kind.clipped) {
      image = image.toColourspace("grey16").raw({ depth: "ushort" });
      const { data, info } = await image.toBuffer({ resolveWithObject: true });
      const samples = new Uint16Array(data.buffer, data.byteOffset, data.byteLength >> 1);
      return {
        width: info.width,
        height: info.height,
        data: rgbFromGrey16(samples, info.channels),
      };
    }
    const { data, info } = await image.removeAlpha().toColourspace("srgb").raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new SyntaxError(`decoded to ${info.channels} channels`);
    return {
      width: info.width,
      height: info.height,
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    };
  } catch (error) {
    throw damaged(name, error);
  }
}

/**
 * Format, size and mode of an image, from its header alone.
 *
 * @throws {DataError} for what is no image, or beyond `imageLimits`
 */
export async function describeImage(bytes: Uint8Array, name: string): Promise<ImageDescription> {
  const header = checkHeader(bytes, name);
  if (header.format === "bmp" && header.size !== undefined) {
    const bits = new DataView(bytes.buffer, bytes.byteOffset).getUint8(28);
    return { format: "bmp", ...header.size, mode: bits <= 8 ? "P" : "RGB", orientation: 1 };
  }
  const kind = await describe(await loadSharp(), bytes, name, header);
  const { width, height, mode, orientation } = kind;
  return { format: header.format, width, height, mode, orientation };
}

/** An RGB image as the bytes of an 8-bit PNG. */
export async function encodePng(image: RgbImage): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, data } = image;
  if (data.length !== width * height * 3) {
    throw new RangeError(`Cannot write ${data.length} bytes as ${width} x ${height} RGB pixels`);
  }
  const sharp = await loadSharp();
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 6, adaptiveFiltering: true }).toBuffer();
  return new Uint8Array(png);
}

/**
 * An RGB image as a lossy WebP, for pages that show many small pictures.
 *
 * @param quality 1 (smallest) to 100
 */
export async function encodeWebp(
  image: RgbImage,
  quality: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, data } = image;
  if (data.length !== width * height * 3) {
    throw new RangeError(`Cannot write ${data.length} bytes as ${width} x ${height} RGB pixels`);
  }
  const sharp = await loadSharp();
  const webp = await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality, effort: 2 }).toBuffer();
  return new Uint8Array(webp);
}

/**
 * The labels of an 8-bit PNG of one channel, unchanged: grey values or palette indices.
 *
 * @throws {DataError} for any other kind of image
 */
export function decodeLabels(bytes: Uint8Array, name: string): LabelImage {
  try {
    return parseLabelPng(bytes, imageLimits.pixels);
  } catch (error) {
    throw new DataError(`Cannot read labels from ${name}: ${reasonOf(error)}`, {
      cause: error,
      remedy: "Save the label image as an 8-bit grey or palette PNG whose values are the segments.",
    });
  }
}

/** Refuses a file of `bytes` bytes that is too large to be read whole. */
export function checkFileSize(bytes: number, name: string): void {
  if (bytes > imageLimits.bytes) {
    throw new DataError(
      `Cannot read ${name}: the file has ${bytes} bytes, more than ${imageLimits.bytes}`,
      { remedy: "Save the image smaller, or as PNG or JPEG." },
    );
  }
}

/** The header of an image file, from its first bytes; refuses what cannot be an image that is read. */
export function checkHeader(bytes: Uint8Array, name: string): ImageHeader {
  checkFileSize(bytes.length, name);
  if (bytes.length === 0) {
    throw new DataError(`Cannot read ${name}: the file is empty`, { remedy: replaceIt });
  }
  const header = readImageHeader(bytes);
  if (header === undefined) {
    const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0"));
    throw new DataError(
      `Cannot read ${name}: it is not a PNG, JPEG, WebP, TIFF or BMP image (it begins with ` +
        `${start.join(" ")})`,
      { remedy: replaceIt },
    );
  }
  if (header.size !== undefined) checkSize(header.size.width, header.size.height, name);
  return header;
}

const replaceIt = "Replace the file by the image it should be, or take it out of the folder.";

function checkSize(width: number, height: number, name: string): void {
  if (width < 1 || height < 1) {
    throw new DataError(`Cannot read ${name}: its size is ${width} x ${height} pixels`, {
      remedy: replaceIt,
    });
  }
  if (width * height > imageLimits.pixels) {
    throw new DataError(
      `Cannot read ${name}: ${width} x ${height} pixels are more than ` +
        `${imageLimits.pixels / 1e6} megapixels`,
      { remedy: "Scale the image down; the detectors see 256 x 256 pixels of it." },
    );
  }
}

/** PIL's modes by colour type of a PNG. */
const pngModes: Readonly<Record<number, string>> = { 0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA" };

/** What decoding needs to know beyond the description. */
interface Kind {
  readonly width: number;
  readonly height: number;
  readonly mode: string;
  readonly space: string;
  /** 16-bit grey, which PIL clips at 255. */
  readonly clipped: boolean;
  readonly orientation: number;
}

async function describe(
  sharp: Sharp,
  bytes: Uint8Array,
  name: string,
  header: ImageHeader,
): Promise<Kind> {
  const metadata = await sharp(bytes, { limitInputPixels: false }).metadata()
    .catch((error: unknown) => {
      throw damaged(name, error);
    });
  const { width, height, space, depth, channels } = metadata;
  checkSize(width, height, name);
  const sixteen = depth === "ushort";
  const alpha = channels === 2 || (channels === 4 && space !== "cmyk") ? "A" : "";
  const modes: Record<string, string> = {
    "b-w": `L${alpha}`,
    "grey16": `L${alpha}`,
    "srgb": metadata.isPalette ? "P" : `RGB${alpha}`,
    "rgb16": `RGB${alpha}`,
    "cmyk": "CMYK",
  };
  const known = Object.hasOwn(modes, space) ? modes[space] : undefined;
  // Of a PNG its own word counts: a transparent colour gives it an alpha channel here, not in PIL.
  const mode = known && (pngModes[header.png?.colourType ?? -1] ?? known);
  const rawYCbCr = header.format === "tiff" && isUncompressedYCbCr(bytes);
  if (mode === undefined || (depth !== "uchar" && !sixteen) || (sixteen && space === "cmyk")) {
    throw new DataError(
      `Cannot read ${name}: pixels of kind ${space} with ${depth} samples are not supported`,
      { remedy: "Save the image with 8 bits a channel as grey or RGB." },
    );
  }
  if (rawYCbCr) {
    throw new DataError(`Cannot read ${name}: a TIFF of YCbCr pixels is not supported`, {
      remedy: "Save the image as RGB.",
    });
  }
  const bits = header.png?.bits ?? (sixteen ? 16 : metadata.bitsPerSample ?? 8);
  return {
    width,
    height,
    mode: bits === 8 ? mode : `${mode};${bits}`,
    space,
    clipped: space === "grey16" && mode === "L",
    orientation: metadata.orientation ?? 1,
  };
}

/** Whether the first page of a TIFF holds YCbCr pixels that are not inside a JPEG stream. */
function isUncompressedYCbCr(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  if (bytes.length < 8 || view.getUint16(2, little) !== 42) return false;
  const folder = view.getUint32(4, little);
  if (folder + 2 > bytes.length) return false;
  let [compression, photometric] = [1, 0];
  const count = view.getUint16(folder, little);
  for (let i = 0; i < count; i++) {
    const entry = folder + 2 + 12 * i;
    if (entry + 12 > bytes.length) break;
    const tag = view.getUint16(entry, little);
    if (tag === 259) compression = view.getUint16(entry + 8, little);
    if (tag === 262) photometric = view.getUint16(entry + 8, little);
  }
  return photometric === 6 && compression !== 6 && compression !== 7;
}

/** PIL's conversion: each ink darkens what black lets through, in rounded 8-bit arithmetic. */
function rgbFromCmyk(data: Uint8Array, channels: number): Uint8Array {
  const count = data.length / channels;
  const result = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    const light = 255 - data[i * channels + 3];
    for (let c = 0; c < 3; c++) {
      const product = data[i * channels + c] * light + 128;
      result[i * 3 + c] = light - ((product + (product >> 8)) >> 8);
    }
  }
  return result;
}

/** PIL's conversion of mode "I;16": clipped at 255, not scaled. */
function rgbFromGrey16(samples: Uint16Array, channels: number): Uint8Array {
  const count = samples.length / channels;
  const result = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    const value = Math.min(255, samples[i * channels]);
    result.fill(value, i * 3, i * 3 + 3);
  }
  return result;
}

function damaged(name: string, error: unknown): DataError {
  if (error instanceof DataError) return error;
  return new DataError(`Cannot read ${name}: it is damaged or cut off (${reasonOf(error)})`, {
    cause: error,
    remedy: replaceIt,
  });
}

/** The first line of what a decoder says, without the name of its class. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.split("\n").map((part) => part.trim()).find((part) => part !== "");
  return line ?? "the decoder gave no reason";
}
