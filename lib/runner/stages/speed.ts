/**
 * Stage "speed": how long one step of inference takes for one image on this machine, on one core, while
 * nothing else runs. The median over some images, the first ones left out. What a setup takes is the sum
 * of its steps.
 *
 * Payload: `speed.json`, a `StepTimes`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { type NdArray, parseNpy } from "../../base/npy.ts";
import { RandomState } from "../../base/random.ts";
import { segmentStatistics } from "../../features/segment_statistics.ts";
import { readForest } from "../../forest/forest_files.ts";
import { predictMargin } from "../../forest/predictor.ts";
import { mapMaximum, type MapReading, readAnomalyMap } from "../../maps/anomaly_map.ts";
import type { DetectorPlan, ImageBlock } from "../../maps/detector.ts";
import { detectorNamed } from "../../maps/detectors.ts";
import { openEmbedder } from "../../maps/embedding.ts";
import type { SupervisedPlan } from "../../maps/supervised.ts";
import { supervisedNamed } from "../../maps/supervised_methods.ts";
import { segmentIndex } from "../../segments/segmentation_map.ts";
import { openSegmentation, type PlannedMap } from "../planned_segmentation.ts";
import { type PlannedWeights, readWeights } from "../planned_weights.ts";
import { makeStage, type Stage } from "../stage.ts";
import { jsonFile, type StageContext, type StageKind, stageKind } from "../stage_kind.ts";
import { selectImages } from "./fit.ts";

/** Milliseconds for one image by step. */
export interface StepTimes {
  /** From pixels to the anomaly map at image size and its maximum. */
  readonly map?: number;
  /** From the anomaly map to the statistics of its segments. */
  readonly features?: number;
  /** From pixels to the supervised method's score. */
  readonly classifier?: number;
  /** From features to the forest's score. */
  readonly forest?: number;
}

type Parameters =
  | {
    readonly step: "detector";
    readonly detector: string;
    readonly plan: DetectorPlan;
    readonly size: number;
    readonly segmentation: string;
  }
  | {
    readonly step: "classifier";
    readonly method: string;
    readonly plan: SupervisedPlan;
    /** Models whose mean is the score. */
    readonly models: number;
  }
  | { readonly step: "forest" };

interface Locations {
  readonly weights: PlannedWeights | null;
  readonly segmentation: PlannedMap | null;
}

/** Images that are timed, and those before them that are not. */
const timedImages = 12;
const untimedImages = 3;

/** Reads a model, and images where it takes some; gives `speed.json`. */
export const speedKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run(context) {
    const { step } = context.parameters;
    const times = step === "detector"
      ? await timeDetector(context)
      : step === "classifier"
      ? await timeClassifier(context)
      : await timeForest(context);
    return new Map([["speed.json", jsonFile(times as unknown as Json)]]);
  },
});

type Context = StageContext<Parameters, Locations>;

async function timeDetector({ parameters, locations, read }: Context): Promise<StepTimes> {
  const { detector, plan, size } = parameters as Extract<Parameters, { step: "detector" }>;
  const index = segmentIndex(await openSegmentation(locations.segmentation!, size));
  const weights = locations.weights === null ? undefined : await readWeights(locations.weights);
  const { embedding } = plan;
  const embedder = embedding === undefined ? undefined : await openEmbedder(embedding, weights!);
  const model = await read("fit");
  const open = await detectorNamed(detector).open(
    plan,
    model,
    embedding === undefined ? weights : undefined,
  );
  const images = parseNpy((await read("pixels")).get("pixels.npy")!);
  const maps: Float32Array[] = [];
  const map = await medianTime(images, async (image) => {
    const block = embedder === undefined
      ? image
      : await embedder.embed(image as NdArray<Uint8Array>);
    const { maps: native } = await open.maps(block);
    const [, height, width] = native.shape;
    const atSize = readAnomalyMap(native.data, height, width, size, plan.reading as MapReading);
    mapMaximum(atSize);
    maps.push(atSize);
  });
  let next = 0;
  const features = await medianTime(images, () => {
    segmentStatistics(maps[next++], index);
  });
  await open.close();
  await embedder?.close();
  return { map, features };
}

async function timeClassifier({ parameters, read }: Context): Promise<StepTimes> {
  const { method, plan, models } = parameters as Extract<Parameters, { step: "classifier" }>;
  const open = await supervisedNamed(method).open(plan, await read("train"));
  const images = parseNpy((await read("pixels")).get("pixels.npy")!);
  const one = await medianTime(images, async (image) => {
    await open.scores(image as NdArray<Uint8Array>);
  });
  await open.close();
  return { classifier: one * models };
}

async function timeForest({ read }: Context): Promise<StepTimes> {
  const forest = readForest(await read("forest"));
  const { columns } = forest;
  // Which way a row takes through the trees hardly matters for the time.
  const random = new RandomState(0);
  const rows = Array.from(
    { length: untimedImages + timedImages },
    () => Float64Array.from({ length: columns }, () => random.normal()),
  );
  const times = rows.map((values) => {
    const start = performance.now();
    predictMargin(forest, { rows: 1, columns, values });
    return performance.now() - start;
  });
  return { forest: median(times.slice(untimedImages)) };
}

/** Median milliseconds of `step` over single images; a pack with fewer is gone round again. */
async function medianTime(
  images: NdArray,
  step: (image: ImageBlock) => Promise<void> | void,
): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < untimedImages + timedImages; i++) {
    const image = selectImages(images, [i % images.shape[0]]);
    const start = performance.now();
    await step(image);
    if (i >= untimedImages) times.push(performance.now() - start);
  }
  return median(times);
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** The time of a detector and of its features; `features` is a features stage of its maps. */
export function detectorSpeedStage(
  features: Stage,
  segmentation: PlannedMap,
  size: number,
  numerics: Json,
): Stage {
  const [maps] = features.needs;
  const fit = maps.needs.find(({ input }) => input.stage === "fit")!;
  const images = maps.needs.find((need) => need !== fit)!;
  const embedded = images.input.stage === "embeddings";
  const { detector, detectorRevision, plan } = maps.input.parameters;
  const weights = embedded ? images.locations.weights : maps.locations.weights;
  return makeStage({
    stage: "speed",
    revision: speedKind.revision,
    parameters: {
      step: "detector",
      detector,
      detectorRevision,
      plan: { ...(plan as object), reading: features.input.parameters.reading } as Json,
      size,
      segmentation: segmentation.digest,
      ...(embedded ? { weights: images.input.parameters.weights } : {}),
    },
    needs: { fit, pixels: embedded ? images.needs[0] : images },
    numerics,
    locations: { weights: weights ?? null, segmentation: segmentation as unknown as Json },
    label: `time of ${detector} per image`,
    seconds: 5,
    mebibytes: 1500,
    alone: true,
  });
}

/** The time of a supervised method; `predict` is a stage of its scores by one of `models`. */
export function classifierSpeedStage(predict: Stage, models: number, numerics: Json): Stage {
  const train = predict.needs.find(({ input }) => input.stage === "train")!;
  const pixels = predict.needs.find((need) => need !== train)!;
  const { method, methodRevision, plan } = predict.input.parameters;
  return makeStage({
    stage: "speed",
    revision: speedKind.revision,
    parameters: { step: "classifier", method, methodRevision, plan, models },
    needs: { train, pixels },
    numerics,
    label: `time of ${method} per image`,
    seconds: 5,
    mebibytes: 1500,
    alone: true,
  });
}

/** The time of a forest. */
export function forestSpeedStage(forest: Stage, label: string): Stage {
  return makeStage({
    stage: "speed",
    revision: speedKind.revision,
    parameters: { step: "forest" },
    needs: { forest },
    label: `time of the forest of ${label} per image`,
    seconds: 1,
    mebibytes: 200,
    alone: true,
  });
}
