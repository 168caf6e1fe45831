/**
 * Reads and hashes what a plan's results were made from, also where nothing of it will be read again, so
 * that a damaged entry is found by the next run and not by the one that needs it. Large stores are
 * checked in part; `cache verify` checks all.
 *
 * @module
 */
import type { Store } from "../store/store.ts";
import type { Stage } from "./stage.ts";

/** What a check may take: a run that has nothing to do stays quick. */
const mostBytes = 2 ** 32;
const mostMilliseconds = 1000;
/** Entries that are read at once: large ones are hashed on as many cores. */
const readers = 8;

/** What was checked, and the stages whose entries were damaged. */
export interface EntryCheck {
  /** In the order of the plan, each once. */
  readonly damaged: readonly Stage[];
  /** Whether all entries were checked. */
  readonly complete: boolean;
}

/** Checks the entries of `targets` and of all they were made from, results first. */
export async function checkEntries(store: Store, targets: readonly Stage[]): Promise<EntryCheck> {
  const start = performance.now();
  const stages = stagesBehind(targets);
  const damaged: Stage[] = [];
  let bytes = 0;
  let next = 0;
  const reader = async () => {
    while (next < stages.length && bytes < mostBytes) {
      if (performance.now() - start > mostMilliseconds) break;
      const stage = stages[next++];
      const verification = await store.verify(stage.input.stage, stage.key);
      bytes += verification.bytes;
      if (verification.damage !== undefined) damaged.push(stage);
    }
  };
  await Promise.all(Array.from({ length: readers }, reader));
  return { damaged, complete: next === stages.length };
}

/** The targets and all that they need, each once, nearest first. */
function stagesBehind(targets: readonly Stage[]): Stage[] {
  const stages = new Map<string, Stage>();
  const queue = [...targets];
  for (const stage of queue) {
    if (stages.has(stage.key)) continue;
    stages.set(stage.key, stage);
    queue.push(...stage.needs);
  }
  return [...stages.values()];
}
