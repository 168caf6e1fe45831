/**
 * Reads `run.json`: whole, for `verify` and for export, or the part that leads to images and maps, for
 * the inspector.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import { type RunFile, runFileSchema, runFileVersion } from "../runner/run_file.ts";

/** The part of a run's provenance that leads to its images and maps. */
export interface RunRecord {
  /** Edge length in pixels of the images that every method saw. */
  readonly size: number;
  /** Rows with a result, in the order of the table. */
  readonly rows: readonly RecordedRow[];
}

/** A row of the run, with where its scores lie. */
export interface RecordedRow {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** One for each class (or method of a mean) and seed. */
  readonly cells: readonly RecordedCell[];
}

/** The scores of a row for one class and seed. */
export interface RecordedCell {
  /** One class of the data set: "vad", "candle", … */
  readonly class: string;
  /** Name of the method, in a row that is the mean of several. */
  readonly part?: string | undefined;
  /** Seed of the split and of all draws. */
  readonly seed: number;
  /** Stage ("scores", "forest") and key of the entry with `scores.npy`. */
  readonly stage: string;
  /** Key of that entry. */
  readonly key: string;
}

const remedy = "Run `deno task reproduce` again: it writes the file from what is cached.";

/**
 * Reads the text of a `run.json`, whole.
 *
 * @param from the file's name, for the message
 * @throws {DataError} for what is not JSON, for another version, and naming the first field that is not as
 * it should be
 */
export function parseRunFile(text: string, from: string): RunFile {
  let value: Json;
  try {
    // zod leaves a field called __proto__ out without a word. Most texts cannot have one.
    value = /__proto__|\\u/.test(text) ? JSON.parse(text, refuseProto) : JSON.parse(text);
  } catch (cause) {
    throw new DataError(`Cannot read ${from} as the record of a run: it is not JSON`, {
      cause,
      remedy,
    });
  }
  const version = (value as { readonly schema?: Json } | null)?.schema;
  if (typeof version === "number" && version !== runFileVersion) {
    throw new DataError(
      `Cannot read ${from} as the record of a run: it has layout ${version}, ` +
        `this version of the harness reads layout ${runFileVersion}`,
      { remedy },
    );
  }
  const parsed = runFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new DataError(
    `Cannot read ${from} as the record of a run: ${path.join(".") || "the whole file"}: ${message}`,
    { remedy },
  );
}

/** Reads the part of a `run.json` that leads to images and maps; errors as `parseRunFile`. */
export function parseRunRecord(text: string, from: string): RunRecord {
  return runRecordOf(parseRunFile(text, from));
}

/** The part of a record that leads to images and maps. */
export function runRecordOf({ profile, rows }: RunFile): RunRecord {
  return {
    size: profile.size,
    rows: rows.filter(({ evaluation }) => evaluation !== undefined)
      .map(({ row, cells }) => ({ row, cells })),
  };
}

function refuseProto(key: string, value: Json): Json {
  if (key === "__proto__") throw new SyntaxError("a field is called __proto__");
  return value;
}
