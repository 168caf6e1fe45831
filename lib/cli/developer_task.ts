/**
 * Tasks of the project's developers, each a program of its own outside `lib`: their words are read, and
 * their help and errors shown, as those of the other commands.
 *
 * @module
 */
import type { Command, ExitCode } from "./arguments.ts";
import { runCommandLine } from "./command_line.ts";
import type { Output } from "./output.ts";
import { processStream } from "./text_stream.ts";

/**
 * Runs `deno task <command>` with the words that this process was given. An interrupt ends the process,
 * since such a task keeps nothing.
 *
 * @returns the exit code (DESIGN section 2)
 */
export async function runDeveloperTask(command: Command): Promise<ExitCode> {
  const { name, summary } = command;
  return await runCommandLine([name, ...Deno.args], {
    name: "deno task",
    title: summary,
    version: "",
    commands: { [name]: { summary, load: () => Promise.resolve(command) } },
    experiments: [],
  }, { stdout: processStream("stdout"), stderr: processStream("stderr") });
}

/**
 * Results that come one after the other: each is printed at once as `text`, or with `--json` all of them as
 * one list by `end`.
 */
export function resultList<Result>(
  output: Output,
  text: (result: Result) => string,
): { add(result: Result): void; end(): void } {
  const results: Result[] = [];
  return {
    add(result) {
      if (output.json) results.push(result);
      else output.result(result, () => `${text(result)}\n`);
    },
    end() {
      if (output.json) output.result(results, () => "");
    },
  };
}
