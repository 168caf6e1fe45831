/**
 * A process that works on a store is killed (kill -9) at every operation that changes a file, in the
 * middle of writes too: nothing that it has acknowledged is lost, nothing is half there, and nobody has
 * to clear anything (R1). The same while it recovers, collects garbage and checks the store (R4).
 *
 * @module
 */
import assert from "node:assert/strict";
import { acknowledgedOf, type ChildWork, runChild } from "./store_child.ts";
import { assertWhole, type Finding, forEachOf, inFolder, spread } from "./workload.ts";
import { keyOf } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { inputOf, put } from "./workload.ts";

const entries = 20;

/** R1: kills at `points` of the operations of a workload of 20 entries, or at all of them. */
export function killsWhilePutting(points: number): Promise<Finding> {
  return inFolder(async (folder) => {
    const operations = await operationsOf({ root: `${folder}/count`, does: "put", entries });
    const all = Array.from({ length: operations }, (_, i) => [i + 1, "before"] as const)
      .concat(Array.from({ length: operations }, (_, i) => [i + 1, "torn"] as const) as never);
    const chosen = spread(all, points);
    let acknowledged = 0;
    await forEachOf(chosen, 2, async ([at, how]) => {
      const root = `${folder}/${how}${at}`;
      const { status, lines } = await runChild({ root, does: "put", entries, kill: { at, how } });
      assert.equal(status.signal, "SIGKILL", `killed at operation ${at}`);
      const kept = acknowledgedOf(lines);
      acknowledged += kept.size;
      await assertWhole(root, entries, kept);
      await Deno.remove(root, { recursive: true });
    });
    return {
      count: chosen.length,
      outcome:
        `${operations} operations; ${acknowledged} acknowledged entries, none lost, none damaged`,
    };
  });
}

/** R4: `kills` of a process that recovers from a kill, collects garbage, or checks a damaged store. */
export function killsWhileMending(does: "open" | "gc" | "verify", kills: number): Promise<Finding> {
  return inFolder(async (folder) => {
    const operations = await operationsOf(await damagedStore(`${folder}/count`, does));
    assert.ok(operations > 3, `${operations} operations`);
    await forEachOf(Array.from({ length: kills }, (_, i) => i), 2, async (i) => {
      const root = `${folder}/${i}`;
      const work = await damagedStore(root, does);
      // Twice: what mends is killed, and what mends after it too.
      for (const at of [i % operations + 1, (i * 7 + 1) % operations + 1]) {
        await runChild({ ...work, kill: { at, how: "before" } });
      }
      const kept = does === "gc"
        ? [0, 1, 2]
        : does === "verify"
        ? [0, 1, 2, 4, 5]
        : [0, 1, 2, 3, 4];
      if (does === "verify") await runChild(work);
      await assertWhole(root, 6, new Set(kept));
      await Deno.remove(root, { recursive: true });
    });
    return { count: 2 * kills, outcome: `${operations} operations; every store was whole after` };
  });
}

/** A store with something to mend: the rest of a killed process, garbage, or a damaged entry. */
async function damagedStore(root: string, does: "open" | "gc" | "verify"): Promise<ChildWork> {
  if (does === "open") {
    const kill = {
      at: (await operationsOf({ root: `${root}-whole`, does: "put", entries: 6 })) - 12,
    };
    await Deno.remove(`${root}-whole`, { recursive: true });
    await runChild({ root, does: "put", entries: 6, kill: { ...kill, how: "torn" } });
    return { root, does, entries: 6 };
  }
  const store = await openStore(root);
  for (let i = 0; i < 6; i++) await put(store, i);
  store.close();
  if (does === "verify") {
    const path = `${root}/${inputOf(3).stage}/${keyOf(inputOf(3))}/a.npy`;
    await Deno.writeFile(path, (await Deno.readFile(path)).fill(1));
  }
  return { root, does, entries: 6 };
}

/** How many operations that change a file some work takes. */
async function operationsOf(work: ChildWork): Promise<number> {
  const { lines } = await runChild(work);
  return Number(/^operations (\d+)$/.exec(lines.at(-1) ?? "")![1]);
}
