/**
 * The scores of a run by row, class and seed, as `scores.csv` has them: what a run's numbers are
 * recomputed from.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { ScoredRun } from "../metrics/intervals.ts";
import type { KindedRun } from "../runner/evaluation.ts";
import type { ResultRow } from "./results.ts";
import { scoreRowName } from "./score_row_name.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** The scores of one class (or method of a mean) and seed, in the order of the test images. */
export interface RecordedRun extends KindedRun {
  /** Paths below the data set's root, in the order of the scores. */
  readonly images: readonly string[];
}

/** The scores of a row. */
export interface ScoredRow {
  /** Names of the classes, or of the methods of a mean; of a single class "". */
  readonly classes: readonly string[];
  /** Per class, one run per seed. */
  readonly runs: readonly (readonly RecordedRun[])[];
}

/** The records of each row by name, in their order. */
export function recordsByRow(
  records: readonly ScoreRecord[],
): ReadonlyMap<string, readonly ScoreRecord[]> {
  return Map.groupBy(records, ({ row }) => row);
}

/**
 * The scores of `row`. Its classes are those of the result: parts of a mean have records of their own,
 * and of a data set of several classes the path of an image begins with its class.
 *
 * @throws {DataError} when a class or seed has no scores
 */
export function scoredRow(
  row: Pick<ResultRow, "row" | "classes">,
  records: ReadonlyMap<string, readonly ScoreRecord[]>,
  seeds: readonly number[],
): ScoredRow {
  const classes = row.classes === undefined ? [""] : Object.keys(row.classes);
  const runs = classes.map((name) => {
    const own = row.classes === undefined
      ? records.get(row.row)
      : records.get(scoreRowName(row.row, name)) ??
        records.get(row.row)?.filter(({ image }) => image.startsWith(`${name}/`));
    const bySeed = Map.groupBy(own ?? [], ({ seed }) => seed);
    return seeds.map((seed) => {
      const list = bySeed.get(seed);
      if (list === undefined) {
        const which = name === "" ? "" : ` of ${name}`;
        throw new DataError(`Cannot find scores of row ${row.row}${which}, seed ${seed}`, {
          remedy: "Run `deno task reproduce` again: it writes scores.csv from what is cached.",
        });
      }
      return recordedRun(list);
    });
  });
  return { classes, runs };
}

/** Whether all seeds of each class have the same test images in the same order. */
export function sharesImages({ runs }: ScoredRow): boolean {
  return runs.every((bySeed) =>
    bySeed.every(({ images }) =>
      images.length === bySeed[0].images.length &&
      images.every((image, i) => image === bySeed[0].images[i])
    )
  );
}

/** The runs with labels instead of kinds. */
export function labelledRuns({ runs }: ScoredRow): ScoredRun[][] {
  return runs.map((bySeed) =>
    bySeed.map(({ scores, kinds }) => ({
      scores,
      labels: Uint8Array.from(kinds, (kind) => kind === "g" ? 0 : 1),
    }))
  );
}

function recordedRun(records: readonly ScoreRecord[]): RecordedRun {
  return {
    images: records.map(({ image }) => image),
    scores: Float64Array.from(records, ({ score }) => score),
    kinds: records.map(({ label, unseen }) => label === 0 ? "g" : unseen ? "u" : "b").join(""),
  };
}
