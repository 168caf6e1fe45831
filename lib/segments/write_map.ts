/**
 * Writes a segmentation map as a label PNG with its legend beside it, exactly as `loadSegmentationMap`
 * reads them.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import { labelPngBytes } from "../images/label_png.ts";
import { type SegmentationMap, segmentLimit } from "./segmentation_map.ts";

/** What may stand in a legend beside the names. */
export interface LegendExtras {
  /** Where the map comes from. */
  readonly source: string;
  /** Colours of the segments as `#rrggbb`, for editing. */
  readonly colours?: readonly string[];
}

/**
 * Writes `path`, which ends with `.png`, and the `.json` of the same name.
 *
 * @throws {DataError} for a map that `loadSegmentationMap` would refuse
 */
export async function writeSegmentationMap(
  path: string,
  map: SegmentationMap,
  extras: LegendExtras,
): Promise<void> {
  checkMap(map);
  const { width, height, labels, segments } = map;
  const legend = { segments, width, height, ...extras };
  await writeFileAtomic(legendPath(path), JSON.stringify(legend, null, 2) + "\n");
  await writeFileAtomic(path, labelPngBytes({ width, height, data: labels }));
}

/** The legend of the label image at `path`. */
export function legendPath(path: string): string {
  return `${path.replace(/\.[^./\\]*$/, "")}.json`;
}

/** Refuses what could not be read again. */
function checkMap({ width, height, labels, segments }: SegmentationMap): void {
  const fail = (reason: string, remedy: string) =>
    new DataError(`Cannot save the segmentation map: ${reason}`, { remedy });
  if (labels.length !== width * height) {
    throw fail(`it has ${labels.length} labels for ${width} x ${height} pixels`, "Draw it again.");
  }
  if (segments.length === 0 || segments.length > segmentLimit) {
    throw fail(`it has ${segments.length} segments`, `Make 1 to ${segmentLimit} segments.`);
  }
  const unnamed = segments.findIndex((name) => name.trim() === "");
  if (unnamed >= 0) throw fail(`segment ${unnamed + 1} has no name`, "Give every segment a name.");
  const twice = segments.find((name, i) => segments.indexOf(name) !== i);
  if (twice !== undefined) {
    throw fail(`two segments are named ${JSON.stringify(twice)}`, "Give each its own name.");
  }
  const found = new Uint8Array(256);
  for (const label of labels) found[label] = 1;
  const empty = segments.findIndex((_, label) => found[label] === 0);
  if (empty >= 0) {
    throw fail(
      `no pixel is of segment ${JSON.stringify(segments[empty])}`,
      "Draw it, or delete the segment.",
    );
  }
  const label = found.lastIndexOf(1);
  if (label >= segments.length) throw fail(`label ${label} has no name`, "Add its segment.");
}
