/**
 * A process that works on a store until it ends or is killed: run by the tests with its work as JSON.
 * It says on standard output what it has done, a line for each.
 *
 * @module
 */
import { collectGarbage } from "../../lib/store/collect_garbage.ts";
import { keyOf } from "../../lib/store/key.ts";
import type { LeaseTimes } from "../../lib/store/lease.ts";
import { lockStore } from "../../lib/store/pins.ts";
import { openStore } from "../../lib/store/store.ts";
import { verifyEntries } from "../../lib/store/verify_entries.ts";
import { killNow, watchFiles } from "./watched_files.ts";
import { inputOf, payloadOf, put } from "./workload.ts";

/** What the process does. */
export interface ChildWork {
  readonly root: string;
  readonly does: "put" | "open" | "gc" | "verify" | "hold" | "share";
  /** Entries of the workload. */
  readonly entries: number;
  /** The process is killed at the `at`-th operation that changes a file, or in the middle of it. */
  readonly kill?: { readonly at: number; readonly how: "before" | "torn" };
  /** Claims are leases. */
  readonly leases?: LeaseTimes;
  /** "hold": bytes of the entry that is put late are other ones. */
  readonly wrong?: boolean;
  /** "share": rounds over the entries, and what makes this process's delays. */
  readonly rounds?: number;
  readonly seed?: number;
}

/** Runs the process; `onLine` sees what it says. */
export async function runChild(
  work: ChildWork,
  onLine: (line: string, child: Deno.ChildProcess) => void = () => {},
): Promise<{ readonly status: Deno.CommandStatus; readonly lines: readonly string[] }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-check",
      `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
      new URL(import.meta.url).pathname,
      JSON.stringify(work),
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream() as never)) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const line of parts) {
      lines.push(line);
      onLine(line, child);
    }
  }
  return { status: await child.status, lines };
}

/** The numbers that the lines "put N" name. */
export function acknowledgedOf(lines: readonly string[]): Set<number> {
  return new Set(lines.flatMap((line) => /^put (\d+)$/.exec(line)?.slice(1).map(Number) ?? []));
}

if (import.meta.main) await work(JSON.parse(Deno.args[0]) as ChildWork);

async function work(task: ChildWork): Promise<void> {
  let operations = 0;
  watchFiles({
    before({ kind, tear }) {
      if (kind === "read" || ++operations !== task.kill?.at) return;
      if (task.kill.how === "torn") tear?.();
      killNow();
    },
  });
  const store = await openStore(
    task.root,
    () => {},
    task.leases === undefined ? {} : { locking: "lease", leases: task.leases },
  );
  const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  const keyAt = (i: number) => keyOf(inputOf(i));
  switch (task.does) {
    case "put":
      for (let i = 0; i < task.entries; i++) {
        await put(store, i);
        say(`put ${i}`);
      }
      break;
    case "gc": {
      using alone = await lockStore(task.root, "exclusive");
      if (alone === undefined) break; // another one collects
      await collectGarbage(store, {
        pinned: [keyAt(0), keyAt(2)],
        seconds: 0,
        now: Date.now() + 1000,
        dryRun: false,
      });
      break;
    }
    case "verify":
      await verifyEntries(store, { part: { n: 1, of: 1 }, threads: 1 });
      break;
    case "hold": { // claims, says so, is stopped or killed; puts late when it goes on
      const claim = await store.claim(keyAt(0));
      say(claim === undefined ? "refused" : "claimed");
      if (claim === undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      try {
        await store.write(inputOf(0), payloadOf(task.wrong ? 1 : 0), 0);
        say("put 0");
      } catch (error) {
        say(`error ${(error as Error).message}`);
      }
      claim[Symbol.dispose]();
      break;
    }
    case "share":
      await share();
      break;
    case "open":
      break;
  }
  store.close();
  say(`operations ${operations}`);

  /** Brings all entries into the store in an order of its own, with others at the same work. */
  async function share(): Promise<void> {
    let state = task.seed! * 2654435761 >>> 0;
    const random = () => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32;
    for (let round = 0; round < task.rounds!; round++) {
      const open = Array.from({ length: task.entries }, (_, i) => round * task.entries + i)
        .sort(() => random() - 0.5);
      while (open.length > 0) {
        const i = open.shift()!;
        const { stage } = inputOf(i);
        const claim = await store.claim(keyAt(i));
        if (claim === undefined) {
          open.push(i);
          await new Promise((resolve) => setTimeout(resolve, random() * 5));
          continue;
        }
        try {
          if (await store.has(stage, keyAt(i))) {
            const payload = await store.read(stage, keyAt(i));
            if (payload?.get("a.npy")?.[7] !== payloadOf(i).get("a.npy")![7]) say(`partial ${i}`);
          } else {
            say(`computed ${i}`);
            await new Promise((resolve) => setTimeout(resolve, random() * 3));
            await store.write(inputOf(i), payloadOf(i), 0);
          }
        } finally {
          claim[Symbol.dispose]();
        }
      }
    }
  }
}
