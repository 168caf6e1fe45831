/**
 * The files that lie in a run's folder.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import { type ExecutionFile, executionFileSchema } from "../runner/execution_file.ts";
import type { RecordedOutput } from "../runner/run_file.ts";
import { mediaTypeOf } from "./media_types.ts";

/**
 * The regular files in `folder` and below, sorted by path; hidden ones and those called `without` are
 * left out.
 */
export async function filesOfRun(
  folder: string,
  without: readonly string[] = [],
): Promise<RecordedOutput[]> {
  const files: RecordedOutput[] = [];
  for (const path of (await pathsBelow(folder, "")).sort()) {
    if (without.includes(path)) continue;
    const bytes = await Deno.readFile(join(folder, path));
    files.push({ path, sha256: sha256(bytes), bytes: bytes.length, mediaType: mediaTypeOf(path) });
  }
  return files;
}

async function pathsBelow(folder: string, below: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(join(folder, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    if (name.startsWith(".")) continue;
    if (isDirectory) paths.push(...await pathsBelow(folder, path));
    else if (isFile) paths.push(path);
  }
  return paths;
}

/**
 * Reads the text of an `execution.json`.
 *
 * @param from the file's name, for the message
 * @throws {DataError} naming the first field that is not as it should be
 */
export function parseExecutionFile(text: string, from: string): ExecutionFile {
  const remedy = "Run `deno task reproduce` again: it writes the file from what is cached.";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`Cannot read ${from}: it is not JSON`, { cause, remedy });
  }
  const parsed = executionFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new DataError(`Cannot read ${from}: ${path.join(".") || "the whole file"}: ${message}`, {
    remedy,
  });
}
