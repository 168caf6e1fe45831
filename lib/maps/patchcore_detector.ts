/**
 * PatchCore as a detector of the table: layers 2 and 3 of the backbone (paper appendix B).
 *
 * Model files: `bank.npy`, float32 `[m, channels]`; `indices.npy`, uint32 `[m]`.
 *
 * @module
 */
import { type NdArray, npyBytes, parseFloat32Npy } from "../base/npy.ts";
import type { MapBlur, MapReading } from "./anomaly_map.ts";
import type { Detector, DetectorPlan } from "./detector.ts";
import { embeddingLayout, type EmbeddingSpec } from "./embedding.ts";
import {
  type BankMapParameters,
  type BankParameters,
  fitPatchCore,
  openPatchCore,
  type PatchCoreParameters,
  patchCoreVariants,
} from "./patchcore.ts";
import { variantNamed, type VariantTable } from "./variants.ts";

const taps = ["layer2", "layer3"];

/** A variant's settings side by side, the reading of the map too. */
interface Switches extends PatchCoreParameters {
  readonly upsample: MapReading["upsample"];
  readonly blurBorder: MapBlur["border"];
}

const switches: VariantTable<Switches> = Object.fromEntries(
  Object.entries(patchCoreVariants).map(([name, settings]) => {
    const { reading: { upsample, blur }, ...parameters } = settings;
    return [name, { ...parameters, upsample, blurBorder: blur.border }];
  }),
);

/** Pixels; the same in all variants. */
const blurSigma = 4;

/** Distance of each patch from a memory bank of good patches (Roth et al. 2022); nothing is trained. */
export const patchCore: Detector = {
  id: "patchcore",
  name: "PatchCore",
  revision: 1,
  variants: Object.keys(patchCoreVariants),
  switches,
  plan({ size, backbone, variant }) {
    const { pooling, upsample, blurBorder, ...settings } = variantNamed(
      "patchcore",
      switches,
      variant,
    );
    const { coresetRatio, projection, coresetStarts, ...mapping } = settings;
    const bank: BankParameters = { coresetRatio, projection, coresetStarts };
    const embedding: EmbeddingSpec = { backbone, taps, size, pooling };
    return {
      parameters: bank as unknown as DetectorPlan["parameters"],
      mapParameters: {
        ...mapping,
        scoreNeighbours: mapping.imageScore === "reweighted" ? mapping.scoreNeighbours : 1,
      },
      embedding,
      grid: embeddingLayout(embedding).grid,
      reading: { upsample, blur: { sigma: blurSigma, border: blurBorder } },
    };
  },
  async fit({ plan, blocks, seed, progress }) {
    const { bank, indices } = await fitPatchCore(
      plan.parameters as unknown as BankParameters,
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
    const opened = await openPatchCore(
      bank,
      plan.mapParameters as unknown as BankMapParameters,
    );
    return {
      maps: (block) => opened.maps(block as NdArray<Float32Array>),
      close: () => opened.close(),
    };
  },
};
