/**
 * `check`: the regression gate. Runs experiments as `reproduce` does and compares their numbers with the
 * baselines of the repository; `--paper` compares the paper's numbers with one another instead.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../base/errors.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { machineClass } from "../onnx/machine_class.ts";
import {
  type Baseline,
  baselineOf,
  type Circumstances,
  type Finding,
  findingsOf,
  newRows,
  parseBaseline,
} from "../report/baseline.ts";
import { type Contradiction, contradictionsIn } from "../report/consistency.ts";
import { visible } from "../report/escape.ts";
import { publishedCells } from "../report/paper_numbers.ts";
import { resultOfRun } from "../report/result_of_run.ts";
import type { ExperimentResult } from "../report/results.ts";
import { wrap } from "../report/to_text.ts";
import type { Experiment } from "../runner/experiment.ts";
import { type Command, defineCommand, type OptionSpecs } from "./arguments.ts";
import { runInStore } from "./reproduce.ts";
import { experimentsNamed, planRuns, runOptionSpecs } from "./run_options.ts";

const optionSpecs = {
  ...runOptionSpecs,
  workers: { type: "integer", value: "N", description: "worker processes (all cores)" },
  update: { type: "boolean", description: "write the numbers as the new baselines" },
  reason: { type: "string", value: "TEXT", description: "with --update: why they changed" },
  baselines: {
    type: "string",
    value: "DIR",
    description: "folder of the baselines (results/baselines)",
  },
  paper: {
    type: "boolean",
    description: "find contradictions among the published numbers; runs nothing",
  },
} as const satisfies OptionSpecs;

/** What was found of one experiment, as `check --json` prints it. */
interface CheckedExperiment {
  readonly experiment: string;
  readonly profile: string;
  /** "ok", "moved", "no baseline", or "updated". */
  readonly state: "ok" | "moved" | "no baseline" | "updated";
  /** The class of this machine, within which numbers are the same to the last bit. */
  readonly machine: string;
  /** The class of the machine that made the baseline, where it is another one. */
  readonly otherMachine?: string;
  readonly findings: readonly Finding[];
  /** Rows that the baseline does not know yet. */
  readonly unguarded: readonly string[];
}

/** `check`: the exit code is 1 when a number is not as its baseline has it. */
export const checkCommand: Command = defineCommand({
  name: "check",
  summary: "Compare the numbers of experiments with the baselines; exit code 1 when one moved.",
  description:
    "Runs what is not in the store yet, as `reproduce` does. With --update --reason the numbers " +
    "become the new baseline. With --paper nothing is run: the published numbers are compared with " +
    "one another, and what contradicts itself is listed.",
  examples: [
    { command: "check table3", description: "has Table 3 on the embedded product moved?" },
    {
      command: 'check table3 --rows "PatchCore,PatchCore + Ours" --seeds 1',
      description: "the part of it that takes a quarter of a minute",
    },
    {
      command: 'check all --update --reason "coreset draws its start from the seed"',
      description: "take the numbers over, and say why",
    },
    { command: "check --paper", description: "what the paper's tables contradict" },
  ],
  options: optionSpecs,
  positionals: [{
    name: "experiment",
    description: "table3, …, or all",
    optional: true,
    repeatable: true,
  }],
  async run({ output, experiments, signal }, { options, positionals }) {
    if (options.paper) {
      const found = contradictionsIn(publishedCells(), experiments);
      output.result(found, ({ width }) => contradictionsText(found, width));
      return 0;
    }
    if (options.update && (options.reason ?? "").trim() === "") {
      throw new UsageError("Cannot update baselines: there is no reason", {
        remedy: 'Say why the numbers changed: --reason "…".',
      });
    }
    const part = options.rows !== undefined || options.detectors !== undefined;
    const folder = options.baselines ?? defaultFolder;
    const chosen = await withBaselines(
      experimentsNamed(positionals, experiments),
      folder,
      positionals.includes("all") && !options.update,
    );
    const plans = await planRuns(chosen, options, positionals.includes("all") ? "all" : "named");
    const outcome = await runInStore(plans, { ...options, "fail-fast": false }, { output, signal });
    const machine = await machineClass();
    const checked: CheckedExperiment[] = [];
    for (const one of outcome.outcomes) {
      const result = resultOfRun(one, { cached: 0, run: 0 }, 0);
      if (result.rows.length === 0) continue;
      const rows = part ? result.rows.map(({ row }) => row) : undefined;
      checked.push(
        options.update
          ? await updateBaseline(folder, result, options.reason!, { machine, rows })
          : await checkResult(folder, result, { machine, rows }),
      );
    }
    output.result(checked, ({ width }) => checked.map((one) => checkedText(one, width)).join(""));
    return checked.some(({ state }) => state === "moved" || state === "no baseline") ? 1 : 0;
  },
});

const defaultFolder = fileURLToPath(new URL("../../results/baselines", import.meta.url));

/** Of "all" experiments those that have a baseline of any profile. */
async function withBaselines(
  experiments: readonly Experiment[],
  folder: string,
  onlyGuarded: boolean,
): Promise<readonly Experiment[]> {
  if (!onlyGuarded) return experiments;
  const names = new Set<string>();
  try {
    for await (const { name } of Deno.readDir(folder)) names.add(name.split(".")[0]);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const guarded = experiments.filter(({ id }) => names.has(id));
  if (guarded.length > 0) return guarded;
  throw new UsageError("Cannot check: there is no baseline", {
    remedy: 'Make the first ones with `deno task check all --update --reason "…"`.',
  });
}

function pathOf(folder: string, { experiment, profile }: ExperimentResult): string {
  return join(folder, `${experiment}.${profile}.json`);
}

async function readBaseline(
  folder: string,
  result: ExperimentResult,
): Promise<Baseline | undefined> {
  const bytes = await readFileIfThere(pathOf(folder, result));
  return bytes === undefined
    ? undefined
    : parseBaseline(new TextDecoder().decode(bytes), `${result.experiment}.${result.profile}.json`);
}

async function checkResult(
  folder: string,
  result: ExperimentResult,
  circumstances: Circumstances,
): Promise<CheckedExperiment> {
  const { experiment, profile } = result;
  const { machine } = circumstances;
  const baseline = await readBaseline(folder, result);
  if (baseline === undefined) {
    return { experiment, profile, state: "no baseline", machine, findings: [], unguarded: [] };
  }
  const findings = findingsOf(result, baseline, circumstances);
  return {
    experiment,
    profile,
    state: findings.length === 0 ? "ok" : "moved",
    machine,
    ...(baseline.machine === machine ? {} : { otherMachine: baseline.machine }),
    findings,
    unguarded: newRows(result, baseline),
  };
}

async function updateBaseline(
  folder: string,
  result: ExperimentResult,
  reason: string,
  circumstances: Circumstances,
): Promise<CheckedExperiment> {
  const { experiment, profile } = result;
  const before = await readBaseline(folder, result);
  const findings = before === undefined ? [] : findingsOf(result, before, circumstances);
  const baseline = baselineOf(result, { ...circumstances, reason, before });
  const text = JSON.stringify(baseline, null, 2) + "\n";
  await writeFileAtomic(pathOf(folder, result), text);
  const { machine } = circumstances;
  return { experiment, profile, state: "updated", machine, findings, unguarded: [] };
}

function checkedText(
  { experiment, profile, state, machine, otherMachine, findings, unguarded }: CheckedExperiment,
  width: number,
): string {
  const words = {
    "ok": "as the baseline",
    "moved": `${findings.length} ${findings.length === 1 ? "number" : "numbers"} moved`,
    "no baseline": 'has no baseline; `deno task check … --update --reason "…"` makes one',
    "updated": "baseline written",
  }[state];
  const below = [
    ...(otherMachine === undefined ? [] : [
      `made on another class of machines (${visible(otherMachine)}; this is ${
        visible(machine)
      }), ` +
      "where trainings differ: means may do so by three standard errors of their seeds",
    ]),
    ...findings.map(({ row, what }) => `${row === "" ? "" : `${visible(row)}: `}${visible(what)}`),
    ...(unguarded.length === 0
      ? []
      : [`not in the baseline: ${unguarded.map(visible).join(", ")}`]),
  ];
  return [
    ...wrap(`${experiment} (${profile}): ${words}`, width),
    ...below.flatMap((line) => wrap(line, width, "  ")),
  ].map((line) => `${line}\n`).join("");
}

function contradictionsText(found: readonly Contradiction[], width: number): string {
  if (found.length === 0) return "The published numbers do not contradict one another.\n";
  const lines = found.map(({ of, what, difference }) =>
    `${visible(of)} ${visible(what)}; ${difference.toFixed(2)} points apart.`
  );
  return [`${found.length} contradictions among the published numbers:`, ...lines]
    .flatMap((line) => wrap(line, width)).map((line) => `${line}\n`).join("");
}
