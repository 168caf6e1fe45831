/**
 * The whole program under faults and in other surroundings, with numbers that fit every commit;
 * `deno task soak` runs the same with large ones.
 *
 * @module
 */
import { changedFields } from "../reliability/keys.ts";
import { manyCells } from "../reliability/leaks.ts";
import { cachedCells } from "../reliability/many_cells.ts";
import {
  fullStore,
  interruptedRuns,
  killedRuns,
  otherPlaces,
  recheckedStages,
  recheckFinds,
  repairedStore,
  runsTogether,
  tracedCell,
  unchangedKeys,
  withFinishedRun,
} from "../reliability/program.ts";
import type { Finding } from "../reliability/workload.ts";

function tell({ count, outcome }: Finding): void {
  console.log(`${count} tried: ${outcome}`);
}

Deno.test("R15: every field of every definition changes the key, and is named", () => {
  tell(changedFields(500));
});

Deno.test("R17: a run of cells that are all in the store starts no worker", async () => {
  tell(await cachedCells(21));
});

Deno.test("the program in other surroundings, interrupted, and on a damaged store", (t) =>
  withFinishedRun(async (run) => {
    await t.step(
      "R2: killed runs end with the same bytes, and nothing kept runs again",
      async () => {
        tell(await killedRuns(run, 50));
      },
    );
    await t.step("R16: nothing is computed anew for what is not part of a key", async () => {
      tell(await unchangedKeys(run));
    });
    await t.step(
      "D-4: another path, user, language and time zone give the same bytes",
      async () => {
        tell(await otherPlaces(run, [3]));
      },
    );
    await t.step("R10: two programs on one store compute each stage once", async () => {
      tell(await runsTogether(run, 2));
    });
    await t.step("R6: a full store ends the run", async () => {
      tell(await fullStore(run, [700]));
    });
    await t.step("R18: Ctrl-C, once and twice", async () => {
      tell(await interruptedRuns(run, 2));
    });
    await t.step("R20: a worker process does not grow", async () => {
      tell(await manyCells(run, 90));
    });
    await t.step("flipped bits of a finished store are found and repaired", async () => {
      tell(await repairedStore(run, 40));
    });
    await t.step("D-8: a cell of the table is traced to its images", async () => {
      tell(await tracedCell(run));
    });
    await t.step("D-7: stored stages computed anew are the stored bytes", async () => {
      tell(await recheckedStages(run, 50));
    });
    await t.step("D-7: a stored stage that computes otherwise is found", () => recheckFinds(run));
  }));
