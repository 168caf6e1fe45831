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
const mostBytes = 2 ** 31;
const mostMilliseconds = 1500;

/** What was checked, and the stages whose entries were damaged. */
export interface EntryCheck {
  readonly damaged: readonly Stage[];
  /** Whether all entries were checked. */
  readonly complete: boolean;
}

/** Checks the entries of `targets` and of all they were made from, results first. */
export async function checkEntries(store: Store, targets: readonly Stage[]): Promise<EntryCheck> {
  const start = performance.now();
  const seen = new Set<string>();
  const queue = [...targets];
  const damaged: Stage[] = [];
  let bytes = 0;
  for (let i = 0; i < queue.length; i++) {
    const stage = queue[i];
    if (seen.has(stage.key)) continue;
    seen.add(stage.key);
    if (bytes > mostBytes || performance.now() - start > mostMilliseconds) {
      return { damaged, complete: false };
    }
    const verification = await store.verify(stage.input.stage, stage.key);
    bytes += verification.bytes;
    if (verification.damage !== undefined) damaged.push(stage);
    queue.push(...stage.needs);
  }
  return { damaged, complete: true };
}
