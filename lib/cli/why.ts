/**
 * `why`: the stages behind a row of a table, down to the images, and why a stage is not in the store.
 *
 * @module
 */
import { resolve } from "node:path";
import { DataError, UsageError } from "../base/errors.ts";
import { visible } from "../report/escape.ts";
import type { Plan } from "../runner/plan.ts";
import type { Stage } from "../runner/stage.ts";
import { type Miss, type Trace, traceStage } from "../runner/trace.ts";
import { openStore } from "../store/store.ts";
import { type Command, defineCommand, type OptionSpecs } from "./arguments.ts";
import { alignedLines } from "./output.ts";
import { experimentsNamed, planRuns, runOptionSpecs } from "./run_options.ts";

const optionSpecs = {
  ...runOptionSpecs,
  seed: { type: "integer", value: "SEED", description: "the cell of this seed, not the whole row" },
} as const satisfies OptionSpecs;

/** Fields of a miss that are shown. */
const mostFields = 12;

/** `why`: runs nothing. */
export const whyCommand: Command = defineCommand({
  name: "why",
  summary: "Say what a row was made from, and why a stage will run.",
  description:
    "Takes the options of `reproduce`, which decide the stages. A stage that is not in the " +
    "store is compared with the stored one that comes nearest: field, old value, new value.",
  examples: [
    { command: 'why table3 "PatchCore + Ours"', description: "the row, down to its images" },
    {
      command: 'why table3 "PatchCore + Ours" --seed 333 --variant patchcore=official',
      description: "which stages another variant would run, and why",
    },
  ],
  options: optionSpecs,
  positionals: [
    { name: "experiment", description: "table3, …" },
    { name: "row", description: "as named in the table" },
  ],
  async run({ output, experiments }, { options, positionals: [id, row] }) {
    const plans = await planRuns(experimentsNamed([id], experiments), { ...options, rows: row });
    const store = await openStore(resolve(options.cache));
    const traces: Trace[] = [];
    for (const stage of chosenStages(plans, row, options.seed)) {
      traces.push(await traceStage(store, stage));
    }
    store.close();
    output.result(traces, () => traces.map(traceText).join("\n"));
    return 0;
  },
});

function chosenStages(plans: readonly Plan[], row: string, seed: number | undefined): Stage[] {
  const planned = plans.flatMap((plan) => plan.rows);
  const obstacle = planned.find((one) => one.obstacle !== undefined)?.obstacle;
  if (obstacle !== undefined) {
    throw new DataError(`Cannot trace ${row}: ${obstacle.message}`, {
      ...(obstacle.remedy === undefined ? {} : { remedy: obstacle.remedy }),
    });
  }
  if (seed === undefined) return planned.flatMap(({ evaluation }) => evaluation ?? []);
  const cells = planned.flatMap((one) => one.cells).filter((cell) => cell.seed === seed);
  if (cells.length === 0) {
    const seeds = [...new Set(planned.flatMap((one) => one.cells).map((cell) => cell.seed))];
    throw new UsageError(`Cannot trace ${row}: it has no seed ${seed}`, {
      remedy: `Known: ${seeds.join(", ")}.`,
    });
  }
  return cells.map(({ scores }) => scores);
}

function traceText({ stages, misses }: Trace): string {
  const kinds = Map.groupBy(stages, ({ stage }) => stage);
  const images = new Set(stages.flatMap((stage) => stage.images ?? []));
  const count = (list: readonly { cached: boolean }[], cached: boolean) =>
    String(list.filter((one) => one.cached === cached).length);
  return [
    `${visible(stages[0].label)}, key ${stages[0].key}`,
    ...alignedLines([
      ["stage", "in the store", "to run", "first key"],
      ...[...kinds].map((
        [stage, list],
      ) => [stage, count(list, true), count(list, false), list[0].key]),
    ]),
    `${images.size} images; --json lists every key and the SHA-256 of every image.`,
    ...misses.slice(0, 3).flatMap(missLines),
    ...(misses.length > 3 ? [`… and ${misses.length - 3} more; --json lists them all.`] : []),
    "",
  ].join("\n");
}

function missLines({ label, nearest }: Miss): string[] {
  if (nearest === undefined) return [`${visible(label)} will run: no such stage was run before.`];
  const fields = nearest.differences.slice(0, mostFields);
  return [
    `${visible(label)} will run; the nearest entry ${nearest.key.slice(0, 12)} differs in:`,
    ...fields.map(({ field, before, after }) =>
      `  ${visible(field)}: ${shown(before)} -> ${shown(after)}`
    ),
    ...(nearest.differences.length > fields.length
      ? [`  … and ${nearest.differences.length - fields.length} more fields`]
      : []),
  ];
}

function shown(value: unknown): string {
  const text = value === undefined ? "(not there)" : JSON.stringify(value);
  return visible(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}
