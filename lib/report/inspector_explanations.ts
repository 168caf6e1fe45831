/**
 * What raised and lowered the scores of a forest: SHAP values added up over the statistics, so that each
 * image has one number for each segment in each detector's map and one for a classifier.
 *
 * @module
 */
import { npyBytes, parseNpy } from "../base/npy.ts";
import { type FeatureColumn, takeRows } from "../features/feature_table.ts";
import { readForest } from "../forest/forest_files.ts";
import { leafShap } from "../forest/leaf_shap.ts";
import { stageOfRole } from "../runner/stage.ts";
import { jsonFile, parseJsonFile } from "../runner/stage_kind.ts";
import {
  featureMatrix,
  type ForestStageParameters,
  readFeatureTable,
} from "../runner/stages/forest.ts";
import type { Payload, Store } from "../store/store.ts";
import { keptOrMade } from "./inspector_sheets.ts";

/** Contributions to the margins of a forest's test images. */
export interface Explanations {
  /** In the order of the columns of `values`. */
  readonly groups: readonly ExplainedGroup[];
  /** `[images, groups]`, in log odds; with `mean` they add up to the image's score. */
  readonly values: Float32Array;
  /** The mean margin over the training images. */
  readonly mean: number;
}

/** Features that are told together. */
export interface ExplainedGroup {
  /** Name of the detector or the classifier. */
  readonly source: string;
  /** Name of the segment; null for the whole image. */
  readonly segment: string | null;
}

/** A segment's or detector's share in the loss reduction of a forest's splits. */
export interface ImportanceGroup extends ExplainedGroup {
  /** Total gain. */
  readonly gain: number;
}

/**
 * The explanations of the forest with that key, kept in the store once they are made.
 *
 * @returns undefined when the forest or its features are not in the store any more
 */
export async function explainForest(store: Store, key: string): Promise<Explanations | undefined> {
  const input = { stage: "explanations", revision: 1, parameters: {}, inputs: { forest: key } };
  const payload = await keptOrMade(store, input, () => makeExplanations(store, key));
  if (payload === undefined) return undefined;
  const { groups, mean } = parseJsonFile<Pick<Explanations, "groups" | "mean">>(
    payload,
    "groups.json",
  );
  const values = parseNpy(payload.get("contributions.npy")!).data as Float32Array;
  return { groups, mean, values };
}

/** The gain of each segment in each detector's map, in the order of the features. */
export async function forestImportance(
  store: Pick<Store, "read">,
  key: string,
): Promise<ImportanceGroup[] | undefined> {
  const payload = await store.read("forest", key, ["columns.json", "gain.npy"]);
  if (payload === undefined) return undefined;
  const columns = parseJsonFile<FeatureColumn[]>(payload, "columns.json");
  const gain = parseNpy(payload.get("gain.npy")!).data;
  const { groups, groupOf } = groupColumns(columns);
  const sums = new Float64Array(groups.length);
  groupOf.forEach((group, column) => sums[group] += Number(gain[column]));
  return groups.map((group, i) => ({ ...group, gain: sums[i] }));
}

async function makeExplanations(store: Store, key: string): Promise<Payload | undefined> {
  const [record, files] = [await store.record("forest", key), await store.read("forest", key)];
  if (record === undefined || files === undefined) return undefined;
  const { parameters, inputs } = JSON.parse(record.input) as {
    readonly parameters: ForestStageParameters;
    readonly inputs: { readonly [role: string]: string | readonly string[] };
  };
  const keysOf = (role: string) => [inputs[role] ?? []].flat();
  const payloads = new Map<string, Payload>();
  for (const role of Object.keys(inputs)) {
    for (const one of keysOf(role)) {
      const payload = await store.read(stageOfRole(role), one);
      if (payload === undefined) return undefined;
      payloads.set(one, payload);
    }
  }
  const table = await readFeatureTable({
    parameters,
    count: (role) => keysOf(role).length,
    read: (role, index = 0) => Promise.resolve(payloads.get(keysOf(role)[index])!),
  });
  const tested = takeRows(table, parameters.test);
  const { groups, groupOf } = groupColumns(tested.columns);
  const shap = leafShap(readForest(files), featureMatrix(tested));
  const width = tested.columns.length + 1;
  const values = new Float32Array(parameters.test.length * groups.length);
  const sums = new Float64Array(groups.length);
  for (let i = 0; i < parameters.test.length; i++) {
    sums.fill(0);
    groupOf.forEach((group, column) => sums[group] += shap[i * width + column]);
    values.set(sums, i * groups.length);
  }
  const shape = [parameters.test.length, groups.length];
  return new Map([
    ["contributions.npy", npyBytes({ shape, data: values })],
    [
      "groups.json",
      jsonFile({ groups: groups.map((group) => ({ ...group })), mean: shap[width - 1] }),
    ],
  ]);
}

/** Groups of columns in the order of their first column, and the group of each column. */
function groupColumns(
  columns: readonly FeatureColumn[],
): { readonly groups: readonly ExplainedGroup[]; readonly groupOf: readonly number[] } {
  const places = new Map<string, number>();
  const groups: ExplainedGroup[] = [];
  const groupOf = columns.map(({ source, segment }) => {
    const id = JSON.stringify([source, segment]);
    let place = places.get(id);
    if (place === undefined) {
      places.set(id, place = groups.length);
      groups.push({ source, segment });
    }
    return place;
  });
  return { groups, groupOf };
}
