/**
 * Small pictures of many images, 64 to a sheet, so that a page with thousands of them stays small and
 * loads them as they come into view: photographs, and anomaly maps as grey values of one scale for each
 * detector. Sheets are made once and kept in the store.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { quantileInPlace } from "../base/statistics.ts";
import { encodeWebp } from "../images/decode.ts";
import { resizeImage } from "../images/resize.ts";
import { type MapReading, readAnomalyMap } from "../maps/anomaly_map.ts";
import { keyOf, type StageInput } from "../store/key.ts";
import type { Payload, Store } from "../store/store.ts";
import { imageReader, type StoredImage } from "./inspector_parts.ts";

/** Tiles in a row of a sheet, and rows. */
export const sheetSide = 8;
/** Images on a sheet. */
export const sheetLength = sheetSide * sheetSide;

/** Images on sheets, in their order; each tile is square. */
export interface Sheets {
  /** Edge of a tile in pixels. */
  readonly tile: number;
  /** WebP pictures of up to {@linkcode sheetLength} tiles, row by row. */
  readonly files: readonly Uint8Array[];
}

/** Anomaly maps on sheets: grey 0 is `low` and less, grey 255 is `high` and more. */
export interface MapSheets extends Sheets {
  /** In the detector's own scale. */
  readonly low: number;
  /** In the detector's own scale, above `low`. */
  readonly high: number;
}

const revision = 1;
/** WebP's quality: of photographs, and of maps, which are smooth. */
const qualities = { photos: 80, maps: 80 } as const;

/** Share of all values of the maps that are below and above the colour scale. */
const cutOff = { low: 0.05, high: 0.0005 } as const;

/** Values from which the scale of a detector is told. */
const sampledValues = 400_000;

/**
 * Photographs of `images`.
 *
 * @returns undefined when their pixels are not in the store any more
 */
export async function photoSheets(
  store: Store,
  images: readonly StoredImage[],
  tile: number,
): Promise<Sheets | undefined> {
  const input = sheetsInput("photos", images, { tile });
  const payload = await keptOrMade(store, input, async () => {
    const read = imageReader(store, "pixels.npy");
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (let first = 0; first < images.length; first += sheetLength) {
      const tiles: Uint8Array[] = [];
      for (const image of images.slice(first, first + sheetLength)) {
        const pixels = await read(image);
        if (pixels === undefined) return undefined;
        const [height, width] = pixels.shape;
        tiles.push(resizeImage({ width, height, data: pixels.data as Uint8Array }, tile).data);
      }
      files.set(fileName(files.size), await sheet(tiles, tile, qualities.photos));
    }
    return files;
  });
  return payload === undefined ? undefined : { tile, files: filesOf(payload) };
}

/**
 * The maps at `images` as their detector's features see them.
 *
 * @param size edge of the images that the maps are read at
 * @returns undefined when they are not in the store any more
 */
export async function mapSheets(
  store: Store,
  images: readonly StoredImage[],
  reading: MapReading,
  size: number,
  tile: number,
): Promise<MapSheets | undefined> {
  const parameters = { tile, size, reading: reading as unknown as Json };
  const payload = await keptOrMade(store, sheetsInput("maps", images, parameters), async () => {
    const read = imageReader(store, "maps.npy");
    const tiles: Float32Array[] = [];
    for (const image of images) {
      const native = await read(image);
      if (native === undefined) return undefined;
      const [height, width] = native.shape;
      const map = readAnomalyMap(native.data as Float32Array, height, width, size, reading);
      tiles.push(shrink(map, size, tile));
    }
    const { low, high } = scaleOf(tiles);
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (let first = 0; first < tiles.length; first += sheetLength) {
      const grey = tiles.slice(first, first + sheetLength).map((map) => greyPixels(map, low, high));
      files.set(fileName(files.size), await sheet(grey, tile, qualities.maps));
    }
    files.set("scale.json", new TextEncoder().encode(JSON.stringify({ low, high })));
    return files;
  });
  if (payload === undefined) return undefined;
  const { low, high } = JSON.parse(new TextDecoder().decode(payload.get("scale.json")));
  return { tile, files: filesOf(payload), low, high };
}

/** What shapes the sheets: the places of the images in the store, by entry and row. */
function sheetsInput(
  kind: "photos" | "maps",
  images: readonly StoredImage[],
  parameters: { readonly [name: string]: Json },
): StageInput {
  const keys = [...new Set(images.map(({ key }) => key))];
  const places = new Map(keys.map((key, place) => [key, place]));
  return {
    stage: "sheets",
    revision,
    parameters: {
      kind,
      side: sheetSide,
      quality: qualities[kind],
      ...parameters,
      ...(kind === "maps" ? { cutOff } : {}),
      images: images.map(({ key, index }) => [places.get(key)!, index]),
    },
    inputs: { [kind === "maps" ? "maps" : "pixels"]: keys },
  };
}

/** The entry of `input`, made where it is not in the store yet. */
export async function keptOrMade(
  store: Store,
  input: StageInput,
  make: () => Promise<Payload | undefined>,
): Promise<Payload | undefined> {
  const kept = await store.read(input.stage, keyOf(input));
  if (kept !== undefined) return kept;
  const start = performance.now();
  const made = await make();
  if (made === undefined) return undefined;
  await store.write(input, made, Math.round(performance.now() - start) / 1000);
  return made;
}

/** The sheets of an entry in their order. */
function filesOf(payload: Payload): Uint8Array[] {
  return [...payload].filter(([name]) => name.endsWith(".webp")).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, bytes]) => bytes);
}

function fileName(sheet: number): string {
  return `${String(sheet).padStart(6, "0")}.webp`;
}

/** Tiles of RGB pixels side by side; the places after the last one are black. */
async function sheet(
  tiles: readonly Uint8Array[],
  tile: number,
  quality: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const width = tile * sheetSide;
  const height = tile * Math.ceil(tiles.length / sheetSide);
  const data = new Uint8Array(width * height * 3);
  tiles.forEach((pixels, i) => {
    const left = i % sheetSide * tile;
    const top = Math.floor(i / sheetSide) * tile;
    for (let y = 0; y < tile; y++) {
      const row = pixels.subarray(y * tile * 3, (y + 1) * tile * 3);
      data.set(row, ((top + y) * width + left) * 3);
    }
  });
  return await encodeWebp({ width, height, data }, quality);
}

/** A map at the size of a tile: the mean of the pixels that a pixel of the tile covers. */
function shrink(map: Float32Array, size: number, tile: number): Float32Array {
  const small = new Float32Array(tile * tile);
  const edges = Array.from({ length: tile + 1 }, (_, i) => Math.floor(i * size / tile));
  for (let y = 0; y < tile; y++) {
    const [top, bottom] = [edges[y], Math.max(edges[y + 1], edges[y] + 1)];
    for (let x = 0; x < tile; x++) {
      const [left, right] = [edges[x], Math.max(edges[x + 1], edges[x] + 1)];
      let sum = 0;
      for (let i = top; i < bottom; i++) {
        for (let j = left; j < right; j++) sum += map[i * size + j];
      }
      small[y * tile + x] = sum / ((bottom - top) * (right - left));
    }
  }
  return small;
}

/** The values at the ends of a detector's colour scale. */
function scaleOf(tiles: readonly Float32Array[]): { readonly low: number; readonly high: number } {
  const total = tiles.reduce((sum, { length }) => sum + length, 0);
  const step = Math.max(1, Math.ceil(total / sampledValues));
  const values: number[] = [];
  let skip = 0;
  for (const map of tiles) {
    for (; skip < map.length; skip += step) if (Number.isFinite(map[skip])) values.push(map[skip]);
    skip -= map.length;
  }
  if (values.length === 0) return { low: 0, high: 1 };
  const sample = Float64Array.from(values);
  const low = quantileInPlace(sample, cutOff.low);
  const high = quantileInPlace(sample, 1 - cutOff.high);
  return { low, high: high > low ? high : low + 1 };
}

/** Values as grey, three channels alike. */
function greyPixels(map: Float32Array, low: number, high: number): Uint8Array {
  const pixels = new Uint8ClampedArray(map.length * 3);
  for (let i = 0; i < map.length; i++) {
    const grey = 255 * (map[i] - low) / (high - low);
    pixels.fill(grey, 3 * i, 3 * i + 3);
  }
  return new Uint8Array(pixels.buffer);
}
