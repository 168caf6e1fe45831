/**
 * Removes what nothing needs any more. Kept are the entries that pinned keys name, with all they were
 * made from (their records tell), those that runs under way need, and entries younger than a while.
 * Removal has two phases: an entry is moved aside by one rename, so that no reader sees a part of it,
 * and deleted then; a kill in between leaves a folder that the next collection deletes.
 *
 * @module
 */
import { join } from "node:path";
import { storageError, syncFolder } from "../base/files.ts";
import { pinnedKeys } from "./pins.ts";
import type { Store } from "./store.ts";

/** What may be removed. */
export interface CollectOptions {
  /** Keys that are kept with all they were made from. */
  readonly pinned: Iterable<string>;
  /** Entries younger than this are kept. */
  readonly seconds: number;
  /** The clock in milliseconds since 1970. */
  readonly now: number;
  /** Only say what would be removed. */
  readonly dryRun: boolean;
}

/** What was, or would be, removed. */
export interface Collected {
  /** Entries that were removed, or would be. */
  readonly removed: readonly {
    readonly stage: string;
    readonly key: string;
    readonly bytes: number;
  }[];
  /** Number of entries that stay. */
  readonly kept: number;
}

/** Collects the garbage of a store; one process at a time, see `lockStore`. */
export async function collectGarbage(store: Store, options: CollectOptions): Promise<Collected> {
  const trash = join(store.root, "trash");
  if (!options.dryRun) await removeFolder(trash);
  const stages = new Map<string, string>();
  for await (const { stage, key } of store.entries()) stages.set(key, stage);
  const live = await pinnedKeys(store.root, options.now, options.dryRun);
  const reachable = await reachableKeys(store, stages, [...options.pinned, ...live]);
  const removed: { stage: string; key: string; bytes: number }[] = [];
  for (const [key, stage] of stages) {
    if (reachable.has(key)) continue;
    const folder = join(store.root, stage, key);
    const size = await measure(folder, options.now);
    // An entry that is gone was found damaged, by the marking or by another process.
    if (size === undefined || size.age < options.seconds * 1000) continue;
    removed.push({ stage, key, bytes: size.bytes });
  }
  if (!options.dryRun) await removeEntries(store.root, trash, removed);
  return { removed, kept: stages.size - removed.length };
}

/** Moves entries into the trash, waits until that is on the disk, and deletes them. */
async function removeEntries(
  root: string,
  trash: string,
  entries: Collected["removed"],
): Promise<void> {
  if (entries.length === 0) return;
  try {
    await Deno.mkdir(trash, { recursive: true });
    for (const { stage, key } of entries) {
      await Deno.rename(join(root, stage, key), join(trash, `${stage}-${key}`)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
    await syncFolder(trash);
    for (const stage of new Set(entries.map(({ stage }) => stage))) {
      await syncFolder(join(root, stage));
    }
  } catch (error) {
    throw storageError("write", trash, error);
  }
  await removeFolder(trash);
}

/** The pinned keys and all they were made from, as the records of the entries tell. */
async function reachableKeys(
  store: Store,
  stages: ReadonlyMap<string, string>,
  pinned: Iterable<string>,
): Promise<Set<string>> {
  const reachable = new Set<string>();
  const queue = [...pinned];
  for (let i = 0; i < queue.length; i++) {
    const key = queue[i];
    const stage = stages.get(key);
    if (stage === undefined || reachable.has(key)) continue;
    reachable.add(key);
    const record = await store.record(stage, key);
    if (record === undefined) continue;
    const { inputs } = JSON.parse(record.input) as { inputs: Record<string, string | string[]> };
    for (const keys of Object.values(inputs)) queue.push(...[keys].flat());
  }
  return reachable;
}

/** Milliseconds since the entry was written, and the bytes of its files; undefined where it is gone. */
async function measure(
  folder: string,
  now: number,
): Promise<{ readonly age: number; readonly bytes: number } | undefined> {
  let bytes = 0;
  let newest = 0;
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const info = await Deno.stat(join(folder, name));
      bytes += info.size;
      newest = Math.max(newest, info.mtime?.getTime() ?? now);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw storageError("read", folder, error);
  }
  return { age: now - newest, bytes };
}

async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw storageError("write", path, error);
  });
}
