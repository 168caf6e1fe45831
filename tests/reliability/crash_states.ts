/**
 * A simulated crash of the machine (R3). What a workload does to files is recorded; at every moment of it
 * the disk may hold any choice of what was not yet synced: operations that never came to it, came in
 * another order, or came by half. Each such state is made as a real folder and opened.
 *
 * The model of the disk is POSIX's: the bytes of a file last from its fsync on; the name of a file or
 * folder lasts from the fsync of the folder that holds it on; a rename happens whole or not at all.
 *
 * @module
 */
import assert from "node:assert/strict";
import { basename, dirname, join, relative } from "node:path";
import { RandomState } from "../../lib/base/random.ts";
import { collectGarbage } from "../../lib/store/collect_garbage.ts";
import { keyOf } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { type FileOperation, watchFiles } from "./watched_files.ts";
import { type Finding, inFolder, inputOf, payloadOf, put } from "./workload.ts";

/** A name in a folder; folders and files are nodes, known by numbers. */
interface Name {
  readonly folder: number;
  readonly name: string;
}

/** A change of the disk that may be there after a crash or not. */
interface Change {
  readonly does:
    | { readonly kind: "add"; readonly to: Name; readonly node: number }
    | { readonly kind: "remove"; readonly from: Name }
    | { readonly kind: "move"; readonly from: Name; readonly to: Name; readonly node: number }
    | { readonly kind: "write"; readonly node: number; readonly bytes: Uint8Array };
  /** After which operation it is on the disk for sure. */
  durable: number;
}

/** A recorded workload. */
interface Recording {
  readonly changes: readonly { readonly at: number; readonly change: Change }[];
  readonly files: ReadonlySet<number>;
  readonly operations: number;
  /** Entry by the number of operations after which it was acknowledged. */
  readonly acknowledged: readonly { readonly at: number; readonly entry: number }[];
  /** From here on the entries that are not pinned may go. */
  readonly collected: number;
}

const entries = 6;
const pinned = [0, 2];
/** Entry 2 is made from entry 1. */
const kept: ReadonlySet<number> = new Set([0, 1, 2]);

/** Opens `count` states that a crash may leave. */
export function crashStates(count: number): Promise<Finding> {
  return inFolder(async (folder) => {
    const recording = await record(join(folder, "store"));
    const random = new RandomState(3);
    const seen = new Set<string>();
    let tried = 0;
    let exhausted = 0;
    while (tried < count) {
      const crash = random.integer(recording.operations + 1);
      const open = recording.changes.filter(({ at, change }) =>
        at <= crash && change.durable > crash
      );
      const choice = open.map(({ change: { does } }) => {
        const fate = (["whole", "whole", "none", "half"] as const)[random.integer(4)];
        return fate === "half" && does.kind !== "write" ? "none" : fate;
      });
      const name = `${crash}:${choice.join()}`;
      if (seen.has(name)) {
        if (++exhausted > count * 20) break;
        continue;
      }
      seen.add(name);
      tried++;
      const fates = new Map(open.map(({ change }, i) => [change, choice[i]]));
      const root = join(folder, "state");
      await makeState(root, recording, crash, fates);
      await assertSound(root, recording, crash, `crash after ${name}`);
      await Deno.remove(root, { recursive: true });
    }
    return { count: tried, outcome: `${recording.operations} operations; every state was sound` };
  });
}

/** Puts entries, then collects garbage; both recorded. */
async function record(root: string): Promise<Recording> {
  const store = await openStore(root);
  const changes: { at: number; change: Change }[] = [];
  const acknowledged: { at: number; entry: number }[] = [];
  const nodes = new Map([["", 0], ["tmp", 1], ["claims", 2]]); // of what is at a path now
  const files = new Set<number>();
  const below = (path: string) => [...nodes.keys()].filter((one) => one.startsWith(`${path}/`));
  const nameOf = (path: string): Name => ({
    folder: nodes.get(dirname(path).replace(/^\.$/, ""))!,
    name: basename(path),
  });
  let operations = 0;
  let nextNode = nodes.size;

  const add = (does: Change["does"]) => {
    changes.push({ at: operations, change: { does, durable: Infinity } });
  };
  const after = (operation: FileOperation) => {
    const path = relative(root, operation.path);
    if (operation.kind === "read") return;
    operations++;
    switch (operation.kind) {
      case "mkdir":
      case "create":
        if (nodes.has(path)) return;
        nodes.set(path, nextNode);
        if (operation.kind === "create") files.add(nextNode);
        return add({ kind: "add", to: nameOf(path), node: nextNode++ });
      case "write":
        return add({ kind: "write", node: nodes.get(path)!, bytes: operation.bytes! });
      case "rename": {
        const to = relative(root, operation.to!);
        add({ kind: "move", from: nameOf(path), to: nameOf(to), node: nodes.get(path)! });
        for (const from of [path, ...below(path)]) {
          nodes.set(to + from.slice(path.length), nodes.get(from)!);
          nodes.delete(from);
        }
        return;
      }
      case "remove":
        // Deepest first, each a change of its own.
        for (const gone of [...below(path), path].sort((a, b) => b.length - a.length)) {
          operations++;
          add({ kind: "remove", from: nameOf(gone) });
          nodes.delete(gone);
        }
        return;
      case "sync":
        for (const { change } of changes) {
          if (change.durable === Infinity && isMadeDurable(change.does, nodes.get(path)!)) {
            change.durable = operations;
          }
        }
    }
  };
  const stop = watchFiles({ after });
  let collected = Infinity;
  try {
    for (let entry = 0; entry < entries; entry++) {
      await put(store, entry);
      acknowledged.push({ at: operations, entry });
    }
    collected = operations;
    await collectGarbage(store, {
      pinned: pinned.map((entry) => keyOf(inputOf(entry))),
      seconds: 0,
      now: Date.now() + 1000,
      dryRun: false,
    });
  } finally {
    stop();
  }
  store.close();
  return { changes, files, operations, acknowledged, collected };
}

/** Whether the fsync of a file or folder makes a change last. */
function isMadeDurable(does: Change["does"], node: number): boolean {
  if (does.kind === "write") return does.node === node;
  return (does.kind === "remove" ? does.from : does.to).folder === node;
}

/** Makes the folder that a crash after `crash` operations leaves when each open change has its fate. */
async function makeState(
  root: string,
  recording: Recording,
  crash: number,
  fates: ReadonlyMap<Change, "whole" | "none" | "half">,
): Promise<void> {
  const folders = new Map([[0, new Map([["tmp", 1], ["claims", 2]])]]);
  const bytes = new Map<number, Uint8Array>();
  const namesIn = (folder: number) => {
    if (!folders.has(folder)) folders.set(folder, new Map());
    return folders.get(folder)!;
  };
  for (const { at, change } of recording.changes) {
    if (at > crash) break;
    const fate = fates.get(change) ?? "whole";
    if (fate === "none") continue;
    const { does } = change;
    if (does.kind === "write") {
      const part = fate === "half" ? does.bytes.subarray(0, does.bytes.length >> 1) : does.bytes;
      bytes.set(does.node, Uint8Array.of(...bytes.get(does.node) ?? [], ...part));
      continue;
    }
    if (does.kind !== "add") namesIn(does.from.folder).delete(does.from.name);
    if (does.kind !== "remove") namesIn(does.to.folder).set(does.to.name, does.node);
  }
  const make = async (path: string, folder: number): Promise<void> => {
    await Deno.mkdir(path);
    for (const [name, node] of namesIn(folder)) {
      if (!recording.files.has(node)) await make(join(path, name), node);
      else await Deno.writeFile(join(path, name), bytes.get(node) ?? new Uint8Array(0));
    }
  };
  await make(root, 0);
}

/** Asserts that no visible entry is damaged and that what was acknowledged is there. */
async function assertSound(
  root: string,
  { acknowledged, collected }: Recording,
  crash: number,
  label: string,
): Promise<void> {
  const store = await openStore(root, ({ stage, reason }) => {
    throw new Error(`${label}: an entry of ${stage} is damaged: ${reason}`);
  });
  for await (const { stage, key } of store.entries()) await store.verify(stage, key);
  for (const { at, entry } of acknowledged) {
    if (at > crash || crash > collected && !kept.has(entry)) continue;
    const found = await store.read(inputOf(entry).stage, keyOf(inputOf(entry)));
    assert.deepEqual(found, payloadOf(entry), `${label}: entry ${entry} is lost`);
  }
  store.close();
}
