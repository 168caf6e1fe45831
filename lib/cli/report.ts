/**
 * `report`: tables, charts and page of a finished run, written again from its result.json and scores.csv.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { paperTable } from "../report/paper_table.ts";
import type { ExperimentResult } from "../report/results.ts";
import { roCrate, roCrateName } from "../report/ro_crate.ts";
import { type RunEvidence, runEvidence } from "../report/run_evidence.ts";
import { filesOfRun, parseExecutionFile } from "../report/run_files.ts";
import { parseRunFile, parseRunRecord } from "../report/run_record.ts";
import type { ScoreRecord } from "../report/scores_csv.ts";
import { toText } from "../report/to_text.ts";
import { writeReport } from "../report/write_run.ts";
import { openStore } from "../store/store.ts";
import { type Command, defineCommand, type OptionSpecs } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import { readRun, readRunText } from "./run_folder.ts";

const optionSpecs = {
  "ro-crate": {
    type: "boolean",
    description: "also write ro-crate-metadata.json, with which archives read the folder",
  },
  ...cacheOption,
} as const satisfies OptionSpecs;

/** `report`: from the files in a run's folder, and the store for what it still holds. */
export const reportCommand: Command = defineCommand({
  name: "report",
  summary: "Write tables, charts and page of a finished run again.",
  examples: [
    {
      command: "report results/table3/demo",
      description: "from the run's result.json and scores.csv",
    },
    {
      command: "report results/table3/demo --ro-crate",
      description: "and describe the folder as an RO-Crate",
    },
  ],
  options: optionSpecs,
  positionals: [{ name: "run", description: "folder of a run", repeatable: true }],
  async run({ output, signal }, { options, positionals }) {
    const results: ExperimentResult[] = [];
    for (const folder of positionals) {
      const { result, scores } = await readRun(folder);
      const evidence = await readEvidence(folder, scores, options.cache);
      await writeReport(folder, result, scores, { evidence, signal });
      if (options["ro-crate"]) await writeCrate(folder);
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

/** Describes the files of a run for archives. */
async function writeCrate(folder: string): Promise<void> {
  const [runPath, executionPath] = ["run.json", "execution.json"].map((name) => join(folder, name));
  const crate = roCrate({
    record: parseRunFile(await readRunText(runPath), runPath),
    execution: parseExecutionFile(await readRunText(executionPath), executionPath),
    files: await filesOfRun(folder, [roCrateName]),
  });
  await writeFileAtomic(join(folder, roCrateName), JSON.stringify(crate, null, 2) + "\n");
}

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
