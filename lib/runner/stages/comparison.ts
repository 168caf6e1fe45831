/**
 * Stage "comparison": two rows of a table on the same images: bootstrap of the difference over seeds and
 * images, and DeLong's test of each seed. Holm's correction over a table is made where the table is.
 *
 * Payload: `comparison.json`, a `RowComparison`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { parseNpy } from "../../base/npy.ts";
import { childSeed, RandomState } from "../../base/random.ts";
import { aurocOfRanking } from "../../metrics/auroc.ts";
import { fprAtTprOfRanking } from "../../metrics/fpr_at_tpr.ts";
import { delongTest, pairedBootstrap, type ScoredRun } from "../../metrics/intervals.ts";
import type { RankingMetric } from "../../metrics/ranking.ts";
import { makeStage, type Stage } from "../stage.ts";
import { jsonFile, type StageContext, type StageKind, stageKind } from "../stage_kind.ts";

/** A row minus another. */
export interface RowComparison {
  /** Of the AUROC. */
  readonly cl_auroc: MetricComparison;
  /** Of the FPR at 95 % TPR. */
  readonly fpr95: MetricComparison;
  /** DeLong's p value of the difference in AUROC for each seed; null for several classes. */
  readonly delong: readonly number[] | null;
}

/** The difference of one metric in percentage points, with its 95 % interval. */
export interface MetricComparison {
  /** The row's value minus the base's. */
  readonly difference: number;
  /** Of the paired bootstrap, in percentage points. */
  readonly interval: readonly [low: number, high: number];
  /** Two-sided, of the paired bootstrap. */
  readonly p: number;
}

interface Parameters {
  readonly seeds: number;
  /** Per class and seed, the label of each test image: "0" good, "1" bad. */
  readonly labels: readonly (readonly string[])[];
  readonly replicates: number;
  /** False where the seeds of a class have other test images. */
  readonly sharedImages?: false;
}

/** Bootstrap samples of a difference: the least p value is 2 / (replicates + 1). */
const replicates = 1999;

/** Reads the scores in "…:row" and "…:base"; gives `comparison.json`. */
export const comparisonKind: StageKind = stageKind<Parameters>({
  revision: 1,
  async run(context) {
    const [row, base] = [await readRuns(context, "row"), await readRuns(context, "base")];
    const comparison = compareRows(row, base, context.parameters.sharedImages ?? true);
    return new Map([["comparison.json", jsonFile(comparison as unknown as Json)]]);
  },
});

const metrics: Readonly<Record<"cl_auroc" | "fpr95", RankingMetric>> = {
  cl_auroc: aurocOfRanking,
  fpr95: (ranking, counts) => fprAtTprOfRanking(ranking, {}, counts),
};

/**
 * `row` minus `base`; runs by class and seed.
 *
 * @param sharedImages whether all seeds of a class have the same test images in the same order
 */
export function compareRows(
  row: readonly (readonly ScoredRun[])[],
  base: readonly (readonly ScoredRun[])[],
  sharedImages: boolean,
): RowComparison {
  const compare = (name: keyof typeof metrics): MetricComparison => {
    const random = new RandomState(childSeed(0, "comparison", name));
    const options = { random, replicates, sharedImages };
    const { estimate, low, high, p } = pairedBootstrap(row, base, metrics[name], options);
    return { difference: 100 * estimate, interval: [100 * low, 100 * high], p };
  };
  return {
    cl_auroc: compare("cl_auroc"),
    fpr95: compare("fpr95"),
    delong: row.length > 1
      ? null
      : row[0].map((run, s) => delongTest(run.scores, base[0][s].scores, run.labels).p),
  };
}

async function readRuns(
  { parameters, read, count }: StageContext<Parameters>,
  which: "row" | "base",
): Promise<ScoredRun[][]> {
  const role = count(`forest:${which}`) > 0 ? `forest:${which}` : `scores:${which}`;
  const runs: ScoredRun[][] = [];
  for (const [c, bySeed] of parameters.labels.entries()) {
    runs.push([]);
    for (const [s, text] of bySeed.entries()) {
      const payload = await read(role, c * parameters.seeds + s, ["scores.npy"]);
      const scores = parseNpy(payload.get("scores.npy")!).data as Float64Array;
      runs[c].push({ scores, labels: Uint8Array.from(text, Number) });
    }
  }
  return runs;
}

/** `row` compared with `base`; both hold one scores stage per class and seed, class by class. */
export function comparisonStage(
  row: readonly Stage[],
  base: readonly Stage[],
  labels: readonly (readonly string[])[],
  sharedImages: boolean,
  label: string,
): Stage {
  return makeStage({
    stage: "comparison",
    revision: comparisonKind.revision,
    parameters: {
      seeds: labels[0].length,
      labels,
      replicates,
      ...(sharedImages ? {} : { sharedImages }),
    },
    needs: { [`${row[0].input.stage}:row`]: row, [`${base[0].input.stage}:base`]: base },
    label: `comparison of ${label}`,
    seconds: 2,
    mebibytes: 100,
  });
}
