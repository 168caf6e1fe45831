/**
 * The content-addressed store. An entry is a folder `<root>/<stage>/<key>/` with payload files and
 * `record.json`, which holds the key's whole input and the SHA-256 of each file. An entry appears by
 * one rename and is never changed; what is read is hashed first, and a damaged entry goes to
 * `<root>/quarantine`, counts as missing and is computed again. No state is left that a person must
 * clear: locks are flock, which the kernel releases, or leases, which expire, and temporary folders of
 * dead processes are removed when the store is next opened.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { DataError, StorageError } from "../base/errors.ts";
import {
  readFileIfThere,
  removeAbandonedFiles,
  storageError,
  syncFolder,
  writeDurably,
  writeFileAtomic,
} from "../base/files.ts";
import { sha256 } from "../base/digest.ts";
import { chooseLocking, type ClaimHolder, openClaims } from "./claims.ts";
import { canonicalInput, keyOf, type StageInput } from "./key.ts";
import type { LeaseTimes } from "./lease.ts";
import { pinKeys } from "./pins.ts";
import { type EntryRecord, filePattern, parseRecord, recordBytes } from "./record.ts";
import {
  type Locking,
  openTemporaryFolder,
  removeAbandonedFolders,
  type TemporaryFolder,
} from "./temporary_folders.ts";

/** Payload files by name. */
export type Payload = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What was wrong with an entry that was found damaged. */
export interface Damage {
  /** Stage of the entry. */
  readonly stage: string;
  /** Key of the entry. */
  readonly key: string;
  /** What was found, in words. */
  readonly reason: string;
}

/** An open store. */
export interface Store {
  /** Its folder. */
  readonly root: string;
  /** Whether an entry is there (its record exists; its bytes are checked when they are read). */
  has(stage: string, key: string): Promise<boolean>;
  /** The verified record, or undefined when the entry is missing or damaged. */
  record(stage: string, key: string): Promise<EntryRecord | undefined>;
  /** The verified bytes of all payload files, or of those named, or undefined as for `record`. */
  read(stage: string, key: string, names?: readonly string[]): Promise<Payload | undefined>;
  /**
   * Publishes an entry and returns its key; an entry that is there already must be the same. `seconds`
   * and `mebibytes` are told by its record, and are no part of the key.
   */
  write(input: StageInput, files: Payload, seconds: number, mebibytes?: number): Promise<string>;
  /**
   * Claims the right to compute `key`: undefined while another process holds it. Dispose the claim to
   * release it.
   */
  claim(key: string): Promise<Disposable | undefined>;
  /** Who holds the claim on `key`, as far as it is known: for the message to who waits. */
  holder(key: string): Promise<ClaimHolder | undefined>;
  /** Keeps entries, and all they were made from, from being collected as garbage, until disposed. */
  pin(keys: Iterable<string>): Promise<Disposable>;
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
  /** Removes the checkpoint of a stage that has finished. */
  dropCheckpoint(key: string): Promise<void>;
  /** Releases the session's lock. */
  close(): void;
}

/** What `verify` found. */
export interface Verification {
  /** Bytes of the payload. */
  readonly bytes: number;
  /** Told of each damaged entry, once. */
  readonly damage?: Damage;
}

/** Told once for each entry that is found damaged. */
export type DamageListener = (damage: Damage) => void;

/** How a store is opened. */
export interface StoreOptions {
  /** How processes keep apart. @default what the file system can do */
  readonly locking?: Locking;
  /** How long claims last where they are leases. */
  readonly leases?: LeaseTimes;
}

const stagePattern = /^[a-z][a-z0-9_]*$/;
const keyPattern = /^[0-9a-f]{64}$/;
/** A checkpoint file is the SHA-256 of the state in hexadecimal digits, then the state. */
const digestLength = 64;
const serviceFolders = new Set([
  "tmp",
  "claims",
  "checkpoints",
  "pins",
  "quarantine",
  "trash",
  "weights",
]);

/**
 * Opens the store in the folder `root`, which is made where it is missing.
 *
 * @throws {StorageError} when the folder cannot be written
 */
export async function openStore(
  root: string,
  onDamage: DamageListener = () => {},
  options: StoreOptions = {},
): Promise<Store> {
  const temporaryRoot = join(root, "tmp");
  const claimRoot = join(root, "claims");
  try {
    await makeFolder(root);
    await makeFolder(temporaryRoot);
    await makeFolder(claimRoot);
  } catch (error) {
    throw storageError("write", root, error);
  }
  let chosen: Promise<Locking> | undefined;
  const locking = () =>
    chosen ??= options.locking === undefined
      ? chooseLocking(root)
      : Promise.resolve(options.locking);
  await removeAbandonedFolders(temporaryRoot, locking);
  await removeAbandonedFiles(join(root, "checkpoints"));
  const claims = openClaims(claimRoot, locking, options.leases);
  let session: TemporaryFolder | undefined;
  /** Stages whose folder is known to be on the disk. */
  const durableStages = new Set<string>();

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
    try {
      await Deno.mkdir(join(root, "quarantine"), { recursive: true });
      await Deno.rename(folderOf(stage, key), target);
    } catch (error) {
      // Another process has moved it.
      if (!(error instanceof Deno.errors.NotFound)) throw storageError("write", target, error);
    }
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

  /** A new folder for an entry, within the folder of this process. */
  const openEntryFolder = async (): Promise<string> => {
    for (;;) {
      session ??= await openTemporaryFolder(temporaryRoot, await locking());
      const folder = join(session.path, crypto.randomUUID());
      try {
        await Deno.mkdir(folder);
        return folder;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        session.remove(); // somebody has cleared the folder
        session = undefined;
      }
    }
  };

  /** Makes the folder of a stage; an entry in it lasts only when the folder itself does. */
  const makeStageFolder = async (stage: string): Promise<void> => {
    if (durableStages.has(stage)) return;
    await Deno.mkdir(join(root, stage), { recursive: true });
    await syncFolder(root);
    durableStages.add(stage);
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
    async write(input, files, seconds, mebibytes) {
      const key = keyOf(input);
      const target = folderOf(input.stage, key);
      const hashes: [string, { sha256: string; bytes: number }][] = [];
      let size = 0;
      for (const [name, bytes] of files) {
        if (!filePattern.test(name) || name === "record.json") {
          throw new RangeError(`Cannot store a file named ${JSON.stringify(name)}`);
        }
        hashes.push([name, { sha256: sha256(bytes), bytes: bytes.length }]);
        size += bytes.length;
      }
      const record: EntryRecord = {
        recordSchema: 2,
        key,
        input: canonicalInput(input),
        files: Object.fromEntries(hashes),
        seconds,
        ...(mebibytes === undefined ? {} : { mebibytes }),
      };
      let folder: string | undefined;
      try {
        folder = await openEntryFolder();
        for (const [name, bytes] of files) await writeDurably(join(folder, name), bytes);
        await writeDurably(join(folder, "record.json"), recordBytes(record));
        await syncFolder(folder);
        await makeStageFolder(input.stage);
        await publish(folder, target, record);
      } catch (error) {
        if (folder !== undefined) await Deno.remove(folder, { recursive: true }).catch(() => {});
        if (error instanceof DataError) throw error;
        throw storageError("write", target, error, size);
      }
      return key;
    },
    async claim(key) {
      if (!keyPattern.test(key)) throw new RangeError(`Cannot claim ${key}: not a key`);
      return await claims.take(key);
    },
    holder: (key) => claims.holder(key),
    pin: (keys) => pinKeys(root, keys),
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
      session?.remove();
      session = undefined;
    },
  };

  /** Moves a finished folder to its place; where another process was first, both must agree. */
  async function publish(folder: string, target: string, record: EntryRecord): Promise<void> {
    const { stage } = JSON.parse(record.input) as { stage: string };
    for (let attempt = 0; attempt < 3; attempt++) {
      if (await moveTo(folder, target)) {
        await syncFolder(dirname(target));
        return;
      }
      const { damage } = await store.verify(stage, record.key);
      const there = damage === undefined ? await store.record(stage, record.key) : undefined;
      if (there === undefined) continue; // it was damaged and is in quarantine now
      await Deno.remove(folder, { recursive: true });
      const files = Object.entries(record.files);
      const same = files.length === Object.keys(there.files).length &&
        files.every(([name, { sha256 }]) => there.files[name]?.sha256 === sha256);
      if (!same) {
        throw new DataError(
          `Cannot keep the result of ${stage} ${
            record.key.slice(0, 12)
          }: it differs from the stored one`,
          {
            remedy:
              "The stored entry is kept. Machines that share a store must be of one class (docs/reproduction.md, " +
              '"Guarding the numbers"); on one machine this is a defect: please report it.',
          },
        );
      }
      await syncFolder(dirname(target)); // the other process may not have come to it
      return;
    }
    throw new StorageError(`Cannot write ${target}: an entry that cannot be read stands there`);
  }

  return store;
}

/** Moves a folder to `target`; false where something is there. */
async function moveTo(folder: string, target: string): Promise<boolean> {
  try {
    await Deno.rename(folder, target);
    return true;
  } catch (error) {
    if (await exists(folder) && await exists(target)) return false;
    throw error;
  }
}

/** Makes a folder and those above it, each durably. */
async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    if (!(error instanceof Deno.errors.NotFound) || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    return await makeFolder(path);
  }
  await syncFolder(dirname(path));
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
