/**
 * A small finished run as a folder: two rows, two seeds, scores drawn from a seed.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../../lib/base/digest.ts";
import { RandomState } from "../../lib/base/random.ts";
import { recompute } from "../../lib/report/recomputed.ts";
import type { ExperimentResult } from "../../lib/report/results.ts";
import { type ScoreRecord, scoresToCsv } from "../../lib/report/scores_csv.ts";
import { paperTable } from "../../lib/report/paper_table.ts";
import { toCsv } from "../../lib/report/to_csv.ts";
import { toLatex } from "../../lib/report/to_latex.ts";
import { toMarkdown } from "../../lib/report/to_markdown.ts";
import { mediaTypeOf } from "../../lib/report/media_types.ts";
import { recordText } from "../../lib/runner/provenance.ts";
import { sampleRecord } from "../report/sample_record.ts";
import { sampleResult } from "../report/sample_result.ts";

/**
 * Writes a run into `folder`.
 *
 * @param shift how far the bad scores of "PatchCore + Ours" stand above the good ones
 */
export async function writeFinishedRun(folder: string, shift = 2.5): Promise<ExperimentResult> {
  const random = new RandomState(11);
  const scores = [["PatchCore", 1], ["PatchCore + Ours", shift]].flatMap(([row, distance]) =>
    [1, 2].flatMap((seed) =>
      Array.from({ length: 80 }, (_, i): ScoreRecord => {
        const label = i < 40 ? 0 : 1;
        return {
          row: String(row),
          seed,
          image: `test/${label === 0 ? "good" : "bad"}/${i}.png`,
          label,
          unseen: i >= 72,
          score: random.normal() + label * Number(distance),
        };
      })
    )
  );
  const [first, , , last] = sampleResult.rows;
  const { classes: _, ...ours } = last;
  const comparison = {
    row: "PatchCore + Ours",
    base: "PatchCore",
    difference: 0,
    interval: [0, 0] as const,
    p: 1,
    holm: 1,
    delong: null,
  };
  const { result } = recompute({
    ...sampleResult,
    seeds: [1, 2],
    rows: [first, ours],
    comparisons: [
      { ...comparison, metric: "cl_auroc" },
      { ...comparison, metric: "fpr95" },
    ],
  }, scores);
  const table = paperTable(result);
  const outputs = {
    "table.md": toMarkdown(table),
    "table.tex": toLatex(table),
    "table.csv": toCsv(result),
    "scores.csv": scoresToCsv(scores),
  };
  const record = sampleRecord(
    result,
    scores,
    Object.entries(outputs).map(([path, text]) => ({
      path,
      sha256: sha256(text),
      bytes: new TextEncoder().encode(text).length,
      mediaType: mediaTypeOf(path),
    })),
  );
  await Deno.mkdir(folder, { recursive: true });
  const files = {
    ...outputs,
    "result.json": JSON.stringify(result),
    "run.json": recordText(record),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, name), text);
  }
  return result;
}
