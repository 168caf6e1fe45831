/**
 * DevNet (Pang et al. 2021, "Explainable deep few-shot anomaly detection with deviation networks"): a
 * network that maps an image to an anomaly score, trained so that the scores of good images lie among
 * numbers from N(0, 1) and those of bad ones `margin` deviations above. Trained without augmentation,
 * as the SegAD paper did (appendix B).
 *
 * Model files: those of `trained_network.ts`.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { deviationLoss } from "../onnx/losses.ts";
import { steppedRate } from "../onnx/optimizers.ts";
import {
  frozenParameters,
  scopeOf,
  type TensorMap,
  trainableParameters,
} from "../onnx/parameters.ts";
import { networkTensors, type TrainingStep, trainingStep } from "../onnx/training.ts";
import { trainableBackbone } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";
import { trainWithCheckpoints } from "./checkpoints.ts";
import {
  areaOfScales,
  deviationOptimizer,
  type DeviationParameters,
  deviationSettings,
  frozenScales,
  meanOfScales,
  normalNumbers,
  plainHead,
  twoScales,
} from "./deviation_network.ts";
import type { SupervisedMethod, SupervisedPlan } from "./supervised.ts";
import {
  budgetOf,
  openTrainedNetwork,
  pretrainedTensors,
  tellSteps,
  trainedNetworkFiles,
  trainingCost,
} from "./trained_network.ts";
import { placesOf, shuffledCycle, takeImages } from "./training_images.ts";

/** How long each profile trains; `paper` as in the appendix and the published training. */
const budgets = {
  paper: { epochs: 50, stepsPerEpoch: 20, batch: 48, dropEpochs: 10, learningRate: 2e-4 },
  cpu: { epochs: 5, stepsPerEpoch: 20, batch: 8, dropEpochs: 3, learningRate: 1e-3 },
  demo: { epochs: 5, stepsPerEpoch: 30, batch: 8, dropEpochs: 4, learningRate: 1e-3 },
} as const;

/** Backbone of the paper's profile; the other profiles take the run's. */
const paperBackbone = "resnet18";

/** DevNet as a supervised method. */
export const devNet: SupervisedMethod = {
  id: "devnet",
  name: "DevNet",
  revision: 2,
  variants: ["paper"],
  plan({ profile, size, backbone, variant }) {
    if (!devNet.variants.includes(variant)) {
      throw unknownName("variant of devnet", variant, devNet.variants);
    }
    const parameters: DeviationParameters = {
      ...budgetOf(budgets, profile),
      ...deviationSettings,
    };
    return {
      parameters,
      size,
      backbone: profile === "paper" ? paperBackbone : backbone,
      share: 1,
    };
  },
  async fit({ plan, images, labels, weights, seed, progress, checkpoints }) {
    const parameters = parametersOf(plan);
    const { epochs, stepsPerEpoch, batch, dropEpochs, dropFactor } = parameters;
    const step = devNetStep(plan);
    const [goods, bads] = [batch - (batch >> 1), batch >> 1];
    const good = shuffledCycle(placesOf(labels, 0), seed, "good");
    const bad = shuffledCycle(placesOf(labels, 1), seed, "bad");
    const target = Float32Array.from({ length: batch }, (_, i) => i < goods ? 0 : 1);
    const state = await trainWithCheckpoints(step, {
      name: "DevNet",
      steps: epochs * stepsPerEpoch,
      seed,
      learningRate: steppedRate(parameters.learningRate, {
        every: dropEpochs * stepsPerEpoch,
        factor: dropFactor,
      }),
      initial: pretrainedTensors(backboneNamed(plan.backbone), weights, 0),
      batch: (number, random) => ({
        image: takeImages(images, [
          ...good((number - 1) * goods, goods),
          ...bad((number - 1) * bads, bads),
        ]),
        target: { shape: [batch], data: target },
        normals: normalNumbers([parameters.normals], random),
      }),
      onProgress: tellSteps(progress),
    }, checkpoints);
    const tensors = networkTensors(step, state);
    return trainedNetworkFiles(plan.size, tensors, (image) => ({
      score: frozenScores(plan, image, tensors),
    }));
  },
  fitCost(plan, images) {
    const { epochs, stepsPerEpoch, batch } = parametersOf(plan);
    return trainingCost(plan, epochs * stepsPerEpoch, areaOfScales * batch, images);
  },
  open: (plan, model) => openTrainedNetwork("DevNet", plan, model),
};

/**
 * One step of training: inputs "image", uint8 `[batch, size, size, 3]`, "target", float32 `[batch]`,
 * 1 for bad images, and "normals", float32 `[normals]`.
 */
export function devNetStep(plan: SupervisedPlan): TrainingStep {
  const settings = parametersOf(plan);
  const { batch, topShare, margin, clipNorm } = settings;
  const backbone = backboneNamed(plan.backbone);
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const scope = scopeOf(parameters);
  const image = graph.input("image", "uint8", [batch, plan.size, plan.size, 3]);
  const scores = meanOfScales(
    twoScales(image).map((scaled) =>
      plainHead(scope.at("score"), trainableBackbone(backbone, scaled, scope).last, topShare)
    ),
  );
  const loss = deviationLoss(
    scores,
    graph.input("target", "float32", [batch]),
    graph.input("normals", "float32", [settings.normals]),
    { margin },
  );
  return trainingStep({ parameters, loss, optimizer: deviationOptimizer(settings), clipNorm });
}

/** Scores `[n]` of images, higher for bad ones. */
function frozenScores(plan: SupervisedPlan, image: Value, tensors: TensorMap): Value {
  const { topShare } = parametersOf(plan);
  const head = scopeOf(frozenParameters(image.graph, tensors, "DevNet's trained weights"), "score");
  return meanOfScales(
    frozenScales(backboneNamed(plan.backbone), image, tensors)
      .map((features) => plainHead(head, features, topShare)),
  );
}

function parametersOf(plan: SupervisedPlan): DeviationParameters {
  return plan.parameters as unknown as DeviationParameters;
}
