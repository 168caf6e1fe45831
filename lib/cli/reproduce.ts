/**
 * `reproduce`: plan, run what is not in the store, report.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { PartialError, UsageError } from "../base/errors.ts";
import { paperTable } from "../report/paper_table.ts";
import { resultOfRun, resultRow } from "../report/result_of_run.ts";
import type { ExperimentResult } from "../report/results.ts";
import { rowLine, toText } from "../report/to_text.ts";
import { writeRun } from "../report/write_run.ts";
import type { StageFailure } from "../runner/executor_local.ts";
import { keysBehind } from "../runner/stage.ts";
import type { Plan } from "../runner/plan.ts";
import { type RunOutcome, runPlans } from "../runner/run_plans.ts";
import { stageRevisions } from "../runner/stages/mod.ts";
import { formatChanges, writeFormat } from "../store/format.ts";
import { type DamageListener, openStore } from "../store/store.ts";
import {
  type Command,
  type CommandContext,
  defineCommand,
  type OptionSpecs,
  type OptionValues,
} from "./arguments.ts";
import {
  defaultWorkers,
  experimentsNamed,
  memoryBudget,
  planRuns,
  readFolders,
  runOptionSpecs,
} from "./run_options.ts";

const optionSpecs = {
  ...runOptionSpecs,
  workers: { type: "integer", value: "N", description: "worker processes (all cores)" },
  out: {
    type: "string",
    value: "DIR",
    default: "results",
    description: "tables go to DIR/<experiment>/<profile>",
  },
  recheck: {
    type: "number",
    value: "PERCENT",
    description: "compute so many of the stored stages anew; exit code 1 where one differs",
  },
  "fail-fast": { type: "boolean", description: "stop at the first stage that fails" },
} as const satisfies OptionSpecs;

type Options = OptionValues<typeof optionSpecs>;

/** Failed stages that are listed at the end of a run; each was told when it failed. */
const shownFailures = 10;

/** `reproduce`: the exit code is 4 when a row failed; what finished is written all the same. */
export const reproduceCommand: Command = defineCommand({
  name: "reproduce",
  summary: "Run experiments and print their tables.",
  description:
    "Runs what is not in the store yet and writes table.md, table.tex, table.csv, scores.csv, " +
    "report.html, charts and run.json. It can be killed at any moment; the same command goes on.",
  examples: [
    { command: "reproduce table3", description: "Table 3 on the embedded product" },
    {
      command: 'reproduce table3 --rows "PatchCore,PatchCore + Ours" --seeds 1',
      description: "two rows, the first seed",
    },
    {
      command: "reproduce table3 --data my-product --profile cpu --segmap rings:4 " +
        "--weights efficientnet_lite0=efficientnet-lite0-57934424.pth",
      description: "your own product",
    },
    {
      command: "reproduce table3 --rows EfficientAD --penalty-images photographs",
      description: "EfficientAD with its penalty term",
    },
  ],
  options: optionSpecs,
  positionals: [{ name: "experiment", description: "table3, …, or all", repeatable: true }],
  async run({ output, experiments, signal }, { options, positionals }) {
    const start = performance.now();
    const plans = await planRuns(
      experimentsNamed(positionals, experiments),
      options,
      positionals.includes("all") ? "all" : "named",
    );
    requireSomeRow(plans);
    const outcome = await runInStore(plans, options, { output, signal });
    const seconds = (performance.now() - start) / 1000;
    const results = await writeRuns(outcome, options, seconds, { output, signal });
    const { cached, run } = outcome.execution;
    output.result(
      results.length === 1 ? results[0] : results,
      ({ colour, width }) =>
        results.map((result) => toText(paperTable(result), { colour, width })).join("\n"),
    );
    reportFailures(outcome, output);
    reportRecheck(outcome, output);
    output.log(`${run} stages run, ${cached} from the store, ${seconds.toFixed(1)} s`);
    return exitCodeOfRun(outcome);
  },
});

/** Writes what the experiments found, each into its folder. */
async function writeRuns(
  { outcomes, execution: { cached, run } }: RunOutcome,
  options: Options,
  seconds: number,
  { output, signal }: Pick<CommandContext, "output" | "signal">,
): Promise<ExperimentResult[]> {
  const store = await openStore(resolve(options.cache), damageWarning(output));
  try {
    const results: ExperimentResult[] = [];
    for (const one of outcomes) {
      const result = resultOfRun(one, { cached, run }, seconds);
      const folder = join(
        options.out,
        result.experiment,
        result.dataset.maps === undefined ? result.profile : "maps",
      );
      await writeRun(folder, one, result, { store, signal });
      output.log(`${result.experiment}: written to ${folder}`);
      results.push(result);
    }
    return results;
  } finally {
    store.close();
  }
}

/** Options of `runInStore`, as `reproduce` names them. */
export interface StoreRunOptions {
  /** Folder of the store. */
  readonly cache: string;
  /** Most worker processes at a time; by default as many as there are cores. */
  readonly workers?: number;
  /** Whether the first failed stage ends the run. */
  readonly "fail-fast": boolean;
  /** Percent of the stored stages to compute anew. */
  readonly recheck?: number;
}

/** Runs plans in the store that the options name, and tells of it. */
export async function runInStore(
  plans: readonly Plan[],
  options: StoreRunOptions,
  { output, signal }: Pick<CommandContext, "output" | "signal">,
): Promise<RunOutcome> {
  const cache = resolve(options.cache);
  const store = await openStore(cache, damageWarning(output));
  try {
    for (const change of await formatChanges(cache, stageRevisions)) output.warn(change);
    await writeFormat(cache, stageRevisions);
    return await runPlans(store, plans, {
      workers: options.workers ?? defaultWorkers(),
      access: { cache, read: readFolders(plans) },
      mebibytes: memoryBudget(),
      failFast: options["fail-fast"],
      ...(options.recheck === undefined ? {} : { recheck: checkedPercent(options.recheck) / 100 }),
      signal,
      onProgress: ({ done, of, secondsLeft, running }) => {
        output.progress.update({ done, of, secondsLeft, label: running[0] ?? "" });
      },
      onRow: (_, row) => output.log(rowLine(resultRow(row))),
      onDamage: damageWarning(output),
      onFailure: (failure) => output.error(failureError(failure)),
      onLog: (line) => output.log(line),
    });
  } finally {
    store.close();
  }
}

function damageWarning(output: CommandContext["output"]): DamageListener {
  return ({ stage, key, reason }) =>
    output.warn(
      `A damaged entry of the store is computed anew: ${stage} ${key.slice(0, 12)}, ${reason}`,
    );
}

/** When no row can be run, the first obstacle that a person can mend is the error of the whole. */
function requireSomeRow(plans: readonly Plan[]): void {
  const rows = plans.flatMap((plan) => plan.rows);
  if (rows.some(({ evaluation }) => evaluation !== undefined)) return;
  const obstacle = rows.map((row) => row.obstacle).find((one) => (one?.exitCode ?? 0) > 0);
  if (obstacle !== undefined) throw obstacle;
}

/**
 * Part of the run failed: 4. Nothing came of it: the code of the first failure. A stage computed anew
 * gave other bytes: 1.
 */
function exitCodeOfRun({ execution: { failures }, outcomes, recheck }: RunOutcome): number {
  if (failures.length === 0) return (recheck?.failures.length ?? 0) > 0 ? 1 : 0;
  const some = outcomes.some(({ rows }) => rows.some(({ evaluation }) => evaluation !== undefined));
  return some ? 4 : failures[0].exitCode ?? 4;
}

/** A stage's failure as an error: one of the data keeps its remedy, a defect its stack. */
function failureError({ stage, message, remedy, stack }: StageFailure): Error {
  if (stack === undefined) {
    return new PartialError(
      `${stage.label} failed: ${message}`,
      remedy === undefined ? {} : { remedy },
    );
  }
  const defect = new Error(`${stage.label} failed: ${message}`);
  defect.stack = `${stage.label} failed: ${stack}`;
  return defect;
}

function checkedPercent(percent: number): number {
  if (percent > 0 && percent <= 100) return percent;
  throw new UsageError(`Cannot compute ${percent} percent of the stages anew`, {
    remedy: "Give --recheck a number above 0, 100 at most.",
  });
}

function reportRecheck({ recheck }: RunOutcome, output: CommandContext["output"]): void {
  if (recheck === undefined) return;
  const { stages, failures: { length } } = recheck;
  const found = `${stages} stored stages computed anew, ${length} differ from what is stored`;
  if (length === 0) return output.log(found);
  output.warn(`${found}: a defect, unless a machine of another class made them`);
}

function reportFailures(
  { execution, outcomes }: RunOutcome,
  output: CommandContext["output"],
): void {
  const { failures } = execution;
  if (failures.length === 0) return;
  const rows = outcomes.flatMap((one) => one.rows).map(({ evaluation, planned }) => ({
    name: planned.row.row,
    empty: evaluation === undefined && planned.obstacle === undefined,
    needs: planned.evaluation === undefined ? undefined : keysBehind([planned.evaluation]),
  })).filter(({ empty }) => empty);
  const names = (some: typeof rows) => some.map(({ name }) => name).join(", ");
  const stages = failures.map(({ stage }) => {
    const blocked = rows.filter(({ needs }) => needs?.has(stage.key));
    return `${stage.label}${blocked.length === 0 ? "" : ` (${names(blocked)})`}`;
  });
  output.warn(
    `${failures.length} stages failed, which leaves ${rows.length} rows empty: ${names(rows)}. ` +
      `Failed: ${stages.slice(0, shownFailures).join("; ")}` +
      (stages.length > shownFailures ? `; and ${stages.length - shownFailures} more` : ""),
  );
}
