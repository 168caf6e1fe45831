/**
 * Stage "features": the statistics of each segment of the anomaly maps of a pack, and the maximum of
 * each whole map. All feature sets are chosen from these columns later.
 *
 * Payload: `statistics.npy`, float64 `[n, segments, 5]` in the order of `segmentStatisticNames`;
 * `map_max.npy`, float64 `[n]`; `scores.npy`, float64 `[n]`, the detector's image scores: the maximum
 * of the map (paper section 5.5) unless the variant has a score of its own.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { parseFloat32Npy } from "../../base/npy.ts";
import { type MapReading, readAnomalyMap } from "../../maps/anomaly_map.ts";
import { type SegmentIndex, segmentIndex } from "../../segments/segmentation_map.ts";
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
  readonly size: number;
  readonly reading: MapReading;
  /** Digest of the segmentation map, or of each image's own. */
  readonly segmentation: string | readonly string[];
}

/** One map, or the file of each image in order. */
type Locations =
  | { readonly segmentation: PlannedMap }
  | {
    readonly spec: string;
    readonly segments: readonly string[];
    readonly files: readonly LabelFile[];
  };

/** Reads "maps"; gives `statistics.npy`, `map_max.npy` and `scores.npy`. */
export const featuresKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { size, reading }, locations, read }) {
    const segments = "files" in locations ? locations.segments : locations.segmentation.segments;
    const indexOf = await indexReader(locations, size);
    const payload = await read("maps");
    const maps = parseFloat32Npy(payload.get("maps.npy")!);
    const [count, height, width] = maps.shape;
    const files = await segmentFiles(count, segments.length, async (i) => {
      const native = maps.data.subarray(i * height * width, (i + 1) * height * width);
      return {
        map: readAnomalyMap(native, height, width, size, reading),
        index: await indexOf(i),
      };
    });
    return files.set("scores.npy", payload.get("scores.npy") ?? files.get("map_max.npy")!);
  },
});

/** The pixels of each segment of the i-th image. */
async function indexReader(
  locations: Locations,
  size: number,
): Promise<(i: number) => Promise<SegmentIndex>> {
  if ("files" in locations) {
    return async (i) => segmentIndex(await openImageMap(locations, locations.files[i], size, size));
  }
  const index = segmentIndex(await openSegmentation(locations.segmentation, size));
  return () => Promise.resolve(index);
}

/** The statistics of the maps in the stage `maps`. */
export function featuresStage(
  maps: Stage,
  segmentation: PlannedSegmentation,
  reading: MapReading,
  size: number,
  { pack, rows }: PackRows,
  label: string,
): Stage {
  const files = segmentation.kind === "images"
    ? rows.map((row) => segmentation.files[pack.samples[row].id])
    : undefined;
  return makeStage({
    stage: "features",
    revision: featuresKind.revision,
    parameters: {
      size,
      reading: reading as unknown as Json,
      ...(files === undefined ? { segmentation: segmentation.digest } : {
        segmentation: files.map(({ digest }) => digest),
        segments: segmentation.segments.length,
      }),
    },
    needs: { maps },
    locations: files === undefined ? { segmentation: segmentation as unknown as Json } : {
      spec: segmentation.spec,
      segments: segmentation.segments,
      files: files as unknown as Json,
    },
    label: `features of ${label}, ${packLabel(pack)}`,
    seconds: 0.006 * rows.length * (size / 256) ** 2,
    mebibytes: 100,
  });
}
