/**
 * The files that the stages "features" and "imported" have in common: the statistics of each segment of
 * each map, and the maximum of each whole map.
 *
 * @module
 */
import { npyBytes } from "../base/npy.ts";
import { segmentStatisticNames, segmentStatistics } from "../features/segment_statistics.ts";
import { mapMaximum } from "../maps/anomaly_map.ts";
import type { SegmentIndex } from "../segments/segmentation_map.ts";

/** An anomaly map and the pixels of its segments. */
export interface SegmentedMap {
  /** `[height, width]` of the index. */
  readonly map: Float32Array | Float64Array;
  /** The pixels of each segment. */
  readonly index: SegmentIndex;
}

/**
 * `statistics.npy`, float64 `[images, segments, 5]` in the order of `segmentStatisticNames`, and
 * `map_max.npy`, float64 `[images]`.
 */
export async function segmentFiles(
  images: number,
  segments: number,
  mapOf: (image: number) => Promise<SegmentedMap>,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const perImage = segments * segmentStatisticNames.length;
  const statistics = new Float64Array(images * perImage);
  const maxima = new Float64Array(images);
  for (let i = 0; i < images; i++) {
    const { map, index } = await mapOf(i);
    statistics.set(segmentStatistics(map, index), i * perImage);
    maxima[i] = mapMaximum(map);
  }
  const shape = [images, segments, segmentStatisticNames.length];
  return new Map([
    ["statistics.npy", npyBytes({ shape, data: statistics })],
    ["map_max.npy", npyBytes({ shape: [images], data: maxima })],
  ]);
}
