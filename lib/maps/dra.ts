/**
 * DRA (Ding et al. 2022, "Catching both gray and black swans: open-set supervised anomaly detection"):
 * four heads over one network learn bad images that were seen (plain head), pseudo anomalies made of
 * good images (plain head), the difference to good reference images (latent residual, "composite"), and
 * what good images have in common (holistic head). Trained without augmentation beside the pseudo
 * anomalies, which belong to the method.
 *
 * References: the published training takes them from the training loader, so half of them are pseudo
 * anomalies, and another random batch of them for every test batch. Variant "paper" does the same with
 * recorded draws: the model keeps the mean features of `referenceDraws` batches, and an image's own
 * bytes choose one of them, so that a score does not depend on the order of the images. Variant
 * "clean-references" takes one fixed batch of good images as they are, in training and after.
 *
 * Model files: those of `trained_network.ts`; `references.safetensors`, the mean features of the
 * reference batches at each scale, `[draws, channels, h, w]`.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { sha256 } from "../base/digest.ts";
import type { NdArray } from "../base/npy.ts";
import { childSeed, RandomState } from "../base/random.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { batchNorm, conv2d, globalAveragePool2d, linear, relu } from "../onnx/layers.ts";
import { deviationLoss } from "../onnx/losses.ts";
import { abs, add, reduceMean, reshape, slice, sub } from "../onnx/ops.ts";
import type { Schedule } from "../onnx/optimizers.ts";
import {
  frozenParameters,
  type Scope,
  scopeOf,
  type TensorMap,
  trainableParameters,
} from "../onnx/parameters.ts";
import { openSession } from "../onnx/session.ts";
import { networkTensors, type TrainingStep, trainingStep } from "../onnx/training.ts";
import { trainableBackbone } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";
import { parseSafetensors, safetensorsBytes } from "../weights/safetensors.ts";
import { trainWithCheckpoints } from "./checkpoints.ts";
import { cutMix, type CutMixSettings, draCutMix } from "./cutmix.ts";
import type { DetectorModel } from "./detector.ts";
import {
  areaOfScales,
  type DeviationBudget,
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
  imageModel,
  openTrainedNetwork,
  pretrainedTensors,
  tellSteps,
  trainedNetworkFiles,
  trainingCost,
} from "./trained_network.ts";
import { imageAt, placesOf, shuffledCycle, takeImages } from "./training_images.ts";

/** How long each profile trains; `paper` as in the appendix and the published training. */
const budgets = {
  paper: { epochs: 30, stepsPerEpoch: 20, batch: 48, dropEpochs: 10, learningRate: 2e-4 },
  cpu: { epochs: 5, stepsPerEpoch: 20, batch: 9, dropEpochs: 4, learningRate: 1e-3 },
  demo: { epochs: 5, stepsPerEpoch: 20, batch: 9, dropEpochs: 4, learningRate: 1e-3 },
} as const;

/** Backbone of the paper's profile; the other profiles take the run's. */
const paperBackbone = "resnet18";

/** What the variants set. */
const variants = {
  "paper": { references: "drawn", referenceDraws: 32 },
  "clean-references": { references: "clean", referenceDraws: 1 },
} as const;

/** DRA's settings written out. */
export type DraParameters = DeviationParameters & {
  /** "drawn": from the training images with pseudo anomalies; "clean": a fixed batch of good images. */
  readonly references: "drawn" | "clean";
  /** Reference images in a batch of them. */
  readonly referenceImages: number;
  /** Reference batches that the model keeps. */
  readonly referenceDraws: number;
  /** How often a good image turns into a pseudo anomaly. */
  readonly pseudoShare: number;
  readonly cutMix: CutMixSettings;
};

/** The heads in the order of the loss's draws. */
const heads = ["holistic", "seen", "pseudo", "composite"] as const;
type Head = typeof heads[number];

/** DRA as a supervised method. */
export const dra: SupervisedMethod = {
  id: "dra",
  name: "DRA",
  revision: 2,
  variants: Object.keys(variants),
  plan({ profile, size, backbone, variant }) {
    if (!Object.hasOwn(variants, variant)) {
      throw unknownName("variant of dra", variant, Object.keys(variants));
    }
    const parameters: DraParameters = {
      ...budgetOf<DeviationBudget>(budgets, profile),
      ...deviationSettings,
      ...variants[variant as keyof typeof variants],
      referenceImages: 5,
      pseudoShare: 0.5,
      cutMix: draCutMix,
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
    const step = draStep(plan);
    const batches = new DraBatches(parameters, images, labels, seed);
    const state = await trainWithCheckpoints(step, {
      name: "DRA",
      steps: parameters.epochs * parameters.stepsPerEpoch,
      seed,
      learningRate: draRate(parameters),
      initial: pretrainedTensors(backboneNamed(plan.backbone), weights, 0),
      batch: (number, random) => batches.at(number, random),
      onProgress: tellSteps(progress),
    }, checkpoints);
    const tensors = networkTensors(step, state);
    const files = trainedNetworkFiles(
      plan.size,
      tensors,
      (image) => frozenScores(plan, image, tensors),
    );
    const references = await referenceFeatures(plan, tensors, batches.keptReferences());
    return files.set("references.safetensors", safetensorsBytes(references));
  },
  fitCost(plan, images) {
    const { epochs, stepsPerEpoch, batch, referenceImages } = parametersOf(plan);
    const seen = areaOfScales * (batch + referenceImages);
    return trainingCost(plan, epochs * stepsPerEpoch, seen, images);
  },
  open: (plan, model) => openTrainedNetwork("DRA", plan, model, referencesOf(plan, model)),
};

/**
 * The learning rate: StepLR stepped at the beginning of each epoch, so that it falls first after
 * `dropEpochs` - 1 epochs, then after every `dropEpochs`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const plan = dra.plan({ profile: "paper", size: 256, backbone: "resnet18", variant: "paper" });
 * const rate = draRate(plan.parameters as unknown as DraParameters);
 * assert.deepEqual([1, 180, 181, 380, 381].map((step) => rate(step).toPrecision(1)), [
 *   "0.0002", "0.0002", "0.00002", "0.00002", "0.000002",
 * ]);
 * ```
 */
export function draRate(parameters: DraParameters): Schedule {
  const { learningRate, stepsPerEpoch, dropEpochs, dropFactor } = parameters;
  return (step) => {
    const epoch = Math.floor((step - 1) / stepsPerEpoch);
    return learningRate * dropFactor ** Math.floor((epoch + 1) / dropEpochs);
  };
}

/** Images of a step by kind: good ones (some of them pseudo anomalies), then bad ones. */
function batchParts({ batch }: DraParameters): { readonly goods: number; readonly bads: number } {
  const goods = Math.floor(2 * batch / 3);
  return { goods, bads: batch - goods };
}

/**
 * One step of training. Inputs: "image", uint8 `[references + batch, size, size, 3]`, the references
 * first; "kinds", float32 `[3, batch]`, rows that are 1 for good images, bad ones and pseudo anomalies;
 * "normals", float32 `[4, normals]`, for the heads in the order holistic, seen, pseudo, composite.
 */
export function draStep(plan: SupervisedPlan): TrainingStep {
  const settings = parametersOf(plan);
  const { batch, referenceImages, topShare, margin, clipNorm } = settings;
  const backbone = backboneNamed(plan.backbone);
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const scope = scopeOf(parameters);
  const count = referenceImages + batch;
  const image = graph.input("image", "uint8", [count, plan.size, plan.size, 3]);
  const kinds = graph.input("kinds", "float32", [3, batch]);
  const normals = graph.input("normals", "float32", [heads.length, settings.normals]);
  const scores = headScores(
    twoScales(image).map((scaled) => {
      const features = trainableBackbone(backbone, scaled, scope).last;
      const [references, images] = [
        slice(features, [0], [referenceImages], [0]),
        slice(features, [referenceImages], [count], [0]),
      ];
      return headsAt(scope, images, reduceMean(references, [0]), topShare);
    }),
  );
  const row = (value: Value, i: number) =>
    reshape(slice(value, [i], [i + 1], [0]), [value.shape[1]]);
  const [good, bad, pseudo] = [0, 1, 2].map((i) => row(kinds, i));
  // Which images count as bad for a head, and which it is trained on.
  const targets: Record<Head, { readonly target: Value; readonly weights?: Value }> = {
    holistic: { target: good },
    seen: { target: bad, weights: sub(1, pseudo) },
    pseudo: { target: pseudo, weights: sub(1, bad) },
    composite: { target: sub(1, good) },
  };
  const losses = heads.map((head, i) => {
    const { target, weights } = targets[head];
    return deviationLoss(scores[head], target, row(normals, i), {
      margin,
      ...(weights === undefined ? {} : { weights }),
    });
  });
  return trainingStep({
    parameters,
    loss: losses.reduce((sum, loss) => add(sum, loss)),
    optimizer: deviationOptimizer(settings),
    clipNorm,
    reports: Object.fromEntries(heads.map((head, i) => [head, losses[i]])),
  });
}

/** Batches of the training, and the references that the model keeps. */
class DraBatches {
  readonly #parameters: DraParameters;
  readonly #images: NdArray<Uint8Array>;
  readonly #good;
  readonly #bad;
  readonly #references;
  readonly #seed: number;

  constructor(
    parameters: DraParameters,
    images: NdArray<Uint8Array>,
    labels: Uint8Array,
    seed: number,
  ) {
    this.#parameters = parameters;
    this.#images = images;
    this.#seed = seed;
    this.#good = shuffledCycle(placesOf(labels, 0), seed, "good");
    this.#bad = shuffledCycle(placesOf(labels, 1), seed, "bad");
    this.#references = shuffledCycle(placesOf(labels, 0), seed, "references");
  }

  /** The feeds of a step. */
  at(step: number, random: RandomState): Record<string, NdArray> {
    const { batch, referenceImages, normals } = this.#parameters;
    const { goods, bads } = batchParts(this.#parameters);
    const references = this.#referenceBatch(step - 1, random);
    const chosen = takeImages(this.#images, [
      ...this.#good((step - 1) * goods, goods),
      ...this.#bad((step - 1) * bads, bads),
    ]);
    const kinds = new Float32Array(3 * batch);
    for (let i = 0; i < batch; i++) {
      const kind = i >= goods ? 1 : this.#mayTurn(imageAt(chosen, i), random) ? 2 : 0;
      kinds[kind * batch + i] = 1;
    }
    const data = new Uint8Array(references.data.length + chosen.data.length);
    data.set(references.data);
    data.set(chosen.data, references.data.length);
    return {
      image: { shape: [referenceImages + batch, ...chosen.shape.slice(1)], data },
      kinds: { shape: [3, batch], data: kinds },
      normals: normalNumbers([heads.length, normals], random),
    };
  }

  /** The reference batches for scoring, drawn apart from those of the training. */
  keptReferences(): NdArray<Uint8Array>[] {
    const { epochs, stepsPerEpoch, referenceDraws, references } = this.#parameters;
    const first = references === "clean" ? 0 : epochs * stepsPerEpoch;
    return Array.from({ length: referenceDraws }, (_, draw) => {
      const random = new RandomState(childSeed(this.#seed, "references", draw));
      return this.#referenceBatch(first + draw, random);
    });
  }

  #referenceBatch(draw: number, random: RandomState): NdArray<Uint8Array> {
    const { references, referenceImages } = this.#parameters;
    const place = references === "clean" ? 0 : draw * referenceImages;
    const batch = takeImages(this.#images, this.#references(place, referenceImages));
    if (references === "drawn") {
      for (let i = 0; i < referenceImages; i++) this.#mayTurn(imageAt(batch, i), random);
    }
    return batch;
  }

  /** Turns a good image into a pseudo anomaly or leaves it. */
  #mayTurn(image: Uint8Array, random: RandomState): boolean {
    const { pseudoShare, cutMix: settings } = this.#parameters;
    if (random.random() >= pseudoShare) return false;
    cutMix(image, this.#images.shape[1], random, settings);
    return true;
  }
}

/** Scores `[n]` of each head at one scale. */
function headsAt(
  scope: Scope,
  features: Value,
  references: Value,
  topShare: number,
): Record<Head, Value> {
  const [n, channels] = features.shape;
  const holistic = scope.at("holistic");
  const hidden = relu(linear(holistic.at("fc1"), globalAveragePool2d(features), channels >> 1));
  const composite = scope.at("composite");
  const residual = conv2d(composite.at("conv"), sub(references, features), channels, {
    kernel: 3,
    padding: 1,
    bias: false,
  });
  return {
    holistic: abs(reshape(linear(holistic.at("fc2"), hidden, 1), [n])),
    seen: plainHead(scope.at("seen"), features, topShare),
    pseudo: plainHead(scope.at("pseudo"), features, topShare),
    composite: plainHead(
      composite.at("score"),
      relu(batchNorm(composite.at("bn"), residual)),
      topShare,
    ),
  };
}

/** Each head's mean over the scales. */
function headScores(scales: readonly Record<Head, Value>[]): Record<Head, Value> {
  return Object.fromEntries(
    heads.map((head) => [head, meanOfScales(scales.map((scores) => scores[head]))]),
  ) as Record<Head, Value>;
}

const referenceInput = (scale: number) => `references:${scale}`;

/** The score of images, higher for bad ones, and each head's. */
function frozenScores(
  plan: SupervisedPlan,
  image: Value,
  tensors: TensorMap,
): Record<string, Value> {
  const { topShare } = parametersOf(plan);
  const scope = scopeOf(frozenParameters(image.graph, tensors, "DRA's trained weights"));
  const scores = headScores(
    frozenScales(backboneNamed(plan.backbone), image, tensors).map((features, scale) => {
      const shape = [1, ...features.shape.slice(1)];
      const references = image.graph.input(referenceInput(scale), "float32", shape);
      return headsAt(scope, features, references, topShare);
    }),
  );
  const bad = add(add(scores.seen, scores.pseudo), scores.composite);
  return { score: sub(bad, scores.holistic), ...scores };
}

/** Mean features of each batch of references, by the name of the input that takes them. */
async function referenceFeatures(
  plan: SupervisedPlan,
  tensors: TensorMap,
  batches: readonly NdArray<Uint8Array>[],
): Promise<Map<string, NdArray<Float32Array>>> {
  const model = imageModel(batches[0].shape, (image) =>
    Object.fromEntries(
      frozenScales(backboneNamed(plan.backbone), image, tensors).map((features, scale) => [
        referenceInput(scale),
        reduceMean(features, [0]),
      ]),
    ));
  const session = await openSession(model, { name: "DRA's features" });
  try {
    const kept = new Map<string, NdArray<Float32Array>>();
    for (const [draw, image] of batches.entries()) {
      for (const [name, { shape, data }] of Object.entries(await session.run({ image }))) {
        let all = kept.get(name);
        if (all === undefined) {
          const length = batches.length * data.length;
          all = { shape: [batches.length, ...shape.slice(1)], data: new Float32Array(length) };
          kept.set(name, all);
        }
        all.data.set(data as Float32Array, draw * data.length);
      }
    }
    return kept;
  } finally {
    await session.close();
  }
}

/** The reference features for an image: of the draw that its bytes choose. */
function referencesOf(
  plan: SupervisedPlan,
  model: DetectorModel,
): (image: Uint8Array) => Record<string, NdArray> {
  const { referenceDraws } = parametersOf(plan);
  const { tensors } = parseSafetensors(model.get("references.safetensors")!, "DRA's references");
  return (image) => {
    const draw = referenceDraws === 1
      ? 0
      : parseInt(sha256(image).slice(0, 8), 16) % referenceDraws;
    return Object.fromEntries(
      [...tensors].map(([name, { shape, data }]) => {
        const length = data.length / shape[0];
        const view = (data as Float32Array).subarray(draw * length, (draw + 1) * length);
        return [name, { shape: [1, ...shape.slice(1)], data: view }];
      }),
    );
  };
}

function parametersOf(plan: SupervisedPlan): DraParameters {
  return plan.parameters as unknown as DraParameters;
}
