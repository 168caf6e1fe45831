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
import { npyBytes, parseFloat32Npy } from "../../base/npy.ts";
import { segmentStatisticNames, segmentStatistics } from "../../features/segment_statistics.ts";
import { mapMaximum, type MapReading, readAnomalyMap } from "../../maps/anomaly_map.ts";
import { segmentIndex } from "../../segments/segmentation_map.ts";
import { packLabel, type PackRows } from "../packs.ts";
import { openSegmentation, type PlannedSegmentation } from "../planned_segmentation.ts";
import { makeStage, type Stage } from "../stage.ts";
import { stageKind } from "../stage_kind.ts";

interface Parameters {
  readonly size: number;
  readonly reading: MapReading;
  readonly segmentation: string;
}

interface Locations {
  readonly segmentation: PlannedSegmentation;
}

export const featuresKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { size, reading }, locations, read }) {
    const segmentation = await openSegmentation(locations.segmentation, size);
    const index = segmentIndex(segmentation);
    const payload = await read("maps");
    const maps = parseFloat32Npy(payload.get("maps.npy")!);
    const [count, height, width] = maps.shape;
    const perImage = segmentation.segments.length * segmentStatisticNames.length;
    const statistics = new Float64Array(count * perImage);
    const maxima = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const native = maps.data.subarray(i * height * width, (i + 1) * height * width);
      const map = readAnomalyMap(native, height, width, size, reading);
      statistics.set(segmentStatistics(map, index), i * perImage);
      maxima[i] = mapMaximum(map);
    }
    const shape = [count, segmentation.segments.length, segmentStatisticNames.length];
    return new Map([
      ["statistics.npy", npyBytes({ shape, data: statistics })],
      ["map_max.npy", npyBytes({ shape: [count], data: maxima })],
      ["scores.npy", payload.get("scores.npy") ?? npyBytes({ shape: [count], data: maxima })],
    ]);
  },
});

/** The statistics of the maps in the stage `maps`. */
export function featuresStage(
  maps: Stage,
  segmentation: PlannedSegmentation,
  reading: MapReading,
  size: number,
  { pack, rows }: PackRows,
  label: string,
): Stage {
  return makeStage({
    stage: "features",
    revision: featuresKind.revision,
    parameters: {
      size,
      reading: reading as unknown as Json,
      segmentation: segmentation.digest,
    },
    needs: { maps },
    locations: { segmentation: segmentation as unknown as Json },
    label: `features of ${label}, ${packLabel(pack)}`,
    seconds: 0.006 * rows.length * (size / 256) ** 2,
    mebibytes: 100,
  });
}
