/**
 * WRN, the supervised classifier g of SegAD (paper sections 4.1 and 5.2, appendix B): the backbone with
 * a new head of one output, all weights trained on good and bad images with focal loss.
 *
 * The paper gives network, batch size, learning rate, momentum, loss and the share of the training
 * images; the rest of `settings` is open and decided here.
 *
 * Model files: those of `trained_network.ts`.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { binaryFocalLoss } from "../onnx/losses.ts";
import { reshape } from "../onnx/ops.ts";
import { constantRate, cosineRate, type Schedule, sgd } from "../onnx/optimizers.ts";
import { scopeOf, type TensorMap, trainableParameters } from "../onnx/parameters.ts";
import { networkTensors, type TrainingStep, trainingStep } from "../onnx/training.ts";
import { frozenBackbone, trainableBackbone } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";
import { trainWithCheckpoints } from "./checkpoints.ts";
import type { SupervisedMethod, SupervisedPlan } from "./supervised.ts";
import {
  budgetOf,
  openTrainedNetwork,
  pretrainedTensors,
  tellSteps,
  trainedNetworkFiles,
  trainingCost,
} from "./trained_network.ts";
import { shuffledCycle, takeImages } from "./training_images.ts";

/** How long each profile trains. The paper gives the batch size alone. */
const budgets = {
  paper: { epochs: 30, batch: 4 },
  cpu: { epochs: 2, batch: 4 },
  demo: { epochs: 6, batch: 4 },
} as const;

/** What does not depend on the profile. */
const settings = {
  /** Paper, appendix B. */
  learningRate: 0.025,
  /** Paper, appendix B. */
  momentum: 0.9,
  /** Open: torch's default. */
  weightDecay: 0,
  /** Open: along half a cosine to 0, so that no last batch weighs more than another. */
  schedule: "cosine",
  /** Open: Lin et al.'s exponent. */
  gamma: 2,
  /** Open: good and bad images weigh the same. */
  alpha: null,
  /** Open: batch norm by the batch's own statistics, as torch fine-tunes by default. */
  batchNorm: "batch",
  /** Open: the logit, which tells images apart whose probabilities round to 1. */
  score: "logit",
} as const;

/** Paper, section 4.1: 1,600 of 2,000 good and 800 of 1,000 bad images. */
const share = 0.8;

/** Models of the variant "out-of-fold". */
const folds = 5;

/** WRN's settings written out. */
type WrnParameters = {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly schedule: "cosine" | "constant";
  readonly gamma: number;
  readonly alpha: number | null;
  readonly batchNorm: "batch";
  readonly score: "logit";
};

/**
 * WRN as a supervised method.
 *
 * Variants: `paper`: one network, trained on 80 % of the training images; the scores that the forest
 * learns from are mostly of images that the network was trained on. `out-of-fold`: five networks, each
 * trained on four fifths of the training images; a training image gets the score of the network that
 * was not trained on it, a test image the mean of all five.
 */
export const wrn: SupervisedMethod = {
  id: "wrn",
  name: "WRN",
  revision: 2,
  variants: ["paper", "out-of-fold"],
  plan({ profile, size, backbone, variant }) {
    if (!wrn.variants.includes(variant)) throw unknownName("variant of wrn", variant, wrn.variants);
    const parameters: WrnParameters = { ...budgetOf(budgets, profile), ...settings };
    return {
      parameters,
      size,
      backbone,
      share,
      ...(variant === "out-of-fold" ? { share: 1 - 1 / folds, folds } : {}),
    };
  },
  async fit({ plan, images, labels, weights, seed, progress, checkpoints }) {
    const { batch, learningRate, schedule } = parametersOf(plan);
    const backbone = backboneNamed(plan.backbone);
    const step = wrnStep(plan);
    const cycle = shuffledCycle(Array.from(labels, (_, i) => i), seed, "training");
    const steps = stepsOf(plan, labels.length);
    const state = await trainWithCheckpoints(step, {
      name: "WRN",
      steps,
      seed,
      learningRate: schedules[schedule](learningRate, steps),
      initial: pretrainedTensors(backbone, weights, 1),
      batch: (number) => {
        const places = cycle((number - 1) * batch, batch);
        const target = Float32Array.from(places, (place) => labels[place]);
        return { image: takeImages(images, places), target: { shape: [batch], data: target } };
      },
      onProgress: tellSteps(progress),
    }, checkpoints);
    const tensors = networkTensors(step, state);
    return trainedNetworkFiles(plan.size, tensors, (image) => scoreOf(plan, image, tensors));
  },
  fitCost: (plan, images) =>
    trainingCost(plan, stepsOf(plan, images), parametersOf(plan).batch, images),
  open: (plan, model) => openTrainedNetwork("WRN", plan, model),
};

/**
 * One step of training: inputs "image", uint8 `[batch, size, size, 3]`, and "target", float32
 * `[batch]`, 1 for bad images.
 */
export function wrnStep(plan: SupervisedPlan): TrainingStep {
  const { batch, momentum, weightDecay, gamma, alpha } = parametersOf(plan);
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const image = graph.input("image", "uint8", [batch, plan.size, plan.size, 3]);
  const { logits } = trainableBackbone(
    backboneNamed(plan.backbone),
    image,
    scopeOf(parameters),
    { classes: 1 },
  );
  const loss = binaryFocalLoss(
    reshape(logits!, [batch]),
    graph.input("target", "float32", [batch]),
    { gamma, ...(alpha === null ? {} : { alpha }) },
  );
  return trainingStep({ parameters, loss, optimizer: sgd({ momentum, weightDecay }) });
}

/** Steps of a training on so many images; what is left of the last batch is not trained on. */
function stepsOf(plan: SupervisedPlan, images: number): number {
  const { epochs, batch } = parametersOf(plan);
  return Math.max(1, Math.floor(epochs * images / batch));
}

const schedules: Readonly<
  Record<WrnParameters["schedule"], (rate: number, steps: number) => Schedule>
> = { cosine: cosineRate, constant: constantRate };

function scoreOf(plan: SupervisedPlan, image: Value, tensors: TensorMap): { score: Value } {
  const { logits } = frozenBackbone(backboneNamed(plan.backbone), image, tensors, { classes: 1 });
  return { score: reshape(logits!, [1]) };
}

function parametersOf(plan: SupervisedPlan): WrnParameters {
  return plan.parameters as unknown as WrnParameters;
}
