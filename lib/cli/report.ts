/**
 * `report`: tables, charts and page of a finished run, written again from its result.json and scores.csv.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { paperTable } from "../report/paper_table.ts";
import { type ExperimentResult, parseResult } from "../report/results.ts";
import { scoresFromCsv } from "../report/scores_csv.ts";
import { toText } from "../report/to_text.ts";
import { writeReport } from "../report/write_run.ts";
import { defineCommand } from "./arguments.ts";

export const reportCommand = defineCommand({
  name: "report",
  summary: "Write tables, charts and page of a finished run again.",
  examples: [{
    command: "report results/table3/demo",
    description: "from the run's result.json and scores.csv",
  }],
  options: {},
  positionals: [{ name: "run", description: "folder of a run", repeatable: true }],
  async run({ output }, { positionals }) {
    const results: ExperimentResult[] = [];
    for (const folder of positionals) {
      const result = parseResult(
        await readText(join(folder, "result.json")),
        join(folder, "result.json"),
      );
      const path = join(folder, "scores.csv");
      const scores = await scoresFromCsv(await readText(path), path);
      await writeReport(folder, result, scores);
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
