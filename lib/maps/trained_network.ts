/**
 * What the supervised methods share around a training: which weights it begins with, how the trained
 * network is kept, and how it scores images.
 *
 * A trained network is kept twice: `network.onnx`, an ordinary model for evaluation that scores one
 * image, and `network.safetensors`, its weights under their names.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import { checkModelSizes, modelBytes } from "../onnx/proto.ts";
import { openSession } from "../onnx/session.ts";
import type { TrainingProgress } from "../onnx/training.ts";
import { type Backbone, parameterShapes } from "../weights/backbone.ts";
import { safetensorsBytes } from "../weights/safetensors.ts";
import type { DetectorModel, FitCost } from "./detector.ts";
import type { OpenSupervised, SupervisedFitInput, SupervisedPlan } from "./supervised.ts";
import { imageAt } from "./training_images.ts";

/**
 * The tensors of `weights` that a training of `backbone` with a new head of `classes` outputs begins
 * with: all that have the shape which the network needs. The new head is drawn instead.
 *
 * @throws {DataError} if the weights lack a tensor of the network below its head
 */
export function pretrainedTensors(
  backbone: Backbone,
  weights: TensorMap,
  classes: number,
): Map<string, NdArray> {
  const below = new Set(parameterShapes(backbone, 0).keys());
  const tensors = new Map<string, NdArray>();
  for (const [name, shape] of parameterShapes(backbone, classes)) {
    const tensor = weights.get(name);
    if (tensor !== undefined && String(tensor.shape) === String(shape)) tensors.set(name, tensor);
    else if (below.has(name)) {
      throw new DataError(
        `Cannot train on backbone ${backbone.name}: its weights have ${
          tensor === undefined ? "no" : `another shape [${tensor.shape}] of`
        } tensor ${name}`,
      );
    }
  }
  return tensors;
}

/**
 * The model files of a trained network.
 *
 * @param tensors weights of the network by full name
 * @param build the network for evaluation on an image `[1, size, size, 3]`, uint8; gives its outputs
 */
export function trainedNetworkFiles(
  size: number,
  tensors: TensorMap,
  build: (image: Value) => Readonly<Record<string, Value>>,
): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map([
    ["network.onnx", imageModel([1, size, size, 3], build)],
    ["network.safetensors", safetensorsBytes(tensors)],
  ]);
}

/** ONNX bytes of what `build` makes of images of this shape, uint8, the input "image". */
export function imageModel(
  shape: readonly number[],
  build: (image: Value) => Readonly<Record<string, Value>>,
): Uint8Array<ArrayBuffer> {
  const graph = new Graph();
  const outputs = build(graph.input("image", "uint8", shape));
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  return modelBytes(graph, "network") as Uint8Array<ArrayBuffer>;
}

/**
 * A trained network of `trainedNetworkFiles`, opened: the scores are its output "score". An image's
 * score depends on the image alone, not on those beside it.
 *
 * @param feeds further inputs for an image's bytes
 */
export async function openTrainedNetwork(
  name: string,
  { size }: SupervisedPlan,
  model: DetectorModel,
  feeds: (image: Uint8Array) => Readonly<Record<string, NdArray>> = () => ({}),
): Promise<OpenSupervised> {
  const bytes = model.get("network.onnx")!;
  checkModelSizes(bytes, `trained ${name}`);
  const session = await openSession(bytes, { name: `trained ${name}` });
  return {
    async scores(images) {
      const scores = new Float64Array(images.shape[0]);
      for (let i = 0; i < scores.length; i++) {
        const data = imageAt(images, i);
        const image = { shape: [1, size, size, 3], data };
        const { score } = await session.run({ image, ...feeds(data) });
        scores[i] = Number(score.data[0]);
      }
      return scores;
    },
    close: () => session.close(),
  };
}

/**
 * What training takes by backbone, measured on one core: seconds and MiB per image of 256 x 256 in a
 * step, and MiB of weights and optimizer state.
 */
const trainingCosts: Readonly<
  Record<string, { readonly seconds: number; readonly mebibytes: number; readonly state: number }>
> = {
  small: { seconds: 0.02, mebibytes: 12, state: 20 },
  resnet18: { seconds: 0.3, mebibytes: 90, state: 400 },
  wide_resnet50_2: { seconds: 1.9, mebibytes: 300, state: 1000 },
  efficientnet_lite0: { seconds: 0.15, mebibytes: 200, state: 150 },
};

/**
 * What a training takes, roughly.
 *
 * @param seen images that pass the network in a step, in images of full size
 * @param kept images that are held in memory
 */
export function trainingCost(
  { backbone, size }: SupervisedPlan,
  steps: number,
  seen: number,
  kept: number,
): FitCost {
  const cost = trainingCosts[backbone] ?? trainingCosts.resnet18;
  const area = (size / 256) ** 2;
  return {
    seconds: 1 + steps * seen * area * cost.seconds,
    mebibytes: 250 + cost.state + seen * area * cost.mebibytes + kept * size * size * 3 / 2 ** 20,
  };
}

/** The budgets of a profile. @throws {RangeError} for a profile that is not in the table */
export function budgetOf<Budget>(
  budgets: Readonly<Record<string, Budget>>,
  profile: string,
): Budget {
  if (!Object.hasOwn(budgets, profile)) {
    throw new RangeError(`Cannot plan a training: there are no budgets for profile ${profile}`);
  }
  return budgets[profile];
}

/** Tells each step of a training with its loss. */
export function tellSteps(
  progress: SupervisedFitInput["progress"],
): (step: TrainingProgress) => void {
  return ({ step, of, loss }) => progress(step, of, `loss ${loss.toPrecision(3)}`);
}
