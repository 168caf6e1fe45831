/**
 * `cache`: what the store holds, and whether it is whole.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { DataError, HarnessError, StorageError, UsageError } from "../base/errors.ts";
import { collectGarbage } from "../store/collect_garbage.ts";
import { lockStore } from "../store/pins.ts";
import { openStore, type Store } from "../store/store.ts";
import { type StorePart, verifyEntries } from "../store/verify_entries.ts";
import { type CommandGroup, defineCommand } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import { alignedLines } from "./output.ts";

/** There is no store to check: exit code 10, apart from damage that was found. */
class MissingStoreError extends HarnessError {
  readonly exitCode = 10;
}

/** Another process is at work on the whole store: exit code 11. */
class LockedStoreError extends HarnessError {
  readonly exitCode = 11;
}

const ls = defineCommand({
  name: "ls",
  summary: "Entries and bytes of the store by stage.",
  examples: [{ command: "cache ls", description: "what the store holds" }],
  options: cacheOption,
  positionals: [],
  async run({ output }, { options }) {
    const store = await openExisting(options.cache);
    const sums = new Map<string, { entries: number; bytes: number }>();
    for await (const { stage, key } of store.entries()) {
      const sum = sums.get(stage) ?? { entries: 0, bytes: 0 };
      sum.entries++;
      sum.bytes += await folderBytes(join(store.root, stage, key));
      sums.set(stage, sum);
    }
    store.close();
    const stages = [...sums].map(([stage, sum]) => ({ stage, ...sum }));
    output.result({ stages }, () =>
      alignedLines([
        ["stage", "entries", "MiB"],
        ...stages.map(({ stage, entries, bytes }) => [
          stage,
          String(entries),
          (bytes / 2 ** 20).toFixed(1),
        ]),
      ]).map((line) => `${line}\n`).join(""));
    return 0;
  },
});

const verify = defineCommand({
  name: "verify",
  summary: "Read and hash every entry; damaged ones go to quarantine and will be computed anew.",
  description:
    "Exit code 0: whole; 1: damage was found; 10: there is no store; 11: `cache gc` is " +
    "at work on it. Large stores can be checked in parts, on other days or by other machines.",
  examples: [
    { command: "cache verify", description: "all entries" },
    { command: "cache verify --part 2/7", description: "the second of seven parts" },
  ],
  options: {
    ...cacheOption,
    part: { type: "string", value: "N/T", description: "only part N of T, which together are all" },
    threads: { type: "integer", value: "N", description: "threads that read and hash (all cores)" },
  },
  positionals: [],
  async run({ output, signal }, { options }) {
    const part = parsePart(options.part ?? "1/1");
    const start = performance.now();
    const store = await openExisting(options.cache, MissingStoreError);
    using _lock = await lockOrRefuse(store, "shared");
    const { entries, bytes, damages } = await verifyEntries(store, {
      part,
      threads: options.threads ?? availableParallelism(),
      onProgress: (done, of) => output.progress.update({ done, of, label: "hashed" }),
      signal,
    });
    store.close();
    const seconds = (performance.now() - start) / 1000;
    const speed = `${(bytes / 2 ** 20).toFixed(1)} MiB in ${seconds.toFixed(1)} s`;
    output.result({ part, entries, bytes, seconds, damages }, () =>
      [
        ...damages.map(({ stage, key, reason }) => `damaged: ${stage} ${key}: ${reason}`),
        `${entries} entries, ${damages.length} damaged; ${speed}`,
        "",
      ].join("\n"));
    return damages.length > 0 ? 1 : signal.aborted ? 130 : 0;
  },
});

/** "2/7" as part 2 of 7. */
function parsePart(text: string): StorePart {
  const [n, of] = (/^(\d+)\/(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
  if (n >= 1 && n <= of) return { n, of };
  throw new UsageError(`Cannot check part ${JSON.stringify(text)} of the store`, {
    remedy: "Give --part as N/T with N from 1 to T, for example 2/7.",
  });
}

/** Keeps checks of the store and collections of garbage apart. */
async function lockOrRefuse(store: Store, how: "shared" | "exclusive"): Promise<Disposable> {
  const lock = await lockStore(store.root, how);
  if (lock !== undefined) return lock;
  store.close();
  throw new LockedStoreError(
    `Cannot work on the store ${store.root}: another \`cache\` command is at work on it`,
    { remedy: "Give the command again when the other one has ended." },
  );
}

const gc = defineCommand({
  name: "gc",
  summary: "Remove entries that no finished run needs.",
  description:
    "Kept are the entries that the run.json files below --out name, with all they were " +
    "made from, those of runs under way, and entries younger than --hours. Exit code 11: a check " +
    "or another collection is at work on the store.",
  examples: [
    { command: "cache gc --dry-run", description: "say what would be removed" },
    { command: "cache gc --hours 24", description: "keep what is younger than a day" },
  ],
  options: {
    ...cacheOption,
    out: { type: "string", value: "DIR", default: "results", description: "folder of the runs" },
    hours: { type: "number", value: "N", default: 1, description: "age from which entries may go" },
    "dry-run": { type: "boolean", description: "remove nothing" },
  },
  positionals: [],
  async run({ output }, { options }) {
    const store = await openExisting(options.cache);
    using _lock = await lockOrRefuse(store, "exclusive");
    const { removed, kept } = await collectGarbage(store, {
      pinned: await keysOfRuns(options.out),
      seconds: options.hours * 3600,
      now: Date.now(),
      dryRun: options["dry-run"],
    });
    store.close();
    const mebibytes = removed.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;
    output.result({ removed, kept }, () =>
      [
        ...removed.map(({ stage, key }) => `${stage} ${key}`),
        `${removed.length} entries${options["dry-run"] ? " would be" : ""} removed, ` +
        `${mebibytes.toFixed(1)} MiB; ${kept} kept`,
        "",
      ].join("\n"));
    return 0;
  },
});

/** All keys that the run.json files below a folder hold. */
async function keysOfRuns(folder: string): Promise<Set<string>> {
  const keys = new Set<string>();
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return keys;
    throw error;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) { for (const key of await keysOfRuns(path)) keys.add(key); }
    if (entry.name !== "run.json") continue;
    for (const [key] of (await Deno.readTextFile(path)).matchAll(/\b[0-9a-f]{64}\b/g)) {
      keys.add(key);
    }
  }
  return keys;
}

/** `cache ls`, `cache verify` and `cache gc`. */
export const cacheCommand: CommandGroup = {
  name: "cache",
  summary: "The store of computed stages.",
  commands: [ls, verify, gc],
};

async function openExisting(
  cache: string,
  Missing: new (message: string, options: { remedy: string }) => HarnessError = DataError,
): Promise<Store> {
  const root = resolve(cache);
  const info = await Deno.stat(root).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new StorageError(`Cannot read ${cache}: ${error.message}`, { cause: error });
  });
  if (!info?.isDirectory) {
    throw new Missing(`Cannot open the store: there is no folder ${cache}`, {
      remedy: "Name it with --cache; `deno task reproduce` makes one.",
    });
  }
  return await openStore(root);
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name } of Deno.readDir(folder)) {
    bytes += (await Deno.stat(join(folder, name))).size;
  }
  return bytes;
}
