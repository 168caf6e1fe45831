/**
 * The store under faults, with numbers that fit every commit; `deno task soak` runs the same with large
 * ones. The ids are those of the list of reliability tests.
 *
 * @module
 */
import {
  confusedLeases,
  killedHolders,
  sharedKeys,
  stoppedHolders,
} from "../reliability/claims.ts";
import { crashStates } from "../reliability/crash_states.ts";
import { cutAndExchanged, flippedBits } from "../reliability/damage.ts";
import { collections } from "../reliability/garbage.ts";
import { diskErrors, fullDisks } from "../reliability/io_errors.ts";
import { killsWhileMending, killsWhilePutting } from "../reliability/kills.ts";
import type { Finding } from "../reliability/workload.ts";

const checks: readonly (readonly [string, () => Promise<Finding>])[] = [
  ["R1: a kill at any operation of a put loses nothing", () => killsWhilePutting(30)],
  ["R3: no crash of the machine leaves a damaged entry", () => crashStates(400)],
  ["R4: a kill while recovering is recovered from", () => killsWhileMending("open", 6)],
  ["R4: a kill of `cache gc` does no harm", () => killsWhileMending("gc", 6)],
  ["R4: a kill of `cache verify` does no harm", () => killsWhileMending("verify", 6)],
  ["R5: an error of the disk at any call is named and got over", () => diskErrors(1)],
  ["R6: a full file system is told with bytes needed and free", () => fullDisks([256, 1024])],
  ["R7: flipped bits are found", () => flippedBits(29, 5)],
  ["R8: cut, missing, longer and exchanged files are found", () => cutAndExchanged(11, 3)],
  [
    "R10: several processes compute each key once",
    () => sharedKeys({ processes: 4, keys: 20, rounds: 2 }),
  ],
  ["R11: who waits for a killed holder goes on at once", () => killedHolders(3)],
  ["R12: a holder that was stopped past its lease does no harm", () => stoppedHolders(4)],
  ["R12: wrong clocks and names do not confuse leases", () => confusedLeases(9)],
  ["R14: garbage is what nothing reaches, with puts and pins beside", () => collections(1000)],
];

for (const [name, check] of checks) {
  Deno.test(name, async () => {
    const { count, outcome } = await check();
    console.log(`${count} tried: ${outcome}`);
  });
}
