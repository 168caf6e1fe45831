/**
 * `deno task soak [part …] [--factor N]`: the reliability checks with their large numbers, one after the
 * other; each says what it tried and found. `--factor 0.1` takes a tenth of the numbers. Parts are the
 * ids of the list of checks: R1, R3, …, S1, D-4.
 *
 * @module
 */
import { unknownName, UsageError } from "../../lib/base/errors.ts";
import { type Command, defineCommand } from "../../lib/cli/arguments.ts";
import { resultList, runDeveloperTask } from "../../lib/cli/developer_task.ts";
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

/** A check: its id and name, and what it does with large numbers scaled by `amounts`. */
type Check<Input> = readonly [
  name: string,
  check: (amounts: Amounts, input: Input) => Promise<Finding> | Finding,
];

/** How much is tried. */
interface Amounts {
  /** A large number, or what the factor leaves of it. */
  readonly large: (count: number) => number;
  /** The distance between points, of which all are taken. */
  readonly step: number;
}

const storeChecks: readonly Check<void>[] = [
  ["R1 kills at operations of puts", ({ large }) => killsWhilePutting(large(1e6))],
  ["R3 states after a crash", ({ large }) => crashStates(large(10_000))],
  ["R4 kills while recovering", ({ large }) => killsWhileMending("open", large(100))],
  ["R4 kills of gc", ({ large }) => killsWhileMending("gc", large(100))],
  ["R4 kills of verify", ({ large }) => killsWhileMending("verify", large(100))],
  ["R5 errors of the disk", () => diskErrors(1)],
  [
    "R6 full disks",
    ({ large }) => fullDisks(Array.from({ length: large(100) }, (_, i) => 1024 + 152 * i)),
  ],
  ["R7 flipped bits", ({ large, step }) => flippedBits(step, large(1000))],
  ["R8 cut and exchanged files", ({ large, step }) => cutAndExchanged(step, large(50))],
  ["R10 shared keys", ({ large }) => sharedKeys({ processes: 8, keys: 50, rounds: large(20) })],
  ["R11 killed holders", ({ large }) => killedHolders(large(50))],
  ["R12 stopped holders", ({ large }) => stoppedHolders(large(50))],
  ["R12 confused leases", ({ large }) => confusedLeases(large(60))],
  ["R14 collections of garbage", ({ large }) => collections(large(10_000))],
  ["R15 changed fields", ({ large }) => changedFields(large(5000))],
  ["R17 cells in the store", ({ large }) => cachedCells(large(210))],
  ["R22 speed of a check", ({ large }) => verifySpeed(large(4000))],
  ["D-1 all tables and figures", () => wholeTables(["all"], [2, 3])],
  ["R22 mixed work", ({ large }) => mixedWork(large(1800))],
  ["S1 readers of changed files", ({ large }) => fuzzedReaders(large(100_000))],
];
const programChecks: readonly Check<FinishedRun>[] = [
  ["R2 killed runs", ({ large }, run) => killedRuns(run, large(1000))],
  [
    "R6 full stores",
    ({ large }, run) => fullStore(run, Array.from({ length: large(20) }, (_, i) => 300 + 60 * i)),
  ],
  ["R10 runs together", (_, run) => runsTogether(run, 3)],
  ["R16 unchanged keys", (_, run) => unchangedKeys(run)],
  ["R18 interrupted runs", ({ large }, run) => interruptedRuns(run, large(50))],
  ["R20 stages in one process", ({ large }, run) => manyCells(run, large(1000))],
  ["D-4 other places, other workers", (_, run) => otherPlaces(run, [1, 2, 4])],
  ["D-7 stored stages computed anew", (_, run) => recheckedStages(run, 100)],
  ["D-8 images of a cell", (_, run) => tracedCell(run)],
  [
    "repair of flipped bits in a finished store",
    ({ large }, run) => repairedStore(run, large(1000)),
  ],
];

const idOf = ([name]: readonly [string, unknown]) => name.split(" ")[0];
const ids = new Set([...storeChecks, ...programChecks].map(idOf));

const soakCommand: Command = defineCommand({
  name: "soak",
  summary: "The reliability checks with their large numbers, one after the other.",
  description: "Each says what it tried and found. All of them take hours.",
  examples: [
    { command: "soak R1 R3", description: "two of them" },
    { command: "soak --factor 0.1", description: "all with a tenth of the numbers" },
  ],
  options: {
    factor: {
      type: "number",
      value: "X",
      description: "how much of the large numbers to try",
      default: 1,
    },
  },
  positionals: [{
    name: "check",
    description: [...ids].join(", "),
    optional: true,
    repeatable: true,
  }],
  async run({ output }, { options: { factor }, positionals }) {
    for (const id of positionals) if (!ids.has(id)) throw unknownName("check", id, ids);
    if (!(factor > 0)) {
      throw new UsageError(`Cannot try ${factor} times the numbers: the factor must be above 0`);
    }
    const amounts: Amounts = {
      large: (count) => Math.max(1, Math.round(count * factor)),
      step: Math.max(1, Math.round(1 / factor)),
    };
    const chosen = (check: readonly [string, unknown]) =>
      positionals.length === 0 || positionals.includes(idOf(check));
    const results = resultList(output, toldText);
    let failed = 0;
    const tell = (one: Told) => {
      if (!one.held) failed++;
      results.add(one);
    };
    for (const check of storeChecks.filter(chosen)) tell(await tried(check, amounts, undefined));
    const rest = programChecks.filter(chosen);
    if (rest.length > 0) {
      await withFinishedRun(async (run) => {
        for (const check of rest) tell(await tried(check, amounts, run));
      });
    }
    results.end();
    if (!output.json) {
      output.result(failed, () => failed === 0 ? "all held\n" : `${failed} failed\n`);
    }
    return failed === 0 ? 0 : 1;
  },
});

/** What a check found. */
interface Told {
  readonly check: string;
  readonly held: boolean;
  readonly seconds: number;
  /** What it tried and found, or why it failed. */
  readonly outcome: string;
}

async function tried<Input>(
  [check, find]: Check<Input>,
  amounts: Amounts,
  input: Input,
): Promise<Told> {
  const start = performance.now();
  const ended = (held: boolean, outcome: string): Told => ({
    check,
    held,
    seconds: (performance.now() - start) / 1000,
    outcome,
  });
  try {
    const { count, outcome } = await find(amounts, input);
    return ended(true, `${count} tried; ${outcome}`);
  } catch (error) {
    return ended(false, error instanceof Error ? String(error.stack) : String(error));
  }
}

function toldText({ check, held, seconds, outcome }: Told): string {
  return `${held ? "ok     " : "FAILED "} ${check}, ${seconds.toFixed(1)} s: ${outcome}`;
}

if (import.meta.main) Deno.exit(await runDeveloperTask(soakCommand));
