/**
 * Writes what a run leaves for people and programs: tables, scores, charts, the page, provenance.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { writeFileAtomic } from "../base/files.ts";
import { provenanceOf } from "../runner/provenance.ts";
import type { PlanOutcome } from "../runner/run_plans.ts";
import { paperTable } from "./paper_table.ts";
import { scoresOfRun } from "./result_of_run.ts";
import type { ExperimentResult } from "./results.ts";
import { scoresToCsv } from "./scores_csv.ts";
import { toCsv } from "./to_csv.ts";
import { toLatex } from "./to_latex.ts";
import { toMarkdown } from "./to_markdown.ts";

/**
 * Writes table.md, table.tex, table.csv, scores.csv, result.json and run.json into `folder`. All but
 * result.json, which holds times, are the same bytes for the same results.
 *
 * @returns the names of the files
 */
export async function writeRun(
  folder: string,
  outcome: PlanOutcome,
  result: ExperimentResult,
): Promise<string[]> {
  const table = paperTable(result);
  const files: Record<string, string> = {
    "table.md": toMarkdown(table),
    "table.tex": toLatex(table),
    "table.csv": toCsv(result),
    "scores.csv": scoresToCsv(scoresOfRun(outcome)),
  };
  const digests = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, sha256(text)]),
  );
  files["run.json"] = JSON.stringify(provenanceOf(outcome, digests), null, 2) + "\n";
  files["result.json"] = JSON.stringify(result, null, 2) + "\n";
  for (const [name, text] of Object.entries(files)) await writeFileAtomic(join(folder, name), text);
  return Object.keys(files);
}
