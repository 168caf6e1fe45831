/**
 * EfficientAD as a detector of the table: variants, budgets, training with checkpoints, maps.
 *
 * The teacher depends on nothing but the plan's `teacher` and the weights it is made from, so it is
 * `prepare`d once and shared by all fits; a fit that is given none makes it itself.
 *
 * Model file: `model.safetensors` with the tensors of teacher (its features normalized), student and
 * autoencoder, and `quantiles`, float64 `[4]`: 0.9 and 0.995 of the student's maps, of the autoencoder's.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { trainTestSplit } from "../images/splits.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import { networkTensors } from "../onnx/training.ts";
import { tapsOf } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";
import { parseSafetensors, safetensorsBytes } from "../weights/safetensors.ts";
import { type Checkpoints, trainWithCheckpoints } from "./checkpoints.ts";
import type { Detector, DetectorModel, DetectorPlan, FitInput, FitPlan } from "./detector.ts";
import {
  combinedMap,
  efficientAdGrid,
  type EfficientAdMapping,
  type EfficientAdNetworks,
  efficientAdRate,
  efficientAdStep,
  type EfficientAdWidths,
  type MapPair,
  mapQuantiles,
  mediumWidths,
  MomentsOfFeatures,
  normalizedStart,
  normalizedTeacher,
  openEfficientAd,
  openPatchDescription,
} from "./efficientad.ts";
import { type Augmentation, augmentedImage } from "./efficientad_augmentation.ts";
import { type Distillation, distilTeacher, publishedTeacher } from "./efficientad_teacher.ts";
import { budgetOf } from "./trained_network.ts";
import { imageAt, shuffledCycle } from "./training_images.ts";
import { variantNamed, type VariantTable } from "./variants.ts";

/** What differs between implementations; the paper used the official code with padding. */
export interface EfficientAdVariant {
  /** Zeros around the inputs of teacher and student. */
  readonly padding: boolean;
  /** Places around the map that are set to 0. */
  readonly border: EfficientAdMapping["border"];
  /** Whether the maps get their zeros and the size of the image before they are normalized. */
  readonly normalized: EfficientAdMapping["normalized"];
  /** Of the autoencoder's image. */
  readonly augmentation: Augmentation | "none";
  /** Where the teacher comes from in profile `paper`; the other profiles distil theirs. */
  readonly teacher: "published" | "distilled";
}

/** All variants; each of the others differs from `paper` in the switches that it names. */
export const efficientAdVariants: VariantTable<EfficientAdVariant> = {
  /** Padding, and no augmentation: its appendix says that all were removed. */
  "paper": {
    padding: true,
    border: 0,
    normalized: "native",
    augmentation: "none",
    teacher: "published",
  },
  /** nelson1425/EfficientAD as published, at fcab514. */
  "official": {
    padding: false,
    border: 4,
    normalized: "native",
    augmentation: "pillow",
    teacher: "published",
  },
  /** Its defaults, with the medium networks. */
  "anomalib-2023-10": {
    padding: false,
    border: 4,
    normalized: "image",
    augmentation: "tensor",
    teacher: "published",
  },
  /** The paper's, with a teacher distilled from the run's backbone: where the published one is not to be had. */
  "distilled": {
    padding: true,
    border: 0,
    normalized: "native",
    augmentation: "none",
    teacher: "distilled",
  },
};

/** What a profile spends. */
interface Budget {
  readonly widths: EfficientAdWidths;
  /** First weights of student and autoencoder: torch's, or normalized on training images. */
  readonly start: "torch" | "normalized";
  readonly steps: number;
  readonly learningRate: number;
  /** Only distances from this quantile on train the student. */
  readonly hardQuantile: number;
  /** Recipe of a teacher that is distilled. */
  readonly teacher: Omit<Distillation, "backbone" | "taps" | "widths" | "seed">;
}

/**
 * All budgets. `paper` is the publication's. The others have narrow networks and few steps, and what
 * these ask for: a higher rate, a normalized start, and a quantile that leaves enough distances of
 * the fewer ones (cpu: a hundredth of 64 x 64 x 64 instead of a thousandth of 384 x 64 x 64).
 */
const efficientAdBudgets: Readonly<Record<string, Budget>> = {
  paper: {
    widths: mediumWidths,
    start: "torch",
    steps: 70_000,
    learningRate: 1e-4,
    hardQuantile: 0.999,
    teacher: {
      size: 256,
      images: 960_000,
      normalizationImages: 10_000,
      steps: 60_000,
      batch: 16,
      learningRate: 1e-4,
      schedule: "constant",
      weightDecay: 1e-5,
      batchNorm: false,
    },
  },
  cpu: {
    widths: { stem: 16, trunk: 32, features: 64, autoencoder: 16 },
    start: "normalized",
    steps: 2000,
    learningRate: 2e-3,
    hardQuantile: 0.99,
    teacher: {
      size: 128,
      images: 400,
      normalizationImages: 400,
      steps: 1500,
      batch: 4,
      learningRate: 5e-3,
      schedule: "cosine",
      weightDecay: 1e-5,
      batchNorm: true,
    },
  },
  demo: {
    widths: { stem: 8, trunk: 16, features: 32, autoencoder: 8 },
    start: "normalized",
    steps: 1000,
    learningRate: 3e-3,
    hardQuantile: 0.99,
    teacher: {
      size: 128,
      images: 200,
      normalizationImages: 200,
      steps: 600,
      batch: 4,
      learningRate: 5e-3,
      schedule: "cosine",
      weightDecay: 1e-5,
      batchNorm: true,
    },
  },
};

const weightDecay = 1e-5;
const dropout = 0.2;
/** Share of the training images that is held back for the quantiles (paper, appendix B). */
const validationShare = 0.1;
/** Images on which a normalized start is normalized. */
const startImages = 8;
const teacherSeed = 20230524;
/** Name of the published teacher's weights in the registry. */
const publishedName = "efficientad_teacher_medium";

/** The plan's parameters, written out. */
interface Parameters {
  readonly networks: EfficientAdNetworks;
  readonly teacher:
    | { readonly kind: "published" }
    | ({ readonly kind: "distilled" } & Distillation);
  readonly mapping: EfficientAdMapping;
  readonly augmentation: Augmentation | "none";
  readonly penalty: string;
  readonly start: Budget["start"];
  readonly steps: number;
  readonly learningRate: number;
  readonly hardQuantile: number;
  readonly dropout: number;
  readonly weightDecay: number;
  readonly validationShare: number;
}

/** Distance of a student from its teacher, and of both from an autoencoder (Batzner et al. 2024). */
export const efficientAd: Detector = {
  id: "efficientad",
  name: "EfficientAD",
  revision: 2,
  variants: Object.keys(efficientAdVariants),
  switches: efficientAdVariants,
  takesPenaltyImages: true,
  plan(setting) {
    const { profile, size, backbone, variant, penalty = "none" } = setting;
    const { padding, border, normalized, augmentation, teacher } = variantNamed(
      "efficientad",
      efficientAdVariants,
      variant,
    );
    const mapping: EfficientAdMapping = { border, normalized };
    const { widths, teacher: recipe, ...training } = budgetOf(efficientAdBudgets, profile);
    // Published weights fit the medium widths alone.
    const published = teacher === "published" && widths === mediumWidths;
    const networks: EfficientAdNetworks = { size, widths, padding };
    const parameters: Parameters = {
      networks,
      teacher: published ? { kind: "published" } : {
        kind: "distilled",
        backbone,
        taps: distillationTaps(backbone),
        widths,
        ...recipe,
        seed: teacherSeed,
      },
      mapping,
      augmentation,
      penalty,
      ...training,
      dropout,
      weightDecay,
      validationShare,
    };
    const side = efficientAdGrid(networks) + 2 * mapping.border;
    return {
      parameters: parameters as unknown as DetectorPlan["parameters"],
      preparation: { networks: widths, teacher: parameters.teacher } as unknown as Json,
      backbone: published ? publishedName : backbone,
      grid: [side, side],
      reading: { upsample: "bilinear" },
    };
  },
  async prepare({ plan, weights, progress, checkpoints }) {
    const { teacher, networks } = parametersOf(plan);
    const tensors = teacher.kind === "published"
      ? publishedTeacher(weights, networks.widths)
      : await distilTeacher(teacher, weights, { checkpoints, progress });
    return new Map([["teacher.safetensors", safetensorsBytes(tensors)]]);
  },
  fit: fitEfficientAd,
  async open(plan, model) {
    const { networks, mapping } = parametersOf(plan);
    const { tensors } = parseSafetensors(model.get("model.safetensors")!, "model.safetensors");
    const [studentLow, studentHigh, autoencoderLow, autoencoderHigh] = tensors.get("quantiles")!
      .data as Float64Array;
    const quantiles = {
      student: [studentLow, studentHigh],
      autoencoder: [autoencoderLow, autoencoderHigh],
    } as const;
    const opened = await openEfficientAd(tensors, networks);
    const grid = efficientAdGrid(networks);
    const side = grid + 2 * mapping.border;
    return {
      maps: async (block) => {
        const count = block.shape[0];
        const data = new Float32Array(count * side * side);
        for (let i = 0; i < count; i++) {
          const pair = await opened.maps(imageAt(block as NdArray<Uint8Array>, i));
          data.set(combinedMap(pair, grid, quantiles, mapping), i * side * side);
        }
        return { maps: { shape: [count, side, side], data }, scores: undefined };
      },
      close: () => opened.close(),
    };
  },
};

/** Teacher, its normalization, training, quantiles. */
async function fitEfficientAd(input: FitInput): Promise<DetectorModel> {
  const { plan, seed, checkpoints } = input;
  const parameters = parametersOf(plan);
  const { networks, mapping } = parameters;
  const images = await splitTrainingImages(input, parameters.validationShare);
  const prepared = input.prepared ?? await prepareHere(input);
  const bytes = prepared.get("teacher.safetensors")!;
  const teacher = await normalizedOn(
    images.training,
    parseSafetensors(bytes, "teacher.safetensors").tensors,
    networks,
  );
  const trained = await trainNetworks(
    input,
    parameters,
    images.training,
    teacher,
    seed,
    checkpoints,
  );
  const tensors = new Map<string, NdArray>(trained);
  for (const [name, tensor] of teacher) tensors.set(`teacher.${name}`, tensor);
  const opened = await openEfficientAd(tensors, networks);
  const pairs: MapPair[] = [];
  for (const image of images.validation) pairs.push(await opened.maps(image));
  await opened.close();
  const quantiles = mapQuantiles(pairs, efficientAdGrid(networks), networks.size, mapping);
  for (const [kind, [low, high]] of Object.entries(quantiles)) {
    if (high > low) continue;
    throw new DataError(
      `Cannot normalize EfficientAD's maps: quantiles 0.9 and 0.995 of the ${kind}'s maps of the ` +
        `good images are equal (${low})`,
      { remedy: "Check that the good training images differ from one another." },
    );
  }
  const numbers = Float64Array.of(...quantiles.student, ...quantiles.autoencoder);
  tensors.set("quantiles", { shape: [4], data: numbers });
  return new Map([["model.safetensors", safetensorsBytes(tensors)]]);
}

/** A fit that is given no teacher makes it; its checkpoints belong to the fit's own training. */
function prepareHere({ plan, weights, progress }: FitInput): Promise<DetectorModel> {
  if (weights === undefined) throw new RangeError("Cannot fit EfficientAD: it is given no weights");
  const none: Checkpoints = {
    load: () => Promise.resolve(undefined),
    save: () => Promise.resolve(),
  };
  return efficientAd.prepare!({ plan, weights, progress, checkpoints: none });
}

interface TrainingImages {
  readonly training: readonly Uint8Array[];
  readonly validation: readonly Uint8Array[];
}

/** A tenth of the images, rounded up, for the quantiles: the head of `RandomState(seed).permutation(n)`. */
async function splitTrainingImages(
  { blocks, seed }: FitInput,
  share: number,
): Promise<TrainingImages> {
  const images: Uint8Array[] = [];
  for await (const block of blocks) {
    for (let i = 0; i < block.shape[0]; i++) images.push(imageAt(block as NdArray<Uint8Array>, i));
  }
  if (images.length < 2) {
    throw new DataError(`Cannot fit EfficientAD on ${images.length} good images: it needs two`, {
      remedy: "Add good training images.",
    });
  }
  const { train, test } = trainTestSplit(images.length, share, seed);
  const pick = (indices: Uint32Array) => Array.from(indices.slice().sort(), (i) => images[i]);
  return { training: pick(train), validation: pick(test) };
}

/** The teacher, its features normalized over the training images. */
async function normalizedOn(
  images: readonly Uint8Array[],
  teacher: TensorMap,
  networks: EfficientAdNetworks,
): Promise<Map<string, NdArray<Float32Array>>> {
  const { size, widths: { features } } = networks;
  const session = await openPatchDescription(teacher, features, networks);
  const moments = new MomentsOfFeatures(features);
  for (const data of images) {
    const outputs = await session.run({ image: { shape: [1, size, size, 3], data } });
    moments.add(outputs.features.data as Float32Array);
  }
  await session.close();
  return normalizedTeacher(teacher, moments.moments());
}

async function trainNetworks(
  { progress, penalty }: FitInput,
  parameters: Parameters,
  images: readonly Uint8Array[],
  teacher: TensorMap,
  seed: number,
  checkpoints: Checkpoints,
): Promise<Map<string, NdArray<Float32Array>>> {
  const { networks, augmentation, steps, learningRate } = parameters;
  const { size } = networks;
  const shape = [1, size, size, 3];
  if ((parameters.penalty !== "none") !== (penalty !== undefined)) {
    throw new RangeError(
      `Cannot fit EfficientAD: penalty images are ${
        penalty === undefined ? "missing" : "given, but not planned"
      }`,
    );
  }
  const losses = {
    ...parameters,
    augmented: augmentation !== "none",
    penalty: penalty !== undefined,
  };
  const step = efficientAdStep(teacher, networks, losses, parameters.weightDecay);
  const order = shuffledCycle(images.map((_, i) => i), seed, "good");
  const state = await trainWithCheckpoints(step, {
    name: "EfficientAD",
    steps,
    seed,
    learningRate: efficientAdRate(learningRate, steps),
    ...(parameters.start === "normalized"
      ? { initial: await normalizedStart(networks, firstImages(images, size), seed) }
      : {}),
    batch: async (step, random) => {
      const data = images[order(step - 1, 1)[0]];
      return {
        image: { shape, data },
        ...(augmentation === "none"
          ? {}
          : { augmented: { shape, data: augmentedImage(data, augmentation, random) } }),
        ...(penalty === undefined
          ? {}
          : { penalty: { shape, data: await penalty.draw(size, random) } }),
      };
    },
    onProgress: ({ step, of, loss }) => progress(step, of, `loss ${loss.toFixed(3)}`),
  }, checkpoints);
  return networkTensors(step, state);
}

function firstImages(images: readonly Uint8Array[], size: number): NdArray<Uint8Array> {
  const count = Math.min(startImages, images.length);
  const data = new Uint8Array(count * size * size * 3);
  for (let i = 0; i < count; i++) data.set(images[i], i * size * size * 3);
  return { shape: [count, size, size, 3], data };
}

/** The second and third of a backbone's layers, as in the publication; the last two of a shorter one. */
function distillationTaps(backbone: string): string[] {
  const taps = [...tapsOf(backboneNamed(backbone)).keys()];
  return ["layer2", "layer3"].every((name) => taps.includes(name))
    ? ["layer2", "layer3"]
    : taps.slice(-2);
}

function parametersOf(plan: FitPlan): Parameters {
  return plan.parameters as unknown as Parameters;
}
