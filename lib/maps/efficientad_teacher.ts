/**
 * EfficientAD's teacher. Either the published one, or one that is distilled from a backbone by the
 * published recipe (nelson1425/EfficientAD, pretraining.py): two layers' features, averaged over 3 x 3
 * neighbours, brought to one grid and, by averaging neighbouring channels, to as many channels as the
 * teacher has, each channel normalized; the teacher learns to give them from the image at half the
 * backbone's resolution.
 *
 * The publication distils from WideResNet-101-2 on ImageNet. Here any backbone serves, and the images are
 * drawn (`drawn_patterns.ts`), so a teacher depends on no data set and on no seed of a run: one serves all
 * fits. In smaller budgets than the publication's, batch normalization speeds the training and is folded
 * into the convolutions at its end, so that the result is the publication's network.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { childSeed, RandomState } from "../base/random.ts";
import { Graph } from "../onnx/graph.ts";
import { averagePool2d, conv2d, normalizedImage, resizeBilinear } from "../onnx/layers.ts";
import { meanSquaredError } from "../onnx/losses.ts";
import { concat, conv, mul, sub } from "../onnx/ops.ts";
import { adam, constantRate, cosineRate } from "../onnx/optimizers.ts";
import { scopeOf, type TensorMap, trainableParameters } from "../onnx/parameters.ts";
import { modelBytes } from "../onnx/proto.ts";
import { openSession, type Session } from "../onnx/session.ts";
import { networkTensors, type TrainingStep, trainingStep } from "../onnx/training.ts";
import { frozenBackbone } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";
import { drawPatterns, patternSize } from "../weights/drawn_patterns.ts";
import { type Checkpoints, trainWithCheckpoints } from "./checkpoints.ts";
import {
  type EfficientAdWidths,
  type FeatureMoments,
  foldedTensors,
  MomentsOfFeatures,
  normalizedLayer,
  patchDescription,
} from "./efficientad.ts";
import { shuffledCycle } from "./training_images.ts";

/** How a teacher is distilled. Plain JSON: it goes into keys. */
export interface Distillation {
  /** Name in `lib/weights/backbones.ts`. */
  readonly backbone: string;
  /** Layers from shallow to deep. */
  readonly taps: readonly string[];
  /** Channels of the teacher; the others are not used here. */
  readonly widths: EfficientAdWidths;
  /** Edge length of the teacher's images; the backbone's are twice as large. */
  readonly size: number;
  /** Number of different drawn images. */
  readonly images: number;
  /** So many of them give mean and deviation of the targets. */
  readonly normalizationImages: number;
  /** Of the training. */
  readonly steps: number;
  /** Images per step. */
  readonly batch: number;
  /** At first; it falls along half a cosine, or stays. */
  readonly learningRate: number;
  /** Whether the rate stays, or falls to 0 along half a cosine. */
  readonly schedule: "cosine" | "constant";
  /** L2 in the gradient, as torch's Adam adds it. */
  readonly weightDecay: number;
  /** Whether batch normalization, folded in at the end, speeds the training; the publication has none. */
  readonly batchNorm: boolean;
  /** Of images, order and first weights; none of a run's. */
  readonly seed: number;
}

/** Draws the image of a number, uint8 `[side, side, 3]`. */
export type ImageDrawer = (side: number, random: RandomState) => Uint8Array;

/** What `distilTeacher` needs beside recipe and weights. */
export interface DistillationOptions {
  /** Where the training's state is kept. */
  readonly checkpoints: Checkpoints;
  /** Told steps done and their number, and what is estimated of the rest. */
  readonly progress?: (done: number, of: number, remark?: string) => void;
  /** Makes the images to learn from. @default patternMosaic */
  readonly draw?: ImageDrawer;
}

/**
 * Distils a teacher; its tensors are named as `0.weight`, …, `12.bias`.
 *
 * @param weights the backbone's
 */
export async function distilTeacher(
  distillation: Distillation,
  weights: TensorMap,
  options: DistillationOptions,
): Promise<Map<string, NdArray<Float32Array>>> {
  const { images, normalizationImages, steps, batch, seed, learningRate } = distillation;
  const examples = await openExamples(distillation, weights, options.draw ?? patternMosaic);
  try {
    const moments = new MomentsOfFeatures(distillation.widths.features);
    for (let i = 0; i < normalizationImages; i++) {
      moments.add((await examples.example(i % images)).targets);
    }
    const step = distillationStep(distillation, moments.moments());
    const order = shuffledCycle(Uint32Array.from({ length: images }, (_, i) => i), seed, "drawn");
    const state = await trainWithCheckpoints(step, {
      name: "EfficientAD's teacher",
      steps,
      seed,
      learningRate: distillation.schedule === "cosine"
        ? cosineRate(learningRate, steps)
        : constantRate(learningRate),
      batch: (step) => examples.batch(order((step - 1) * batch, batch)),
      onProgress: ({ step, of, loss }) => options.progress?.(step, of, `loss ${loss.toFixed(3)}`),
    }, options.checkpoints);
    return foldedTensors(networkTensors(step, state));
  } finally {
    await examples.close();
  }
}

/** Drawn patterns side by side, as many as fill `side` x `side` pixels. */
function patternMosaic(side: number, random: RandomState): Uint8Array {
  const across = Math.ceil(side / patternSize);
  const { data } = drawPatterns(across * across, random).images;
  const mosaic = new Uint8Array(side * side * 3);
  const row = patternSize * 3;
  for (let y = 0; y < side; y++) {
    for (let tile = 0; tile < across; tile++) {
      const pattern = Math.floor(y / patternSize) * across + tile;
      const from = (pattern * patternSize + y % patternSize) * row;
      const length = Math.min(row, side * 3 - tile * row);
      mosaic.set(data.subarray(from, from + length), y * side * 3 + tile * row);
    }
  }
  return mosaic;
}

/**
 * A published teacher under this harness's names: as in nelson1425/EfficientAD (`0.weight`, …) or in
 * anomalib's pack (`conv1.weight`, …).
 *
 * @throws {DataError} if a tensor is missing or of another shape
 */
export function publishedTeacher(
  tensors: TensorMap,
  { stem, trunk, features }: EfficientAdWidths,
): Map<string, NdArray<Float32Array>> {
  const shapes = [
    [stem, 3, 4, 4],
    [trunk, stem, 4, 4],
    [trunk, trunk, 1, 1],
    [trunk, trunk, 3, 3],
    [features, trunk, 4, 4],
    [features, features, 1, 1],
  ];
  const teacher = new Map<string, NdArray<Float32Array>>();
  shapes.forEach((shape, i) => {
    for (const [kind, expected] of [["weight", shape], ["bias", [shape[0]]]] as const) {
      const name = `${modules[i]}.${kind}`;
      const tensor = tensors.get(name) ?? tensors.get(`conv${i + 1}.${kind}`);
      if (!(tensor?.data instanceof Float32Array) || String(tensor.shape) !== String(expected)) {
        throw new DataError(
          `Cannot use the teacher's weights: ${name} is ${
            tensor === undefined ? "missing" : `[${tensor.shape}]`
          }, the medium network has [${expected}]`,
          { remedy: "Import the medium teacher: `deno task weights pull efficientad_teachers`." },
        );
      }
      teacher.set(name, tensor as NdArray<Float32Array>);
    }
  });
  return teacher;
}

/** Numbers of the convolutions in the network's list of modules. */
const modules = [0, 3, 6, 8, 10, 12];
/** The last one gives the features and has no batch normalization. */
const lastModule = 12;
/** Targets are kept for all images where that takes at most so many bytes. */
const keptBytes = 2 ** 29;

/** An image of the teacher with the features it shall give. */
interface Example {
  /** `[size, size, 3]` */
  readonly image: Uint8Array;
  /** `[features, grid, grid]`, not normalized. */
  readonly targets: Float32Array;
}

interface Examples {
  example(index: number): Promise<Example>;
  /** Feeds of a step. */
  batch(indices: Uint32Array): Promise<Record<string, NdArray>>;
  close(): Promise<void>;
}

async function openExamples(
  distillation: Distillation,
  weights: TensorMap,
  draw: ImageDrawer,
): Promise<Examples> {
  const { size, images, widths: { features }, seed } = distillation;
  const session = await targetSession(distillation, weights);
  const shape = [1, 2 * size, 2 * size, 3];
  const targetShape = [features, size / 4, size / 4];
  const targetLength = features * size * size / 16;
  const keep = images * (4 * targetLength + size * size * 3) <= keptBytes;
  const kept = new Map<number, Example>();
  const example = async (index: number) => {
    let known = kept.get(index);
    if (known === undefined) {
      const pixels = draw(2 * size, new RandomState(childSeed(seed, "image", index)));
      const { targets } = await session.run({ image: { shape, data: pixels } });
      known = { image: halved(pixels, size), targets: targets.data as Float32Array };
      if (keep) kept.set(index, known);
    }
    return known;
  };
  return {
    example,
    batch: async (indices) => {
      const count = indices.length;
      const image = new Uint8Array(count * size * size * 3);
      const targets = new Float32Array(count * targetLength);
      for (let place = 0; place < count; place++) {
        const next = await example(indices[place]);
        image.set(next.image, place * next.image.length);
        targets.set(next.targets, place * targetLength);
      }
      return {
        image: { shape: [count, size, size, 3], data: image },
        targets: { shape: [count, ...targetShape], data: targets },
      };
    },
    close: () => session.close(),
  };
}

/** An image at half its size: means of 2 x 2 pixels, rounded. */
function halved(pixels: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size * size * 3);
  const row = size * 6;
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const at = 2 * y * row + 6 * x;
      for (let c = at; c < at + 3; c++) {
        result[to++] = (pixels[c] + pixels[c + 3] + pixels[c + row] + pixels[c + row + 3] + 2) >> 2;
      }
    }
  }
  return result;
}

/** The backbone with the layers' features as `[1, features, grid, grid]`. */
function targetSession(
  { backbone, taps, widths: { features }, size }: Distillation,
  weights: TensorMap,
): Promise<Session> {
  const graph = new Graph();
  const pixels = graph.input("image", "uint8", [1, 2 * size, 2 * size, 3]);
  const layers = frozenBackbone(backboneNamed(backbone), pixels, weights).taps;
  const joined = concat(
    taps.map((tap) => {
      const layer = layers.get(tap);
      if (layer === undefined) {
        throw new RangeError(
          `Cannot distil from ${backbone}: it has no layer ${tap}, only ${[...layers.keys()]}`,
        );
      }
      const pooled = averagePool2d(layer, { kernel: 3, stride: 1, padding: 1 });
      return resizeBilinear(pooled, size / 4, size / 4);
    }),
    1,
  );
  const channels = joined.shape[1];
  const averages = channelAverages(channels, features);
  const weight = graph.constant({ shape: [features, channels, 1, 1], data: averages });
  graph.output("targets", conv(joined, weight));
  return openSession(modelBytes(graph), { name: backbone });
}

/** `channels` numbers averaged in `bins` bins, which may overlap: torch's `adaptive_avg_pool1d`. */
function channelAverages(channels: number, bins: number): Float32Array {
  const weights = new Float32Array(bins * channels);
  for (let bin = 0; bin < bins; bin++) {
    const start = Math.floor(bin * channels / bins);
    const end = Math.ceil((bin + 1) * channels / bins);
    weights.fill(1 / (end - start), bin * channels + start, bin * channels + end);
  }
  return weights;
}

function distillationStep(
  { widths, size, batch, weightDecay, batchNorm }: Distillation,
  { mean, deviation }: FeatureMoments,
): TrainingStep {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const scope = scopeOf(parameters);
  const normalized = normalizedLayer(0.1);
  const prediction = patchDescription(
    scope,
    normalizedImage(graph.input("image", "uint8", [batch, size, size, 3])),
    widths.features,
    { widths, padding: true },
    (scope, x, channels, options) =>
      !batchNorm || scope.path === String(lastModule)
        ? conv2d(scope, x, channels, options)
        : normalized(scope, x, channels, options),
  );
  const perFeature = (numbers: Float64Array) =>
    graph.constant({ shape: [1, numbers.length, 1, 1], data: Float32Array.from(numbers) });
  const targets = mul(
    sub(graph.input("targets", "float32", prediction.shape), perFeature(mean)),
    perFeature(deviation.map((number) => number > 0 ? 1 / number : 1)),
  );
  return trainingStep({
    parameters,
    loss: meanSquaredError(targets, prediction),
    optimizer: adam({ weightDecay }),
    winograd: !batchNorm,
  });
}
