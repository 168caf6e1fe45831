/**
 * What the inspector needs of `run.json`: the rows that have a result, and the store's keys of their
 * scores.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";

/** The part of a run's provenance that leads to its images and maps. */
export interface RunRecord {
  /** Rows with a result, in the order of the table. */
  readonly rows: readonly RecordedRow[];
}

export interface RecordedRow {
  readonly row: string;
  readonly cells: readonly RecordedCell[];
}

/** The scores of a row for one class and seed. */
export interface RecordedCell {
  readonly class: string;
  /** Name of the method, in a row that is the mean of several. */
  readonly part?: string | undefined;
  readonly seed: number;
  /** Stage and key of the entry with `scores.npy`. */
  readonly stage: "scores" | "forest";
  readonly key: string;
}

const recordSchema = z.object({
  rows: z.array(z.object({
    row: z.string(),
    evaluation: z.string().optional(),
    cells: z.array(z.object({
      class: z.string(),
      part: z.string().optional(),
      seed: z.int(),
      stage: z.enum(["scores", "forest"]),
      key: z.string().regex(/^[0-9a-f]{64}$/),
    })),
  })),
});

/**
 * Reads a provenance record.
 *
 * @param record the value of `run.json`
 * @param from the file's name, for the message
 * @throws {DataError} naming the first field that is not as it should be
 */
export function readRunRecord(record: Json, from: string): RunRecord {
  const parsed = recordSchema.safeParse(record);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new DataError(
      `Cannot read ${from} as the record of a run: ${path.join(".")}: ${message}`,
      {
        remedy: "Run `deno task reproduce` again: it writes the file from what is cached.",
      },
    );
  }
  const rows = parsed.data.rows.filter(({ evaluation }) => evaluation !== undefined);
  return { rows: rows.map(({ row, cells }) => ({ row, cells })) };
}
