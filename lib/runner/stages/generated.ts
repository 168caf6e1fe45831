/**
 * Stage "generated": good images of a pack, each with one generated defect: the bad training images of
 * the one-class benchmark (paper section 5.1). Every image has a stream of its own, so that it does not
 * depend on what else is in the pack.
 *
 * Payload: `generated.npy`, uint8 RGB `[n, size, size, 3]`; `defects.json`, kind and segment of each.
 *
 * @module
 */
import { type NdArray, npyBytes, parseNpy } from "../../base/npy.ts";
import { childSeed, RandomState } from "../../base/random.ts";
import { generateDefect } from "../../segments/generated_defects.ts";
import { type Pack, packLabel, type PackRows } from "../packs.ts";
import { openSegmentation, type PlannedSegmentation } from "../planned_segmentation.ts";
import { makeStage, type Stage } from "../stage.ts";
import { jsonFile, type StageKind, stageKind } from "../stage_kind.ts";
import type { Json } from "../../base/digest.ts";

interface Parameters {
  readonly size: number;
  readonly segmentation: string;
  readonly rows: readonly number[];
  /** Seed of each image's defect. */
  readonly seeds: readonly number[];
}

interface Locations {
  readonly segmentation: PlannedSegmentation;
}

/** Reads "pixels"; gives `generated.npy` and `defects.json`. */
export const generatedKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { size, rows, seeds }, locations, read }) {
    const map = await openSegmentation(locations.segmentation, size);
    const good = parseNpy((await read("pixels")).get("pixels.npy")!) as NdArray<Uint8Array>;
    const length = size * size * 3;
    const data = new Uint8Array(rows.length * length);
    const defects = rows.map((row, i) => {
      const image = good.data.subarray(row * length, (row + 1) * length);
      const { pixels, kind, segment } = generateDefect(image, map, new RandomState(seeds[i]));
      data.set(pixels, i * length);
      return { kind, segment };
    });
    return new Map([
      ["generated.npy", npyBytes({ shape: [rows.length, size, size, 3], data })],
      ["defects.json", jsonFile(defects)],
    ]);
  },
});

/** Good images of a pack with generated defects, and their pack: what stands for bad images. */
export function generatedStage(
  pixels: Stage,
  { pack, rows }: PackRows,
  segmentation: PlannedSegmentation,
  size: number,
  seed: number,
): { readonly pack: Pack; readonly stage: Stage } {
  const samples = rows.map((row) => pack.samples[row]);
  const stage = makeStage({
    stage: "generated",
    revision: generatedKind.revision,
    parameters: {
      size,
      segmentation: segmentation.digest,
      rows,
      seeds: samples.map(({ digest }) => childSeed(seed, "generated", digest)),
    },
    needs: { pixels },
    locations: { segmentation: segmentation as unknown as Json },
    label: `generated defects, seed ${seed}, ${packLabel(pack)}`,
    seconds: 0.01 * rows.length,
    mebibytes: 150,
  });
  const generated = samples.map((sample) => ({
    ...sample,
    id: generatedId(sample.id),
    label: 1 as const,
    defect: "generated",
  }));
  return { pack: { ...pack, samples: generated }, stage };
}

/** Id of the image that is made from a good one. */
export function generatedId(id: string): string {
  return `generated/${id}`;
}
