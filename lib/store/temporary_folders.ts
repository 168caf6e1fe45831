/**
 * The folder in which a process makes entries before they are moved to their place. It belongs to the
 * process while it lives; what a dead one has left is removed when the store is next opened.
 *
 * @module
 */
import { join } from "node:path";
import { storageError } from "../base/files.ts";
import { lockFile } from "./flock.ts";

/** How processes keep out of each other's way: by locks of the kernel, or by leases. */
export type Locking = "flock" | "lease";

/** A folder of this process's own. */
export interface TemporaryFolder {
  /** The folder. */
  readonly path: string;
  /** Removes it. */
  remove(): void;
}

/** Without locks a folder counts as left behind when nothing in it has changed for a day. */
const abandonedMilliseconds = 24 * 3600 * 1000;

/** Makes a folder of this process's own below `root`. */
export async function openTemporaryFolder(
  root: string,
  locking: Locking,
): Promise<TemporaryFolder> {
  for (;;) {
    const path = join(root, crypto.randomUUID());
    const lock = locking === "flock" ? await lockFile(`${path}.lock`) : await markFile(path);
    // Another process that looks for abandoned folders may hold the new lock for a moment.
    if (lock === undefined) continue;
    try {
      await Deno.mkdir(path);
    } catch (error) {
      lock[Symbol.dispose]();
      throw storageError("write", path, error);
    }
    return {
      path,
      remove() {
        try {
          Deno.removeSync(path, { recursive: true });
        } catch {
          // What is left is removed when the store is next opened.
        }
        lock[Symbol.dispose]();
      },
    };
  }
}

/** Removes the folders below `root` whose process is gone. */
export async function removeAbandonedFolders(
  root: string,
  locking: () => Promise<Locking>,
): Promise<void> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(root)) {
      if (!isDirectory && !name.endsWith(".lock")) continue;
      const path = join(root, isDirectory ? name : name.slice(0, -".lock".length));
      try {
        if (isDirectory) await removeUnmarked(path);
        else await (await locking() === "flock" ? removeUnlocked(path) : removeOld(path));
      } catch (error) {
        // Another process may be removing the same folder at this moment.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  } catch (error) {
    throw storageError("write", root, error);
  }
}

/** Removes the folder at `path` where it has no lock: its process could not remove it. */
async function removeUnmarked(path: string): Promise<void> {
  const marked = await Deno.lstat(`${path}.lock`).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  if (marked === undefined) await Deno.remove(path, { recursive: true });
}

/** Removes the folder at `path` where its lock can be taken. */
async function removeUnlocked(path: string): Promise<void> {
  using lock = await Deno.open(`${path}.lock`, { write: true });
  if (await lock.tryLock(true)) await removeBoth(path);
}

/** Removes the folder at `path` where it is old, by the clock of the file system that holds it. */
async function removeOld(path: string): Promise<void> {
  const probe = await Deno.makeTempFile({ dir: join(path, "..") });
  try {
    const now = (await Deno.stat(probe)).mtime?.getTime() ?? 0;
    const changed = await Deno.stat(path).catch(() => Deno.stat(`${path}.lock`));
    if (now - (changed.mtime?.getTime() ?? now) > abandonedMilliseconds) await removeBoth(path);
  } finally {
    await Deno.remove(probe);
  }
}

async function removeBoth(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.remove(`${path}.lock`);
}

/** In place of a lock: a file that says that there is a folder. */
async function markFile(path: string): Promise<Disposable> {
  const mark = `${path}.lock`;
  try {
    await Deno.writeFile(mark, new Uint8Array(0), { createNew: true });
  } catch (error) {
    throw storageError("write", mark, error);
  }
  return {
    [Symbol.dispose]() {
      try {
        Deno.removeSync(mark);
      } catch {
        // As above.
      }
    },
  };
}
