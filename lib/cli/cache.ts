/**
 * `cache`: what the store holds, and whether it is whole.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { DataError, StorageError } from "../base/errors.ts";
import { collectGarbage } from "../store/collect_garbage.ts";
import { type Damage, openStore, type Store } from "../store/store.ts";
import { type CommandGroup, defineCommand } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import { alignedLines } from "./output.ts";

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
  examples: [{ command: "cache verify", description: "exit code 0: whole, 1: damage was found" }],
  options: cacheOption,
  positionals: [],
  async run({ output }, { options }) {
    const store = await openExisting(options.cache);
    const damages: Damage[] = [];
    let entries = 0;
    for await (const { stage, key } of store.entries()) {
      const { damage } = await store.verify(stage, key);
      if (damage !== undefined) damages.push(damage);
      entries++;
    }
    store.close();
    output.result({ entries, damages }, () =>
      [
        ...damages.map(({ stage, key, reason }) => `damaged: ${stage} ${key}: ${reason}`),
        `${entries} entries, ${damages.length} damaged`,
        "",
      ].join("\n"));
    return damages.length > 0 ? 1 : 0;
  },
});

const gc = defineCommand({
  name: "gc",
  summary: "Remove entries that no finished run needs.",
  description:
    "Kept are the entries that the run.json files below --out name, with all they were " +
    "made from, and entries younger than --hours.",
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

export const cacheCommand: CommandGroup = {
  name: "cache",
  summary: "The store of computed stages.",
  commands: [ls, verify, gc],
};

async function openExisting(cache: string): Promise<Store> {
  const root = resolve(cache);
  const info = await Deno.stat(root).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new StorageError(`Cannot read ${cache}: ${error.message}`, { cause: error });
  });
  if (!info?.isDirectory) {
    throw new DataError(`Cannot open the store: there is no folder ${cache}`, {
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
