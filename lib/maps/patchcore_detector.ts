/**
 * PatchCore as a detector of the table: layers 2 and 3 of the backbone (paper appendix B).
 *
 * Model files: `bank.npy`, float32 `[m, channels]`; `indices.npy`, uint32 `[m]`.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { type NdArray, npyBytes, parseFloat32Npy } from "../base/npy.ts";
import type { Detector, DetectorPlan } from "./detector.ts";
import { embeddingLayout, type EmbeddingSpec } from "./embedding.ts";
import {
  fitPatchCore,
  openPatchCore,
  type PatchCoreParameters,
  type PatchCoreSettings,
  type PatchCoreVariant,
  patchCoreVariants,
} from "./patchcore.ts";

const taps = ["layer2", "layer3"];

export const patchCore: Detector = {
  id: "patchcore",
  name: "PatchCore",
  revision: 1,
  variants: Object.keys(patchCoreVariants),
  plan({ size, backbone, variant }) {
    if (!Object.hasOwn(patchCoreVariants, variant)) {
      throw unknownName("variant of patchcore", variant, Object.keys(patchCoreVariants));
    }
    const { reading, ...parameters }: PatchCoreSettings =
      patchCoreVariants[variant as PatchCoreVariant];
    const embedding: EmbeddingSpec = { backbone, taps, size, pooling: parameters.pooling };
    return {
      parameters: parameters as unknown as DetectorPlan["parameters"],
      embedding,
      grid: embeddingLayout(embedding).grid,
      reading,
    };
  },
  async fit({ plan, blocks, seed, progress }) {
    const { bank, indices } = await fitPatchCore(
      parametersOf(plan),
      blocks as AsyncIterable<NdArray<Float32Array>>,
      seed,
      { onProgress: progress },
    );
    return new Map([
      ["bank.npy", npyBytes(bank)],
      ["indices.npy", npyBytes({ shape: [indices.length], data: indices })],
    ]);
  },
  async open(plan, model) {
    const bank = parseFloat32Npy(model.get("bank.npy")!, "bank.npy");
    const opened = await openPatchCore(bank, parametersOf(plan));
    return {
      maps: (block) => opened.maps(block as NdArray<Float32Array>),
      close: () => opened.close(),
    };
  },
};

function parametersOf(plan: DetectorPlan): PatchCoreParameters {
  return plan.parameters as unknown as PatchCoreParameters;
}
