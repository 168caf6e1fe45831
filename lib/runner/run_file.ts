/**
 * `run.json`: what a run's numbers were made from. The record says what was computed and on what, never
 * when, where or by whom, so the same results give the same bytes on any machine of the same numerics;
 * times and the machine stand in `execution.json` (`execution_file.ts`).
 *
 * This file holds the shape and its schema; `provenance.ts` makes records, `report/run_record.ts` reads
 * them. Import the types with `import type`, so that zod is loaded only where a record is read.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../base/digest.ts";
import type { Experiment } from "./experiment.ts";
import { experimentSchema } from "./experiment_schema.ts";

/** Version of the record's layout. */
export const runFileVersion = 2;

/** The record of a run. Lists of images stand in the store's entries that the keys name. */
export interface RunFile {
  /** {@linkcode runFileVersion}. */
  readonly schema: typeof runFileVersion;
  /** SHA-256 of the canonical JSON of all other fields. */
  readonly id: string;
  /** What is typed: "table3". */
  readonly experiment: string;
  /** The declared experiment as it was, and the SHA-256 of its canonical JSON. */
  readonly definition: { readonly digest: string; readonly value: Experiment };
  /** The profile, and the side of its square images in pixels. */
  readonly profile: { readonly name: string; readonly size: number };
  /** In the order in which they were run. */
  readonly seeds: readonly number[];
  /** The images of the run. */
  readonly dataset: RecordedDataset;
  /** Name of the network that all methods begin with. */
  readonly backbone: string;
  /** Weights that the run may read, by network. */
  readonly weights: readonly RecordedWeights[];
  /** Which implementation's details a method follows, where it is not the default. */
  readonly variants: Readonly<Record<string, string>>;
  /** Penalty images, where some were given: how many, and the SHA-256 over names and contents. */
  readonly penalty?: { readonly images: number; readonly digest: string };
  /** One for each class. */
  readonly segmentations: readonly RecordedSegmentation[];
  /** How random numbers are made: generator, shuffling, and how streams are named. */
  readonly randomness: {
    readonly generator: string;
    readonly shuffle: string;
    readonly streams: string;
  };
  /** What decides the bits of a result beside model and inputs. */
  readonly numerics: {
    readonly runtime: string;
    readonly provider: string;
    readonly optimization: string;
  };
  /** Versions of what ran the program. */
  readonly runtime: { readonly deno: string; readonly v8: string; readonly typescript: string };
  /** Version of the layout that the keys below were made with. */
  readonly keySchema: number;
  /** Every setting of every stage, defaults written out, once for each that differs. */
  readonly settings: readonly StageSetting[];
  /** How many entries of the store the rows depend on, by stage. */
  readonly inputs: readonly StageInputs[];
  /** Ids of the decisions that the paper leaves open. */
  readonly assumptions: readonly string[];
  /** In what the run is not the paper's, one phrase each; empty where it is. */
  readonly deviations: readonly string[];
  /** In the table's order. */
  readonly rows: readonly RunFileRow[];
  /** Files of the run by path, sorted; result.json, report.html and pictures of charts are not among them. */
  readonly outputs: readonly RecordedOutput[];
  /** SHA-256 of the canonical JSON of result.json without its times (`stages`, `seconds`). */
  readonly result: string;
  /** Of the run's files, as an SPDX identifier. */
  readonly licence: string;
  /** What to cite, as in CITATION.cff. */
  readonly citation: string;
}

/** The images of a run. */
export interface RecordedDataset {
  /** As the tables name it. */
  readonly name: string;
  /** Whose layout of folders it has, or "synthetic". */
  readonly layout: string;
  /** SHA-256 over all samples. */
  readonly digest: string;
  /** All of them. */
  readonly images: number;
  /** Detectors whose maps were made by other tools. */
  readonly maps?: readonly string[];
  /** Training before test. */
  readonly splits: readonly RecordedSplit[];
  /** Images with a ground truth mask. */
  readonly masks: number;
}

/** The images of one split as the data set has them, before a protocol moves any. */
export interface RecordedSplit {
  /** As the data set has it. */
  readonly split: "train" | "test";
  /** Number of good images. */
  readonly good: number;
  /** Number of bad images, unseen ones included. */
  readonly bad: number;
  /** Of the bad ones, how many show a defect of a kind that no training image shows. */
  readonly unseen: number;
  /** SHA-256 of the canonical JSON of the list of `[id, digest]`. */
  readonly digest: string;
}

/** Weights of a network. */
export interface RecordedWeights {
  /** As `--weights` names it. */
  readonly network: string;
  /** SHA-256 of the file; null where there was none. */
  readonly sha256: string | null;
}

/** The segmentation map of a class. */
export interface RecordedSegmentation {
  /** Name of the class. */
  readonly class: string;
  /** As asked for: "vad", "rings:4", "whole", "product"; "file" for a file or folder; null for none. */
  readonly spec: string | null;
  /** Names in the order of their labels; empty for none. */
  readonly segments: readonly string[];
  /** SHA-256 of labels and names at the size of the run; null for none. */
  readonly digest: string | null;
}

/** The settings that all stages of a kind share, but for seeds and lists of images. */
export interface StageSetting {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** Rises when the stage's computation changes its result. */
  readonly revision: number;
  /** Defaults written out. */
  readonly parameters: { readonly [name: string]: Json };
}

/** The entries of one stage that a run depends on. */
export interface StageInputs {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** How many there are. */
  readonly entries: number;
  /** SHA-256 of the canonical JSON of their keys, sorted. */
  readonly digest: string;
}

/** A row of the table. */
export interface RunFileRow {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Key of the evaluation; none where the row has no numbers. */
  readonly evaluation?: string;
  /** Empty where the row has no numbers. */
  readonly metrics: readonly RecordedMetric[];
  /** Class by class, and within a class seed by seed. */
  readonly cells: readonly RunFileCell[];
  /** Why there are no numbers. */
  readonly obstacle?: string;
}

/** A number of the table, in percent (`ms_per_image`: in milliseconds). */
export interface RecordedMetric {
  /** "cl_auroc", "fpr95", "cl_auroc_seen", … */
  readonly metric: string;
  /** The mean over seeds and classes as a decimal that reads back as the same float64. */
  readonly value: string;
  /** The same number as the 16 hexadecimal digits of its float64, big-endian. */
  readonly float64: string;
  /** Number of seeds. */
  readonly n: number;
  /** Over the seeds; null for one seed. */
  readonly std: number | null;
  /** 95 %, bootstrap. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** The scores of a row for one class and seed. */
export interface RunFileCell {
  /** One class of the data set: "vad", "candle", … */
  readonly class: string;
  /** Name of the method, in a row that is the mean of several. */
  readonly part?: string;
  /** Seed of the split and of all draws. */
  readonly seed: number;
  /** Stage ("scores", "forest") and key of the entry with `scores.npy`. */
  readonly stage: string;
  /** Key of that entry. */
  readonly key: string;
  /** Number of test images. */
  readonly images: number;
  /** SHA-256 of the entry's `scores.npy`; null where the row has no numbers. */
  readonly scores: string | null;
}

/** A file of the run. */
export interface RecordedOutput {
  /** Relative to the run's folder, with "/". */
  readonly path: string;
  /** SHA-256 of the content. */
  readonly sha256: string;
  /** Size of the file. */
  readonly bytes: number;
  /** "text/markdown", "image/svg+xml", … */
  readonly mediaType: string;
}

const name = z.string().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const stage = z.string().regex(/^[a-z][a-z0-9_]*$/);
const relativePath = z.string().regex(/^(?!.*(?:^|\/)\.\.(?:\/|$))[\w][\w./-]*$/);

const recordedDataset: z.ZodType<RecordedDataset> = z.strictObject({
  name,
  layout: name,
  digest,
  images: count,
  maps: z.array(name).exactOptional(),
  splits: z.array(z.strictObject({
    split: z.enum(["train", "test"]),
    good: count,
    bad: count,
    unseen: count,
    digest,
  })),
  masks: count,
});

const recordedMetric: z.ZodType<RecordedMetric> = z.strictObject({
  metric: name,
  value: z.string().regex(/^-?\d+(\.\d+)?(e[+-]\d+)?$/),
  float64: z.string().regex(/^[0-9a-f]{16}$/),
  n: z.int().positive(),
  std: z.number().nonnegative().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
});

const runFileRow: z.ZodType<RunFileRow> = z.strictObject({
  row: name,
  evaluation: digest.exactOptional(),
  metrics: z.array(recordedMetric),
  cells: z.array(z.strictObject({
    class: z.string(),
    part: name.exactOptional(),
    seed: count,
    stage,
    key: digest,
    images: count,
    scores: digest.nullable(),
  })),
  obstacle: name.exactOptional(),
});

/** The schema of {@linkcode RunFile}: unknown fields are refused, not dropped. */
export const runFileSchema: z.ZodType<RunFile> = z.strictObject({
  schema: z.literal(runFileVersion),
  id: digest,
  experiment: name,
  definition: z.strictObject({ digest, value: experimentSchema }),
  profile: z.strictObject({ name, size: z.int().positive() }),
  seeds: z.array(count),
  dataset: recordedDataset,
  backbone: name,
  weights: z.array(z.strictObject({ network: name, sha256: name.nullable() })),
  variants: z.record(name, name),
  penalty: z.strictObject({ images: z.int().positive(), digest }).exactOptional(),
  segmentations: z.array(z.strictObject({
    class: z.string(),
    spec: name.nullable(),
    segments: z.array(z.string()),
    digest: name.nullable(),
  })),
  randomness: z.strictObject({ generator: name, shuffle: name, streams: name }),
  numerics: z.strictObject({ runtime: name, provider: name, optimization: name }),
  runtime: z.strictObject({ deno: name, v8: name, typescript: name }),
  keySchema: z.int().positive(),
  settings: z.array(z.strictObject({
    stage,
    revision: count,
    parameters: z.record(name, z.json()),
  })) as z.ZodType<readonly StageSetting[]>,
  inputs: z.array(z.strictObject({ stage, entries: z.int().positive(), digest })),
  assumptions: z.array(name),
  deviations: z.array(name),
  rows: z.array(runFileRow),
  outputs: z.array(z.strictObject({
    path: relativePath,
    sha256: digest,
    bytes: count,
    mediaType: name,
  })),
  result: digest,
  licence: name,
  citation: name,
});
