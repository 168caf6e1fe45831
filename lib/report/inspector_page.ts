/**
 * What the inspector's script in a page works with: the images of a run's parts with their scores, and
 * blocks of bytes (pictures, contributions) that it asks for by name, from the page itself or from the
 * program that serves it.
 *
 * @module
 */
import { visible } from "./escape.ts";
import { thresholdAtTpr } from "../metrics/fpr_at_tpr.ts";
import { rank } from "../metrics/ranking.ts";
import { segmentOutlines } from "../segments/segment_outlines.ts";
import type { SegmentationMap } from "../segments/segmentation_map.ts";
import type { Store } from "../store/store.ts";
import { type ExplainedGroup, explainForest, type Explanations } from "./inspector_explanations.ts";
import type { InspectedPart, InspectedRow } from "./inspector_parts.ts";
import { keptSegmentation } from "./inspector_segments.ts";
import { mapSheets, photoSheets } from "./inspector_sheets.ts";

/** Edges of the tiles of photographs and maps. */
export interface TileSizes {
  /** Of the photographs, in pixels. */
  readonly photo: number;
  /** Of the anomaly maps, in pixels. */
  readonly map: number;
}

/** A part for the script, and its blocks. */
export interface PagePart {
  /** What goes into the page as JSON. */
  readonly data: PartData;
  /** By the names that `data` uses. */
  readonly blocks: ReadonlyMap<string, PageBlock>;
}

/** Bytes that the script asks for. */
export interface PageBlock {
  /** Of the bytes, as the browser needs it. */
  readonly type: "image/webp" | "application/octet-stream";
  /** Of one sheet, or of the contributions of one row. */
  readonly bytes: Uint8Array;
}

/** A part as JSON. Names are as `visible` makes them. */
export interface PartData {
  /** One class of the data set: "vad", "candle", … */
  readonly class: string;
  /** Seed of the scores. */
  readonly seed: number;
  /** Paths of the images, in the order of everything else. */
  readonly ids: readonly string[];
  /** A letter for each image: g good, b bad, u bad with an unseen defect. */
  readonly kinds: string;
  /** In the table's order. */
  readonly rows: readonly RowData[];
  /** Those that the rows are made of and whose maps are in the store. */
  readonly detectors: readonly DetectorData[];
  /** The images themselves; null where their pixels are not in the store any more. */
  readonly photos: SheetData | null;
  /** Null where each image has its own, or there are none. */
  readonly segments: SegmentsData | null;
}

/** A row of the table with its scores of the part's images. */
export interface RowData {
  /** As the table prints it: "PatchCore + Ours". */
  readonly name: string;
  /** float64 in base64. */
  readonly scores: string;
  /** The score from which 95 % of the bad images are found; null where there is one label only. */
  readonly threshold: number | null;
  /** Ids of the detectors that the score is made of. */
  readonly detectors: readonly string[];
  /** What made the score of each image; null for a row without a forest. */
  readonly explained: ExplainedData | null;
}

/** Contributions to the scores of a row. */
export interface ExplainedData {
  /** What the contributions are of, in the order of the block's columns. */
  readonly groups: readonly ExplainedGroup[];
  /** The mean margin over the training images, in log odds. */
  readonly mean: number;
  /** Block of int16 `[images, groups]`, times `scale`. */
  readonly block: string;
  /** Log odds of a step of the block's numbers. */
  readonly scale: number;
}

/** A detector with the sheets of its maps and the ends of its colour scale. */
export interface DetectorData {
  /** As in `RowData.detectors`. */
  readonly id: string;
  /** As in the tables. */
  readonly name: string;
  /** What a value of the map is, for the scale's caption. */
  readonly unit: string;
  /** Value at the lower end of the colour scale, in the map's unit. */
  readonly low: number;
  /** Value at its upper end. */
  readonly high: number;
  /** The maps, in the order of the images. */
  readonly sheets: SheetData;
}

/** Sheets of tiles by the names of their blocks. */
export interface SheetData {
  /** Edge of a tile in pixels. */
  readonly tile: number;
  /** Names of the blocks, in the order of their tiles. */
  readonly blocks: readonly string[];
}

/** The outlines of the segments. */
export interface SegmentsData {
  /** Width in pixels of the map that the outlines are drawn on. */
  readonly width: number;
  /** Its height in pixels. */
  readonly height: number;
  /** In the order of `paths`. */
  readonly names: readonly string[];
  /** One SVG path for each segment. */
  readonly paths: readonly string[];
}

/** What the values of a detector's map are. */
const units: Readonly<Record<string, string>> = {
  patchcore: "distance to the memory bank",
  fastflow: "negative likelihood",
  rd4ad: "cosine distance",
  efficientad: "normalised difference",
};

/**
 * The part number `number` with everything that the store still has of it.
 *
 * @param size edge of the images that the maps are read at
 */
export async function pagePart(
  store: Store,
  part: InspectedPart,
  number: number,
  size: number,
  tiles: TileSizes,
): Promise<PagePart> {
  const blocks = new Map<string, PageBlock>();
  const keep = (name: string, files: readonly Uint8Array[]): string[] =>
    files.map((bytes, i) => {
      blocks.set(`${name}-${i}`, { type: "image/webp", bytes });
      return `${name}-${i}`;
    });
  const photos = part.pixels === undefined
    ? undefined
    : await photoSheets(store, part.pixels, tiles.photo);
  const detectors: DetectorData[] = [];
  for (const [i, { id, name, maps, reading }] of part.detectors.entries()) {
    const sheets = await mapSheets(store, maps, reading, size, tiles.map);
    if (sheets === undefined) continue;
    const { low, high, tile, files } = sheets;
    const unit = Object.hasOwn(units, id) ? units[id] : "anomaly score";
    const blockNames = keep(`maps-${number}-${i}`, files);
    detectors.push({ id, name, unit, low, high, sheets: { tile, blocks: blockNames } });
  }
  const rows: RowData[] = [];
  for (const [i, row] of part.rows.entries()) {
    const explanations = row.forest === undefined
      ? undefined
      : await explainForest(store, row.forest);
    rows.push(rowData(part, row, explanations, `explained-${number}-${i}`, blocks));
  }
  const segmentation = part.segmentation === undefined
    ? undefined
    : await keptSegmentation(store, part.segmentation);
  return {
    data: {
      class: visible(part.class),
      seed: part.seed,
      ids: part.images.map(({ id }) => visible(id)),
      kinds: part.images.map(({ label, unseen }) => label === 0 ? "g" : unseen ? "u" : "b").join(
        "",
      ),
      rows,
      detectors,
      photos: photos === undefined
        ? null
        : { tile: photos.tile, blocks: keep(`photos-${number}`, photos.files) },
      segments: segmentation === undefined ? null : segmentsData(segmentation),
    },
    blocks,
  };
}

/** Bytes of all blocks as they stand in a page, in base64. */
export function blocksLength(parts: readonly PagePart[]): number {
  let length = 0;
  for (const { blocks } of parts) {
    for (const { bytes } of blocks.values()) length += 4 * Math.ceil(bytes.length / 3);
  }
  return length;
}

/** An SVG path of closed loops. */
export function svgPath(loops: readonly (readonly (readonly [number, number])[])[]): string {
  return loops.map((loop) => {
    let [x, y] = loop[0];
    let path = `M${x} ${y}`;
    for (const [nextX, nextY] of loop.slice(1)) {
      path += nextY === y ? `h${nextX - x}` : `v${nextY - y}`;
      [x, y] = [nextX, nextY];
    }
    return `${path}z`;
  }).join("");
}

function rowData(
  { images }: InspectedPart,
  { name, scores, detectors }: InspectedRow,
  explanations: Explanations | undefined,
  block: string,
  blocks: Map<string, PageBlock>,
): RowData {
  const labels = images.map(({ label }) => label);
  const hasBoth = labels.includes(0) && labels.includes(1);
  let explained: ExplainedData | null = null;
  if (explanations !== undefined) {
    const { groups, mean, values } = explanations;
    const { scale, numbers } = quantize(values);
    blocks.set(block, { type: "application/octet-stream", bytes: new Uint8Array(numbers.buffer) });
    explained = { groups: groups.map(visibleGroup), mean, block, scale };
  }
  return {
    name: visible(name),
    scores: new Uint8Array(scores.buffer, scores.byteOffset, scores.byteLength).toBase64(),
    threshold: hasBoth ? thresholdAtTpr(rank(scores, labels)) : null,
    detectors,
    explained,
  };
}

function visibleGroup({ source, segment }: ExplainedGroup): ExplainedGroup {
  return { source: visible(source), segment: segment === null ? null : visible(segment) };
}

/** Numbers as int16 times a scale: exact to a 30,000th of the largest. */
function quantize(
  values: Float32Array,
): { readonly scale: number; readonly numbers: Int16Array<ArrayBuffer> } {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const scale = largest === 0 ? 1 : largest / 32767;
  return { scale, numbers: Int16Array.from(values, (value) => Math.round(value / scale)) };
}

function segmentsData(map: SegmentationMap): SegmentsData {
  const outlines = segmentOutlines(map);
  return {
    width: map.width,
    height: map.height,
    names: outlines.map(({ segment }) => visible(segment)),
    paths: outlines.map(({ loops }) => svgPath(loops)),
  };
}
