/**
 * Stage "embeddings": what a frozen backbone says of each patch of the images of a pack. Shared by all
 * seeds and all detectors that work on the same embedding.
 *
 * Payload: `embeddings.npy`, float32 `[n, h, w, c]`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { type NdArray, npyBytes, parseNpy } from "../../base/npy.ts";
import { type Embedder, type EmbeddingSpec, openEmbedder } from "../../maps/embedding.ts";
import { type Pack, packLabel } from "../packs.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";
import { type PlannedWeights, readWeights } from "../planned_weights.ts";

interface Parameters {
  readonly spec: EmbeddingSpec;
  readonly weights: string;
}

interface Locations {
  readonly weights: PlannedWeights;
}

/** Images given to the backbone at once; the bits do not depend on it. */
const batch = 8;

/** The embedder of the last stage that this worker ran: opening one takes longer than a pack. */
let open: { readonly key: string; readonly embedder: Promise<Embedder> } | undefined;

/** Reads "pixels" or "generated"; gives `embeddings.npy`. */
export const embeddingsKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { spec, weights }, locations, read, count, progress }) {
    const key = JSON.stringify([spec, weights]);
    if (open?.key !== key) {
      await (await open?.embedder)?.close();
      open = {
        key,
        embedder: readWeights(locations.weights).then((tensors) => openEmbedder(spec, tensors)),
      };
    }
    const embedder = await open.embedder;
    const role = pixelRole(count);
    const pixels = parseNpy((await read(role)).get(`${role}.npy`)!) as NdArray<Uint8Array>;
    const [images, height, width] = pixels.shape;
    const [rows, columns] = embedder.grid;
    const shape = [images, rows, columns, embedder.channels];
    const data = new Float32Array(images * rows * columns * embedder.channels);
    const imageLength = height * width * 3;
    for (let first = 0; first < images; first += batch) {
      const size = Math.min(batch, images - first);
      const block = pixels.data.subarray(first * imageLength, (first + size) * imageLength);
      const result = await embedder.embed({ shape: [size, height, width, 3], data: block });
      data.set(result.data, first * rows * columns * embedder.channels);
      progress(first + size, images);
    }
    return new Map([["embeddings.npy", npyBytes({ shape, data })]]);
  },
});

/** Which stage a pack's pixels come from: the images, or what was generated from them. */
export function pixelRole(count: (role: string) => number): "pixels" | "generated" {
  return count("generated") > 0 ? "generated" : "pixels";
}

/** The embeddings of a pack, whose pixels are the stage `pixels`. */
export function embeddingsStage(
  pixels: Stage,
  pack: Pack,
  spec: EmbeddingSpec,
  weights: PlannedWeights,
  numerics: Json,
): Stage {
  return makeStage({
    stage: "embeddings",
    revision: embeddingsKind.revision,
    parameters: { spec: spec as unknown as Json, weights: weights.digest },
    needs: { [pixels.input.stage]: pixels },
    numerics,
    locations: { weights: weights as unknown as Json },
    label: `embeddings by ${spec.backbone}, ${packLabel(pack)}`,
    seconds: secondsPerImage(spec) * pack.samples.length,
    mebibytes: 900,
  });
}

/** Rough times on one core, for the first estimate. */
function secondsPerImage({ backbone, size }: EmbeddingSpec): number {
  const at256: Record<string, number> = {
    small: 0.02,
    resnet18: 0.08,
    efficientnet_lite0: 0.05,
    wide_resnet50_2: 0.5,
  };
  return (at256[backbone] ?? 0.2) * (size / 256) ** 2;
}
