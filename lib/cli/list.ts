/**
 * `list`: the experiments, and what each of their rows needs.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { type Experiment, type ExperimentRow, methodIds } from "../runner/experiment.ts";
import { visible } from "../report/escape.ts";
import { wrap } from "../report/to_text.ts";
import { type Command, defineCommand } from "./arguments.ts";
import { alignedLines } from "./output.ts";

/** `list`: all experiments, or the rows of some; runs and reads nothing else. */
export const listCommand: Command = defineCommand({
  name: "list",
  summary: "The experiments, and what each of their rows needs.",
  examples: [
    { command: "list", description: "all experiments" },
    { command: "list table3", description: "the rows of one" },
  ],
  options: {},
  positionals: [{
    name: "experiment",
    description: "only these, with their rows",
    optional: true,
    repeatable: true,
  }],
  async run({ output, experiments }, { positionals }) {
    const chosen = positionals.length === 0
      ? experiments
      : positionals.map((name) => experimentNamed(name, experiments));
    const [{ detectors }, { supervisedMethods }] = await Promise.all([
      import("../maps/detectors.ts"),
      import("../maps/supervised_methods.ts"),
    ]);
    const there = new Set([...detectors.keys(), ...supervisedMethods.keys()]);
    const listed = chosen.map((experiment) => listExperiment(experiment, there));
    output.result(
      listed,
      ({ width }) => listText(listed, { rows: positionals.length > 0, width }),
    );
    return 0;
  },
});

/** An experiment as `list --json` prints it. */
export interface ListedExperiment {
  /** Id: "table3". */
  readonly experiment: string;
  /** For people. */
  readonly title: string;
  /** Where it stands in the paper. */
  readonly source: string;
  /** Layout of the data set it was made for. */
  readonly layout: Experiment["layout"];
  /** Name of the protocol. */
  readonly protocol: string;
  /** All that the experiment has. */
  readonly seeds: readonly number[];
  /** In the table's order. */
  readonly rows: readonly ListedRow[];
}

/** A row as `list --json` prints it. */
export interface ListedRow {
  /** Heading that the row stands under. */
  readonly group: string;
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Ids of the detectors and supervised methods that it is made of. */
  readonly needs: readonly string[];
  /** Those that this version does not have. */
  readonly missing: readonly string[];
}

/** What is listed of `experiment`, where `there` are the methods of this version. */
export function listExperiment(
  { id, title, source, layout, protocol, seeds, rows }: Experiment,
  there: ReadonlySet<string>,
): ListedExperiment {
  return {
    experiment: id,
    title,
    source,
    layout,
    protocol: protocol.description,
    seeds,
    rows: rows.map(({ group, row, method }: ExperimentRow) => {
      const needs = [...methodIds(method)];
      return { group, row, needs, missing: needs.filter((need) => !there.has(need)) };
    }),
  };
}

function experimentNamed(name: string, experiments: readonly Experiment[]): Experiment {
  const found = experiments.find(({ id }) => id === name);
  if (found === undefined) throw unknownName("experiment", name, experiments.map(({ id }) => id));
  return found;
}

const layoutNames: Readonly<Record<Experiment["layout"], string>> = {
  vad: "VAD, a folder in its layout, or the embedded product",
  visa: "VisA, a folder in its layout, or the embedded products",
  mvtec: "MVTec AD, a folder in its layout, or the embedded products",
};

function listText(
  listed: readonly ListedExperiment[],
  { rows, width }: { rows: boolean; width: number },
): string {
  const blocks = listed.map((one) => {
    const ready = one.rows.filter(({ missing }) => missing.length === 0).length;
    const lines = [
      ...wrap(`${one.experiment}: ${one.title}`, width),
      ...wrap(`source: ${one.source}`, width, "  "),
      ...wrap(`data: ${layoutNames[one.layout]}`, width, "  "),
      ...(one.seeds.length === 0
        ? []
        : wrap(`protocol: ${one.protocol}; ${seedsText(one.seeds.length)}`, width, "  ")),
      ...(one.rows.length === 0
        ? []
        : [`  rows: ${ready} of ${one.rows.length} can be run by this version`]),
    ];
    if (rows) {
      lines.push("", ...alignedLines(one.rows.map(rowFields)).map((line) => `  ${line}`));
    }
    return lines.map((line) => `${line}\n`).join("");
  });
  return blocks.join("\n");
}

function seedsText(count: number): string {
  return count === 1 ? "1 seed" : `${count} seeds`;
}

function rowFields({ row, needs, missing }: ListedRow): string[] {
  const state = missing.length === 0 ? "" : `not in this version: ${missing.join(", ")}`;
  return [visible(row), needs.join(" + "), state];
}
