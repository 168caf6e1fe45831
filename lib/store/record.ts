/**
 * `record.json` of an entry: what its key was made from, and the SHA-256 of each payload file and of the
 * record itself, so that a flipped bit anywhere in an entry is found.
 *
 * @module
 */
import { sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";

/** One payload file as the record describes it. */
export interface FileRecord {
  /** Of the file's bytes, 64 hexadecimal digits. */
  readonly sha256: string;
  /** Length of the file. */
  readonly bytes: number;
}

/** `record.json` of an entry. */
export interface EntryRecord {
  /** 1: without a hash of the record itself; still read. 2: what is written now. */
  readonly recordSchema: 1 | 2;
  /** The entry's key: the SHA-256 of `input`. */
  readonly key: string;
  /** Canonical JSON text of the key's input; its SHA-256 is the key. */
  readonly input: string;
  /** The payload's files by name. */
  readonly files: Readonly<Record<string, FileRecord>>;
  /** Wall time of the computation; for estimates only. */
  readonly seconds: number;
  /**
   * Peak memory of the process that computed it, MiB; absent where an earlier computation of the same
   * process had taken more, so that its own peak is not known.
   */
  readonly mebibytes?: number;
}

/** Names that a payload file may have. */
export const filePattern = /^[a-z0-9_][a-z0-9_.-]*$/;

const digestPattern = /^[0-9a-f]{64}$/;

/** The bytes of `record.json`; the last field is the SHA-256 of the text without it. */
export function recordBytes(record: EntryRecord): Uint8Array<ArrayBuffer> {
  const { recordSchema, key, input, files, seconds, mebibytes } = record;
  const memory = mebibytes === undefined ? {} : { mebibytes };
  return new TextEncoder().encode(sealed({ recordSchema, key, input, files, seconds, ...memory }));
}

/**
 * The record of the entry `key` of `stage`, or what is wrong with it.
 *
 * @throws {DataError} for a whole record that a newer version wrote: it is no damage
 */
export function parseRecord(
  bytes: Uint8Array,
  stage: string,
  key: string,
): EntryRecord | { readonly damage: string } {
  let text: string;
  let record: EntryRecord & { readonly sha256?: string };
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    record = JSON.parse(text);
  } catch {
    return { damage: "record.json is not JSON" };
  }
  if (typeof record !== "object" || record === null) {
    return { damage: "record.json is not a record of this entry" };
  }
  const { sha256: seal, ...fields } = record;
  if (seal === undefined ? fields.recordSchema !== 1 : sealed(fields) !== text) {
    return { damage: "record.json does not have its own SHA-256" };
  }
  if (seal !== undefined && fields.recordSchema as number !== 2) {
    throw new DataError(
      `Cannot read ${stage} ${key.slice(0, 12)}: its record has schema ${fields.recordSchema}, ` +
        "this version knows 1 and 2",
      { remedy: "A newer version wrote it: use that one, or another folder with --cache." },
    );
  }
  return problemOf(fields, stage, key) ?? fields;
}

function problemOf(
  { key, input, files }: EntryRecord,
  stage: string,
  expected: string,
): { readonly damage: string } | undefined {
  if (typeof input !== "string" || key !== expected || typeof files !== "object" || !files) {
    return { damage: "record.json is not a record of this entry" };
  }
  if (sha256(input) !== key) return { damage: "the record's input does not hash to its key" };
  const made = JSON.parse(input) as { stage?: unknown };
  if (made.stage !== stage) return { damage: `the record is of stage ${made.stage}` };
  const wrong = Object.entries(files).some(([name, file]) =>
    !filePattern.test(name) || typeof file?.bytes !== "number" ||
    typeof file.sha256 !== "string" || !digestPattern.test(file.sha256)
  );
  return wrong ? { damage: "record.json lists a file wrongly" } : undefined;
}

/** A record's text with its seal. */
function sealed(fields: object): string {
  return JSON.stringify({ ...fields, sha256: sha256(JSON.stringify(fields)) });
}
