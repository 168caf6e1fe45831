/**
 * Stage "forest": SegAD's last step. The boosted random forest is fitted on the features of the
 * training images and scores the test images (paper section 4).
 *
 * Payload: `scores.npy`, float64 `[n]`, the margins in the order of the test images; `columns.json`,
 * the features in their order; `gain.npy`, float64 `[columns]`, the loss that the splits on each feature
 * take away together (XGBoost's `total_gain`); `forest.npy` and `forest.json`, the forest itself.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { npyBytes, parseNpy } from "../../base/npy.ts";
import {
  type DetectorStatistics,
  type FeatureSet,
  featureTable,
  takeRows,
} from "../../features/feature_table.ts";
import type { FeatureTable } from "../../features/feature_table.ts";
import { fitBoostedForest } from "../../forest/boosted_forest.ts";
import { forestFiles } from "../../forest/forest_files.ts";
import { splitImportance } from "../../forest/importance.ts";
import type { FeatureMatrix } from "../../forest/binning.ts";
import type { ForestParameters } from "../../forest/parameters.ts";
import { predictMargin } from "../../forest/predictor.ts";
import { makeStage, type Stage, type StageNeeds } from "../stage.ts";
import { jsonFile, type StageContext, type StageKind, stageKind } from "../stage_kind.ts";
import { predictionRole } from "./out_of_fold.ts";

/** What shapes the forest of a row and seed, beside the features. */
export interface ForestStageParameters {
  /** Which columns the table has, and in which order. */
  readonly featureSet: FeatureSet;
  /** Names of the detectors in the order of the setup. */
  readonly detectors: readonly string[];
  /** Names of the segments in the order of their labels. */
  readonly segments: readonly string[];
  /** Name of the classifier whose scores are a feature. */
  readonly classifier?: string;
  /** Complete, defaults written out. */
  readonly forest: ForestParameters;
  /** Of the forest's draws of rows and columns. */
  readonly seed: number;
  /** Places of the training images among the rows of all feature entries, and their labels. */
  readonly train: readonly number[];
  /** 0 good, 1 bad. */
  readonly labels: readonly number[];
  /** Places of the test images among the same rows. */
  readonly test: readonly number[];
}

/** Reads "features:…" of each detector, and a classifier's scores; gives `scores.npy` and the forest. */
export const forestKind: StageKind = stageKind<ForestStageParameters>({
  revision: 2,
  async run(context) {
    const { forest, seed, train, labels, test } = context.parameters;
    const table = await readFeatureTable(context);
    const [training, testing] = [takeRows(table, train), takeRows(table, test)].map(featureMatrix);
    const fitted = fitBoostedForest(training, labels, forest, seed);
    const scores = Float64Array.from(predictMargin(fitted, testing));
    const gain = splitImportance(fitted, "total_gain");
    return new Map([
      ["scores.npy", npyBytes({ shape: [scores.length], data: scores })],
      ["columns.json", jsonFile(table.columns as unknown as Json)],
      ["gain.npy", npyBytes({ shape: [gain.length], data: gain as Float64Array<ArrayBuffer> })],
      ...forestFiles(fitted),
    ]);
  },
});

/** The part of a stage's context that features are read through. */
type FeatureSource = Pick<StageContext, "count" | "read">;

/** The features of all images of a row and seed, in the order of its feature stages. */
export async function readFeatureTable(
  context: Pick<StageContext<ForestStageParameters>, "parameters" | "count" | "read">,
): Promise<FeatureTable> {
  const { featureSet, segments, classifier } = context.parameters;
  const detectors: DetectorStatistics[] = [];
  for (const detector of context.parameters.detectors) {
    detectors.push(await readStatistics(context, detector));
  }
  return featureTable(featureSet, {
    rows: Array.from(detectors[0].maxima, (_, place) => String(place)),
    segments,
    detectors,
    ...(classifier === undefined ? {} : {
      classifier: { classifier, scores: await readScores(context) },
    }),
  });
}

/** A feature table as the forest takes it. */
export function featureMatrix(table: FeatureTable): FeatureMatrix {
  return { rows: table.rows.length, columns: table.columns.length, values: table.values };
}

/** The statistics of one detector over all its packs, in order. */
async function readStatistics(
  { count, read }: FeatureSource,
  detector: string,
): Promise<DetectorStatistics> {
  const role = ["features", "imported"].map((stage) => `${stage}:${detector}`)
    .find((role) => count(role) > 0)!;
  const segments: number[] = [];
  const maxima: number[] = [];
  for (let i = 0; i < count(role); i++) {
    const payload = await read(role, i);
    for (const value of parseNpy(payload.get("statistics.npy")!).data as Float64Array) {
      segments.push(value);
    }
    maxima.push(...parseNpy(payload.get("map_max.npy")!).data as Float64Array);
  }
  return { detector, segments: Float64Array.from(segments), maxima: Float64Array.from(maxima) };
}

/** The classifier's scores over all its packs, in order. */
async function readScores({ count, read }: FeatureSource): Promise<Float64Array> {
  const scores: number[] = [];
  const role = predictionRole({ count })!;
  for (let i = 0; i < count(role); i++) {
    scores.push(...parseNpy((await read(role, i)).get("scores.npy")!).data as Float64Array);
  }
  return Float64Array.from(scores);
}

/** What a forest is fitted on. */
export interface ForestTask {
  /** Which columns the table has, and in which order. */
  readonly featureSet: FeatureSet;
  /** Feature stages by name of the detector, in the order of the setup. */
  readonly features: ReadonlyMap<string, readonly Stage[]>;
  /** Names of the segments in the order of their labels. */
  readonly segments: readonly string[];
  /** The classifier whose scores are a feature, by pack. */
  readonly classifier?: { readonly name: string; readonly scores: readonly Stage[] };
  /** Complete, defaults written out. */
  readonly forest: ForestParameters;
  /** Of the forest's draws of rows and columns. */
  readonly seed: number;
  /** Places of the training images among the rows of the feature stages. */
  readonly train: readonly number[];
  /** Of the training images: 0 good, 1 bad. */
  readonly labels: readonly number[];
  /** Places of the test images among the same rows. */
  readonly test: readonly number[];
  /** What the label of the stage says after "forest of". */
  readonly label: string;
}

/** The forest of a row and seed. */
export function forestStage(task: ForestTask): Stage {
  const needs: Record<string, StageNeeds[string]> = {};
  for (const [detector, stages] of task.features) {
    needs[`${stages[0].input.stage}:${detector}`] = stages;
  }
  if (task.classifier !== undefined) {
    const { scores } = task.classifier;
    needs[scores[0].input.stage] = scores;
  }
  const columns = task.features.size * task.segments.length * 4;
  return makeStage({
    stage: "forest",
    revision: forestKind.revision,
    parameters: {
      featureSet: task.featureSet,
      detectors: [...task.features.keys()],
      segments: task.segments,
      ...(task.classifier === undefined ? {} : { classifier: task.classifier.name }),
      forest: task.forest as unknown as Json,
      seed: task.seed,
      train: task.train,
      labels: task.labels,
      test: task.test,
    },
    needs,
    label: `forest of ${task.label}, seed ${task.seed}`,
    seconds: 0.2 + task.train.length * columns * 1e-5,
    mebibytes: 200,
  });
}
