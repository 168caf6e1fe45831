/**
 * Files that appear whole or not at all: a temporary file in the same folder, fsync, rename, fsync of
 * the folder. A kill at any moment leaves the old content or the new one.
 *
 * @module
 */
import { dirname } from "node:path";
import { StorageError } from "./errors.ts";

/** Writes `data` to `path` atomically and durably; the parent folder is made where it is missing. */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const folder = dirname(path);
  try {
    await Deno.mkdir(folder, { recursive: true });
    const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    try {
      await writeDurably(temporary, bytes);
      await Deno.rename(temporary, path);
    } catch (error) {
      await Deno.remove(temporary).catch(() => {});
      throw error;
    }
    await syncFolder(folder);
  } catch (error) {
    throw storageError("write", path, error, bytes.length);
  }
}

/** Writes `bytes` to a new file at `path` and waits until they are on the disk. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
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

/** Whether an error of the file system says that there is no room, no permission or a failing disk. */
export function storageError(
  action: "read" | "write",
  path: string,
  error: unknown,
  bytes?: number,
): StorageError {
  if (error instanceof StorageError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const need = bytes === undefined ? "" : ` (${bytes} bytes)`;
  return new StorageError(`Cannot ${action} ${path}${need}: ${reason}`, {
    cause: error,
    remedy: "Free space or choose another folder with --cache or --out; what is computed is kept.",
  });
}
