/**
 * The score of every test image as CSV, `scores.csv`: what `verify` recomputes every number from. A
 * score reads back as the very same float; a name that a spreadsheet would take for a formula gets an
 * apostrophe that reading takes away again.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import { escapeFormula, unescapeFormula } from "./escape.ts";

/** One score: of one image, by one row of the table, under one seed. */
export interface ScoreRecord {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Seed of the split and of all draws. */
  readonly seed: number;
  /** The image's path relative to the data set's root. */
  readonly image: string;
  /** 1 for bad. */
  readonly label: 0 | 1;
  /** Whether the defect is of a kind that was not in the training set. */
  readonly unseen: boolean;
  /** Higher means more anomalous; the scale is the row's own. */
  readonly score: number;
}

/** The columns of `scores.csv`, in their order. */
const scoreColumns = ["row", "seed", "image", "label", "unseen", "score"] as const;

/**
 * The records as CSV (RFC 4180, "\n" line ends), in their order.
 *
 * @throws {RangeError} for a score that is not a finite number
 */
export function scoresToCsv(records: Iterable<ScoreRecord>): string {
  const lines = [scoreColumns.join(",")];
  for (const { row, seed, image, label, unseen, score } of records) {
    if (!Number.isFinite(score)) {
      throw new RangeError(
        `Cannot write the score of ${JSON.stringify(image)} by ${
          JSON.stringify(row)
        }: it is ${score}`,
      );
    }
    const number = Object.is(score, -0) ? "-0" : String(score);
    lines.push(`${field(row)},${seed},${field(image)},${label},${unseen ? 1 : 0},${number}`);
  }
  return lines.join("\n") + "\n";
}

/**
 * Reads what {@linkcode scoresToCsv} wrote.
 *
 * @param from the file's name, for the message
 * @throws {DataError} naming line and value
 */
export async function scoresFromCsv(text: string, from: string): Promise<ScoreRecord[]> {
  const { parse } = await import("csv-parse/sync");
  const problem = (what: string, cause?: unknown) =>
    new DataError(`Cannot read ${from} as scores: ${what}`, {
      cause,
      remedy: "Run `deno task reproduce` again: it writes the file from what is cached.",
    });
  let rows: string[][];
  try {
    rows = parse(text);
  } catch (error) {
    throw problem(error instanceof Error ? error.message : String(error), error);
  }
  if (rows[0]?.join() !== scoreColumns.join()) {
    throw problem(`the first line is not ${JSON.stringify(scoreColumns.join())}`);
  }
  return rows.slice(1).map(([row, seed, image, label, unseen, score], i) => {
    const number = Number(score);
    if (
      !/^\d+$/.test(seed) || !/^[01]$/.test(label) || !/^[01]$/.test(unseen) || score === "" ||
      !Number.isFinite(number)
    ) {
      throw problem(
        `record ${i + 1} is ${JSON.stringify([row, seed, image, label, unseen, score])}`,
      );
    }
    return {
      row: unescapeFormula(row),
      seed: Number(seed),
      image: unescapeFormula(image),
      label: label === "1" ? 1 : 0,
      unseen: unseen === "1",
      score: number,
    };
  });
}

/** A text field, quoted where RFC 4180 asks for it. */
function field(text: string): string {
  const safe = escapeFormula(text);
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
