/**
 * Stage "evaluate": the metrics of a row over its seeds and classes, in percent, with 95 % intervals.
 *
 * Payload: `metrics.json`, an `Evaluation`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { parseNpy } from "../../base/npy.ts";
import { childSeed, RandomState } from "../../base/random.ts";
import { aurocOfRanking } from "../../metrics/auroc.ts";
import { fprAtTprOfRanking, thresholdAtTpr } from "../../metrics/fpr_at_tpr.ts";
import { bootstrapInterval, type ScoredRun } from "../../metrics/intervals.ts";
import { rank, type RankingMetric } from "../../metrics/ranking.ts";
import { summarizeClasses } from "../../metrics/summary.ts";
import type { MetricName, Metrics, MetricSummary } from "../result_metrics.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageContext, stageKind } from "../stage_kind.ts";

/** What an image of the test set is: good, bad, or bad with a type of defect not seen in training. */
export type TestKind = "g" | "b" | "u";

/** The metrics of a row: the mean over classes, and each class where there are several. */
export interface Evaluation {
  readonly metrics: Metrics;
  readonly classes?: Readonly<Record<string, Metrics>>;
  /** By type of defect: the share of its images that are found at 95 % TPR, in percent. */
  readonly defects?: Readonly<Record<string, DefectSummary>>;
}

/** How many images of one type of defect are found. */
export interface DefectSummary extends MetricSummary {
  /** Test images of the type, of the first seed. */
  readonly images: number;
}

interface Parameters {
  readonly classes: readonly string[];
  readonly seeds: readonly number[];
  /** Per class and seed, one letter per test image (`TestKind`). */
  readonly kinds: readonly (readonly string[])[];
  readonly replicates: number;
  /** Per class and seed, the type of defect of each test image; asked for by Table 7. */
  readonly defects?: readonly (readonly (readonly (string | null)[])[])[];
}

/** Bootstrap samples of an interval. */
const replicates = 1000;

export const evaluateKind = stageKind<Parameters>({
  revision: 1,
  async run(context) {
    const { classes, defects } = context.parameters;
    const runs = await readRuns(context);
    const evaluation: Evaluation = {
      metrics: evaluate(runs, context.parameters.replicates),
      ...(classes.length === 1 ? {} : {
        classes: Object.fromEntries(
          classes.map((name, i) => [name, evaluate([runs[i]], context.parameters.replicates)]),
        ),
      }),
      ...(defects === undefined ? {} : { defects: detectionRates(runs, defects) }),
    };
    return new Map([["metrics.json", new TextEncoder().encode(JSON.stringify(evaluation))]]);
  },
});

/** Scores of one class and seed, with what each image is. */
export interface KindedRun {
  readonly scores: Float64Array;
  readonly kinds: string;
}

async function readRuns(
  { parameters, read, count }: StageContext<Parameters>,
): Promise<KindedRun[][]> {
  const role = count("forest") > 0 ? "forest" : "scores";
  const runs: KindedRun[][] = [];
  for (const [c, bySeed] of parameters.kinds.entries()) {
    runs.push([]);
    for (const [s, kinds] of bySeed.entries()) {
      const payload = await read(role, c * parameters.seeds.length + s, ["scores.npy"]);
      const scores = parseNpy(payload.get("scores.npy")!).data as Float64Array;
      runs[c].push({ scores, kinds });
    }
  }
  return runs;
}

const auroc: RankingMetric = aurocOfRanking;
const fpr95: RankingMetric = (ranking, counts) => fprAtTprOfRanking(ranking, {}, counts);

/** All metrics of some classes; seen and unseen apart where the test sets have unseen defects. */
function evaluate(classes: readonly (readonly KindedRun[])[], replicates: number): Metrics {
  const hasUnseen = classes.every((runs) => runs.every(({ kinds }) => kinds.includes("u")));
  const hasSeen = classes.every((runs) => runs.every(({ kinds }) => kinds.includes("b")));
  const metrics: Partial<Record<MetricName, MetricSummary>> = {
    cl_auroc: summarizeMetric(classes, "bu", auroc, replicates),
    fpr95: summarizeMetric(classes, "bu", fpr95, replicates),
  };
  if (hasUnseen) {
    if (hasSeen) metrics.cl_auroc_seen = summarizeMetric(classes, "b", auroc, replicates);
    metrics.cl_auroc_unseen = summarizeMetric(classes, "u", auroc, replicates);
  }
  return metrics;
}

/** One metric of the good images against the bad ones of some kinds. */
function summarizeMetric(
  classes: readonly (readonly KindedRun[])[],
  bad: string,
  metric: RankingMetric,
  replicates: number,
): MetricSummary {
  const scored = classes.map((runs) => runs.map((run) => scoredRun(run, bad)));
  const values = scored.map((runs) =>
    runs.map(({ scores, labels }) => 100 * metric(rank(scores, labels)))
  );
  const sharedImages = classes.every((runs) => runs.every(({ kinds }) => kinds === runs[0].kinds));
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
export function detectionRates(
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

/** The evaluation of a row; `scores` holds per class one stage per seed. */
export function evaluateStage(
  row: string,
  classes: readonly string[],
  seeds: readonly number[],
  scores: readonly (readonly Stage[])[],
  kinds: readonly (readonly string[])[],
  defects?: readonly (readonly (readonly (string | null)[])[])[],
): Stage {
  return makeStage({
    stage: "evaluate",
    revision: evaluateKind.revision,
    parameters: {
      classes,
      seeds,
      kinds,
      replicates,
      ...(defects === undefined ? {} : { defects }),
    } as Record<string, Json>,
    needs: { [scores[0][0].input.stage]: scores.flat() },
    label: `metrics of ${row}`,
    seconds: 1,
    mebibytes: 100,
  });
}
