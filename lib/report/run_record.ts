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
  /** Edge length in pixels of the images that every method saw. */
  readonly size: number;
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

const remedy = "Run `deno task reproduce` again: it writes the file from what is cached.";

const recordSchema = z.object({
  profile: z.object({ size: z.int().positive() }),
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
 * Reads the text of a `run.json`.
 *
 * @param from the file's name, for the message
 * @throws {DataError} for what is not JSON, and as `readRunRecord`
 */
export function parseRunRecord(text: string, from: string): RunRecord {
  let record: Json;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`Cannot read ${from} as the record of a run: it is not JSON`, {
      cause,
      remedy,
    });
  }
  return readRunRecord(record, from);
}

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
        remedy,
      },
    );
  }
  const rows = parsed.data.rows.filter(({ evaluation }) => evaluation !== undefined);
  return { size: parsed.data.profile.size, rows: rows.map(({ row, cells }) => ({ row, cells })) };
}
