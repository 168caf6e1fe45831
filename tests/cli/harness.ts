/**
 * The program as a user runs it, for tests: on a small copy of the embedded product that is written as
 * PNGs once.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command, CommandGroup } from "../../lib/cli/arguments.ts";
import { runCommandLine } from "../../lib/cli/command_line.ts";
import type { Experiment } from "../../lib/runner/experiment.ts";
import { capturedStream } from "./captured_stream.ts";

export const projectRoot = fileURLToPath(new URL("../../", import.meta.url));

/** What a run of the program gave. */
export interface ProgramRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line of the program with all permissions. */
export function programArguments(words: readonly string[]): string[] {
  return [
    "run",
    "-A",
    "--no-prompt",
    "--quiet",
    `--config=${projectRoot}deno.json`,
    `${projectRoot}main.ts`,
    ...words,
  ];
}

/** Runs the program to its end. */
export async function runProgram(words: readonly string[], cwd?: string): Promise<ProgramRun> {
  return await runDeno(programArguments(words), cwd === undefined ? {} : { cwd });
}

/** Runs Deno to its end. */
export async function runDeno(
  args: readonly string[],
  options: Pick<Deno.CommandOptions, "cwd" | "env" | "clearEnv"> = {},
): Promise<ProgramRun> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    ...options,
    args: [...args],
    env: { ...options.env, NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** A program of some commands, run in this process. */
export function programOf(
  commands: Readonly<Record<string, Command | CommandGroup>>,
  experiments: readonly Experiment[] = [],
): (...words: string[]) => Promise<ProgramRun> {
  const program = {
    name: "deno task",
    title: "Test.",
    version: "0",
    experiments,
    commands: Object.fromEntries(
      Object.entries(commands).map(([name, command]) => [name, {
        summary: command.summary,
        load: () => Promise.resolve(command),
      }]),
    ),
  };
  return async (...words) => {
    const [stdout, stderr] = [capturedStream(), capturedStream()];
    const code = await runCommandLine(words, program, { stdout, stderr });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };
}

/** A folder that is removed when the body ends. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "segad" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes the small product into `folder`. */
export async function synthesize(folder: string): Promise<void> {
  const counts = ["train-good=16", "train-bad=8", "test-good=8", "test-bad=6", "test-unseen=2"];
  const run = await runProgram([
    "data",
    "synthesize",
    folder,
    ...counts.map((count) => `--${count}`),
    "--quiet",
  ]);
  if (run.code !== 0) throw new Error(run.stderr);
}

/** Words that reproduce PatchCore's rows of Table 3 on `data`. */
export function reproduceWords(data: string, cache: string, out: string): string[] {
  const rows = ["--rows", "PatchCore,PatchCore + Ours", "--seeds", "2"];
  const place = [
    "--data",
    data,
    "--profile",
    "demo",
    "--segmap",
    "vad",
    "--cache",
    cache,
    "--out",
    out,
  ];
  return ["reproduce", "table3", ...rows, ...place];
}

/** The files of a run that must be the same bytes for the same results, by path. */
export async function resultFiles(out: string): Promise<Record<string, string>> {
  const folder = join(out, "table3", "demo");
  const files: Record<string, string> = {};
  const names = ["table.md", "table.tex", "table.csv", "scores.csv", "run.json"];
  const charts = (await Array.fromAsync(Deno.readDir(join(folder, "charts")))).map(({ name }) =>
    `charts/${name}`
  );
  for (const name of [...names, ...charts.sort()]) {
    const bytes = await Deno.readFile(join(folder, name));
    files[name] = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
  return files;
}

/** Runs a command that serves a page, hands over its address, and interrupts it when the body ends. */
export async function withServedPage(
  words: readonly string[],
  cwd: string,
  body: (address: string) => Promise<void>,
): Promise<ProgramRun> {
  const child = new Deno.Command(Deno.execPath(), {
    args: programArguments([...words, "--json"]),
    env: { NO_COLOR: "1" },
    cwd,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let stdout = "";
  while (!/\}\s*$/.test(stdout)) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`The page is not served: ${await stderr}`);
    stdout += value;
  }
  try {
    await body(JSON.parse(stdout).address);
  } finally {
    child.kill("SIGINT");
    await lines.cancel();
  }
  return { code: (await child.status).code, stdout, stderr: await stderr };
}
