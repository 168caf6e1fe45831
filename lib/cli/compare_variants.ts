/**
 * `compare --variants METHOD`: what each switch of a method's variants does to its AUROC. The runs are
 * planned together, so that what they share (images, embeddings, fits that a switch of the map does not
 * touch) is computed once, and what `reproduce` computed is taken from the store.
 *
 * @module
 */
import { PartialError, unknownName, UsageError } from "../base/errors.ts";
import {
  singleMoves,
  type VariantMove,
  variantMoves,
  type VariedMethod,
} from "../maps/variants.ts";
import { notesOf } from "../report/result_of_run.ts";
import {
  type MeasuredMove,
  type VariantDifferences,
  variantTable,
  variedRows,
} from "../report/variant_differences.ts";
import { toMarkdown } from "../report/to_markdown.ts";
import { toText } from "../report/to_text.ts";
import { type Experiment, type ExperimentRow, methodIds } from "../runner/experiment.ts";
import {
  cellComparison,
  type Plan,
  planExperiment,
  type PlannedExtra,
  sharesTests,
} from "../runner/plan.ts";
import type { PlanOutcome, RowOutcome } from "../runner/run_plans.ts";
import { parseJsonFile } from "../runner/stage_kind.ts";
import type { RowComparison } from "../runner/stages/comparison.ts";
import type { CommandContext, OptionSpecs, OptionValues } from "./arguments.ts";
import { runInStore } from "./reproduce.ts";
import { experimentsNamed, methodNamed, planRuns, runOptionSpecs } from "./run_options.ts";

const { maps: _maps, detectors: _detectors, ...sharedSpecs } = runOptionSpecs;

/** Options of `compare` that need `--variants`. */
export const variantOptionSpecs = {
  experiment: {
    type: "string",
    value: "NAME",
    description: "whose rows, protocol and seeds (table3)",
  },
  ...sharedSpecs,
  workers: { type: "integer", value: "N", description: "worker processes (all cores)" },
  markdown: { type: "boolean", description: "print the table as Markdown" },
} as const satisfies OptionSpecs;

/** The words of the command line, checked for their types only. */
export type VariantOptions = OptionValues<typeof variantOptionSpecs>;

const defaultExperiment = "table3";

/** Runs the variants of the method called `name` and prints how far their switches move its AUROC. */
export async function compareVariants(
  name: string,
  options: VariantOptions,
  context: CommandContext,
): Promise<number> {
  const { output } = context;
  const method: VariedMethod & { readonly name: string } = methodNamed(name);
  const [experiment] = experimentsNamed(
    [options.experiment ?? defaultExperiment],
    context.experiments,
  );
  const rows = rowsOf(experiment, method.id, options.rows);
  const { rows: _, ...runOptions } = options;
  const [planned] = await planRuns([{ ...experiment, rows }], {
    ...runOptions,
    variant: options.variant,
  });
  const from = planned.setting.variants[method.id] ?? method.variants[0];
  const moves = variantMoves(method, from);
  const base = withVariant(planned, method.id, from);
  const obstacle = base.rows.find((row) => row.obstacle !== undefined)?.obstacle;
  if (obstacle !== undefined) throw obstacle;
  const moved = moves.map(({ variant }) =>
    comparedWith(withVariant(planned, method.id, variant), base)
  );
  const run = await runInStore([base, ...moved], { ...options, "fail-fast": false }, context);
  const [baseOutcome, ...outcomes] = run.outcomes;
  const failure = baseOutcome.rows.find(({ evaluation }) => evaluation === undefined);
  if (failure !== undefined) {
    throw new PartialError(
      `Cannot compare with variant ${from} of ${method.id}: row ${failure.planned.row.row} failed` +
        (failure.failure === undefined ? "" : `: ${failure.failure.message}`),
    );
  }
  const differences: VariantDifferences = {
    method: method.id,
    name: method.name,
    base: from,
    ...settingOf(base),
    rows: variedRows(baseOutcome.rows.map((row, i) => ({
      row: row.planned.row.row,
      base: row.evaluation!.metrics.cl_auroc!.values,
      moves: moves.map((move, m) => measuredMove(move, row, outcomes[m], i)),
    }))),
    same: method.variants.filter((other) =>
      other !== from && method.switches !== undefined &&
      singleMoves(method.id, method.switches, from, other).length === 0
    ),
    notes: notesOf(base.experiment, base.setting),
  };
  output.result(differences, ({ colour, width }) => {
    const table = variantTable(differences);
    return options.markdown ? toMarkdown(table) : toText(table, { colour, width });
  });
  const { cached, run: made, failures } = run.execution;
  output.log(`${made} stages run, ${cached} from the store`);
  return failures.length === 0 ? 0 : 4;
}

/** The rows that the named ones are, or those that need no other method. */
function rowsOf(
  experiment: Experiment,
  method: string,
  names: string | undefined,
): readonly ExperimentRow[] {
  const using = experiment.rows.filter(({ method: one }) => methodIds(one).has(method));
  const chosen = names === undefined
    ? using.filter(({ method: one }) => methodIds(one).size === 1)
    : names.split(",").map((name) => {
      const row = using.find((one) => one.row === name.trim());
      if (row !== undefined) return row;
      throw unknownName(
        `row of ${experiment.id} with ${method}`,
        name.trim(),
        using.map((one) => one.row),
      );
    });
  if (chosen.length > 0) return chosen;
  throw new UsageError(`Cannot compare variants of ${method}: ${experiment.id} has no row of it`, {
    remedy: using.length === 0
      ? "Choose another experiment with --experiment."
      : `Name rows with --rows: ${using.map(({ row }) => row).join(", ")}.`,
  });
}

/** The plan with another variant of a method, without what stands beside its rows. */
function withVariant({ experiment, setting, rows }: Plan, method: string, variant: string): Plan {
  const variants = { ...setting.variants, [method]: variant };
  const plan = planExperiment(experiment, rows.map(({ row }) => row), { ...setting, variants });
  return { ...plan, extras: [] };
}

/** The plan with a comparison of each row with that of `base`, where any stage differs. */
function comparedWith(plan: Plan, base: Plan): Plan {
  const extras = plan.rows.flatMap(({ row: { row }, cells, evaluation }, i): PlannedExtra[] => {
    const other = base.rows[i];
    if (evaluation === undefined || evaluation.key === other.evaluation?.key) return [];
    const variant = `${row}, variants`;
    const stage = cellComparison(cells, other.cells, sharesTests(plan.experiment), variant);
    return [{ kind: "comparison", row, base: row, stage }];
  });
  return { ...plan, extras };
}

/** What the run found of a row under a move. */
function measuredMove(
  move: VariantMove,
  base: RowOutcome,
  { rows, extras }: PlanOutcome,
  index: number,
): MeasuredMove {
  const { planned, evaluation, failure } = rows[index];
  const name = planned.row.row;
  const comparison = extras.find(({ planned: one }) =>
    one.kind === "comparison" && one.row === name
  );
  const error = planned.obstacle?.message ??
    (evaluation === undefined ? failure?.message ?? "a stage before it failed" : undefined);
  return {
    ...move,
    same: planned.evaluation !== undefined &&
      planned.evaluation.key === base.planned.evaluation!.key,
    ...(evaluation === undefined ? {} : { auroc: evaluation.metrics.cl_auroc!.values }),
    ...(comparison === undefined ? {} : {
      comparison: parseJsonFile<RowComparison>(comparison.payload, "comparison.json").cl_auroc,
    }),
    ...(error === undefined ? {} : { error }),
  };
}

/** What stands in the head of the table. */
function settingOf(
  { experiment, setting: { profile, backbone, dataset, seeds } }: Plan,
): Pick<VariantDifferences, "experiment" | "profile" | "backbone" | "dataset" | "seeds"> {
  const { name, digest, samples } = dataset;
  return {
    experiment: experiment.id,
    profile: profile.name,
    backbone,
    dataset: { name, digest, images: samples.length },
    seeds,
  };
}
