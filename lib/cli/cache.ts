/**
 * `cache`: what the store holds, and whether it is whole.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { DataError, StorageError } from "../base/errors.ts";
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

export const cacheCommand: CommandGroup = {
  name: "cache",
  summary: "The store of computed stages.",
  commands: [ls, verify],
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
