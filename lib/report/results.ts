/**
 * What a run found, as `reproduce --json` and `report --json` print it and every table, chart and
 * page is made from. All metrics are in percent, as in the paper.
 *
 * Files that only need the shapes write `import type`, so that zod is loaded where a result is read
 * back from a file and nowhere else.
 *
 * @module
 */
import { z } from "zod";
import { DataError } from "../base/errors.ts";
import type { Metrics, MetricSummary } from "../runner/result_metrics.ts";

import { type ExperimentView, experimentViews } from "../runner/experiment.ts";
import type { ProfileName } from "../runner/profile.ts";

export type { MetricName, Metrics, MetricSummary } from "../runner/result_metrics.ts";

/** One experiment at one profile on one data set. */
export interface ExperimentResult {
  /** Name of the experiment, as the command line takes it: `table3`. */
  readonly experiment: string;
  /** The table's title, as a reader of the paper recognizes it. */
  readonly title: string;
  /** Budgets and image size of the run. */
  readonly profile: ProfileName;
  /** What it was run on. */
  readonly dataset: DatasetSummary;
  /** Seeds in the order of the values of each metric. */
  readonly seeds: readonly number[];
  /** What is shown; `metrics` where it is not given. */
  readonly view?: ExperimentView;
  /** In the order of the table. */
  readonly rows: readonly ResultRow[];
  /** A table of texts (Table 1). */
  readonly grid?: Grid;
  /** Pictures, as files in the run's folder (Figures 5, 7 and 8). */
  readonly figures?: readonly Figure[];
  /** Each row against its base, with tests corrected for the number of rows. */
  readonly comparisons?: readonly Comparison[];
  /** What a reader must know to judge the numbers, one sentence each. */
  readonly notes: readonly string[];
  /** What the paper leaves open and this run had to decide. */
  readonly assumptions: readonly Assumption[];
  /** How many stages were in the store, and how many were computed. */
  readonly stages: { readonly cached: number; readonly run: number };
  /** Wall time of the run. */
  readonly seconds: number;
}

/** A table of texts with a name for each line. */
export interface Grid {
  /** Headings. */
  readonly columns: readonly string[];
  /** Cells, as many in each row as there are columns. */
  readonly rows: readonly (readonly string[])[];
}

/** A picture of a figure. */
export interface Figure {
  /** Path below the run's folder: "figures/fig5-0.png". */
  readonly file: string;
  /** What the picture shows. */
  readonly caption: string;
}

/** A row minus its base in one metric, in percentage points. */
export interface Comparison {
  /** The row that is compared. */
  readonly row: string;
  /** The row that it builds on. */
  readonly base: string;
  /** What is compared. */
  readonly metric: "cl_auroc" | "fpr95";
  /** Mean of `row` minus mean of `base`, percentage points. */
  readonly difference: number;
  /** 95 % interval by the paired bootstrap over seeds and images. */
  readonly interval: readonly [low: number, high: number];
  /** Two-sided p value of the bootstrap, and with Holm's correction over the table's rows. */
  readonly p: number;
  /** p after Holm's correction over the rows of the table. */
  readonly holm: number;
  /** DeLong's p value of each seed, for AUROC on a single class. */
  readonly delong: readonly number[] | null;
}

/** The data set of a run. */
export interface DatasetSummary {
  /** Name for people. */
  readonly name: string;
  /** SHA-256 over the samples, 64 hexadecimal digits. */
  readonly digest: string;
  /** Number of images, of all splits. */
  readonly images: number;
  /** Detectors whose maps were imported from other tools; nothing else of the data set is known. */
  readonly maps?: readonly string[];
}

/** A decision that the paper does not state, by its id. */
export interface Assumption {
  /** Id, as `run.json` names it. */
  readonly id: string;
  /** The decision in a sentence. */
  readonly text: string;
}

/** One line of the table. A row that could not be run has `error` and no metrics. */
export interface ResultRow {
  /** Heading that the row stands under: "One-class Anomaly Detection". */
  readonly group: string;
  /** Name of the setup: "PatchCore + Ours". */
  readonly row: string;
  /** Means over seeds, and over classes where there are several; percent. */
  readonly metrics: Metrics;
  /** The published numbers of this row; the first of a metric is the one shown beside ours. */
  readonly paper: readonly PublishedNumber[];
  /** Verdict on the row as a whole: the worst of its metrics. */
  readonly verdict: Verdict;
  /** Why there are no numbers: "needs RD4AD (not in this version)". */
  readonly error?: string;
  /** What a reader must know of the row. */
  readonly note?: string;
  /** The row that this one improves on: the change against it is shown. */
  readonly base?: string;
  /** The metrics of each class, or of each method of a mean. */
  readonly classes?: Readonly<Record<string, Metrics>>;
  /** The published numbers by class. */
  readonly paperClasses?: Readonly<Record<string, readonly PublishedNumber[]>>;
  /** By type of defect: the share of its images that is found at 95 % TPR, in percent. */
  readonly defects?: Readonly<Record<string, DefectRate>>;
  /** The verdict on each published metric, with its reason. */
  readonly verdicts?: Readonly<Record<string, CellVerdict>>;
  /** Which images made the row. */
  readonly audit?: RowAudit;
}

/** A detection rate over the seeds, and the number of test images of the type. */
export interface DefectRate extends MetricSummary {
  /** Number of its images in the test set. */
  readonly images: number;
}

/** A verdict on one number. */
export interface CellVerdict {
  /** The verdict on one published number. */
  readonly verdict: Verdict;
  /** Why, with the numbers that it rests on. */
  readonly reason: string;
}

/** What touched the test images of a row. */
export interface RowAudit {
  /** "clean", "touched" (a training saw test images), or "unknown" (maps of other tools). */
  readonly state: "clean" | "touched" | "unknown";
  /** Test images, of all classes and seeds, that some training saw. */
  readonly touched: number;
  /** Trainings with the numbers of images that they saw, of the first seed and class. */
  readonly artefacts: readonly AuditedArtefact[];
}

/** A training, and the images it saw. */
export interface AuditedArtefact {
  /** What was trained: `fit`, `train`, `forest`. */
  readonly artefact: string;
  /** How many images it saw. */
  readonly images: number;
  /** Of them, how many are test images of the same cell. */
  readonly test: number;
}

/** A number that the authors published. */
export interface PublishedNumber {
  /** The paper's number of the table, or of the place in its text: "3", "3 (text)". */
  readonly table: string;
  /** Name of the metric, as in `metrics`. */
  readonly metric: string;
  /** Percent. */
  readonly mean: number;
  /** Percent; null where none is published. */
  readonly std: number | null;
  /** Where it was published: "paper", "public code README". */
  readonly source: string;
}

/**
 * How a row compares with what was published. "not testable" wherever the run is not the paper's:
 * other data, other weights, a smaller budget.
 */
export type Verdict = "reproduced" | "within noise" | "differs" | "not testable";

const percent = z.number();
const name = z.string().min(1);

const metricSummary: z.ZodType<MetricSummary> = z.strictObject({
  mean: percent,
  std: z.number().nonnegative().nullable(),
  values: z.array(percent).min(1),
  interval: z.tuple([percent, percent]).nullable(),
});

const metrics: z.ZodType<Metrics> = z.strictObject({
  cl_auroc: metricSummary.exactOptional(),
  fpr95: metricSummary.exactOptional(),
  cl_auroc_seen: metricSummary.exactOptional(),
  cl_auroc_unseen: metricSummary.exactOptional(),
  aupro: metricSummary.exactOptional(),
  ms_per_image: metricSummary.exactOptional(),
});

const publishedNumber: z.ZodType<PublishedNumber> = z.strictObject({
  table: name,
  metric: name,
  mean: percent,
  std: z.number().nonnegative().nullable(),
  source: name,
});

const verdict = z.enum(["reproduced", "within noise", "differs", "not testable"]);

const defectRate: z.ZodType<DefectRate> = z.strictObject({
  mean: percent,
  std: z.number().nonnegative().nullable(),
  values: z.array(percent).min(1),
  interval: z.tuple([percent, percent]).nullable(),
  images: z.int().nonnegative(),
});

const rowAudit: z.ZodType<RowAudit> = z.strictObject({
  state: z.enum(["clean", "touched", "unknown"]),
  touched: z.int().nonnegative(),
  artefacts: z.array(z.strictObject({
    artefact: name,
    images: z.int().nonnegative(),
    test: z.int().nonnegative(),
  })),
});

const comparison: z.ZodType<Comparison> = z.strictObject({
  row: name,
  base: name,
  metric: z.enum(["cl_auroc", "fpr95"]),
  difference: z.number(),
  interval: z.tuple([z.number(), z.number()]),
  p: z.number(),
  holm: z.number(),
  delong: z.array(z.number()).nullable(),
});

const resultRow: z.ZodType<ResultRow> = z.strictObject({
  group: z.string(),
  row: name,
  metrics,
  paper: z.array(publishedNumber),
  verdict,
  error: name.exactOptional(),
  note: name.exactOptional(),
  base: name.exactOptional(),
  classes: z.record(name, metrics).exactOptional(),
  paperClasses: z.record(name, z.array(publishedNumber)).exactOptional(),
  defects: z.record(name, defectRate).exactOptional(),
  verdicts: z.record(name, z.strictObject({ verdict, reason: name })).exactOptional(),
  audit: rowAudit.exactOptional(),
});

/** The schema of {@linkcode ExperimentResult}: unknown fields are refused, not dropped. */
export const experimentResult: z.ZodType<ExperimentResult> = z.strictObject({
  experiment: name,
  title: name,
  profile: z.enum(["demo", "cpu", "paper"]),
  dataset: z.strictObject({
    name,
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    images: z.int().nonnegative(),
    maps: z.array(name).exactOptional(),
  }),
  seeds: z.array(z.int().nonnegative()),
  view: z.enum(experimentViews).exactOptional(),
  rows: z.array(resultRow),
  grid: z.strictObject({ columns: z.array(z.string()), rows: z.array(z.array(z.string())) })
    .exactOptional(),
  figures: z.array(z.strictObject({ file: name, caption: name })).exactOptional(),
  comparisons: z.array(comparison).exactOptional(),
  notes: z.array(name),
  assumptions: z.array(z.strictObject({ id: name, text: name })),
  stages: z.strictObject({ cached: z.int().nonnegative(), run: z.int().nonnegative() }),
  seconds: z.number().nonnegative(),
});

/**
 * Reads the JSON text of a result.
 *
 * @param text what `reproduce --json` printed
 * @param from the file's name, for the message
 * @throws {DataError} naming the first field that is not as it should be
 */
export function parseResult(text: string, from: string): ExperimentResult {
  const remedy = "Run `deno task reproduce` again: it writes the file from what is cached.";
  let value: unknown;
  try {
    value = JSON.parse(text, (key, value) => {
      // zod leaves such a field out without a word.
      if (key === "__proto__") throw new SyntaxError("a field is called __proto__");
      return value;
    });
  } catch (cause) {
    throw new DataError(`Cannot read ${from} as a result: it is not JSON`, { cause, remedy });
  }
  const parsed = experimentResult.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue.path.map(String).join(".") || "the whole file";
  throw new DataError(`Cannot read ${from} as a result: ${field}: ${issue.message}`, {
    cause: parsed.error,
    remedy,
  });
}
