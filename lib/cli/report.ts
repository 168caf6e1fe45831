/**
 * `report`: tables, charts and page of a finished run, written again from its result.json and scores.csv.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { DataError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { paperTable } from "../report/paper_table.ts";
import { type ExperimentResult, parseResult } from "../report/results.ts";
import { type RunEvidence, runEvidence } from "../report/run_evidence.ts";
import { parseRunRecord } from "../report/run_record.ts";
import { type ScoreRecord, scoresFromCsv } from "../report/scores_csv.ts";
import { toText } from "../report/to_text.ts";
import { writeReport } from "../report/write_run.ts";
import { openStore } from "../store/store.ts";
import { defineCommand } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";

export const reportCommand = defineCommand({
  name: "report",
  summary: "Write tables, charts and page of a finished run again.",
  examples: [{
    command: "report results/table3/demo",
    description: "from the run's result.json and scores.csv",
  }],
  options: cacheOption,
  positionals: [{ name: "run", description: "folder of a run", repeatable: true }],
  async run({ output }, { options, positionals }) {
    const results: ExperimentResult[] = [];
    for (const folder of positionals) {
      const result = parseResult(
        await readText(join(folder, "result.json")),
        join(folder, "result.json"),
      );
      const path = join(folder, "scores.csv");
      const scores = await scoresFromCsv(await readText(path), path);
      const evidence = await readEvidence(folder, scores, options.cache);
      await writeReport(folder, result, scores, evidence);
      output.log(`${result.experiment}: written to ${folder}`);
      results.push(result);
    }
    output.result(
      results.length === 1 ? results[0] : results,
      ({ colour, width }) =>
        results.map((result) => toText(paperTable(result), { colour, width })).join("\n"),
    );
    return 0;
  },
});

/** What the store still has of the run; undefined where there is no store or no record. */
async function readEvidence(
  folder: string,
  scores: readonly ScoreRecord[],
  cache: string,
): Promise<RunEvidence | undefined> {
  const path = join(folder, "run.json");
  const bytes = await readFileIfThere(path);
  const isThere = await Deno.stat(cache).then(() => true, () => false);
  if (bytes === undefined || !isThere) return undefined;
  const record = parseRunRecord(new TextDecoder().decode(bytes), path);
  const store = await openStore(resolve(cache));
  try {
    return await runEvidence(store, record, scores);
  } finally {
    store.close();
  }
}

async function readText(path: string): Promise<string> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) {
    throw new DataError(`Cannot read the run: there is no ${path}`, {
      remedy:
        "Give the folder of a run, such as results/table3/demo; `deno task reproduce` writes it.",
    });
  }
  return new TextDecoder().decode(bytes);
}
