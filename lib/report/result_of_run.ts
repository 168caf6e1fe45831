/**
 * From what a run found to the result that every table, chart and page is made of.
 *
 * @module
 */
import { basename } from "node:path";
import { HarnessError } from "../base/errors.ts";
import type { Dataset } from "../images/sample.ts";
import { detectors } from "../maps/detectors.ts";
import { supervisedMethods } from "../maps/supervised_methods.ts";
import { holmAdjusted } from "../metrics/intervals.ts";
import { assumptionsOf } from "../runner/assumptions.ts";
import { Auditor } from "../runner/audit.ts";
import { obstaclesToComparison } from "../runner/comparability.ts";
import {
  type CountedDataset,
  type Experiment,
  type ExperimentRow,
  methodIds,
  type Protocol,
} from "../runner/experiment.ts";
import type { Plan, RunSetting } from "../runner/plan.ts";
import { penaltyText } from "../runner/planned_penalty.ts";
import type { PlannedSegmentation } from "../runner/planned_segmentation.ts";
import { withoutFolders } from "../runner/provenance.ts";
import type { ExtraOutcome, PlanOutcome, RowOutcome } from "../runner/run_plans.ts";
import { parseJsonFile } from "../runner/stage_kind.ts";
import type { RowComparison } from "../runner/stages/comparison.ts";
import type { Evaluation } from "../runner/evaluation.ts";
import type { PictureCaption } from "../runner/stages/picture.ts";
import { paperNumbers } from "./paper_numbers.ts";
import type { Comparison, ExperimentResult, Figure, Grid, ResultRow } from "./results.ts";
import { auditNote, rowAudit } from "./row_audit.ts";
import { scoreRowName } from "./score_row_name.ts";
import { verdictsOf, worstVerdict } from "./verdict.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** The result of one experiment. */
export function resultOfRun(
  { plan, rows, extras }: PlanOutcome,
  stages: ExperimentResult["stages"],
  seconds: number,
): ExperimentResult {
  const { experiment, setting } = plan;
  const { dataset, profile } = setting;
  const view = experiment.shows ?? "metrics";
  const judge = rowJudge(plan);
  const comparisons = comparisonsOf(extras);
  return {
    experiment: experiment.id,
    title: experiment.title,
    profile: profile.name,
    dataset: {
      name: dataset.name,
      digest: dataset.digest,
      images: dataset.samples.length,
      ...(setting.imported === undefined ? {} : { maps: [...setting.imported.keys()] }),
    },
    seeds: setting.seeds,
    ...(view === "metrics" ? {} : { view }),
    rows: rows.map((row) => judge(row, resultRow(row))),
    ...(experiment.datasets === undefined
      ? {}
      : { grid: datasetGrid(experiment.datasets, dataset) }),
    ...(extras.some(({ planned }) => planned.kind === "pictures")
      ? { figures: figuresOf(extras).map(({ figure }) => figure) }
      : {}),
    ...(comparisons.length === 0 ? {} : { comparisons }),
    notes: notesOf(experiment, setting),
    assumptions: assumptionsOf(
      experiment,
      rows.filter(({ evaluation }) => evaluation !== undefined).map(({ planned }) =>
        planned.row.method
      ),
      setting,
    ).map(({ id, text }) => ({ id, text })),
    stages,
    seconds,
  };
}

/** What the embedded product can show and what not. */
const embeddedNote =
  "The embedded product is drawn, and its defects and the budgets of profile demo were set while " +
  "looking at its test images, so that the paper's effects can be seen in minutes: its numbers show " +
  "that the harness works, and how the methods compare they do not show.";

/** What a reader must know to judge the numbers. */
export function notesOf({ protocol, rows }: Experiment, setting: RunSetting): string[] {
  const { profile, backbone, notes = [] } = setting;
  const segmentation = segmentationText(setting);
  const settings = setting.imported === undefined
    ? `Profile ${profile.name}: ${profile.description}; backbone ${backbone}; ${segmentation}.`
    : `${segmentation.charAt(0).toUpperCase()}${segmentation.slice(1)}.`;
  const without = rows.length > 0
    ? []
    : [...setting.segmentations].flatMap(([name, one]) =>
      one instanceof HarnessError ? [`Class ${name} has no picture: ${one.message}.`] : []
    );
  return [
    ...without,
    ...(rows.length === 0 ? [] : [
      `Protocol: ${protocolText(protocol, setting)}.`,
      settings,
      ...variantNotes(setting, rows),
      ...penaltyNotes(setting, rows),
    ]),
    ...(setting.dataset.layout === "synthetic"
      ? [rows.length > 0 ? embeddedNote : "The images are of the embedded product, which is drawn."]
      : []),
    ...notes,
  ];
}

/** Methods of the rows that follow another variant than their first, the paper's. */
function variantNotes({ variants }: RunSetting, rows: readonly ExperimentRow[]): string[] {
  const used = new Set(rows.flatMap(({ method }) => [...methodIds(method)]));
  return Object.entries(variants).flatMap(([id, variant]) => {
    const method = detectors.get(id) ?? supervisedMethods.get(id);
    if (!used.has(id) || method === undefined || variant === method.variants[0]) return [];
    return [
      `${method.name}: variant ${variant}; the paper's is --variant ${id}=${method.variants[0]}.`,
    ];
  });
}

/** Which detectors of the rows were given penalty images; that there were none is an assumption. */
function penaltyNotes({ penalty }: RunSetting, rows: readonly ExperimentRow[]): string[] {
  if (penalty === undefined) return [];
  const used = new Set(rows.flatMap(({ method }) => [...methodIds(method)]));
  return [...detectors.values()].flatMap(({ id, name, takesPenaltyImages }) =>
    takesPenaltyImages && used.has(id)
      ? [`Penalty images of ${name}: ${penaltyText(penalty)}.`]
      : []
  );
}

/** Maps of other tools bring the images that train the forest; which ones trained the tools is not known. */
function protocolText({ description, moved }: Protocol, { imported }: RunSetting): string {
  return imported === undefined
    ? description
    : `the good images of the tools' df_training.csv and ${moved} bad test images per class and ` +
      "seed train the forest";
}

/** Adds verdicts and audit to the rows of a plan. */
function rowJudge(plan: Plan): (outcome: RowOutcome, row: ResultRow) => ResultRow {
  const { experiment } = plan;
  const obstacles = obstaclesToComparison(plan);
  const auditor = new Auditor(plan.setting.penalty);
  return ({ planned, evaluation }, row) => {
    const open = assumptionsOf(
      experiment,
      [planned.row.method],
      plan.setting,
    ).map(({ id }) => id);
    const verdicts = verdictsOf(row.metrics, row.paper, obstacles, open);
    const audit = evaluation === undefined ? undefined : rowAudit(auditor, planned.cells);
    const seen = audit === undefined ? undefined : auditNote(audit);
    const note = [row.note, seen].filter((text) => text !== undefined).join(" ");
    return {
      ...row,
      verdict: worstVerdict(Object.values(verdicts)),
      ...(note === "" ? {} : { note }),
      ...(row.paper.length === 0 ? {} : { verdicts }),
      ...(audit === undefined ? {} : { audit }),
    };
  };
}

/** The comparisons of a table. */
function comparisonsOf(extras: readonly ExtraOutcome[]): Comparison[] {
  return correctedComparisons(
    extras.flatMap(({ planned, payload }) =>
      planned.kind === "comparison"
        ? [{ ...planned, found: parseJsonFile<RowComparison>(payload, "comparison.json") }]
        : []
    ),
  );
}

/** Comparisons of rows with their bases, with Holm's correction over all of them for each metric. */
export function correctedComparisons(
  made: readonly { readonly row: string; readonly base: string; readonly found: RowComparison }[],
): Comparison[] {
  const corrected = new Map(
    (["cl_auroc", "fpr95"] as const).map((metric) => [
      metric,
      holmAdjusted(made.map(({ found }) => found[metric].p)),
    ]),
  );
  return made.flatMap(({ row, base, found }, i) =>
    (["cl_auroc", "fpr95"] as const).map((metric): Comparison => ({
      row,
      base,
      metric,
      ...found[metric],
      holm: corrected.get(metric)![i],
      delong: metric === "cl_auroc" ? found.delong : null,
    }))
  );
}

/** The pictures of a run with the places of their files. */
export function figuresOf(
  extras: readonly ExtraOutcome[],
): { readonly figure: Figure; readonly bytes: Uint8Array }[] {
  return extras.flatMap(({ planned, payload }) =>
    planned.kind !== "pictures"
      ? []
      : parseJsonFile<PictureCaption[]>(payload, "pictures.json").map(({ file, caption }, i) => ({
        figure: { file: `figures/${planned.name}-${i + 1}.png`, caption },
        bytes: payload.get(file)!,
      }))
  );
}

/** Table 1: the paper's lines, then the images that were given, counted. */
function datasetGrid(published: readonly CountedDataset[], dataset: Dataset): Grid {
  const yes = (value: boolean | null) => value === null ? "?" : value ? "yes" : "no";
  const line = (one: CountedDataset, year: string): string[] => [
    one.dataset,
    year,
    String(one.classes),
    String(one.images),
    one.types,
    one.defects,
    String(one.trainGood),
    String(one.trainBad),
    yes(one.logicalDefects),
    one.pixelLabels,
  ];
  return {
    columns: [
      "Dataset",
      "Year",
      "Classes",
      "Images",
      "Types",
      "Defects",
      "Tr. good",
      "Tr. bad",
      "Log. def.",
      "Pix. labels",
    ],
    rows: [
      ...published.map((one) => line(one, String(one.year))),
      line(countDataset(dataset), "counted here"),
    ],
  };
}

/** The line of Table 1 for a data set; training images are the mean over its classes, rounded. */
function countDataset({ name, layout, samples }: Dataset): CountedDataset {
  const classes = new Set(samples.map((sample) => sample.class)).size;
  const count = (label: 0 | 1) =>
    samples.filter((sample) => sample.split === "train" && sample.label === label).length;
  const drawn = layout === "synthetic";
  const bad = samples.filter(({ label }) => label === 1);
  return {
    dataset: name,
    year: null,
    classes,
    images: samples.length,
    types: drawn ? "obj" : "?",
    defects: drawn ? "drawn" : "?",
    trainGood: Math.round(count(0) / classes),
    trainBad: Math.round(count(1) / classes),
    logicalDefects: drawn ? true : null,
    pixelLabels: bad.some(({ mask }) => mask !== undefined) ? "yes" : "no",
  };
}

/** A row as tables show it. */
export function resultRow({ planned, evaluation, failure }: RowOutcome): ResultRow {
  const { row, obstacle } = planned;
  const reason = obstacle?.message ??
    (evaluation === undefined
      ? `failed: ${failure?.message ?? "a stage before it failed"}`
      : undefined);
  const error = reason === undefined ? undefined : withoutFolders(reason);
  return {
    group: row.group,
    row: row.row,
    metrics: evaluation?.metrics ?? {},
    paper: row.paper === undefined ? [] : paperNumbers(row.paper.table, row.paper.row),
    verdict: "not testable",
    ...(evaluation?.defects === undefined ? {} : { defects: evaluation.defects }),
    ...publishedByClass(row, evaluation),
    ...(error === undefined ? {} : { error }),
    ...(row.note === undefined ? {} : { note: row.note }),
    ...(row.base === undefined ? {} : { base: row.base }),
    ...(evaluation?.classes === undefined ? {} : { classes: evaluation.classes }),
  };
}

/** The numbers published for each class that was evaluated. */
function publishedByClass(
  { paper }: ExperimentRow,
  evaluation: Evaluation | undefined,
): Pick<ResultRow, "paperClasses"> | undefined {
  if (paper === undefined) return undefined;
  const numbers = Object.keys(evaluation?.classes ?? {})
    .map((name) => [name, paperNumbers(paper.table, paper.row, name)] as const)
    .filter(([, list]) => list.length > 0);
  return numbers.length === 0 ? undefined : { paperClasses: Object.fromEntries(numbers) };
}

/** "segmentation map vad (7 segments)", or what each class has. */
function segmentationText({ segmentations }: RunSetting): string {
  const texts = [...segmentations].map(([name, one]) => [
    name,
    one instanceof HarnessError ? "none" : segmentationName(one),
  ]);
  return new Set(texts.map(([, text]) => text)).size === 1
    ? `segmentation map ${texts[0][1]}`
    : `segmentation maps ${texts.map((pair) => pair.join(": ")).join(", ")}`;
}

/** "vad (7 segments)"; of a file its name, since a folder is no part of a result. */
function segmentationName({ kind, spec, segments }: PlannedSegmentation): string {
  const name = kind === "images" ? "of each image" : basename(spec);
  return `${name} (${segments.length} segments)`;
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
