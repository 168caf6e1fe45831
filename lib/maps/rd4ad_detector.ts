/**
 * RD4AD as a detector of the table (paper appendix B): layers 1 to 3 of the backbone, Adam 0.005 with
 * betas 0.5 and 0.999, batch 16, 200 epochs without early stopping, maps added, then blurred with sigma
 * 4. The stored map is at image size before the blur, because the layers' maps are added after
 * up-sampling; the blur is part of reading.
 *
 * Model file: `student.safetensors`, the tensors of bottleneck and decoder by name.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { parseSafetensors, safetensorsBytes } from "../weights/safetensors.ts";
import type { MapBlur } from "./anomaly_map.ts";
import type { Detector, DetectorPlan, FitPlan } from "./detector.ts";
import { type TrainingBudget, trainingCost, trainOnFeatures } from "./feature_training.ts";
import { featureLayouts } from "./frozen_features.ts";
import { openPixelMaps } from "./pixel_maps.ts";
import {
  type DecoderLayout,
  decoderLayouts,
  type DistillationSettings,
  type MapCombination,
  rd4adMap,
  rd4adStep,
  rebuiltFeatures,
} from "./rd4ad.ts";
import { variantNamed, type VariantTable } from "./variants.ts";

/** What the implementations do differently. */
export interface Rd4adVariant extends DistillationSettings {
  /** How the layers' maps become one. */
  readonly combine: MapCombination;
  /** What the map's blur sees beyond the edges. */
  readonly blurBorder: MapBlur["border"];
  /** Images per step in profile `paper`. */
  readonly batch: number;
}

/**
 * The variants. anomalib makes the bottleneck without telling it WideResNet's width, so that its
 * embedding is half as wide inside as the official one. `anomalib-2023-10` is the state of pull request
 * 1389, which the paper used; `anomalib-0.7` the release before it. Where anomalib stops early, by the
 * test images' AUROC, this does not.
 */
export const rd4adVariants: VariantTable<Rd4adVariant> = {
  "paper": {
    loss: "flattened",
    embeddingWidth: 64,
    beta2: 0.999,
    combine: "sum",
    blurBorder: "reflect_no_edge",
    batch: 16,
  },
  "official": {
    loss: "flattened",
    embeddingWidth: 128,
    beta2: 0.999,
    combine: "sum",
    blurBorder: "reflect_edge",
    batch: 16,
  },
  "anomalib-2023-10": {
    loss: "flattened",
    embeddingWidth: 64,
    beta2: 0.999,
    combine: "sum",
    blurBorder: "reflect_no_edge",
    batch: 16,
  },
  "anomalib-0.7": {
    loss: "per-place",
    embeddingWidth: 64,
    beta2: 0.99,
    combine: "product",
    blurBorder: "reflect_no_edge",
    batch: 32,
  },
};

/** Budgets by profile; a batch that is left out is the variant's. */
const rd4adBudgets: Readonly<
  Record<string, Omit<TrainingBudget, "batch" | "lastBatch"> & { readonly batch?: number }>
> = {
  paper: { length: { epochs: 200 }, learningRate: 0.005, schedule: "constant" },
  cpu: { length: { steps: 400 }, batch: 8, learningRate: 0.005, schedule: "cosine" },
  demo: { length: { steps: 100 }, batch: 8, learningRate: 0.005, schedule: "cosine" },
};

/** Pixels; the same at every image size. */
const blurSigma = 4;

/** As they go into keys. */
interface Parameters {
  readonly size: number;
  readonly decoder: DecoderLayout;
  readonly distillation: DistillationSettings;
  readonly budget: TrainingBudget;
}

/** Distance of a decoder's features from the backbone's (Deng and Li 2022). */
export const rd4ad: Detector = {
  id: "rd4ad",
  name: "RD4AD",
  revision: 2,
  variants: Object.keys(rd4adVariants),
  switches: rd4adVariants,
  plan({ profile, size, backbone, variant }) {
    if (!Object.hasOwn(decoderLayouts, backbone)) {
      throw unknownName("backbone of rd4ad", backbone, Object.keys(decoderLayouts));
    }
    const { blurBorder, batch, combine, ...distillation } = variantNamed(
      "rd4ad",
      rd4adVariants,
      variant,
    );
    const decoder = decoderLayouts[backbone];
    const parameters: Parameters = {
      size,
      decoder,
      distillation: decoder.block === "basic"
        ? { ...distillation, embeddingWidth: decoder.width } // basic blocks have no width inside
        : distillation,
      budget: { batch, lastBatch: "kept", ...rd4adBudgets[profile] },
    };
    return {
      parameters: parameters as unknown as DetectorPlan["parameters"],
      mapParameters: { combine },
      backbone,
      grid: [size, size],
      reading: { upsample: "bilinear_corners", blur: { sigma: blurSigma, border: blurBorder } },
    };
  },
  async fit(input) {
    const { size, decoder, distillation, budget } = parametersOf(input.plan);
    const backbone = input.plan.backbone!;
    const layouts = featureLayouts(backbone, size);
    const tensors = await trainOnFeatures({
      name: "RD4AD",
      backbone,
      size,
      budget,
      stepFor: (batch) => rd4adStep(layouts, batch, decoder, distillation),
    }, input);
    return new Map([["student.safetensors", safetensorsBytes(tensors)]]);
  },
  fitCost(plan, images) {
    const { size, budget } = parametersOf(plan);
    return trainingCost(featureLayouts(plan.backbone!, size), budget, images);
  },
  open(plan, model, weights) {
    const { size, decoder, distillation } = parametersOf(plan);
    const combine = plan.mapParameters!.combine as MapCombination;
    const { tensors } = parseSafetensors(model.get("student.safetensors")!, "RD4AD's model");
    return openPixelMaps({
      name: "RD4AD",
      backbone: plan.backbone!,
      size,
      weights: weights!,
      tensors,
      build: (scope, teacher) => {
        const student = rebuiltFeatures(scope, teacher, decoder, distillation.embeddingWidth);
        return rd4adMap(teacher, student, size, combine);
      },
    });
  },
};

function parametersOf(plan: FitPlan): Parameters {
  return plan.parameters as unknown as Parameters;
}
