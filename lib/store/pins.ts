/**
 * What runs that are under way need: the collection of garbage keeps it. And the lock that keeps a
 * collection apart from checks of the whole store.
 *
 * @module
 */
import { join } from "node:path";
import { storageError } from "../base/files.ts";
import { lockShared } from "./flock.ts";

/** A pin whose file cannot be locked counts for a day. */
const oldestMilliseconds = 24 * 3600 * 1000;
/** How long a run waits for a collection to end before it goes on all the same. */
const waitMilliseconds = 30_000;

/**
 * Work on the whole store: several checks at once, or one collection of garbage. Undefined while another
 * process is at work in a way that excludes this one.
 *
 * @throws {StorageError} when the store cannot be written
 */
export function lockStore(
  root: string,
  how: "shared" | "exclusive",
): Promise<Disposable | undefined> {
  return lockShared(join(root, "store.lock"), how);
}

/** Pins `keys` until disposed or the process ends; waits for a collection that is under way. */
export async function pinKeys(root: string, keys: Iterable<string>): Promise<Disposable> {
  const folder = join(root, "pins");
  const path = join(folder, crypto.randomUUID());
  using _collection = await awaitCollection(root);
  let file: Deno.FsFile | undefined;
  try {
    await Deno.mkdir(folder, { recursive: true });
    file = await Deno.open(path, { write: true, createNew: true });
    await file.tryLock(true).catch(() => {}); // without flock its age tells
    const bytes = new TextEncoder().encode([...keys].join("\n"));
    for (let offset = 0; offset < bytes.length;) {
      offset += await file.write(bytes.subarray(offset));
    }
  } catch (error) {
    file?.close();
    await Deno.remove(path).catch(() => {});
    throw storageError("write", path, error);
  }
  const open = file;
  return {
    [Symbol.dispose]() {
      try {
        Deno.removeSync(path);
      } catch {
        // The next collection finds it unlocked.
      }
      open.close();
    },
  };
}

/** The keys that living processes pin; what dead ones have left is removed unless `dryRun`. */
export async function pinnedKeys(root: string, now: number, dryRun: boolean): Promise<Set<string>> {
  const folder = join(root, "pins");
  const keys = new Set<string>();
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (await isLive(path, now)) {
        for (const key of (await Deno.readTextFile(path)).split("\n")) keys.add(key);
      } else if (!dryRun) await Deno.remove(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw storageError("read", folder, error);
  }
  return keys;
}

async function isLive(path: string, now: number): Promise<boolean> {
  using file = await Deno.open(path, { write: true });
  try {
    return !await file.tryLock(true);
  } catch {
    const { mtime } = await file.stat();
    return now - (mtime?.getTime() ?? now) < oldestMilliseconds;
  }
}

async function awaitCollection(root: string): Promise<Disposable | undefined> {
  const start = performance.now();
  for (;;) {
    const lock = await lockStore(root, "shared");
    if (lock !== undefined || performance.now() - start > waitMilliseconds) return lock;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
