/**
 * The segmentation map of a run, kept in the store under its digest, so that a report drawn later shows
 * the outlines that the features were taken from.
 *
 * @module
 */
import { npyBytes, parseNpy } from "../base/npy.ts";
import type { PlannedSegmentation } from "../runner/planned_segmentation.ts";
import { openSegmentation } from "../runner/planned_segmentation.ts";
import { jsonFile, parseJsonFile } from "../runner/stage_kind.ts";
import type { SegmentationMap } from "../segments/segmentation_map.ts";
import { keyOf, type StageInput } from "../store/key.ts";
import type { Store } from "../store/store.ts";

/** Keeps the map at `size` x `size`; of a segmentation with a map for each image nothing is kept. */
export async function keepSegmentation(
  store: Store,
  planned: PlannedSegmentation,
  size: number,
): Promise<void> {
  if (planned.kind !== "map") return;
  const input = segmentationInput(planned.digest);
  if (await store.read(input.stage, keyOf(input)) !== undefined) return;
  const { width, height, labels, segments } = await openSegmentation(planned, size);
  const files = new Map([
    ["labels.npy", npyBytes({ shape: [height, width], data: labels })],
    ["segments.json", jsonFile(segments)],
  ]);
  await store.write(input, files, 0);
}

/** The map with that digest; undefined where it is not kept. */
export async function keptSegmentation(
  store: Pick<Store, "read">,
  digest: string,
): Promise<SegmentationMap | undefined> {
  const input = segmentationInput(digest);
  const payload = await store.read(input.stage, keyOf(input));
  if (payload === undefined) return undefined;
  const { shape: [height, width], data } = parseNpy(payload.get("labels.npy")!, "labels.npy");
  const segments = parseJsonFile<string[]>(payload, "segments.json");
  return { name: digest, width, height, labels: data as Uint8Array, segments };
}

function segmentationInput(digest: string): StageInput {
  return { stage: "segmentation", revision: 1, parameters: { digest }, inputs: {} };
}
