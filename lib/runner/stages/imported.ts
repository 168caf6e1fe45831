/**
 * Stage "imported": the statistics of each segment of maps that another tool made. It takes the place of
 * fitting, maps and features; the maps stay where they are and are read at their own size.
 *
 * Payload: as of stage "features". The image scores are those that the tool's tables give.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { npyBytes } from "../../base/npy.ts";
import { type ImportedImage, readImportedMap } from "../../maps/imported_maps.ts";
import { resizeSegmentationMap, segmentIndex } from "../../segments/segmentation_map.ts";
import { packLabel, type PackRows } from "../packs.ts";
import {
  type LabelFile,
  openImageMap,
  openSegmentation,
  type PlannedMap,
  type PlannedSegmentation,
} from "../planned_segmentation.ts";
import { segmentFiles } from "../segment_files.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";

interface Parameters {
  /** SHA-256 of each map, and its image's score. */
  readonly images: readonly string[];
  readonly scores: readonly number[];
  /** Digest of the segmentation map, or of each image's own. */
  readonly segmentation: string | readonly string[];
  readonly segments: number;
}

interface Locations {
  readonly files: readonly string[];
  readonly segments: readonly string[];
  /** One map for all images, at `size`, or the file of each image. */
  readonly segmentation: PlannedMap | readonly LabelFile[];
  readonly size: number;
}

/** Reads the maps' own files; gives what stage "features" gives. */
export const importedKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { images, scores }, locations, progress }) {
    const { files, segments } = locations;
    const labelsOf = await labelReader(locations);
    const statistics = await segmentFiles(images.length, segments.length, async (i) => {
      const { shape: [height, width], data } = await readImportedMap({
        file: files[i],
        digest: images[i],
      });
      const index = segmentIndex(await labelsOf(i, height, width));
      progress(i + 1, images.length);
      return { map: data, index };
    });
    const shape = [images.length];
    return statistics.set("scores.npy", npyBytes({ shape, data: Float64Array.from(scores) }));
  },
});

/** The segmentation of the i-th image at the size of its map. */
async function labelReader({ segmentation, segments, size }: Locations) {
  if ("kind" in segmentation) {
    const map = await openSegmentation(segmentation, size);
    return (_: number, height: number, width: number) =>
      Promise.resolve(resizeSegmentationMap(map, height, width));
  }
  return (i: number, height: number, width: number) =>
    openImageMap({ spec: "of the image", segments }, segmentation[i], height, width);
}

/** The statistics of `images`, the maps of the selected images of a pack. */
export function importedStage(
  images: readonly ImportedImage[],
  segmentation: PlannedSegmentation,
  size: number,
  { pack, rows }: PackRows,
  label: string,
): Stage {
  const own = segmentation.kind === "images"
    ? rows.map((row) => segmentation.files[pack.samples[row].id])
    : undefined;
  return makeStage({
    stage: "imported",
    revision: importedKind.revision,
    parameters: {
      images: images.map(({ digest }) => digest),
      scores: images.map(({ score }) => score),
      segmentation: own === undefined ? segmentation.digest : own.map(({ digest }) => digest),
      segments: segmentation.segments.length,
    },
    needs: {},
    locations: {
      files: images.map(({ file }) => file),
      segments: segmentation.segments,
      segmentation: (own ?? segmentation) as unknown as Json,
      size,
    },
    label: `features of imported maps of ${label}, ${packLabel(pack)}`,
    seconds: 0.006 * rows.length,
    mebibytes: 100,
  });
}
