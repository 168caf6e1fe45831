/**
 * Tasks of the project's developers, each a program of its own outside `lib`: their words are read, and
 * their help and errors shown, as those of the other commands.
 *
 * @module
 */
import type { Command, ExitCode } from "./arguments.ts";
import { runCommandLine } from "./command_line.ts";
import { processStream } from "./text_stream.ts";

/**
 * Runs `deno task <command> <words>`. An interrupt ends the process, since such a task keeps nothing.
 *
 * @returns the exit code (DESIGN section 2)
 */
export async function runDeveloperTask(
  command: Command,
  words: readonly string[] = Deno.args,
): Promise<ExitCode> {
  const { name, summary } = command;
  return await runCommandLine([name, ...words], {
    name: "deno task",
    title: summary,
    version: "",
    commands: { [name]: { summary, load: () => Promise.resolve(command) } },
    experiments: [],
  }, { stdout: processStream("stdout"), stderr: processStream("stderr") });
}
