/**
 * `deno task soak [part …] [--factor N]`: the reliability checks with their large numbers, one after the
 * other; each says what it tried and found. `--factor 0.1` takes a tenth of the numbers. Parts are the
 * ids of the list of checks: R1, R3, …, S1, D-4.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { unknownName } from "../../lib/base/errors.ts";
import { fuzzedReaders } from "../security/fuzzing.ts";
import { confusedLeases, killedHolders, sharedKeys, stoppedHolders } from "./claims.ts";
import { crashStates } from "./crash_states.ts";
import { cutAndExchanged, flippedBits } from "./damage.ts";
import { collections } from "./garbage.ts";
import { diskErrors, fullDisks } from "./io_errors.ts";
import { changedFields } from "./keys.ts";
import { killsWhileMending, killsWhilePutting } from "./kills.ts";
import { manyCells } from "./leaks.ts";
import { cachedCells } from "./many_cells.ts";
import { mixedWork } from "./mixed_work.ts";
import {
  type FinishedRun,
  fullStore,
  interruptedRuns,
  killedRuns,
  otherPlaces,
  recheckedStages,
  repairedStore,
  runsTogether,
  tracedCell,
  unchangedKeys,
  wholeTables,
  withFinishedRun,
} from "./program.ts";
import { verifySpeed } from "./verify_speed.ts";
import type { Finding } from "./workload.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { factor: { type: "string", default: "1" } },
  allowPositionals: true,
});
const factor = Number(values.factor);

/** A large number, or what `--factor` leaves of it. */
const large = (count: number) => Math.max(1, Math.round(count * factor));
/** The distance between points, of which all are taken. */
const step = Math.max(1, Math.round(1 / factor));

type Check = readonly [string, (run: FinishedRun) => Promise<Finding> | Finding];

const storeChecks: readonly Check[] = [
  ["R1 kills at operations of puts", () => killsWhilePutting(large(1e6))],
  ["R3 states after a crash", () => crashStates(large(10_000))],
  ["R4 kills while recovering", () => killsWhileMending("open", large(100))],
  ["R4 kills of gc", () => killsWhileMending("gc", large(100))],
  ["R4 kills of verify", () => killsWhileMending("verify", large(100))],
  ["R5 errors of the disk", () => diskErrors(1)],
  ["R6 full disks", () => fullDisks(Array.from({ length: large(100) }, (_, i) => 1024 + 152 * i))],
  ["R7 flipped bits", () => flippedBits(step, large(1000))],
  ["R8 cut and exchanged files", () => cutAndExchanged(step, large(50))],
  ["R10 shared keys", () => sharedKeys({ processes: 8, keys: 50, rounds: large(20) })],
  ["R11 killed holders", () => killedHolders(large(50))],
  ["R12 stopped holders", () => stoppedHolders(large(50))],
  ["R12 confused leases", () => confusedLeases(large(60))],
  ["R14 collections of garbage", () => collections(large(10_000))],
  ["R15 changed fields", () => changedFields(large(5000))],
  ["R17 cells in the store", () => cachedCells(large(210))],
  ["R22 speed of a check", () => verifySpeed(large(4000))],
  ["D-1 all tables and figures", () => wholeTables(["all"], [2, 3])],
  ["R22 mixed work", () => mixedWork(large(1800))],
  ["S1 readers of changed files", () => fuzzedReaders(large(100_000))],
];
const programChecks: readonly Check[] = [
  ["R2 killed runs", (run) => killedRuns(run, large(1000))],
  [
    "R6 full stores",
    (run) => fullStore(run, Array.from({ length: large(20) }, (_, i) => 300 + 60 * i)),
  ],
  ["R10 runs together", (run) => runsTogether(run, 3)],
  ["R16 unchanged keys", unchangedKeys],
  ["R18 interrupted runs", (run) => interruptedRuns(run, large(50))],
  ["R20 stages in one process", (run) => manyCells(run, large(1000))],
  ["D-4 other places, other workers", (run) => otherPlaces(run, [1, 2, 4])],
  ["D-7 stored stages computed anew", (run) => recheckedStages(run, 100)],
  ["D-8 images of a cell", tracedCell],
  ["repair of flipped bits in a finished store", (run) => repairedStore(run, large(1000))],
];

const ids = new Set([...storeChecks, ...programChecks].map(([name]) => name.split(" ")[0]));
for (const id of positionals) if (!ids.has(id)) throw unknownName("check", id, ids);
const chosen = ([name]: Check) =>
  positionals.length === 0 || positionals.includes(name.split(" ")[0]);

let failed = 0;
for (const check of storeChecks.filter(chosen)) await run(check, undefined as never);
const rest = programChecks.filter(chosen);
if (rest.length > 0) {
  await withFinishedRun(async (finished) => {
    for (const check of rest) await run(check, finished);
  });
}
console.log(failed === 0 ? "all held" : `${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

async function run([name, check]: Check, finished: FinishedRun): Promise<void> {
  const start = performance.now();
  try {
    const { count, outcome } = await check(finished);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`ok      ${name}: ${count} tried in ${seconds} s; ${outcome}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${error instanceof Error ? error.stack : error}`);
  }
}
