/**
 * `plan`: what `reproduce` would do with the same options; runs nothing.
 *
 * @module
 */
import { resolve } from "node:path";
import { visible } from "../report/escape.ts";
import { wrap } from "../report/to_text.ts";
import { type Survey, surveyPlans } from "../runner/survey.ts";
import { stageRevisions } from "../runner/stages/mod.ts";
import { formatChanges } from "../store/format.ts";
import { openStore } from "../store/store.ts";
import { type Command, defineCommand } from "./arguments.ts";
import { alignedLines } from "./output.ts";
import { durationText } from "./progress.ts";
import { defaultWorkers, experimentsNamed, planRuns, runOptionSpecs } from "./run_options.ts";

/** `plan`: takes the options of `reproduce` and runs nothing. */
export const planCommand: Command = defineCommand({
  name: "plan",
  summary: "Say what `reproduce` would run, and what blocks it; runs nothing.",
  examples: [
    { command: "plan table3", description: "stages in the store, stages to run, blocked rows" },
    { command: "plan table3 --json", description: "the same for a program" },
  ],
  options: {
    ...runOptionSpecs,
    workers: { type: "integer", value: "N", description: "worker processes (all cores)" },
  },
  positionals: [{ name: "experiment", description: "table3, …, or all", repeatable: true }],
  async run({ output, experiments }, { options, positionals }) {
    const plans = await planRuns(
      experimentsNamed(positionals, experiments),
      options,
      positionals.includes("all") ? "all" : "named",
    );
    const store = await openStore(resolve(options.cache));
    for (const change of await formatChanges(store.root, stageRevisions)) output.warn(change);
    const survey = await surveyPlans(store, plans, options.workers ?? defaultWorkers());
    store.close();
    output.result(survey, ({ width }) => surveyText(survey, width));
    return survey.blocked.some(({ remedy }) => remedy !== undefined) ? 3 : 0;
  },
});

function surveyText(
  { cached, run, blocked, kinds, seconds, mebibytes }: Survey,
  width: number,
): string {
  const table = alignedLines([
    ["stage", "in the store", "to run"],
    ...kinds.map((kind) => [kind.stage, String(kind.cached), String(kind.run)]),
    ["all", String(cached), String(run)],
  ]);
  const estimate = run === 0 ? ["Nothing is to run."] : [
    `About ${durationText(seconds)}; the largest stage takes about ${Math.round(mebibytes)} MiB.`,
  ];
  return [
    ...table,
    "",
    ...estimate,
    ...(blocked.length > 0 ? ["", "Blocked:", ...obstacleLines(blocked, width)] : []),
    "",
  ]
    .join("\n");
}

/** Each obstacle once, after the rows that it blocks. */
function obstacleLines(blocked: Survey["blocked"], width: number): string[] {
  const obstacles = Map.groupBy(
    blocked,
    ({ experiment, reason, remedy }) => JSON.stringify([experiment, reason, remedy]),
  );
  return [...obstacles.values()].flatMap((rows) => {
    const [{ experiment, reason, remedy }] = rows;
    const names = rows.map(({ row }) => visible(row)).join(", ");
    const way = remedy === undefined ? "" : `. ${visible(remedy)}`;
    return wrap(`${experiment}, ${names}: ${visible(reason)}${way}`, width);
  });
}
