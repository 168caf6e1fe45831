/**
 * FastFlow as a detector of the table (paper appendix B): layers 1 to 3 of the backbone, Adam 1e-3,
 * weight decay 1e-5, 200 epochs without early stopping. Its map is at image size, because the layers'
 * maps are averaged after up-sampling; there is no blur.
 *
 * Model file: `flows.safetensors`, the flows' tensors by name and, as `<block>.permutation`, int32, the
 * permutations.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { parseSafetensors, safetensorsBytes } from "../weights/safetensors.ts";
import type { Detector, DetectorPlan, FitPlan } from "./detector.ts";
import {
  drawPermutations,
  fastFlowMap,
  fastFlowStep,
  flowOutputs,
  type FlowPermutations,
  type FlowSettings,
} from "./fastflow.ts";
import { type TrainingBudget, trainingCost, trainOnFeatures } from "./feature_training.ts";
import { type FeatureLayout, featureLayouts } from "./frozen_features.ts";
import { openPixelMaps } from "./pixel_maps.ts";
import { variantNamed, type VariantTable } from "./variants.ts";

/** What the implementations do differently. */
export interface FastFlowVariant {
  /** Backbones whose subnets have 3 × 3 kernels only; those of the others alternate with 1 × 1. */
  readonly only3x3: readonly string[];
  /** Of profile `paper`. Where anomalib stops early, by the test images' AUROC, this does not. */
  readonly epochs: number;
  /** Whether an epoch's last images are taken where they fill no batch. */
  readonly lastBatch: TrainingBudget["lastBatch"];
}

/**
 * The variants. `paper`: anomalib as the paper used it; `official`: gathierry/FastFlow, from which
 * anomalib's is derived (the authors published none).
 */
export const fastFlowVariants: VariantTable<FastFlowVariant> = {
  "paper": { only3x3: [], epochs: 200, lastBatch: "kept" },
  "official": { only3x3: ["resnet18"], epochs: 500, lastBatch: "dropped" },
  "anomalib-2023-10": { only3x3: ["resnet18"], epochs: 500, lastBatch: "kept" },
};

/** What a profile sets. */
interface Budget extends Pick<TrainingBudget, "batch" | "learningRate" | "schedule"> {
  /** Left out: the variant's epochs. */
  readonly steps?: number;
  readonly flowSteps: number;
}

/** Budgets by profile. */
const fastFlowBudgets: Readonly<Record<string, Budget>> = {
  paper: { batch: 32, learningRate: 1e-3, schedule: "constant", flowSteps: 8 },
  cpu: { steps: 400, batch: 4, learningRate: 2e-3, schedule: "cosine", flowSteps: 8 },
  demo: { steps: 60, batch: 4, learningRate: 5e-3, schedule: "cosine", flowSteps: 8 },
};

/** L2 in the gradient, as torch's Adam adds it. */
const weightDecay = 1e-5;

/** As they go into keys. */
interface Parameters {
  readonly size: number;
  readonly flow: FlowSettings;
  readonly budget: TrainingBudget;
  readonly weightDecay: number;
}

/** Unlikelihood of each place under normalizing flows on the backbone's features (Yu et al. 2021). */
export const fastFlow: Detector = {
  id: "fastflow",
  name: "FastFlow",
  revision: 2,
  variants: Object.keys(fastFlowVariants),
  switches: fastFlowVariants,
  plan({ profile, size, backbone, variant }) {
    const { only3x3, epochs, lastBatch } = variantNamed("fastflow", fastFlowVariants, variant);
    const { steps, flowSteps, ...budget } = fastFlowBudgets[profile];
    const parameters: Parameters = {
      size,
      flow: {
        flowSteps,
        kernels: only3x3.includes(backbone) ? "3x3" : "alternating",
        hiddenRatio: 1,
        clamp: 2,
      },
      budget: { ...budget, length: steps === undefined ? { epochs } : { steps }, lastBatch },
      weightDecay,
    };
    return {
      parameters: parameters as unknown as DetectorPlan["parameters"],
      backbone,
      grid: [size, size],
      reading: { upsample: "bilinear" },
    };
  },
  async fit(input) {
    const { layouts, backbone, size, flow, budget, weightDecay } = settingsOf(input.plan);
    const permutations = drawPermutations(layouts, flow, input.seed);
    const tensors = await trainOnFeatures({
      name: "FastFlow",
      backbone,
      size,
      budget,
      stepFor: (batch) => fastFlowStep(layouts, batch, flow, permutations, weightDecay),
    }, input);
    const file = safetensorsBytes(new Map([...tensors, ...permutationTensors(permutations)]));
    return new Map([["flows.safetensors", file]]);
  },
  fitCost(plan, images) {
    const { layouts, budget } = settingsOf(plan);
    return trainingCost(layouts, budget, images);
  },
  open(plan, model, weights) {
    const { backbone, size, flow } = settingsOf(plan);
    const { tensors } = parseSafetensors(model.get("flows.safetensors")!, "FastFlow's model");
    const permutations = readPermutations(tensors, flow.flowSteps);
    return openPixelMaps({
      name: "FastFlow",
      backbone,
      size,
      weights: weights!,
      tensors,
      build: (scope, features) =>
        fastFlowMap(flowOutputs(scope, features, flow, permutations).hidden, size),
    });
  },
};

function settingsOf(
  plan: FitPlan,
): Parameters & { readonly backbone: string; readonly layouts: readonly FeatureLayout[] } {
  const parameters = plan.parameters as unknown as Parameters;
  const backbone = plan.backbone!;
  return { ...parameters, backbone, layouts: featureLayouts(backbone, parameters.size) };
}

const permutationName = (layer: number, block: number) =>
  `fast_flow_blocks.${layer}.module_list.${block}.permutation`;

function permutationTensors(permutations: FlowPermutations): [string, NdArray][] {
  return permutations.flatMap((blocks, layer) =>
    blocks.map((permutation, block): [string, NdArray] => [
      permutationName(layer, block),
      { shape: [permutation.length], data: Int32Array.from(permutation) },
    ])
  );
}

function readPermutations(
  tensors: ReadonlyMap<string, NdArray>,
  flowSteps: number,
): FlowPermutations {
  return [0, 1, 2].map((layer) =>
    Array.from(
      { length: flowSteps },
      (_, block) => Array.from(tensors.get(permutationName(layer, block))!.data, Number),
    )
  );
}
