/**
 * Baselines: the numbers that a run must keep, `results/baselines/<experiment>.<profile>.json`. A number
 * that moves by more than its tolerance, in either direction, is a finding: what improves is a change
 * too, and is taken over with a reason.
 *
 * @module
 */
import { z } from "zod";
import { DataError, UsageError } from "../base/errors.ts";
import { mean as meanOf, standardDeviation } from "../base/statistics.ts";
import type { ExperimentResult, MetricName, Metrics, MetricSummary } from "./results.ts";
import { formatChange, metricColumns } from "./table_parts.ts";

/** What a baseline file holds. Its reasons are a log, the newest last. */
export interface Baseline {
  /** Id of the experiment: "table3". */
  readonly experiment: string;
  /** "demo", "cpu" or "paper". */
  readonly profile: string;
  /** Digest of the data set. */
  readonly dataset: string;
  /** The class of the machine that computed the numbers, as `machineClass` names it. */
  readonly machine: string;
  /** Those of the numbers, in their order. */
  readonly seeds: readonly number[];
  /** Greatest difference in points that is no finding, by metric. */
  readonly tolerance: Readonly<Record<string, number>>;
  /** In the table's order; rows without numbers are left out. */
  readonly rows: readonly BaselineRow[];
  /** Why the numbers are what they are: one entry for each update. */
  readonly reasons: readonly string[];
}

/** The numbers of a row: of each metric one per seed, the mean over the classes where there are several. */
export interface BaselineRow {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** By metric, in percent, in the order of `seeds`. */
  readonly metrics: Readonly<Record<string, readonly number[]>>;
}

/** A number that is not as the baseline has it. */
export interface Finding {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Name of the metric. */
  readonly metric: string;
  /** In words: "FPR@95TPR rose from 47.0 to 52.1 (+5.1, tolerance 3.0)". */
  readonly what: string;
}

/** What a result does not say of its run. */
export interface Circumstances {
  /** The class of the machine that ran, as `machineClass` names it. */
  readonly machine: string;
  /** The rows that were run. @default all */
  readonly rows?: readonly string[] | undefined;
}

/** How a baseline comes about. */
export interface Update extends Circumstances {
  /** Why the numbers are what they are. */
  readonly reason: string;
  /** The one that is replaced. */
  readonly before?: Baseline | undefined;
}

/**
 * Tolerances of a new baseline, in points. On one class of machines the numbers are the same to the last
 * bit; what the tolerances are for is a change of the code that moves scores in their last digits and
 * exchanges the order of a few images.
 */
const defaultTolerance: Readonly<Record<string, number>> = {
  cl_auroc: 0.5,
  fpr95: 3,
  cl_auroc_seen: 0.5,
  cl_auroc_unseen: 1,
  aupro: 0.5,
};

const baselineSchema: z.ZodType<Baseline> = z.strictObject({
  experiment: z.string(),
  profile: z.string(),
  dataset: z.string(),
  machine: z.string(),
  seeds: z.array(z.int()),
  tolerance: z.record(z.string(), z.number().nonnegative()),
  rows: z.array(
    z.strictObject({ row: z.string(), metrics: z.record(z.string(), z.array(z.number()).min(1)) }),
  ),
  reasons: z.array(z.string()).min(1),
});

/**
 * Reads a baseline file.
 *
 * @throws {DataError} naming the field that is not as it should be
 */
export function parseBaseline(text: string, from: string): Baseline {
  const remedy = 'Write it anew with `deno task check … --update --reason "…"`.';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`Cannot read baseline ${from}: it is not JSON`, { cause, remedy });
  }
  const parsed = baselineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new DataError(`Cannot read baseline ${from}: ${path.join(".")}: ${message}`, { remedy });
}

/**
 * The baseline of a result; tolerances and reasons of the one before are kept, and where only some rows
 * were run its other rows.
 *
 * @throws {UsageError} when the other rows have other seeds, or are of another class of machines
 */
export function baselineOf(
  result: ExperimentResult,
  { machine, reason, before, rows }: Update,
): Baseline {
  const { experiment, dataset, seeds } = result;
  const others = rows === undefined || before?.dataset !== dataset.digest
    ? []
    : before.rows.filter(({ row }) => !rows.includes(row));
  if (others.length > 0 && String(before!.seeds) !== String(seeds)) {
    throw new UsageError(
      `Cannot update rows of the baseline of ${experiment} with the seeds ${
        seeds.join(", ")
      }: it has ${before!.seeds.join(", ")}`,
      { remedy: "Leave --seeds away." },
    );
  }
  if (others.length > 0 && before!.machine !== machine) {
    throw new UsageError(
      `Cannot update rows of the baseline of ${experiment} on ${machine}: it is of ${
        before!.machine
      }`,
      { remedy: "Update all of its rows." },
    );
  }
  return {
    experiment,
    profile: result.profile,
    dataset: dataset.digest,
    machine,
    seeds,
    tolerance: before?.tolerance ?? defaultTolerance,
    rows: [
      ...others,
      ...result.rows.filter(({ error }) => error === undefined).map(({ row, metrics }) => ({
        row,
        metrics: Object.fromEntries(
          guarded(metrics).map(([name, { values }]) => [name, values.map(rounded)]),
        ),
      })),
    ],
    reasons: [...before?.reasons ?? [], reason],
  };
}

/**
 * What moved by more than its tolerance. A run of the baseline's first seeds is compared with the mean
 * over the same seeds. On another class of machines every training is a new draw: there a number may also
 * differ by three standard errors of a difference between two such means, by the spread of its seeds.
 *
 * @returns findings in the order of the baseline; none where all is as it was
 */
export function findingsOf(
  result: ExperimentResult,
  baseline: Baseline,
  { machine, rows }: Circumstances,
): Finding[] {
  if (baseline.dataset !== result.dataset.digest) {
    return [{ row: "", metric: "", what: "the baseline was made on other images" }];
  }
  const seeds = result.seeds.length;
  if (seeds === 0 || String(baseline.seeds.slice(0, seeds)) !== String(result.seeds)) {
    return [{
      row: "",
      metric: "",
      what: `the baseline has the seeds ${baseline.seeds.join(", ")}, the run ${
        result.seeds.join(", ")
      }`,
    }];
  }
  const guardedRows = baseline.rows.filter(({ row }) => rows === undefined || rows.includes(row));
  const standardErrors = machine === baseline.machine ? 0 : 3;
  const toleranceOf = (metric: string, values: readonly number[]) =>
    Math.max(
      baseline.tolerance[metric] ?? 0,
      standardErrors * deviationOf(values) * Math.sqrt(2 / seeds),
    );
  return guardedRows.flatMap((before) => findingsOfRow(before, result, toleranceOf));
}

function findingsOfRow(
  { row, metrics }: BaselineRow,
  result: ExperimentResult,
  toleranceOf: (metric: string, values: readonly number[]) => number,
): Finding[] {
  const found = result.rows.find((one) => one.row === row);
  if (found === undefined || found.error !== undefined) {
    const why = found?.error ?? "the experiment has no such row";
    return [{ row, metric: "", what: `has no numbers any more: ${why}` }];
  }
  const now = new Map(guarded(found.metrics));
  return Object.entries(metrics).flatMap(([metric, values]) => {
    const mean = now.get(metric as MetricName)?.mean;
    const before = meanOf(values.slice(0, result.seeds.length));
    const tolerance = toleranceOf(metric, values);
    const heading = metricColumns.find((column) => column.metric === metric)?.heading ?? metric;
    if (mean === undefined) return [{ row, metric, what: `${heading} is missing` }];
    // Baselines hold rounded numbers: half of their last digit is no difference.
    if (Math.abs(mean - before) <= tolerance + 0.5 * 10 ** -baselineDigits) return [];
    return [{
      row,
      metric,
      what: `${heading} ${mean > before ? "rose" : "fell"} from ${before.toFixed(1)} to ` +
        `${mean.toFixed(1)} (${formatChange(mean - before)}, tolerance ${
          Number(tolerance.toFixed(2))
        })`,
    }];
  });
}

/** Rows of the result that the baseline does not know. */
export function newRows(result: ExperimentResult, baseline: Baseline): string[] {
  const known = new Set(baseline.rows.map(({ row }) => row));
  return result.rows.filter(({ row, error }) => error === undefined && !known.has(row))
    .map(({ row }) => row);
}

const baselineDigits = 4;

function rounded(value: number): number {
  return Number(value.toFixed(baselineDigits));
}

function deviationOf(values: readonly number[]): number {
  return values.length < 2 ? 0 : standardDeviation(values, "sample");
}

/** The metrics that are guarded: all but times, which depend on the machine. */
function guarded(metrics: Metrics): [MetricName, MetricSummary][] {
  return (Object.entries(metrics) as [MetricName, MetricSummary][])
    .filter(([name]) => name !== "ms_per_image");
}
