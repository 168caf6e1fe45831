/**
 * Files that appear whole or not at all: a temporary file in the same folder, fsync, rename, fsync of
 * the folder. A kill at any moment leaves the old content or the new one.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { StorageError } from "./errors.ts";

/** Writes `data` to `path` atomically and durably; the parent folder is made where it is missing. */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const folder = dirname(path);
  try {
    await Deno.mkdir(folder, { recursive: true });
    const temporary = await openTemporary(path);
    try {
      await writeAll(temporary.file, bytes);
      await Deno.rename(temporary.path, path);
    } catch (error) {
      await Deno.remove(temporary.path).catch(() => {});
      throw error;
    } finally {
      temporary.file.close();
    }
    await syncFolder(folder);
  } catch (error) {
    throw storageError("write", path, error, bytes.length);
  }
}

/** Writes `bytes` to a new file at `path` and waits until they are on the disk. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  await writeAll(file, bytes);
}

/**
 * Removes what `writeFileAtomic` left in `folder` and below when its process was killed. Files that
 * another process is writing at this moment stay: they are locked.
 */
export async function removeAbandonedFiles(folder: string): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw storageError("read", folder, error);
  });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) await removeAbandonedFiles(path);
    if (!entry.isFile || !temporaryName.test(entry.name)) continue;
    try {
      using file = await Deno.open(path, { write: true });
      if (await file.tryLock(true).catch(() => false)) await Deno.remove(path);
    } catch (error) {
      // The file's writer has just renamed it.
      if (!(error instanceof Deno.errors.NotFound)) throw storageError("write", path, error);
    }
  }
}

/** Name of a temporary file: the file's own, eight hexadecimal digits, "tmp". */
const temporaryName = /\.[0-9a-f]{8}\.tmp$/;

/** A new locked file beside `path`. */
async function openTemporary(path: string): Promise<{ file: Deno.FsFile; path: string }> {
  for (;;) {
    const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    const file = await Deno.open(temporary, { write: true, createNew: true });
    try {
      // Where the file system has no locks, nobody can take the file for an abandoned one either.
      await file.lock(true).catch(() => {});
      // Between open and lock another process can have taken the file for an abandoned one.
      const [held, there] = [await file.stat(), await Deno.stat(temporary).catch(() => undefined)];
      if (there !== undefined && there.ino === held.ino) return { file, path: temporary };
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += await file.write(bytes.subarray(offset));
  await file.syncData();
}

/** Makes the entries of `folder` durable (fsync of the folder). */
export async function syncFolder(folder: string): Promise<void> {
  using handle = await Deno.open(folder, { read: true });
  await handle.sync();
}

/** The file's bytes, or undefined when there is no such file. */
export async function readFileIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw storageError("read", path, error);
  }
}

/**
 * An error of the file system as one that a person can act on: what could not be done, why, and on a full
 * disk how much was needed and how much is free.
 */
export function storageError(
  action: "read" | "write",
  path: string,
  error: unknown,
  bytes?: number,
): StorageError {
  if (error instanceof StorageError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const full = ["ENOSPC", "EDQUOT"].includes(String((error as { code?: unknown } | null)?.code));
  const room = full && bytes !== undefined ? ` (needs ${bytes} bytes${freeBytes(path)})` : "";
  return new StorageError(`Cannot ${action} ${path}: ${reason}${room}`, {
    cause: error,
    remedy: "Free space or choose another folder with --cache or --out; what is computed is kept.",
  });
}

/** "; 0 are free" on the file system that holds `path` or the nearest folder above it that is there. */
function freeBytes(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(path);
    return `; ${bavail * bsize} are free`;
  } catch {
    return dirname(path) === path ? "" : freeBytes(dirname(path));
  }
}
