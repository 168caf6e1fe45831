/**
 * Every number of a finished run, computed anew from the scores of its images: what `verify` compares
 * with what the run wrote.
 *
 * @module
 */
import { syntheticDataset } from "../images/datasets.ts";
import { syntheticProduct } from "../images/synthetic_product.ts";
import { evaluateRow } from "../runner/evaluation.ts";
import { compareRows } from "../runner/stages/comparison.ts";
import { correctedComparisons } from "./result_of_run.ts";
import type { ExperimentResult, Metrics, ResultRow } from "./results.ts";
import {
  labelledRuns,
  recordsByRow,
  type ScoredRow,
  scoredRow,
  sharesImages,
} from "./scored_rows.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** A result computed anew, and what could not be. */
export interface Recomputation {
  /** As the run's, with every number that scores can give computed anew. */
  readonly result: ExperimentResult;
  /** What scores cannot give, one sentence each; those values are taken over. */
  readonly skipped: readonly string[];
}

/**
 * Computes the numbers of `result` anew.
 *
 * @throws {DataError} when a row with numbers has no scores
 */
export function recompute(
  result: ExperimentResult,
  scores: readonly ScoreRecord[],
): Recomputation {
  const records = recordsByRow(scores);
  const skipped = new Set<string>();
  const scored = new Map<string, ScoredRow>();
  const rows = result.rows.map((row): ResultRow => {
    if (row.error !== undefined) return row;
    const own = scoredRow(row, records, result.seeds);
    scored.set(row.row, own);
    const types = row.defects === undefined ? undefined : defectsOf(result, own);
    if (row.defects !== undefined && types === undefined) {
      skipped.add(
        "Rates by type of defect: the types of this data set's images are not in scores.csv.",
      );
    }
    const evaluation = evaluateRow({
      ...own,
      sharedImages: sharesImages(own),
      ...(types === undefined ? {} : { defects: types }),
    });
    if (row.metrics.aupro !== undefined) skipped.add(skippedPixels);
    if (row.metrics.ms_per_image !== undefined) skipped.add(skippedTimes);
    return {
      ...row,
      metrics: withMeasured(evaluation.metrics, row.metrics),
      ...(row.classes === undefined ? {} : {
        classes: Object.fromEntries(
          Object.entries(evaluation.classes ?? {}).map(([name, metrics]) => [
            name,
            withMeasured(metrics, row.classes![name]),
          ]),
        ),
      }),
      ...(evaluation.defects === undefined ? {} : { defects: evaluation.defects }),
    };
  });
  const pairs = pairsOf(result).map(({ row, base }) => {
    const [a, b] = [scored.get(row)!, scored.get(base)!];
    return { row, base, found: compareRows(labelledRuns(a), labelledRuns(b), sharesImages(a)) };
  });
  return {
    result: {
      ...result,
      rows,
      ...(pairs.length === 0 ? {} : { comparisons: correctedComparisons(pairs) }),
    },
    skipped: [...skipped],
  };
}

const skippedPixels = "AUPRO is of pixels, and scores are of images.";
const skippedTimes = "Times per image are measured, not computed.";

/** Metrics computed anew, and those of the run that scores do not give. */
function withMeasured(anew: Metrics, { aupro, ms_per_image }: Metrics): Metrics {
  return {
    ...anew,
    ...(aupro === undefined ? {} : { aupro }),
    ...(ms_per_image === undefined ? {} : { ms_per_image }),
  };
}

/** The pairs of rows that the result compares, once each. */
function pairsOf({ comparisons = [] }: ExperimentResult): { row: string; base: string }[] {
  return comparisons.filter(({ metric }) => metric === "cl_auroc");
}

/**
 * The type of defect of each test image, where it is known: of the embedded product, or by the folder
 * of MVTec AD's layout (`<class>/test/<defect>/<name>`).
 */
function defectsOf(
  { dataset }: ExperimentResult,
  { runs }: ScoredRow,
): (string | null)[][][] | undefined {
  const embedded = syntheticDataset(syntheticProduct());
  const types = embedded.digest === dataset.digest
    ? new Map(embedded.samples.map(({ id, defect }) => [id, defect ?? null]))
    : undefined;
  const typeOf = (image: string): string | null | undefined => {
    if (types !== undefined) return types.get(image);
    const folder = /^[^/]+\/test\/([^/]+)\/[^/]+$/.exec(image)?.[1];
    return folder === "good" ? null : folder;
  };
  const found = runs.map((bySeed) => bySeed.map(({ images }) => images.map(typeOf)));
  if (found.flat(2).includes(undefined)) return undefined;
  return found as (string | null)[][][];
}
