/**
 * A finished run read back from its folder.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { type ExperimentResult, parseResult } from "../report/results.ts";
import { type ScoreRecord, scoresFromCsv } from "../report/scores_csv.ts";

/** The result and the scores of the run in `folder`. */
export async function readRun(
  folder: string,
): Promise<{ readonly result: ExperimentResult; readonly scores: readonly ScoreRecord[] }> {
  const [resultPath, scoresPath] = ["result.json", "scores.csv"].map((name) => join(folder, name));
  const result = parseResult(await readRunText(resultPath), resultPath);
  return { result, scores: await scoresFromCsv(await readRunText(scoresPath), scoresPath) };
}

/**
 * The text of a file of a run.
 *
 * @throws {DataError} where there is no such file
 */
export async function readRunText(path: string): Promise<string> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) {
    throw new DataError(`Cannot read the run: there is no ${path}`, {
      remedy:
        "Give the folder of a run, such as results/table3/demo; `deno task reproduce` writes it.",
    });
  }
  return new TextDecoder().decode(bytes);
}
