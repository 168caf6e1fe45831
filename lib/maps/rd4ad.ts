/**
 * RD4AD, reverse distillation (Deng and Li 2022): three layers of a frozen backbone, the teacher, are
 * fused and squeezed into a one-class embedding, from which a decoder rebuilds the same three layers.
 * It learns to do so for good images only; where the rebuilt features point elsewhere than the
 * teacher's, the image is anomalous.
 *
 * The networks are those of the published code (method details 3.3), their parameters named as there:
 * `bottleneck` (OCBE) and `decoder`. The published `conv4` and `bn4` of the bottleneck are never used
 * and left out. Other backbones than WideResNet-50-2 and ResNet-18, which have a published decoder, are
 * mirrored in the same way (`decoderLayouts`).
 *
 * @module
 */
import { Graph, type Value } from "../onnx/graph.ts";
import { batchNorm, conv2d, convTranspose2d, relu, resizeBilinear } from "../onnx/layers.ts";
import { cosineLoss, mean } from "../onnx/losses.ts";
import { add, concat, div, max, mul, reduceL2, reduceSum, sub } from "../onnx/ops.ts";
import { adam } from "../onnx/optimizers.ts";
import { type Scope, scopeOf, trainableParameters } from "../onnx/parameters.ts";
import { type TrainingStep, trainingStep } from "../onnx/training.ts";
import type { FeatureLayout } from "./frozen_features.ts";

/** How the decoder mirrors a backbone. Plain JSON: it is part of keys. */
export interface DecoderLayout {
  /** Residual blocks: two 3 × 3 convolutions, or 1 × 1, 3 × 3, 1 × 1. */
  readonly block: "basic" | "bottleneck";
  /** Blocks that make the embedding. */
  readonly embedding: number;
  /** Blocks that rebuild the layers, from the deepest to the shallowest. */
  readonly stages: readonly [number, number, number];
  /**
   * Channels inside the decoder's bottleneck blocks: `width` / 64 · a quarter of the block's output.
   */
  readonly width: number;
  /** What a rebuilt layer ends with: as in the backbone, whose features can be negative without it. */
  readonly activation: "relu" | "none";
}

/** Layouts by backbone. */
export const decoderLayouts: Readonly<Record<string, DecoderLayout>> = {
  // published
  wide_resnet50_2: {
    block: "bottleneck",
    embedding: 3,
    stages: [3, 4, 6],
    width: 128,
    activation: "relu",
  },
  resnet18: { block: "basic", embedding: 2, stages: [2, 2, 2], width: 64, activation: "relu" },
  // mirrored here
  small: { block: "basic", embedding: 1, stages: [1, 2, 2], width: 64, activation: "relu" },
  efficientnet_lite0: {
    block: "basic",
    embedding: 2,
    stages: [2, 2, 2],
    width: 64,
    activation: "none", // its blocks end with a linear convolution
  },
};

/** Where the implementations differ. Plain JSON: it is part of keys. */
export interface DistillationSettings {
  /**
   * 1 - cosine of each image's whole feature maps as vectors (the official code), or of the channels at
   * each place, averaged (anomalib before October 2023, as the paper writes it).
   */
  readonly loss: "flattened" | "per-place";
  /** Channels inside the embedding's bottleneck blocks, as `DecoderLayout.width`. */
  readonly embeddingWidth: number;
  /** Adam's second decay rate. */
  readonly beta2: number;
}

/** How the maps of the three layers become one. */
export type MapCombination = "sum" | "product";

/**
 * A training step for batches of `batch` images. Its inputs are the teacher's features under the names
 * of their taps.
 */
export function rd4adStep(
  layouts: readonly FeatureLayout[],
  batch: number,
  decoder: DecoderLayout,
  settings: DistillationSettings,
): TrainingStep {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const teacher = layouts.map(({ tap, channels, side }) =>
    graph.input(tap, "float32", [batch, channels, side, side])
  );
  const student = rebuiltFeatures(scopeOf(parameters), teacher, decoder, settings.embeddingWidth);
  const loss = settings.loss === "flattened"
    ? cosineLoss(student.map((features, i) => [features, teacher[i]]))
    : student.map((features, i) => mean(cosineDistance(features, teacher[i])))
      .reduce((sum, part) => add(sum, part));
  const optimizer = adam({ beta1: 0.5, beta2: settings.beta2 });
  return trainingStep({ parameters, loss, optimizer });
}

/**
 * The student's features, in the shapes of the teacher's, from shallow to deep.
 *
 * @throws {RangeError} if halving and doubling does not lead back to the teacher's grids
 */
export function rebuiltFeatures(
  scope: Scope,
  teacher: readonly Value[],
  layout: DecoderLayout,
  embeddingWidth: number,
): Value[] {
  const [, , deepest] = teacher;
  const sides = teacher.map(({ shape }) => shape[2]);
  if (sides[2] % 2 !== 0 || sides[1] !== 2 * sides[2] || sides[0] !== 4 * sides[2]) {
    throw new RangeError(
      `Cannot build RD4AD: the layers' sides are ${sides}; the image's must be a multiple of 32`,
    );
  }
  let x = fusedFeatures(scope.at("bottleneck"), teacher);
  const embedded = deepest.shape[1] * 2;
  for (let block = 0; block < layout.embedding; block++) {
    const place = scope.at("bottleneck", "bn_layer", block);
    const shape = { channels: embedded, width: embeddingWidth, resize: "halve" } as const;
    x = residual(place, x, layout.block, block === 0 ? shape : { ...shape, resize: "keep" });
  }
  const rebuilt: Value[] = [];
  layout.stages.forEach((blocks, stage) => {
    const channels = teacher[2 - stage].shape[1];
    for (let block = 0; block < blocks; block++) {
      x = residual(scope.at("decoder", `layer${stage + 1}`, block), x, layout.block, {
        channels,
        width: layout.width,
        resize: block === 0 ? "double" : "keep",
        linear: layout.activation === "none" && block === blocks - 1,
      });
    }
    rebuilt.unshift(x);
  });
  return rebuilt;
}

/**
 * The anomaly map before its blur: 1 - cosine over the channels, of each layer, brought to `size`
 * pixels (bilinear, corner pixels on one another) and added or multiplied.
 *
 * @returns `[n, 1, size, size]`
 */
export function rd4adMap(
  teacher: readonly Value[],
  student: readonly Value[],
  size: number,
  combine: MapCombination,
): Value {
  return teacher
    .map((features, i) =>
      resizeBilinear(cosineDistance(features, student[i]), size, size, { alignCorners: true })
    )
    .reduce((a, b) => combine === "sum" ? add(a, b) : mul(a, b));
}

/** 1 - cosine of the channels at each place: `[n, 1, h, w]`. */
function cosineDistance(a: Value, b: Value): Value {
  const norm = (x: Value) => max(reduceL2(x, [1]), 1e-8);
  return sub(1, div(reduceSum(mul(a, b), [1]), mul(norm(a), norm(b))));
}

/** The three layers on the deepest one's grid, its channels each, one after the other. */
function fusedFeatures(scope: Scope, [shallow, middle, deep]: readonly Value[]): Value {
  const halved = (x: Value, name: number, channels: number) => {
    const options = { kernel: 3, stride: 2, padding: 1, bias: false };
    return relu(
      batchNorm(scope.at(`bn${name}`), conv2d(scope.at(`conv${name}`), x, channels, options)),
    );
  };
  const channels = deep.shape[1];
  return concat([
    halved(halved(shallow, 1, middle.shape[1]), 2, channels),
    halved(middle, 3, channels),
    deep,
  ], 1);
}

/** What a residual block does to its input. */
interface BlockShape {
  /** Of the output. */
  readonly channels: number;
  readonly width: number;
  /** Halved by a convolution of stride 2, doubled by a 2 × 2 transposed one. */
  readonly resize: "halve" | "double" | "keep";
  /** Without the last ReLU. @default false */
  readonly linear?: boolean;
}

function residual(
  scope: Scope,
  x: Value,
  kind: DecoderLayout["block"],
  { channels, width, resize, linear = false }: BlockShape,
): Value {
  /** Convolution and normalization; the one that resizes does it in its stride. */
  const layer = (name: number, input: Value, outputs: number, kernel: number, resizes = false) => {
    const at = scope.at(`conv${name}`);
    const y = resizes && resize === "double"
      ? convTranspose2d(at, input, outputs, doubling)
      : conv2d(at, input, outputs, {
        kernel,
        padding: kernel >> 1,
        stride: resizes && resize === "halve" ? 2 : 1,
        bias: false,
      });
    return batchNorm(scope.at(`bn${name}`), y);
  };
  const inside = channels / 4 * width / 64;
  const y = kind === "basic"
    ? layer(2, relu(layer(1, x, channels, 3, true)), channels, 3)
    : layer(3, relu(layer(2, relu(layer(1, x, inside, 1)), inside, 3, true)), channels, 1);
  const sum = add(y, shortcut(scope, x, channels, resize));
  return linear ? sum : relu(sum);
}

const doubling = { kernel: 2, stride: 2, bias: false } as const;

function shortcut(
  scope: Scope,
  x: Value,
  channels: number,
  resize: BlockShape["resize"],
): Value {
  if (resize === "keep") return x;
  const at = scope.at(resize === "halve" ? "downsample" : "upsample");
  const y = resize === "halve"
    ? conv2d(at.at(0), x, channels, { kernel: 1, stride: 2, bias: false })
    : convTranspose2d(at.at(0), x, channels, doubling);
  return batchNorm(at.at(1), y);
}
