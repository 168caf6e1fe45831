/**
 * From the words of a command line to an exit code: finds the command, shows help, checks the words,
 * runs, prints errors. `main.ts` hands over the table of commands and the experiments.
 *
 * @module
 */
import { unknownName, UsageError } from "../base/errors.ts";
import type { Experiment } from "../runner/experiment.ts";
import { commonOptions, parseArguments } from "./arguments.ts";
import type { Command, CommandGroup, ExitCode } from "./arguments.ts";
import { commandHelp, groupHelp, programHelp } from "./help.ts";
import { createOutput, exitCodeOf, type OutputOptions } from "./output.ts";

/** A program made of commands. */
export interface Program {
  /** How a command is called: "deno task". */
  readonly name: string;
  /** What it is, in a sentence. */
  readonly title: string;
  /** As in deno.json. */
  readonly version: string;
  /** In the order of the help. A command is loaded when it is called. */
  readonly commands: Readonly<Record<string, CommandEntry>>;
  /** Handed to every command. */
  readonly experiments: readonly Experiment[];
}

/** A command in the list, not loaded yet. */
export interface CommandEntry {
  /** As the command's own. */
  readonly summary: string;
  /** Imports its file. */
  load(): Promise<Command | CommandGroup>;
}

/** What surrounds the program. */
export interface Surroundings extends Pick<OutputOptions, "stdout" | "stderr" | "colour" | "now"> {
  /** Aborted when the user interrupts. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the command that `words` name.
 *
 * @returns the exit code (DESIGN section 2)
 */
export async function runCommandLine(
  words: readonly string[],
  program: Program,
  around: Surroundings,
): Promise<ExitCode> {
  let output = createOutput({ ...around, quiet: true });
  try {
    const found = await findCommand(words, program);
    if ("text" in found) {
      around.stdout.write(found.text(output.width));
      return found.exitCode;
    }
    const { command, path, rest } = found;
    if (asksForHelp(rest)) {
      around.stdout.write(commandHelp(command, program.name, path, output.width));
      return 0;
    }
    const options = { ...command.options, ...commonOptions };
    const args = parseArguments({ ...command, options }, rest);
    const { json, quiet } = args.options as { json: boolean; quiet: boolean };
    output = createOutput({ ...around, json, quiet });
    const signal = around.signal ?? new AbortController().signal;
    return await command.run({ output, experiments: program.experiments, signal }, args);
  } catch (error) {
    output.error(error);
    return exitCodeOf(error);
  } finally {
    output.progress.clear();
  }
}

/** A command with the words that are left for it, or a text to show instead. */
type Found =
  | { readonly command: Command; readonly path: string; readonly rest: readonly string[] }
  | { readonly text: (width: number) => string; readonly exitCode: ExitCode };

async function findCommand(words: readonly string[], program: Program): Promise<Found> {
  const [name, ...rest] = words;
  const summaries = Object.entries(program.commands).map(([name, { summary }]) =>
    [name, summary] as const
  );
  const help = (width: number) => programHelp(program.name, program.title, summaries, width);
  if (name === undefined) return { text: help, exitCode: 2 };
  if (name === "--help" || name === "-h" || name === "help") return { text: help, exitCode: 0 };
  if (name === "--version") return { text: () => `${program.version}\n`, exitCode: 0 };
  if (!Object.hasOwn(program.commands, name)) {
    throw name.startsWith("-")
      ? new UsageError(`Cannot run ${name}: the command is missing before it`, {
        remedy: `Known: ${Object.keys(program.commands).join(", ")}.`,
      })
      : unknownName("command", name, Object.keys(program.commands));
  }
  const loaded = await program.commands[name].load();
  const path = `${program.name} ${name}`;
  if (!("commands" in loaded)) return { command: loaded, path, rest };
  const [sub, ...others] = rest;
  const text = (width: number) => groupHelp(loaded, path, width);
  if (sub === undefined) return { text, exitCode: 2 };
  if (sub === "--help" || sub === "-h") return { text, exitCode: 0 };
  const command = loaded.commands.find((one) => one.name === sub);
  if (command === undefined) {
    throw unknownName(`command of ${name}`, sub, loaded.commands.map((one) => one.name));
  }
  return { command, path: `${path} ${sub}`, rest: others };
}

/** Help is shown whatever else is wrong with the words. */
function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end).some((word) =>
    word === "--help" || word === "-h"
  );
}
