/**
 * Stage "pixels": the images of a pack, decoded (or drawn) and resized once for every method.
 *
 * Payload: `pixels.npy`, uint8 RGB `[n, size, size, 3]`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { npyBytes } from "../../base/npy.ts";
import { pixelReader } from "../../images/pixels.ts";
import type { Dataset, ImageSource, Sample } from "../../images/sample.ts";
import { type Pack, packLabel } from "../packs.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";

interface Parameters {
  readonly size: number;
  readonly images: readonly string[];
}

interface Locations {
  readonly source: ImageSource;
  readonly samples: readonly Sample[];
}

/** Reads the images where they lie; gives `pixels.npy`. */
export const pixelsKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { size }, locations: { source, samples }, progress }) {
    const read = pixelReader(source, size);
    const length = size * size * 3;
    const data = new Uint8Array(samples.length * length);
    for (const [i, sample] of samples.entries()) {
      data.set(await read(sample), i * length);
      progress(i + 1, samples.length);
    }
    return new Map([["pixels.npy", npyBytes({ shape: [samples.length, size, size, 3], data })]]);
  },
});

/** The pixels of a pack at `size` x `size`. */
export function pixelsStage(dataset: Dataset, pack: Pack, size: number): Stage {
  return makeStage({
    stage: "pixels",
    revision: pixelsKind.revision,
    parameters: { size, images: pack.samples.map(({ digest }) => digest) },
    needs: {},
    locations: {
      source: dataset.source as unknown as Json,
      samples: pack.samples as unknown as Json,
    },
    label: `pixels, ${packLabel(pack)}`,
    seconds: 0.02 * pack.samples.length,
    mebibytes: 200,
  });
}
