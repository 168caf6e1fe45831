/**
 * A segmentation map as the planner names it and the worker opens it.
 *
 * @module
 */
import {
  loadSegmentationMap,
  type SegmentationMap,
  segmentationMapDigest,
} from "../segments/segmentation_map.ts";
import { DataError } from "../base/errors.ts";

/** What `--segmap` named: its content, and where it is found again. */
export interface PlannedSegmentation {
  /** As given: "vad", "rings:4", "whole", or a file. */
  readonly spec: string;
  /** Names of the segments in the order of their labels. */
  readonly segments: readonly string[];
  /** SHA-256 of labels and names at the size of the run. */
  readonly digest: string;
}

/**
 * Looks a segmentation map up for images that are resized to `size` x `size`.
 *
 * @param images size of the images as they are on the disk
 */
export async function planSegmentation(
  spec: string,
  size: number,
  images: { readonly width: number; readonly height: number },
): Promise<PlannedSegmentation> {
  const map = await loadSegmentationMap(spec, size, { images });
  return { spec, segments: map.segments, digest: segmentationMapDigest(map) };
}

/** Opens the map of a plan, which must still be the same. */
export async function openSegmentation(
  { spec, digest }: PlannedSegmentation,
  size: number,
): Promise<SegmentationMap> {
  const map = await loadSegmentationMap(spec, size);
  if (segmentationMapDigest(map) !== digest) {
    throw new DataError(`Cannot use segmentation map ${spec}: it changed while the run went on`, {
      remedy: "Start the same command again.",
    });
  }
  return map;
}
