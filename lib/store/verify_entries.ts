/**
 * Reads and hashes the entries of a store on several cores; all of them, or one of several parts which
 * together are all.
 *
 * @module
 */
import { StorageError } from "../base/errors.ts";
import type { Damage, Store } from "./store.ts";

/** Part `n` of `of`: 1 of 1 is all. */
export interface StorePart {
  /** Which part, from 1. */
  readonly n: number;
  /** Number of parts. */
  readonly of: number;
}

/** What a check of the store found. */
export interface StoreVerification {
  /** Number of entries that were read. */
  readonly entries: number;
  /** Bytes of the payloads. */
  readonly bytes: number;
  /** Entries that were damaged; they are in quarantine now. */
  readonly damages: readonly Damage[];
}

/** An entry by its place. */
export interface EntryPlace {
  /** Stage of the entry. */
  readonly stage: string;
  /** Key of the entry. */
  readonly key: string;
}

/** What a thread is given, a part of the entries at a time. */
export interface VerifyRequest {
  /** Folder of the store. */
  readonly root: string;
  /** Entries to be read. */
  readonly entries: readonly EntryPlace[];
}

/** A thread is given so many entries at a time, and is worth its start from so many. */
const entriesAtOnce = 16;
const entriesForThread = 64;
/** Entries that a thread has in memory, at most. */
const readsAtOnce = 2;

/**
 * The part among `of` to which an entry belongs, from 1: keys are hashes, so that parts are alike in
 * size.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(partOfKey("0000000b".padEnd(64, "0"), 4), 4); // 11 = 2 * 4 + 3
 * ```
 */
export function partOfKey(key: string, of: number): number {
  return Number.parseInt(key.slice(0, 8), 16) % of + 1;
}

/** Verifies the entries of a part. */
export async function verifyEntries(
  store: Store,
  options: {
    readonly part: StorePart;
    /** Threads that read and hash. */
    readonly threads: number;
    readonly onProgress?: (done: number, of: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<StoreVerification> {
  const { part, threads, onProgress, signal } = options;
  const chosen = (await Array.fromAsync(store.entries())).filter(({ key }) =>
    partOfKey(key, part.of) === part.n
  );
  const damages: Damage[] = [];
  let bytes = 0;
  let entries = 0;
  let next = 0;
  const run = async (verify: EntryVerifier) => {
    while (next < chosen.length && !signal?.aborted) {
      const some = chosen.slice(next, next += entriesAtOnce);
      const found = await verify(some);
      bytes += found.bytes;
      entries += found.entries;
      damages.push(...found.damages);
      onProgress?.(entries, chosen.length);
    }
  };
  const count = Math.min(threads, Math.floor(chosen.length / entriesForThread));
  if (count < 2) await run((some) => verifyEach(store, some));
  else await Promise.all(Array.from({ length: count }, () => runThread(store.root, run)));
  const byKey = (a: Damage, b: Damage) => a.key < b.key ? -1 : 1;
  return { entries, bytes, damages: damages.sort(byKey) };
}

/** Verifies some entries: while one is hashed, the next is read. */
export async function verifyEach(
  store: Store,
  entries: readonly EntryPlace[],
): Promise<StoreVerification> {
  const damages: Damage[] = [];
  let bytes = 0;
  let next = 0;
  const verifyNext = async () => {
    while (next < entries.length) {
      const { stage, key } = entries[next++];
      const found = await store.verify(stage, key);
      bytes += found.bytes;
      if (found.damage !== undefined) damages.push(found.damage);
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, verifyNext));
  return { entries: entries.length, bytes, damages };
}

type EntryVerifier = (entries: readonly EntryPlace[]) => Promise<StoreVerification>;

/** Starts a thread, hands a verifier that uses it to `run`, and ends it. */
async function runThread(
  root: string,
  run: (verify: EntryVerifier) => Promise<void>,
): Promise<void> {
  const worker = new Worker(new URL("./verify_thread.ts", import.meta.url), { type: "module" });
  try {
    await run((entries) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if ("failure" in data) reject(new StorageError(data.failure));
          else resolve(data as StoreVerification);
        };
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message));
        };
        worker.postMessage({ root, entries } satisfies VerifyRequest);
      })
    );
  } finally {
    worker.terminate();
  }
}
