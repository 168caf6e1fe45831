/**
 * Which code made a run: its version, the SHA-256 of all its sources (which tells a changed checkout
 * from a clean one), of the lock file, and the git commit where there is one.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";

/** The code of the harness. */
export interface CodeIdentity {
  /** As in deno.json. */
  readonly version: string;
  /** SHA-256 of the canonical JSON of the SHA-256 of each source by path. */
  readonly sources: string;
  /** SHA-256 of deno.lock. */
  readonly lock: string;
  /** The checked out commit; none outside a git checkout. */
  readonly commit?: string;
}

/** What belongs to the code that computes: folders, and files beside them. */
const sourceFolders = ["experiments", "lib", "segmaps"];
const sourceFiles = ["deno.json", "deno.lock", "main.ts"];

let known: Promise<CodeIdentity> | undefined;

/** The identity of the running code; read once. */
export function codeIdentity(): Promise<CodeIdentity> {
  return known ??= identify(fileURLToPath(new URL("../../", import.meta.url)));
}

async function identify(root: string): Promise<CodeIdentity> {
  const digests: Record<string, string> = {};
  for (const file of sourceFiles) digests[file] = sha256(await readFile(join(root, file)));
  for (const folder of sourceFolders) {
    for await (const path of filesBelow(root, folder)) {
      digests[path] = sha256(await readFile(join(root, path)));
    }
  }
  const { version } = JSON.parse(new TextDecoder().decode(await readFile(join(root, "deno.json"))));
  const commit = await commitOf(join(root, ".git"));
  return {
    version,
    sources: digestOf(digests),
    lock: digests["deno.lock"],
    ...(commit === undefined ? {} : { commit }),
  };
}

async function* filesBelow(root: string, folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(root, path);
    else if (entry.isFile) yield path;
  }
}

async function readFile(path: string): Promise<Uint8Array> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) throw new DataError(`Cannot read the harness's own ${path}`);
  return bytes;
}

/** The commit that a git folder's HEAD names, read without git. */
async function commitOf(git: string): Promise<string | undefined> {
  const head = await readText(join(git, "HEAD"));
  const reference = head?.match(/^ref: (refs\/[\w./-]+)$/m)?.[1];
  if (reference === undefined) return commitIn(head);
  const own = commitIn(await readText(join(git, reference)));
  if (own !== undefined) return own;
  const packed = await readText(join(git, "packed-refs"));
  return commitIn(packed?.split("\n").find((line) => line.endsWith(` ${reference}`)));
}

function commitIn(text: string | undefined): string | undefined {
  return text?.match(/^([0-9a-f]{40}(?:[0-9a-f]{24})?)\b/)?.[1];
}

/** A text file, or undefined where it cannot be read: in a linked work tree `.git` is a file. */
async function readText(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch(() => undefined);
}
