/**
 * Locks of the kernel (flock): they end with the process that holds them, however it ends.
 *
 * @module
 */
import { storageError } from "../base/files.ts";

/** A lock on a file, let go when disposed. */
export interface FileLock extends Disposable {
  /** Writes who holds the lock, for people who wait for it; failing to do so is no error. */
  describe(text: string): void;
}

/**
 * An exclusive lock on the file at `path`, which is made; undefined while another process holds it. The
 * holder removes the file before it lets go, so a lock counts only if the file is still the one at the
 * path.
 *
 * @throws {StorageError} when the file cannot be made, or its file system has no flock
 */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  for (;;) {
    const file = await openForLock(path);
    try {
      if (!await file.tryLock(true)) {
        file.close();
        return undefined;
      }
      const held = await file.stat();
      const atPath = await Deno.stat(path).catch(() => undefined);
      if (atPath !== undefined && atPath.ino === held.ino) return heldLock(path, file);
    } catch (error) {
      closeQuietly(file);
      throw storageError("write", path, error);
    }
    file.close();
  }
}

/**
 * A lock on the file at `path`, which stays there: shared with others that share it, or exclusive.
 * Undefined while it is held in a way that excludes this one.
 */
export async function lockShared(
  path: string,
  how: "shared" | "exclusive",
): Promise<Disposable | undefined> {
  const file = await openForLock(path);
  try {
    if (await file.tryLock(how === "exclusive")) return { [Symbol.dispose]: () => file.close() };
  } catch (error) {
    closeQuietly(file);
    throw storageError("write", path, error);
  }
  file.close();
  return undefined;
}

/** Whether files in `folder` can be locked. */
export async function canLock(folder: string): Promise<boolean> {
  const path = `${folder}/${crypto.randomUUID()}.lock`;
  const file = await openForLock(path);
  try {
    await file.tryLock(true);
    return true;
  } catch {
    return false;
  } finally {
    closeQuietly(file);
    await Deno.remove(path).catch(() => {});
  }
}

async function openForLock(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { create: true, write: true });
  } catch (error) {
    throw storageError("write", path, error);
  }
}

function heldLock(path: string, file: Deno.FsFile): FileLock {
  return {
    describe(text) {
      try {
        file.truncateSync(0);
        file.writeSync(new TextEncoder().encode(text));
      } catch {
        // The lock holds without it.
      }
    },
    [Symbol.dispose]() {
      try {
        Deno.removeSync(path);
      } catch {
        // An unlocked file at the path is taken over by who comes next.
      } finally {
        closeQuietly(file);
      }
    },
  };
}

function closeQuietly(file: Deno.FsFile): void {
  try {
    file.close();
  } catch {
    // It is closed.
  }
}
