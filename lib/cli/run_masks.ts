/**
 * The ground truth masks of a data set, for pixel-level metrics.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { readFileIfThere } from "../base/files.ts";
import type { Dataset } from "../images/sample.ts";
import type { RunSetting } from "../runner/plan.ts";
import type { MaskFile } from "../runner/stages/aupro.ts";

/**
 * Masks by the image's id, where every bad test image of a class has one; other classes have none, and
 * nothing of them is measured by pixels.
 */
export async function planMasks(
  { source, samples }: Dataset,
): Promise<NonNullable<RunSetting["masks"]>> {
  const masks = new Map<string, MaskFile>();
  if (source.kind !== "folder") return masks;
  const bad = samples.filter(({ split, label }) => split === "test" && label === 1);
  for (const group of Map.groupBy(bad, (sample) => sample.class).values()) {
    if (group.some(({ mask }) => mask === undefined)) continue;
    for (const { id, mask } of group) {
      const path = join(source.root, mask!);
      const bytes = await readFileIfThere(path);
      if (bytes !== undefined) masks.set(id, { path, digest: sha256(bytes) });
    }
  }
  return masks;
}
