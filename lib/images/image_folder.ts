/**
 * Folders of images: sorted listings that do not depend on the file system, and content hashes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DataError } from "../base/errors.ts";
import { storageError } from "../base/files.ts";
import { checkFileSize, checkHeader } from "./decode.ts";
import { hasImageExtension, headerBytes, type ImageHeader } from "./image_header.ts";
import { compareText } from "./sample.ts";
import { shownPath } from "./shown_path.ts";

/** What a folder holds, hidden entries left out, each list in the order of `compareText`. */
export interface FolderListing {
  /** Names of the folders in it, without the path. */
  readonly folders: readonly string[];
  /** Files with the extension of an image. */
  readonly images: readonly string[];
  /** Names of all other files. */
  readonly others: readonly string[];
}

/** The listing of a folder, or undefined where there is no such folder. Links are followed. */
export async function listFolder(path: string): Promise<FolderListing | undefined> {
  const folders: string[] = [];
  const images: string[] = [];
  const others: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) {
      if (entry.name.startsWith(".")) continue;
      const isFolder = entry.isSymlink
        ? await Deno.stat(join(path, entry.name)).then((info) => info.isDirectory, () => false)
        : entry.isDirectory;
      (isFolder ? folders : hasImageExtension(entry.name) ? images : others).push(entry.name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw readError(path, error);
  }
  for (const names of [folders, images, others]) names.sort(compareText);
  return { folders, images, others };
}

/** An image file by its content. */
export interface IndexedFile {
  /** Path relative to the root, "/" between the parts. */
  readonly id: string;
  /** SHA-256 of the content. */
  readonly digest: string;
  /** Size of the file. */
  readonly bytes: number;
  /** Format, and size in pixels where the header tells it. */
  readonly header: ImageHeader;
}

/** What `indexFiles` may be told. */
export interface IndexOptions {
  /**
   * Files read at a time; each takes a quarter of a mebibyte.
   * @default {4}
   */
  readonly lanes?: number;
  /** Called after each file. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Hashes the files `ids` of the folder `root`, in their order, whatever the number of lanes.
 *
 * @throws {DataError} for the first file in that order that is gone, too large or no image
 */
export async function indexFiles(
  root: string,
  ids: readonly string[],
  options: IndexOptions = {},
): Promise<IndexedFile[]> {
  const { lanes = 4, onProgress } = options;
  const results: (IndexedFile | Error)[] = [];
  let next = 0;
  let done = 0;
  let failed = false;
  const lane = async () => {
    const buffer = new Uint8Array(1 << 18);
    while (next < ids.length && !failed) {
      const i = next++;
      results[i] = await indexFile(root, ids[i], buffer)
        .catch((error: unknown) => error instanceof Error ? error : new Error(String(error)));
      failed ||= results[i] instanceof Error;
      onProgress?.(++done, ids.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, ids.length) }, lane));
  const error = results.find((result) => result instanceof Error);
  if (error !== undefined) throw error;
  return results as IndexedFile[];
}

/** Hashes one file in pieces of `buffer`'s length; `buffer` is reused. */
async function indexFile(
  root: string,
  id: string,
  buffer: Uint8Array,
): Promise<IndexedFile> {
  const path = join(root, id);
  const name = shownPath(path);
  try {
    using file = await Deno.open(path, { read: true });
    checkFileSize((await file.stat()).size, name);
    const hash = createHash("sha256");
    let start = new Uint8Array(0);
    let bytes = 0;
    for (let count; (count = await file.read(buffer)) !== null;) {
      const piece = buffer.subarray(0, count);
      if (start.length < headerBytes) {
        const missing = piece.subarray(0, headerBytes - start.length);
        const longer = new Uint8Array(start.length + missing.length);
        longer.set(start);
        longer.set(missing, start.length);
        start = longer;
      }
      hash.update(piece);
      bytes += count;
    }
    return { id, digest: hash.digest("hex"), bytes, header: checkHeader(start, name) };
  } catch (error) {
    throw readError(path, error);
  }
}

/** The error of reading `path` as one that a person can act on. */
export function readError(path: string, error: unknown): Error {
  const name = shownPath(path);
  if (error instanceof DataError) return error;
  if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
    // U+FFFD: the name was not UTF-8, and what stands for it cannot be opened.
    const reason = path.includes("\ufffd")
      ? "its name is not UTF-8"
      : "no such file, or a link that leads nowhere";
    return new DataError(`Cannot read ${name}: ${reason}`, {
      cause: error,
      remedy: path.includes("\ufffd")
        ? "Rename the file."
        : "Put the file back, or run the command again to index what is there now.",
    });
  }
  if (
    error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.IsADirectory
  ) {
    return new DataError(`Cannot read ${name}: ${error.message}`, {
      cause: error,
      remedy: "Check the permissions of the file and of the command (--allow-read).",
    });
  }
  return storageError("read", name, error);
}
