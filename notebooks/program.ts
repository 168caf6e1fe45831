/**
 * The program from a notebook: the same commands as `deno task`, run from the project's folder.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ExperimentResult, parseResult } from "../lib/report/results.ts";
import { type ScoreRecord, scoresFromCsv } from "../lib/report/scores_csv.ts";

/** The project's folder. */
export const projectFolder = fileURLToPath(new URL("../", import.meta.url));

/**
 * A folder for what a notebook makes: below `.cache/notebooks`, so that a second run goes on from the
 * first, or below the folder that the environment variable `NOTEBOOK_WORK` names.
 */
export async function workFolder(name: string): Promise<string> {
  const root = Deno.env.get("NOTEBOOK_WORK") ?? join(projectFolder, ".cache", "notebooks");
  const folder = join(root, name);
  await Deno.mkdir(folder, { recursive: true });
  return folder;
}

/**
 * Runs a command and gives what it prints.
 *
 * @param words what follows `deno task`
 * @param project the project's folder, or that of a copy
 * @throws {Error} with what the command said, where its exit code is not 0
 */
export async function runTask(
  words: readonly string[],
  project: string = projectFolder,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--quiet", `--config=${join(project, "deno.json")}`]
      .concat(join(project, "main.ts"), words),
    cwd: project,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) {
    throw new Error(`deno task ${words.join(" ")}: exit code ${code}\n${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}

/** Runs `reproduce` and gives its result and the score of each test image. */
export async function reproduce(
  words: readonly string[],
  out: string,
  project: string = projectFolder,
): Promise<{ readonly result: ExperimentResult; readonly scores: readonly ScoreRecord[] }> {
  const text = await runTask(["reproduce", ...words, "--out", out, "--json", "--quiet"], project);
  const result = parseResult(text, "the output of reproduce");
  const file = join(out, result.experiment, result.profile, "scores.csv");
  return { result, scores: await scoresFromCsv(await Deno.readTextFile(file), "scores.csv") };
}
