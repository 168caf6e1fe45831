/**
 * The evaluation of a row: the metrics over its seeds and classes, in percent, with 95 % intervals by
 * the bootstrap.
 *
 * @module
 */
import { childSeed, RandomState } from "../base/random.ts";
import { aurocOfRanking } from "../metrics/auroc.ts";
import { fprAtTprOfRanking, thresholdAtTpr } from "../metrics/fpr_at_tpr.ts";
import { bootstrapInterval, type ScoredRun } from "../metrics/intervals.ts";
import { rank, type RankingMetric } from "../metrics/ranking.ts";
import { summarizeClasses } from "../metrics/summary.ts";
import type { MetricName, Metrics, MetricSummary } from "./result_metrics.ts";

/** What an image of the test set is: good, bad, or bad with a type of defect not seen in training. */
export type TestKind = "g" | "b" | "u";

/** The metrics of a row: the mean over classes, and each class where there are several. */
export interface Evaluation {
  /** Percent (`ms_per_image`: milliseconds), over all classes. */
  readonly metrics: Metrics;
  /** By class, where there are several. */
  readonly classes?: Readonly<Record<string, Metrics>>;
  /** By type of defect: the share of its images that are found at 95 % TPR, in percent. */
  readonly defects?: Readonly<Record<string, DefectSummary>>;
}

/** How many images of one type of defect are found. */
export interface DefectSummary extends MetricSummary {
  /** Test images of the type, of the first seed. */
  readonly images: number;
}

/** Scores of one class and seed, with what each image is. */
export interface KindedRun {
  /** Of each test image; higher means more likely bad. */
  readonly scores: Float64Array;
  /** One letter per test image (`TestKind`), in the same order. */
  readonly kinds: string;
}

/** What a row is evaluated on. */
export interface EvaluationInput {
  /** Names of the classes, or of the methods of a mean. */
  readonly classes: readonly string[];
  /** Per class, one run per seed. */
  readonly runs: readonly (readonly KindedRun[])[];
  /** Whether all seeds of a class have the same test images in the same order. */
  readonly sharedImages: boolean;
  /** Per class and seed, the type of defect of each test image, where rates by type are wanted. */
  readonly defects?: readonly (readonly (readonly (string | null)[])[])[];
  /** AUPRO in [0, 1] by class and seed, where there are masks. */
  readonly aupro?: readonly (readonly number[])[];
  /** Time per image, where it was measured. */
  readonly milliseconds?: number;
}

/** Bootstrap samples of an interval. */
export const replicates = 1000;

/** Evaluates a row. */
export function evaluateRow(
  { classes, runs, sharedImages, defects, aupro, milliseconds }: EvaluationInput,
): Evaluation {
  return {
    metrics: {
      ...metricsOf(runs, sharedImages),
      ...(aupro === undefined ? {} : { aupro: auproSummary(aupro) }),
      ...(milliseconds === undefined ? {} : {
        ms_per_image: { mean: milliseconds, std: null, values: [milliseconds], interval: null },
      }),
    },
    ...(classes.length === 1 ? {} : {
      classes: Object.fromEntries(
        classes.map((name, i) => [name, {
          ...metricsOf([runs[i]], sharedImages),
          ...(aupro === undefined ? {} : { aupro: auproSummary([aupro[i]]) }),
        }]),
      ),
    }),
    ...(defects === undefined ? {} : { defects: detectionRates(runs, defects) }),
  };
}

const auroc: RankingMetric = aurocOfRanking;
const fpr95: RankingMetric = (ranking, counts) => fprAtTprOfRanking(ranking, {}, counts);

/** All metrics of some classes; seen and unseen apart where the test sets have unseen defects. */
function metricsOf(
  classes: readonly (readonly KindedRun[])[],
  sharedImages: boolean,
): Metrics {
  const hasUnseen = classes.every((runs) => runs.every(({ kinds }) => kinds.includes("u")));
  const hasSeen = classes.every((runs) => runs.every(({ kinds }) => kinds.includes("b")));
  const metrics: Partial<Record<MetricName, MetricSummary>> = {
    cl_auroc: summarizeMetric(classes, "bu", auroc, sharedImages),
    fpr95: summarizeMetric(classes, "bu", fpr95, sharedImages),
  };
  if (hasUnseen) {
    if (hasSeen) metrics.cl_auroc_seen = summarizeMetric(classes, "b", auroc, sharedImages);
    metrics.cl_auroc_unseen = summarizeMetric(classes, "u", auroc, sharedImages);
  }
  return metrics;
}

/** AUPRO in percent; its interval would need the maps of each bootstrap sample and is not computed. */
function auproSummary(values: readonly (readonly number[])[]): MetricSummary {
  const percent = values.map((bySeed) => bySeed.map((value) => 100 * value));
  return { ...summarizeClasses(percent), interval: null };
}

/** One metric of the good images against the bad ones of some kinds. */
function summarizeMetric(
  classes: readonly (readonly KindedRun[])[],
  bad: string,
  metric: RankingMetric,
  sharedImages: boolean,
): MetricSummary {
  const scored = classes.map((runs) => runs.map((run) => scoredRun(run, bad)));
  const values = scored.map((runs) =>
    runs.map(({ scores, labels }) => 100 * metric(rank(scores, labels)))
  );
  const random = new RandomState(childSeed(0, "bootstrap"));
  const interval = bootstrapInterval(scored, metric, { random, replicates, sharedImages });
  return { ...summarizeClasses(values), interval: [100 * interval.low, 100 * interval.high] };
}

function scoredRun({ scores, kinds }: KindedRun, bad: string): ScoredRun {
  const chosen = Array.from(kinds).flatMap((kind, i) =>
    kind === "g" || bad.includes(kind) ? [i] : []
  );
  return {
    scores: Float64Array.from(chosen, (i) => scores[i]),
    labels: Uint8Array.from(chosen, (i) => kinds[i] === "g" ? 0 : 1),
  };
}

/**
 * Detection rate by type of defect: of its test images, the share with a score of at least the threshold
 * at which 95 % of all bad images are found (`thresholdAtTpr`). Means over classes of means over seeds.
 */
function detectionRates(
  classes: readonly (readonly KindedRun[])[],
  defects: readonly (readonly (readonly (string | null)[])[])[],
): Record<string, DefectSummary> {
  const types = [...new Set(defects.flat(2).filter((type) => type !== null))].sort();
  const rates = classes.map((runs, c) => runs.map((run, s) => ratesOfRun(run, defects[c][s])));
  return Object.fromEntries(types.map((type) => {
    const having = rates.filter((runs) => runs.every((run) => run.has(type)));
    const images = having.reduce((sum, runs) => sum + runs[0].get(type)!.images, 0);
    const values = having.map((runs) => runs.map((run) => run.get(type)!.rate));
    return [type, { ...summarizeClasses(values), interval: null, images }];
  }));
}

/** Rate in percent and number of images by type of defect. */
function ratesOfRun(
  run: KindedRun,
  defects: readonly (string | null)[],
): Map<string, { readonly rate: number; readonly images: number }> {
  const { scores, labels } = scoredRun(run, "bu");
  const threshold = thresholdAtTpr(rank(scores, labels));
  const rates = new Map<string, { rate: number; images: number }>();
  for (const type of new Set(defects)) {
    if (type === null) continue;
    let images = 0;
    let found = 0;
    defects.forEach((defect, i) => {
      if (defect !== type) return;
      images++;
      if (run.scores[i] >= threshold) found++;
    });
    rates.set(type, { rate: 100 * found / images, images });
  }
  return rates;
}
