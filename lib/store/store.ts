/**
 * The content-addressed store. An entry is a folder `<root>/<stage>/<key>/` with payload files and
 * `record.json`, which holds the key's whole input and the SHA-256 of each file. An entry appears by
 * one rename and is never changed; what is read is hashed first, and a damaged entry goes to
 * `<root>/quarantine`, counts as missing and is computed again. No state is left that a person must
 * clear: locks are flock, which the kernel releases, and temporary folders of dead processes are
 * removed when the store is next opened.
 *
 * @module
 */
import { join } from "node:path";
import { DataError, StorageError } from "../base/errors.ts";
import {
  readFileIfThere,
  storageError,
  syncFolder,
  writeDurably,
  writeFileAtomic,
} from "../base/files.ts";
import { sha256 } from "../base/digest.ts";
import { canonicalInput, keyOf, type StageInput } from "./key.ts";

/** One payload file as the record describes it. */
export interface FileRecord {
  readonly sha256: string;
  readonly bytes: number;
}

/** `record.json` of an entry. */
export interface EntryRecord {
  readonly recordSchema: 1;
  readonly key: string;
  /** Canonical JSON text of the key's input; its SHA-256 is the key. */
  readonly input: string;
  readonly files: Readonly<Record<string, FileRecord>>;
  /** Wall time of the computation; for estimates only. */
  readonly seconds: number;
}

/** Payload files by name. */
export type Payload = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What was wrong with an entry that was found damaged. */
export interface Damage {
  readonly stage: string;
  readonly key: string;
  readonly reason: string;
}

export interface Store {
  readonly root: string;
  /** Whether an entry is there (its record exists; its bytes are checked when they are read). */
  has(stage: string, key: string): Promise<boolean>;
  /** The verified record, or undefined when the entry is missing or damaged. */
  record(stage: string, key: string): Promise<EntryRecord | undefined>;
  /** The verified bytes of all payload files, or of those named, or undefined as for `record`. */
  read(stage: string, key: string, names?: readonly string[]): Promise<Payload | undefined>;
  /** Publishes an entry and returns its key; an entry that is there already must be the same. */
  write(input: StageInput, files: Payload, seconds: number): Promise<string>;
  /**
   * Claims the right to compute `key`: undefined while another process on this machine holds it.
   * Dispose the claim to release it.
   */
  claim(key: string): Promise<Disposable | undefined>;
  /** All entries, or those of one stage, as stage and key, sorted. */
  entries(stage?: string): AsyncGenerator<{ readonly stage: string; readonly key: string }>;
  /**
   * Reads and hashes one entry whole; a damaged one goes to quarantine. A missing entry has 0 bytes and
   * no damage.
   */
  verify(stage: string, key: string): Promise<Verification>;
  /** Keeps the state of a long computation, in place of an earlier one, until `dropCheckpoint`. */
  saveCheckpoint(key: string, state: Uint8Array): Promise<void>;
  /** The state kept last; undefined where there is none or it is damaged. */
  loadCheckpoint(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  dropCheckpoint(key: string): Promise<void>;
  close(): void;
}

/** What `verify` found. */
export interface Verification {
  /** Bytes of the payload. */
  readonly bytes: number;
  readonly damage?: Damage;
}

/** Told once for each entry that is found damaged. */
export type DamageListener = (damage: Damage) => void;

const stagePattern = /^[a-z][a-z0-9_]*$/;
const keyPattern = /^[0-9a-f]{64}$/;
/** A checkpoint file is the SHA-256 of the state in hexadecimal digits, then the state. */
const digestLength = 64;
const filePattern = /^[a-z0-9_][a-z0-9_.-]*$/;
const serviceFolders = new Set(["tmp", "claims", "checkpoints", "quarantine", "trash", "weights"]);

/**
 * Opens the store in the folder `root`, which is made where it is missing.
 *
 * @throws {StorageError} when the folder cannot be written
 */
export async function openStore(root: string, onDamage: DamageListener = () => {}): Promise<Store> {
  const temporaryRoot = join(root, "tmp");
  const claimRoot = join(root, "claims");
  try {
    await Deno.mkdir(temporaryRoot, { recursive: true });
    await Deno.mkdir(claimRoot, { recursive: true });
  } catch (error) {
    throw storageError("write", root, error);
  }
  await removeAbandoned(temporaryRoot);
  let session: { readonly folder: string; readonly lock: Disposable } | undefined;

  const folderOf = (stage: string, key: string): string => {
    if (!stagePattern.test(stage) || serviceFolders.has(stage) || !keyPattern.test(key)) {
      throw new RangeError(`Cannot address an entry: stage is ${stage}, key is ${key}`);
    }
    return join(root, stage, key);
  };

  const checkpointPath = (key: string): string => {
    if (!keyPattern.test(key)) throw new RangeError(`Cannot address a checkpoint: key is ${key}`);
    return join(root, "checkpoints", key);
  };

  const quarantine = async (stage: string, key: string, reason: string): Promise<undefined> => {
    const target = join(root, "quarantine", `${stage}-${key}-${crypto.randomUUID().slice(0, 8)}`);
    await Deno.mkdir(join(root, "quarantine"), { recursive: true });
    await Deno.rename(folderOf(stage, key), target).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw storageError("write", target, error);
    });
    onDamage({ stage, key, reason });
    return undefined;
  };

  const loadRecord = async (
    stage: string,
    key: string,
  ): Promise<EntryRecord | { readonly damage: string } | undefined> => {
    const folder = folderOf(stage, key);
    const bytes = await readFileIfThere(join(folder, "record.json"));
    if (bytes === undefined) {
      return await exists(folder) ? { damage: "record.json is missing" } : undefined;
    }
    return parseRecord(bytes, stage, key);
  };

  const loadFiles = async (
    stage: string,
    record: EntryRecord,
    names: readonly string[],
  ): Promise<Payload | { readonly damage: string }> => {
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const name of names) {
      const expected = record.files[name];
      if (expected === undefined) {
        throw new RangeError(`Cannot read ${name}: the ${stage} entry has no such file`);
      }
      const bytes = await readFileIfThere(join(folderOf(stage, record.key), name));
      if (bytes === undefined) return { damage: `${name} is missing` };
      if (bytes.length !== expected.bytes || sha256(bytes) !== expected.sha256) {
        return { damage: `${name} does not have the SHA-256 of its record` };
      }
      files.set(name, bytes);
    }
    return files;
  };

  const openSession = async (): Promise<string> => {
    if (session === undefined) {
      for (;;) {
        const folder = join(temporaryRoot, crypto.randomUUID());
        const lock = await claimFile(`${folder}.lock`);
        // Another process that looks for abandoned folders may hold the new lock for a moment.
        if (lock === undefined) continue;
        await Deno.mkdir(folder);
        session = { folder, lock };
        break;
      }
    }
    return session.folder;
  };

  const store: Store = {
    root,
    has: (stage, key) => exists(join(folderOf(stage, key), "record.json")),
    async record(stage, key) {
      const loaded = await loadRecord(stage, key);
      if (loaded !== undefined && "damage" in loaded) return quarantine(stage, key, loaded.damage);
      return loaded;
    },
    async read(stage, key, names) {
      const record = await store.record(stage, key);
      if (record === undefined) return undefined;
      const files = await loadFiles(stage, record, names ?? Object.keys(record.files));
      return "damage" in files ? quarantine(stage, key, files.damage as string) : files as Payload;
    },
    async write(input, files, seconds) {
      const key = keyOf(input);
      const target = folderOf(input.stage, key);
      const record: EntryRecord = {
        recordSchema: 1,
        key,
        input: canonicalInput(input),
        files: Object.fromEntries(
          [...files].map(([name, bytes]) => [name, { sha256: sha256(bytes), bytes: bytes.length }]),
        ),
        seconds,
      };
      let size = 0;
      let folder = target;
      try {
        folder = join(await openSession(), crypto.randomUUID());
        await Deno.mkdir(folder);
        for (const [name, bytes] of files) {
          if (!filePattern.test(name) || name === "record.json") {
            throw new RangeError(`Cannot store a file named ${JSON.stringify(name)}`);
          }
          size += bytes.length;
          await writeDurably(join(folder, name), bytes);
        }
        const text = JSON.stringify(record);
        await writeDurably(join(folder, "record.json"), new TextEncoder().encode(text));
        await syncFolder(folder);
        await Deno.mkdir(join(root, input.stage), { recursive: true });
      } catch (error) {
        if (error instanceof RangeError) throw error;
        await Deno.remove(folder, { recursive: true }).catch(() => {});
        throw storageError("write", target, error, size);
      }
      await publish(folder, target, record);
      return key;
    },
    async claim(key) {
      if (!keyPattern.test(key)) throw new RangeError(`Cannot claim ${key}: not a key`);
      return await claimFile(join(claimRoot, `${key}.lock`));
    },
    async *entries(only) {
      for (const stage of await sortedNames(root)) {
        if (only !== undefined && stage !== only) continue;
        if (serviceFolders.has(stage) || !stagePattern.test(stage)) continue;
        for (const key of await sortedNames(join(root, stage))) {
          if (keyPattern.test(key)) yield { stage, key };
        }
      }
    },
    async verify(stage, key) {
      const loaded = await loadRecord(stage, key);
      if (loaded === undefined) return { bytes: 0 };
      let bytes = 0;
      let damage: string | undefined;
      if ("damage" in loaded) damage = loaded.damage;
      else {
        for (const file of Object.values(loaded.files)) bytes += file.bytes;
        const files = await loadFiles(stage, loaded, Object.keys(loaded.files));
        if ("damage" in files) damage = files.damage as string;
      }
      if (damage === undefined) return { bytes };
      await quarantine(stage, key, damage);
      return { bytes, damage: { stage, key, reason: damage } };
    },
    async saveCheckpoint(key, state) {
      const bytes = new Uint8Array(digestLength + state.length);
      bytes.set(new TextEncoder().encode(sha256(state)));
      bytes.set(state, digestLength);
      await writeFileAtomic(checkpointPath(key), bytes);
    },
    async loadCheckpoint(key) {
      const bytes = await readFileIfThere(checkpointPath(key));
      if (bytes === undefined) return undefined;
      const state = bytes.subarray(digestLength);
      if (sha256(state) === new TextDecoder().decode(bytes.subarray(0, digestLength))) return state;
      onDamage({ stage: "checkpoints", key, reason: "its SHA-256 is another" });
      await store.dropCheckpoint(key);
      return undefined;
    },
    async dropCheckpoint(key) {
      await Deno.remove(checkpointPath(key)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) {
          throw storageError("write", checkpointPath(key), error);
        }
      });
    },
    close() {
      if (session === undefined) return;
      Deno.removeSync(session.folder, { recursive: true });
      session.lock[Symbol.dispose]();
      session = undefined;
    },
  };

  /** Moves a finished folder to its place; where another process was first, both must agree. */
  async function publish(folder: string, target: string, record: EntryRecord): Promise<void> {
    const { stage } = JSON.parse(record.input) as { stage: string };
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await Deno.rename(folder, target);
        await syncFolder(join(root, stage));
        return;
      } catch (error) {
        if (!(await exists(target))) {
          throw storageError("write", target, error);
        }
      }
      const there = await store.record(stage, record.key);
      if (there === undefined) continue; // it was damaged and is in quarantine now
      await Deno.remove(folder, { recursive: true });
      const same = Object.entries(record.files).every(([name, file]) =>
        there.files[name]?.sha256 === file.sha256
      );
      if (!same) {
        throw new DataError(
          `Cannot keep the result of ${stage} ${
            record.key.slice(0, 12)
          }: it differs from the stored one`,
          {
            remedy:
              "The same computation gave two results (non-determinism). Please report it; the stored entry is kept.",
          },
        );
      }
      return;
    }
    throw new StorageError(`Cannot write ${target}: an entry that cannot be read stands there`);
  }

  return store;
}

function parseRecord(
  bytes: Uint8Array,
  stage: string,
  key: string,
): EntryRecord | { readonly damage: string } {
  let record: EntryRecord;
  try {
    record = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { damage: "record.json is not JSON" };
  }
  if (
    record?.recordSchema !== 1 || typeof record.input !== "string" || record.key !== key ||
    typeof record.files !== "object" || record.files === null
  ) {
    return { damage: "record.json is not a record of this entry" };
  }
  if (sha256(record.input) !== key) {
    return { damage: "the record's input does not hash to its key" };
  }
  const input = JSON.parse(record.input) as { stage?: unknown };
  if (input.stage !== stage) return { damage: `the record is of stage ${input.stage}` };
  for (const [name, file] of Object.entries(record.files)) {
    if (
      !filePattern.test(name) || typeof file?.sha256 !== "string" || typeof file.bytes !== "number"
    ) {
      return { damage: "record.json lists a file wrongly" };
    }
  }
  return record;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw storageError("read", path, error);
  }
}

async function sortedNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) if (entry.isDirectory) names.push(entry.name);
  } catch (error) {
    throw storageError("read", folder, error);
  }
  return names.sort();
}

/**
 * An exclusive lock on the file at `path`, or undefined while another process holds it. The holder
 * removes the file before it lets go, so a lock counts only if the file is still the one at the path.
 */
async function claimFile(path: string): Promise<Disposable | undefined> {
  for (;;) {
    const file = await Deno.open(path, { create: true, write: true });
    try {
      if (!await file.tryLock(true)) {
        file.close();
        return undefined;
      }
      const held = await file.stat();
      const atPath = await Deno.stat(path).catch(() => undefined);
      if (atPath !== undefined && atPath.ino === held.ino) {
        return {
          [Symbol.dispose]() {
            Deno.removeSync(path);
            file.close();
          },
        };
      }
    } catch (error) {
      file.close();
      throw storageError("write", path, error);
    }
    file.close();
  }
}

/** Removes temporary folders whose owner is gone: its lock can be taken. */
async function removeAbandoned(temporaryRoot: string): Promise<void> {
  for await (const entry of Deno.readDir(temporaryRoot)) {
    if (!entry.name.endsWith(".lock")) continue;
    const lockPath = join(temporaryRoot, entry.name);
    try {
      using lock = await Deno.open(lockPath, { write: true });
      if (!await lock.tryLock(true)) continue;
      await Deno.remove(lockPath.slice(0, -".lock".length), { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      await Deno.remove(lockPath);
    } catch (error) {
      // Another process may be removing the same folder at this moment.
      if (!(error instanceof Deno.errors.NotFound)) throw storageError("write", lockPath, error);
    }
  }
}
