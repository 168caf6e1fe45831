/**
 * From what a run found to the result that every table, chart and page is made of.
 *
 * @module
 */
import { HarnessError } from "../base/errors.ts";
import { assumptionsOf } from "../runner/assumptions.ts";
import type { RunSetting } from "../runner/plan.ts";
import type { PlanOutcome, RowOutcome } from "../runner/run_plans.ts";
import { paperNumbers } from "./paper_numbers.ts";
import type { ExperimentResult, ResultRow } from "./results.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** The result of one experiment. */
export function resultOfRun(
  { plan, rows }: PlanOutcome,
  stages: ExperimentResult["stages"],
  seconds: number,
): ExperimentResult {
  const { experiment, setting } = plan;
  const { dataset, profile } = setting;
  return {
    experiment: experiment.id,
    title: experiment.title,
    profile: profile.name,
    dataset: { name: dataset.name, digest: dataset.digest, images: dataset.samples.length },
    seeds: setting.seeds,
    rows: rows.map(resultRow),
    notes: [
      `Protocol: ${experiment.protocol.description}.`,
      `Profile ${profile.name}: ${profile.description}; backbone ${setting.backbone}; ` +
      `${segmentationText(setting)}.`,
    ],
    assumptions: assumptionsOf(
      experiment,
      rows.filter(({ evaluation }) => evaluation !== undefined).map(({ planned }) =>
        planned.row.method
      ),
    ).map(({ id, text }) => ({ id, text })),
    stages,
    seconds,
  };
}

/** A row as tables show it. */
export function resultRow({ planned, evaluation, failure }: RowOutcome): ResultRow {
  const { row, obstacle } = planned;
  const error = obstacle?.message ??
    (evaluation === undefined
      ? `failed: ${failure?.message ?? "a stage before it failed"}`
      : undefined);
  return {
    group: row.group,
    row: row.row,
    metrics: evaluation?.metrics ?? {},
    paper: row.paper === undefined ? [] : paperNumbers(row.paper.table, row.paper.row),
    verdict: "not testable",
    ...(row.base === undefined ? {} : { base: row.base }),
    ...(error === undefined ? {} : { error }),
    ...(row.note === undefined ? {} : { note: row.note }),
    ...(row.base === undefined ? {} : { base: row.base }),
    ...(evaluation?.classes === undefined ? {} : { classes: evaluation.classes }),
  };
}

/** The row that scores stand under: of a mean over methods, "An. Det. / PatchCore" for each of them. */
export function scoreRowName(row: string, part: string | undefined): string {
  return part === undefined ? row : `${row} / ${part}`;
}

/** "segmentation map vad (7 segments)", or what each class has. */
function segmentationText({ segmentations }: RunSetting): string {
  const texts = [...segmentations].map(([name, one]) => [
    name,
    one instanceof HarnessError ? "none" : `${one.spec} (${one.segments.length} segments)`,
  ]);
  return new Set(texts.map(([, text]) => text)).size === 1
    ? `segmentation map ${texts[0][1]}`
    : `segmentation maps ${texts.map((pair) => pair.join(": ")).join(", ")}`;
}

/** The scores of every test image by every row, in the order of rows, seeds and images. */
export function scoresOfRun({ rows }: PlanOutcome): ScoreRecord[] {
  return rows.flatMap(({ planned, scores }) =>
    scores.flatMap(({ cell, values }) =>
      cell.test.map((sample, i) => ({
        row: scoreRowName(planned.row.row, cell.part),
        seed: cell.seed,
        image: sample.id,
        label: sample.label,
        unseen: sample.unseen,
        score: values[i],
      }))
    )
  );
}
