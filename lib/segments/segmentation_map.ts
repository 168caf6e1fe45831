/**
 * Segmentation maps: which segment of the product each pixel belongs to (paper, section 4: the masks
 * s_1 … s_L, mutually exclusive). One static map serves all images of a product that is always in the
 * same place (section 5, Figure 5); labels are exact numbers and are never interpolated.
 *
 * @module
 */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { digestOf, sha256 } from "../base/digest.ts";
import { DataError, unknownName, UsageError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { decodeLabels } from "../images/decode.ts";

/** A label per pixel and a name per label. */
export interface SegmentationMap {
  /** How the map was asked for, or the file's name; not part of its digest. */
  readonly name: string;
  /** Pixels from top to bottom, at least 1. */
  readonly height: number;
  /** Pixels from left to right, at least 1. */
  readonly width: number;
  /** `[height, width]`, row-major; a pixel whose label has no segment belongs to none. */
  readonly labels: Uint8Array;
  /** Names: label i is `segments[i]`. */
  readonly segments: readonly string[];
}

/** The most segments that a map may have. */
export const segmentLimit = 64;

/** Options of `loadSegmentationMap`. */
export interface LoadSegmentationMapOptions {
  /** Size of the data set's images as they are on the disk; without it only the map itself is checked. */
  readonly images?: { readonly width: number; readonly height: number };
  /**
   * Folder of the named maps.
   * @default the project's `segmaps/`
   */
  readonly folder?: string;
}

/**
 * The segmentation map that `spec` names, at `size` x `size` pixels:
 *
 * - `whole`: one segment, the row "One Seg." of Table 6;
 * - `rings:N`: N concentric rings of equal width around the centre, the outermost one with the corners;
 * - the name of a map in `segmaps/`, e.g. `vad`. Such a map is drawn for a product, not for a
 *   resolution: images of another size with the same aspect ratio are fine;
 * - the path of a label image: an 8-bit PNG of one channel whose values are the labels 0, 1, 2, …, with
 *   the names in a `.json` file beside it (`{"segments": ["background", …]}`) or else "segment 0", ….
 *   It must have the size of the images, or already `size` x `size`.
 *
 * Every label of an image must have a name and every name a pixel.
 *
 * @param size side in pixels of the images that the detectors see
 * @throws {UsageError} for an unknown name or a wrong number of rings
 * @throws {DataError} for a missing or damaged file, a map of another size, labels that do not fit
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const map = await loadSegmentationMap("rings:2", 4);
 * assert.deepEqual(map.segments, ["ring 1", "ring 2"]);
 * assert.deepEqual([...map.labels.subarray(0, 8)], [1, 1, 1, 1, 1, 0, 0, 1]);
 * ```
 */
export async function loadSegmentationMap(
  spec: string,
  size: number,
  options: LoadSegmentationMapOptions = {},
): Promise<SegmentationMap> {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Cannot load a segmentation map at size ${size}: not a positive integer`);
  }
  if (spec === "whole") return wholeMap(size);
  if (spec.startsWith("rings:")) return ringsMap(ringCount(spec), size);

  const { map, isNamed } = await readLabelMap(spec, options.folder);
  if (isNamed) checkAspect(map, options.images);
  else checkFileSize(map, spec, size, options.images);
  return resizeSegmentationMap(map, size, size);
}

/**
 * The map in a label image, at its own size: of a name in `segmaps/`, or of a path.
 *
 * @param folder of the named maps, by default the project's `segmaps/`
 * @throws {UsageError} for an unknown name
 * @throws {DataError} for a missing or damaged file, labels that do not fit
 */
export async function readLabelMap(
  spec: string,
  folder: string = namedMapsFolder,
): Promise<{ readonly map: SegmentationMap; readonly isNamed: boolean }> {
  const isName = /^[\w-]+(\/[\w-]+)*$/.test(spec);
  const namedPath = `${folder}/${spec}.png`;
  const namedBytes = isName ? await readFileIfThere(namedPath) : undefined;
  if (namedBytes !== undefined) {
    return { map: await parseMap(namedBytes, namedPath, spec), isNamed: true };
  }
  const bytes = await readFileIfThere(spec);
  if (bytes === undefined) {
    if (isName && !spec.includes("/")) {
      const known = [...await namedMaps(folder), "whole", "rings:4"];
      throw unknownName("segmentation map", spec, known);
    }
    throw new DataError(`Cannot read segmentation map ${spec}: there is no such file`, {
      remedy: "Give the path of a label PNG, or one of: whole, rings:N, " +
        `${(await namedMaps(folder)).join(", ")}.`,
    });
  }
  const name = basename(spec).replace(/\.png$/i, "");
  return { map: await parseMap(bytes, spec, name), isNamed: false };
}

/** One segment for the whole image. */
export function wholeMap(size: number): SegmentationMap {
  const labels = new Uint8Array(size * size);
  return { name: "whole", height: size, width: size, labels, segments: ["whole"] };
}

/**
 * `count` concentric rings of equal width around the centre: with r the distance of a pixel's centre
 * from the image's centre, the ring is floor(r / (size / 2 / count)); what lies beyond the last ring
 * (the corners) belongs to it.
 */
export function ringsMap(count: number, size: number): SegmentationMap {
  if (!Number.isInteger(count) || count < 1 || count > segmentLimit) {
    throw new RangeError(`Cannot make ${count} rings: not an integer in [1, ${segmentLimit}]`);
  }
  const labels = new Uint8Array(size * size);
  const centre = size / 2;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dy, dx] = [y + 0.5 - centre, x + 0.5 - centre];
      const radius = Math.sqrt(dy * dy + dx * dx);
      labels[y * size + x] = Math.min(count - 1, Math.floor(radius / (centre / count)));
    }
  }
  const segments = Array.from({ length: count }, (_, i) => `ring ${i + 1}`);
  return { name: `rings:${count}`, height: size, width: size, labels, segments };
}

/**
 * The map at another size: each pixel takes the label at its centre, i.e. output position i reads
 * input position floor((i + 0.5) in / out). (PIL's NEAREST has the same rule; torch's "nearest"
 * reads floor(i in / out), half a pixel off.) Labels never mix; a segment thinner than a pixel may
 * vanish, and then has the features of an empty segment.
 */
export function resizeSegmentationMap(
  map: SegmentationMap,
  height: number,
  width: number,
): SegmentationMap {
  if (map.height === height && map.width === width) return map;
  const columns = centreIndexes(map.width, width);
  const rows = centreIndexes(map.height, height);
  const labels = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const from = rows[y] * map.width;
    for (let x = 0; x < width; x++) labels[y * width + x] = map.labels[from + columns[x]];
  }
  return { ...map, height, width, labels };
}

/** SHA-256 of what the map means for features: its labels, their names and its size. */
export function segmentationMapDigest(map: SegmentationMap): string {
  const { height, width, labels, segments } = map;
  return digestOf({ height, width, labels: sha256(labels), segments });
}

/** The pixels of each segment, for one pass over an anomaly map of the same size. */
export interface SegmentIndex {
  /** Rows of the map, and so of the anomaly maps that it fits. */
  readonly height: number;
  /** Columns of both. */
  readonly width: number;
  /** Names, in the order of their labels. */
  readonly segments: readonly string[];
  /** `[segments + 1]`: segment s has `pixels[offsets[s] … offsets[s + 1])`. */
  readonly offsets: Uint32Array;
  /** Positions in row-major order within each segment; pixels of no segment are left out. */
  readonly pixels: Uint32Array;
}

/**
 * The index of a map. Labels at or above the number of segments are left out, as in the public SegAD
 * code (method details 3.0).
 */
export function segmentIndex(map: SegmentationMap): SegmentIndex {
  const { height, width, labels, segments } = map;
  if (labels.length !== height * width) {
    throw new RangeError(
      `Cannot index segmentation map ${map.name}: ${labels.length} labels are not ` +
        `${height} x ${width}`,
    );
  }
  const count = segments.length;
  const offsets = new Uint32Array(count + 1);
  for (const label of labels) if (label < count) offsets[label + 1]++;
  for (let s = 0; s < count; s++) offsets[s + 1] += offsets[s];
  const pixels = new Uint32Array(offsets[count]);
  const next = offsets.slice();
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] < count) pixels[next[labels[i]]++] = i;
  }
  return { height, width, segments, offsets, pixels };
}

/** The project's folder of named maps. */
const namedMapsFolder = fileURLToPath(new URL("../../segmaps", import.meta.url));

/** Names of the maps in `folder`, by default the project's `segmaps/`, and its subfolders, sorted. */
export async function namedMaps(folder: string = namedMapsFolder): Promise<string[]> {
  const names: string[] = [];
  const visit = async (path: string, prefix: string): Promise<void> => {
    for await (const entry of Deno.readDir(path)) {
      if (entry.isDirectory) await visit(`${path}/${entry.name}`, `${prefix}${entry.name}/`);
      else if (entry.name.endsWith(".png")) names.push(prefix + entry.name.slice(0, -4));
    }
  };
  try {
    await visit(folder, "");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

function ringCount(spec: string): number {
  const text = spec.slice("rings:".length);
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > segmentLimit) {
    throw new UsageError(`Cannot make segmentation map ${JSON.stringify(spec)}`, {
      remedy: `Write rings:N with N from 1 to ${segmentLimit}, e.g. rings:4.`,
    });
  }
  return count;
}

/** What stands beside a label image. */
export interface Legend {
  /** Names in the order of their labels, each once. */
  readonly segments: readonly string[];
  /** Pixels of the label image from left to right, to be checked against it. */
  readonly width?: number;
  /** Pixels from top to bottom. */
  readonly height?: number;
  /** Where the map comes from. */
  readonly source?: string;
  /** Colours of the segments as `#rrggbb`, for editing; anything else is left out. */
  readonly colours?: readonly string[];
}

const legendSchema = z.object({
  segments: z.array(z.string().min(1)).min(1).max(segmentLimit),
  width: z.number().int().positive().exactOptional(),
  height: z.number().int().positive().exactOptional(),
  source: z.string().exactOptional(),
});
const coloursSchema = z.array(z.string().regex(/^#[0-9a-f]{6}$/i));

async function parseMap(bytes: Uint8Array, path: string, name: string): Promise<SegmentationMap> {
  const { width, height, data: labels } = decodeLabels(bytes, path);
  const legendPath = `${path.replace(/\.[^./\\]*$/, "")}.json`;
  const legendBytes = await readFileIfThere(legendPath);
  const legend = legendBytes === undefined ? undefined : parseLegend(legendBytes, legendPath);
  if (legend !== undefined) {
    const [declaredWidth, declaredHeight] = [legend.width ?? width, legend.height ?? height];
    if (declaredWidth !== width || declaredHeight !== height) {
      throw new DataError(
        `Cannot use segmentation map ${path}: it has ${width} x ${height} pixels, and ` +
          `${legendPath} says ${declaredWidth} x ${declaredHeight}`,
        { remedy: "Put the image and the legend of one map beside each other." },
      );
    }
  }
  const segments = legend?.segments ?? namesOfLabels(labels, path);
  checkLabels(labels, segments, path, legend === undefined ? undefined : legendPath);
  return { name, height, width, labels, segments };
}

/**
 * The legend in `bytes`.
 *
 * @param path stands in messages
 * @throws {DataError} for what is no legend, and for a name that stands twice
 */
export function parseLegend(bytes: Uint8Array, path: string): Legend {
  const fail = (reason: string, cause?: unknown) =>
    new DataError(`Cannot read ${path}: ${reason}`, {
      cause,
      remedy: 'Write {"segments": ["background", …]} with one name per label, in label order.',
    });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw fail("it is not JSON", error);
  }
  const result = legendSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw fail(`${["legend", ...issue.path].join(".")}: ${issue.message}`);
  }
  const { segments } = result.data;
  const twice = segments.find((name, i) => segments.indexOf(name) !== i);
  if (twice !== undefined) throw fail(`two segments are named ${JSON.stringify(twice)}`);
  const colours = coloursSchema.safeParse((value as { readonly colours?: unknown }).colours);
  return { ...result.data, ...(colours.success ? { colours: colours.data } : {}) };
}

/** "segment 0", … up to the largest label. */
function namesOfLabels(labels: Uint8Array, path: string): string[] {
  const largest = labels.reduce((most, label) => Math.max(most, label), 0);
  if (largest >= segmentLimit) {
    throw new DataError(
      `Cannot use segmentation map ${path}: it has a label ${largest}, and labels go from 0 to ` +
        `${segmentLimit - 1}`,
      { remedy: "Number the segments 0, 1, 2, … instead of spreading them over the grey values." },
    );
  }
  return Array.from({ length: largest + 1 }, (_, i) => `segment ${i}`);
}

function checkLabels(
  labels: Uint8Array,
  segments: readonly string[],
  path: string,
  legendPath: string | undefined,
): void {
  const found = new Set(labels);
  const unnamed = [...found].filter((label) => label >= segments.length).sort((a, b) => a - b);
  if (unnamed.length > 0) {
    throw new DataError(
      `Cannot use segmentation map ${path}: label ${unnamed[0]} has no name, ${legendPath} names ` +
        `${segments.length} segments (labels 0 to ${segments.length - 1})`,
      { remedy: "Add the missing names to the legend, or renumber the labels." },
    );
  }
  const missing = segments.findIndex((_, label) => !found.has(label));
  if (missing >= 0) {
    throw new DataError(
      `Cannot use segmentation map ${path}: no pixel has label ${missing} ` +
        `(${JSON.stringify(segments[missing])}), of ${segments.length}`,
      { remedy: "Number the segments 0, 1, 2, … without gaps, one name for each." },
    );
  }
}

/** A label image that a user gives must lie on the images pixel by pixel. */
function checkFileSize(
  map: SegmentationMap,
  path: string,
  size: number,
  images: LoadSegmentationMapOptions["images"],
): void {
  if (images === undefined || (map.width === size && map.height === size)) return;
  if (map.width === images.width && map.height === images.height) return;
  throw new DataError(
    `Cannot use segmentation map ${path}: it has ${map.width} x ${map.height} pixels, and the ` +
      `images have ${images.width} x ${images.height}`,
    {
      remedy:
        `Draw the map on an image of the data set (${images.width} x ${images.height}), or on ` +
        `one resized to ${size} x ${size}.`,
    },
  );
}

/** A named map may be scaled to the images, but not stretched. */
function checkAspect(map: SegmentationMap, images: LoadSegmentationMapOptions["images"]): void {
  if (images === undefined || map.width * images.height === map.height * images.width) return;
  throw new DataError(
    `Cannot use segmentation map ${map.name}: it is drawn for images of ${map.width} x ` +
      `${map.height} pixels, and these have ${images.width} x ${images.height}, another aspect ratio`,
    { remedy: "Use rings:N or whole, or draw a map on an image of this data set." },
  );
}

/** floor((i + 0.5) input / output) for each output position, in integers. */
function centreIndexes(input: number, output: number): Uint32Array {
  return Uint32Array.from(
    { length: output },
    (_, i) => Math.floor((2 * i + 1) * input / (2 * output)),
  );
}
