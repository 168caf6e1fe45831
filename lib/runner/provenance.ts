/**
 * Provenance of a run: makes the record that `run.json` holds, so that a number can be traced to the
 * images and settings that made it. No path, user or machine name is part of it.
 *
 * @module
 */
import { basename, isAbsolute } from "node:path";
import { canonicalJson, digestOf, type Json, sha256 } from "../base/digest.ts";
import { HarnessError } from "../base/errors.ts";
import { npyBytes } from "../base/npy.ts";
import type { Dataset } from "../images/sample.ts";
import { keySchema } from "../store/key.ts";
import { assumptionsOf } from "./assumptions.ts";
import { obstaclesToComparison } from "./comparability.ts";
import type { PlannedCell, PlannedExtra, RunSetting } from "./plan.ts";
import type { PlannedSegmentation } from "./planned_segmentation.ts";
import type { MetricName, Metrics } from "./result_metrics.ts";
import type {
  RecordedDataset,
  RecordedMetric,
  RecordedOutput,
  RecordedSegmentation,
  RecordedWeights,
  RunFile,
  RunFileCell,
  RunFileRow,
  StageInputs,
  StageSetting,
} from "./run_file.ts";
import type { ExtraOutcome, PlanOutcome, RowOutcome } from "./run_plans.ts";
import type { Stage } from "./stage.ts";

/** What a record says of the files that the run wrote. */
export interface WrittenFiles {
  /** Sorted by path. */
  readonly outputs: readonly RecordedOutput[];
  /** Digest of the result without its times. */
  readonly result: string;
}

/** Licence of what the harness writes. */
const licence = "MIT";
/** What to cite, as in CITATION.cff. */
export const citationText: string =
  "Baitieva, Hurych, Besnier, Bernard: Supervised Anomaly Detection for Complex " +
  "Industrial Images. CVPR 2024. arXiv:2405.04953";

const randomness = {
  generator: "MT19937, as numpy.random.RandomState",
  shuffle: "Fisher-Yates from the end, as RandomState.shuffle",
  streams: "childSeed(seed, names…): the first 4 bytes of a SHA-256",
} as const;

/** The record of a run. Keys name entries of the store, whose records hold the whole input. */
export function provenanceOf(outcome: PlanOutcome, { outputs, result }: WrittenFiles): RunFile {
  const { plan, rows, extras } = outcome;
  const { experiment, setting } = plan;
  const { profile } = setting;
  const stages = stagesBehind(rows, extras);
  const { runtime, provider, optimization } = setting.numerics;
  return withId({
    schema: 2,
    experiment: experiment.id,
    definition: { digest: digestOf(experiment as unknown as Json), value: experiment },
    profile: { name: profile.name, size: profile.size },
    seeds: setting.seeds,
    dataset: recordedDataset(setting),
    backbone: setting.backbone,
    weights: [...setting.weights].map(([network, planned]): RecordedWeights => ({
      network,
      sha256: planned instanceof HarnessError ? null : planned.digest,
    })),
    variants: setting.variants,
    ...(setting.penalty === undefined ? {} : {
      penalty: { images: setting.penalty.files.length, digest: setting.penalty.digest },
    }),
    segmentations: [...setting.segmentations].map(([name, one]) => recordedMap(name, one)),
    randomness,
    numerics: { runtime, provider, optimization },
    runtime: { deno: Deno.version.deno, v8: Deno.version.v8, typescript: Deno.version.typescript },
    keySchema,
    settings: settingsOf(stages),
    inputs: inputsOf(stages),
    assumptions: assumptionsOf(
      experiment,
      rows.map(({ planned }) => planned.row.method),
      setting,
    ).map(({ id }) => id),
    deviations: obstaclesToComparison(plan),
    rows: rows.map(recordedRow),
    outputs: outputs.toSorted((a, b) => a.path < b.path ? -1 : 1),
    result,
    licence,
    citation: citationText,
  });
}

/** A record with its id. */
export function withId(record: Omit<RunFile, "id">): RunFile {
  const plain = JSON.parse(JSON.stringify(record)) as Omit<RunFile, "id">; // as it is read back
  return { ...plain, id: idOf(plain) };
}

/** The id that a record must have: SHA-256 of the canonical JSON of all its other fields. */
export function idOf(record: Omit<RunFile, "id">): string {
  const { id: _, ...rest } = record as RunFile;
  return digestOf(rest as unknown as Json);
}

/** The text of `run.json`: names sorted, two spaces, so that a record has one text only. */
export function recordText(record: RunFile): string {
  return JSON.stringify(sorted(record as unknown as Json), null, 2) + "\n";
}

/** The SHA-256 of the `scores.npy` that holds these scores. */
export function scoresDigest(scores: Float64Array): string {
  return sha256(npyBytes({ shape: [scores.length], data: scores }));
}

/**
 * A message without the folders of this machine: of each absolute path its last part is left.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const text = 'Cannot read "/home/ada/data/a.png": see C:\\data\\b.png, train/good, 1/2';
 * assert.equal(withoutFolders(text), 'Cannot read "a.png": see b.png, train/good, 1/2');
 * ```
 */
export function withoutFolders(text: string): string {
  return text.replace(
    /(?<![\w.:/\\])(?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^\s"'`,;:()<>]*[^\s"'`,;:()<>.]/g,
    (path) => path.split(/[\\/]/).at(-1)!,
  );
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined) as [
    string,
    Json,
  ][];
  return Object.fromEntries(
    fields.sort(([a], [b]) => a < b ? -1 : 1).map(([name, field]) => [name, sorted(field)]),
  );
}

function recordedDataset({ dataset, masks, imported }: RunSetting): RecordedDataset {
  return {
    name: dataset.name,
    layout: dataset.layout,
    digest: dataset.digest,
    images: dataset.samples.length,
    ...(imported === undefined ? {} : { maps: [...imported.keys()] }),
    splits: (["train", "test"] as const).map((split) => ({
      split,
      ...countSplit(dataset.samples.filter((sample) => sample.split === split)),
    })),
    masks: masks?.size ?? 0,
  };
}

function countSplit(samples: Dataset["samples"]) {
  return {
    good: samples.filter(({ label }) => label === 0).length,
    bad: samples.filter(({ label }) => label === 1).length,
    unseen: samples.filter(({ unseen }) => unseen).length,
    digest: digestOf(samples.map(({ id, digest }) => [id, digest])),
  };
}

function recordedMap(
  name: string,
  planned: PlannedSegmentation | HarnessError,
): RecordedSegmentation {
  if (planned instanceof HarnessError) {
    return { class: name, spec: null, segments: [], digest: null };
  }
  const { kind, spec, segments, digest } = planned;
  const isFile = kind === "images" || isAbsolute(spec) || /[\\/.]/.test(spec);
  return { class: name, spec: isFile ? "file" : basename(spec), segments, digest };
}

function recordedRow({ planned, evaluation, scores }: RowOutcome): RunFileRow {
  const { row, cells, obstacle } = planned;
  const digests = new Map(scores.map(({ cell, values }) => [cell, scoresDigest(values)]));
  return {
    row: row.row,
    ...(evaluation === undefined ? {} : { evaluation: planned.evaluation!.key }),
    metrics: evaluation === undefined ? [] : recordedMetrics(evaluation.metrics),
    cells: cells.map((cell) => recordedCell(cell, digests.get(cell) ?? null)),
    ...(obstacle === undefined ? {} : { obstacle: withoutFolders(obstacle.message) }),
  };
}

function recordedCell(
  { class: name, part, seed, scores, test }: PlannedCell,
  digest: string | null,
): RunFileCell {
  return {
    class: name,
    ...(part === undefined ? {} : { part }),
    seed,
    stage: scores.input.stage,
    key: scores.key,
    images: test.length,
    scores: digest,
  };
}

/** Numbers of a row as a record holds them. */
export function recordedMetrics(metrics: Metrics): RecordedMetric[] {
  return (Object.keys(metrics) as MetricName[]).flatMap((metric) => {
    const summary = metrics[metric];
    if (summary === undefined) return [];
    const { mean, std, values, interval } = summary;
    return [{
      metric,
      value: String(mean),
      float64: float64Hex(mean),
      n: values.length,
      std,
      interval,
    }];
  });
}

function float64Hex(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** All stages that the rows and what stands beside them depend on, by key. */
function stagesBehind(
  rows: readonly RowOutcome[],
  extras: readonly ExtraOutcome[],
): ReadonlyMap<string, Stage> {
  const found = new Map<string, Stage>();
  const open: Stage[] = [
    ...rows.flatMap(({ planned: { evaluation, cells } }) => [
      ...(evaluation === undefined ? [] : [evaluation]),
      ...cells.map(({ scores }) => scores),
    ]),
    ...extras.map(({ planned }: { readonly planned: PlannedExtra }) => planned.stage),
  ];
  for (let stage = open.pop(); stage !== undefined; stage = open.pop()) {
    if (found.has(stage.key)) continue;
    found.set(stage.key, stage);
    for (const need of stage.needs) open.push(need);
  }
  return found;
}

/** Parameters that list images, or that are different for each cell: they stand in the store's entries. */
const ofSingleEntries: ReadonlySet<string> = new Set([
  "classes",
  "defects",
  "images",
  "kinds",
  "labels",
  "masks",
  "rows",
  "scores",
  "seed",
  "seeds",
  "sources",
  "test",
  "train",
]);

/** The settings of each kind of stage, sorted. */
function settingsOf(stages: ReadonlyMap<string, Stage>): StageSetting[] {
  const settings = new Map<string, StageSetting>();
  for (const { input: { stage, revision, parameters } } of stages.values()) {
    const shared = Object.fromEntries(
      Object.entries(parameters).filter(([name, value]) =>
        value !== undefined && !ofSingleEntries.has(name) &&
        !(name === "segmentation" && Array.isArray(value))
      ),
    );
    const setting: StageSetting = { stage, revision, parameters: shared };
    settings.set(canonicalJson(setting as unknown as Json), setting);
  }
  return [...settings].sort(([a], [b]) => a < b ? -1 : 1).map(([, setting]) => setting);
}

/** How many entries of each stage, sorted. */
function inputsOf(stages: ReadonlyMap<string, Stage>): StageInputs[] {
  const keys = Map.groupBy(stages.values(), ({ input }) => input.stage);
  return [...keys].sort(([a], [b]) => a < b ? -1 : 1).map(([stage, list]) => ({
    stage,
    entries: list.length,
    digest: digestOf(list.map(({ key }) => key).sort()),
  }));
}
