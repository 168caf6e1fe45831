/**
 * Writes what a run leaves for people and programs: tables, scores, charts, the page, provenance.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { HarnessError } from "../base/errors.ts";
import { readFileIfThere, removeAbandonedFiles, writeFileAtomic } from "../base/files.ts";
import { executionOf } from "../runner/execution_file.ts";
import { provenanceOf, recordText } from "../runner/provenance.ts";
import type { RecordedOutput } from "../runner/run_file.ts";
import type { PlanOutcome } from "../runner/run_plans.ts";
import type { Store } from "../store/store.ts";
import { resultCharts } from "./charts.ts";
import { drawCharts } from "./drawn_charts.ts";
import { keepSegmentation } from "./inspector_segments.ts";
import { mediaTypeOf } from "./media_types.ts";
import { paperTable } from "./paper_table.ts";
import { resultDigest } from "./result_digest.ts";
import { figuresOf, scoresOfRun } from "./result_of_run.ts";
import type { ExperimentResult } from "./results.ts";
import { type RunEvidence, runEvidence } from "./run_evidence.ts";
import { runRecordOf } from "./run_record.ts";
import { type ScoreRecord, scoresToCsv } from "./scores_csv.ts";
import { toCsv } from "./to_csv.ts";
import { toHtml } from "./to_html.ts";
import { toLatex } from "./to_latex.ts";
import { toMarkdown } from "./to_markdown.ts";

/** Options of `writeRun`. */
export interface WriteRunOptions {
  /** Where the run's stages are; small pictures for the page are kept there too. */
  readonly store: Store;
  /** Ends the writing. */
  readonly signal: AbortSignal;
}

/**
 * Writes a finished run into `folder`: what `writeReport` writes, and scores.csv, result.json, run.json
 * and execution.json. All but result.json, report.html and execution.json, which hold times, are the same
 * bytes for the same results.
 *
 * @throws {InterruptedError} when the signal is aborted; the files that are there are whole
 */
export async function writeRun(
  folder: string,
  outcome: PlanOutcome,
  result: ExperimentResult,
  { store, signal }: WriteRunOptions,
): Promise<void> {
  const figures = figuresOf(outcome.extras);
  for (const { figure, bytes } of figures) await writeIfNew(join(folder, figure.file), bytes);
  const scores = scoresOfRun(outcome);
  const scoresCsv = scoresToCsv(scores);
  await writeIfNew(join(folder, "scores.csv"), scoresCsv);
  const { segmentations, profile } = outcome.plan.setting;
  for (const planned of segmentations.values()) {
    if (!(planned instanceof HarnessError)) await keepSegmentation(store, planned, profile.size);
  }
  const digest = resultDigest(result);
  const planned = provenanceOf(outcome, { outputs: [], result: digest });
  const evidence = await runEvidence(store, runRecordOf(planned), scores);
  const { "report.html": _, ...texts } = await writeReport(folder, result, scores, {
    evidence,
    signal,
  });
  const outputs = [
    ...Object.entries({ ...texts, "scores.csv": scoresCsv })
      .map(([name, text]) => recordedOutput(name, new TextEncoder().encode(text))),
    ...figures.map(({ figure, bytes }) => recordedOutput(figure.file, bytes)),
  ];
  const record = provenanceOf(outcome, { outputs, result: digest });
  const before = await recordedId(join(folder, "run.json"));
  await writeIfNew(join(folder, "run.json"), recordText(record));
  await writeFileAtomic(join(folder, "result.json"), JSON.stringify(result, null, 2) + "\n");
  const execution = await executionOf({
    run: record.id,
    before,
    stages: result.stages,
    costs: evidence.costs,
    seconds: result.seconds,
  });
  await writeFileAtomic(join(folder, "execution.json"), JSON.stringify(execution, null, 2) + "\n");
}

function recordedOutput(path: string, bytes: Uint8Array): RecordedOutput {
  return { path, sha256: sha256(bytes), bytes: bytes.length, mediaType: mediaTypeOf(path) };
}

/** The id of the record that stands in a file; undefined where there is none, or another layout's. */
async function recordedId(path: string): Promise<string | undefined> {
  const text = new TextDecoder().decode(await readFileIfThere(path));
  return /^ {2}"id": "([0-9a-f]{64})",$/m.exec(text)?.[1];
}

/** Options of `writeReport`. */
export interface WriteReportOptions {
  /** What the store still has; without it the page shows no images. */
  readonly evidence: RunEvidence | undefined;
  /** Ends the writing. */
  readonly signal: AbortSignal;
}

/**
 * Writes the tables, the charts and the page of a result: table.md, table.tex, table.csv, report.html,
 * charts/*.svg and charts/*.png.
 *
 * @returns the texts by file name
 * @throws {InterruptedError} when the signal is aborted; the files that are there are whole
 */
export async function writeReport(
  folder: string,
  result: ExperimentResult,
  scores: readonly ScoreRecord[],
  { evidence, signal }: WriteReportOptions,
): Promise<Readonly<Record<string, string>>> {
  await removeAbandonedFiles(folder);
  const table = paperTable(result);
  const charts = await drawCharts(
    join(folder, "charts"),
    resultCharts(result, scores, evidence?.importances),
    signal,
  );
  const pictures = await readPictures(folder, result);
  const texts = {
    "table.md": toMarkdown(table),
    "table.tex": toLatex(table),
    "table.csv": toCsv(result),
    "report.html": await toHtml(result, {
      charts,
      pictures,
      ...(evidence === undefined ? {} : { evidence }),
    }),
  };
  for (const [name, text] of Object.entries(texts)) await writeIfNew(join(folder, name), text);
  return texts;
}

/** The pictures of a figure by file, as they lie in the run's folder. */
async function readPictures(
  folder: string,
  { figures = [] }: ExperimentResult,
): Promise<Map<string, Uint8Array>> {
  const pictures = new Map<string, Uint8Array>();
  for (const { file } of figures) {
    const bytes = await readFileIfThere(join(folder, file));
    if (bytes !== undefined) pictures.set(file, bytes);
  }
  return pictures;
}

/** A file that says the same already is left alone, so that a run that changes nothing writes little. */
async function writeIfNew(path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const before = await readFileIfThere(path);
  if (before !== undefined && sha256(before) === sha256(bytes)) return;
  await writeFileAtomic(path, bytes);
}
