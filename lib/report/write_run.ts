/**
 * Writes what a run leaves for people and programs: tables, scores, charts, the page, provenance.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { HarnessError } from "../base/errors.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { provenanceOf } from "../runner/provenance.ts";
import type { PlanOutcome } from "../runner/run_plans.ts";
import type { Store } from "../store/store.ts";
import { resultCharts } from "./charts.ts";
import { drawCharts } from "./drawn_charts.ts";
import { keepSegmentation } from "./inspector_segments.ts";
import { paperTable } from "./paper_table.ts";
import { figuresOf, scoresOfRun } from "./result_of_run.ts";
import type { ExperimentResult } from "./results.ts";
import { type RunEvidence, runEvidence } from "./run_evidence.ts";
import { readRunRecord } from "./run_record.ts";
import { type ScoreRecord, scoresToCsv } from "./scores_csv.ts";
import { toCsv } from "./to_csv.ts";
import { toHtml } from "./to_html.ts";
import { toLatex } from "./to_latex.ts";
import { toMarkdown } from "./to_markdown.ts";

/**
 * Writes a finished run into `folder`: what `writeReport` writes, and scores.csv, result.json and
 * run.json. All but result.json and report.html, which hold times, are the same bytes for the same
 * results.
 *
 * @param store where the run's stages are; small pictures for the page are kept there too
 */
export async function writeRun(
  folder: string,
  outcome: PlanOutcome,
  result: ExperimentResult,
  store: Store,
): Promise<void> {
  for (const { figure, bytes } of figuresOf(outcome.extras)) {
    await writeIfNew(join(folder, figure.file), bytes);
  }
  const scores = scoresOfRun(outcome);
  const scoresCsv = scoresToCsv(scores);
  await writeIfNew(join(folder, "scores.csv"), scoresCsv);
  const { segmentations, profile } = outcome.plan.setting;
  for (const planned of segmentations.values()) {
    if (!(planned instanceof HarnessError)) await keepSegmentation(store, planned, profile.size);
  }
  const record = readRunRecord(JSON.parse(JSON.stringify(provenanceOf(outcome, {}))), "the run");
  const evidence = await runEvidence(store, record, scores);
  const { "report.html": _, ...outputs } = await writeReport(folder, result, scores, evidence);
  const digests = Object.fromEntries(
    Object.entries({ ...outputs, "scores.csv": scoresCsv })
      .map(([name, text]) => [name, sha256(text)]),
  );
  const provenance = JSON.stringify(provenanceOf(outcome, digests), null, 2) + "\n";
  await writeIfNew(join(folder, "run.json"), provenance);
  await writeFileAtomic(join(folder, "result.json"), JSON.stringify(result, null, 2) + "\n");
}

/**
 * Writes the tables, the charts and the page of a result: table.md, table.tex, table.csv, report.html,
 * charts/*.svg and charts/*.png.
 *
 * @param evidence what the store still has; without it the page shows no images
 * @returns the texts by file name
 */
export async function writeReport(
  folder: string,
  result: ExperimentResult,
  scores: readonly ScoreRecord[],
  evidence?: RunEvidence,
): Promise<Readonly<Record<string, string>>> {
  const table = paperTable(result);
  const charts = await drawCharts(
    join(folder, "charts"),
    resultCharts(result, scores, evidence?.importances),
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
