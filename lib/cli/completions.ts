/**
 * `completions`: a script with which a shell completes the words after `deno task`, made from the table of
 * commands, so that it knows what the help knows.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import type { Experiment } from "../runner/experiment.ts";
import {
  type Command,
  type CommandGroup,
  commonOptions,
  defineCommand,
  type OptionSpecs,
} from "./arguments.ts";
import type { CommandEntry } from "./command_line.ts";

/** Shells that there are scripts for. */
export const shells = ["bash", "zsh", "fish"] as const;
/** Name of a shell. */
export type Shell = typeof shells[number];

/** What can follow some words: for "data", its commands; for "data inspect", its options. */
export interface CompletionEntry {
  /** The words before, "" for none. */
  readonly after: string;
  /** Words that can come next: commands, experiments, options with their dashes. */
  readonly words: readonly string[];
  /** Values of options that have a fixed choice, by the option with its dashes. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** The command, given the table that it completes; the table holds the command itself. */
export function completionsCommand(
  commands: () => Readonly<Record<string, CommandEntry>>,
): Command {
  return defineCommand({
    name: "completions",
    summary: "Print a script with which a shell completes the commands.",
    description: "The script completes the words after `deno task` and leaves all others to the " +
      "completion that the shell has for deno already.",
    examples: [
      { command: "completions bash > segad.bash", description: "then: source segad.bash" },
      { command: "completions zsh > segad.zsh", description: "then: source segad.zsh" },
      { command: "completions fish > segad.fish", description: "then: source segad.fish" },
    ],
    options: {},
    positionals: [{ name: "shell", description: shells.join(", ") }],
    async run({ output, experiments }, { positionals: [name] }) {
      const shell = shells.find((one) => one === name);
      if (shell === undefined) throw unknownName("shell", name, shells);
      const entries = await completionEntries(commands(), experiments);
      const script = completionScript(shell, entries);
      output.result({ shell, script }, () => script);
      return 0;
    },
  });
}

/** Everything that can be completed, command by command. */
export async function completionEntries(
  commands: Readonly<Record<string, CommandEntry>>,
  experiments: readonly Experiment[],
): Promise<CompletionEntry[]> {
  const entries: CompletionEntry[] = [{ after: "", words: Object.keys(commands), values: {} }];
  for (const [name, { load }] of Object.entries(commands)) {
    const found: Command | CommandGroup = await load();
    if (!("commands" in found)) entries.push(entryOf(name, found, experiments));
    else {
      entries.push({ after: name, words: found.commands.map((one) => one.name), values: {} });
      for (const command of found.commands) {
        entries.push(entryOf(`${name} ${command.name}`, command, experiments));
      }
    }
  }
  return entries;
}

function entryOf(
  after: string,
  { options, positionals }: Command,
  experiments: readonly Experiment[],
): CompletionEntry {
  const all: OptionSpecs = { ...options, ...commonOptions };
  const takesExperiments = positionals.some(({ name }) => name === "experiment");
  return {
    after,
    words: [
      ...(takesExperiments ? experiments.map(({ id }) => id) : []),
      ...(after === "completions" ? shells : []),
      ...Object.keys(all).map((name) => `--${name}`),
    ],
    values: Object.fromEntries(
      Object.entries(all).flatMap(([name, { choices }]) =>
        choices === undefined ? [] : [[`--${name}`, choices]]
      ),
    ),
  };
}

/** The script for a shell. zsh reads the one of bash through its own `bashcompinit`. */
export function completionScript(shell: Shell, entries: readonly CompletionEntry[]): string {
  switch (shell) {
    case "bash":
      return bashScript(entries);
    case "zsh":
      return `autoload -Uz compinit bashcompinit\ncompinit\nbashcompinit\n${bashScript(entries)}`;
    case "fish":
      return fishScript(entries);
  }
}

function bashScript(entries: readonly CompletionEntry[]): string {
  const groups = groupNames(entries);
  return [
    "_segad_harness() {",
    '  if [ "${COMP_WORDS[1]}" != task ] || [ "$COMP_CWORD" -lt 2 ]; then',
    "    declare -F _deno >/dev/null && _deno",
    "    return",
    "  fi",
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
    '  local after="" words=""',
    '  [ "$COMP_CWORD" -gt 2 ] && after="${COMP_WORDS[2]}"',
    ...(groups.length === 0 ? [] : [
      `  case "$after" in ${groups.join("|")})`,
      '    [ "$COMP_CWORD" -gt 3 ] && after="$after ${COMP_WORDS[3]}" ;;',
      "  esac",
    ]),
    '  case "$after" in',
    ...entries.flatMap(({ after, words, values }) => [
      `    "${after}")`,
      `      words="${words.join(" ")}"`,
      ...Object.entries(values).map(([option, choices]) =>
        `      [ "$previous" = ${option} ] && words="${choices.join(" ")}"`
      ),
      "      ;;",
    ]),
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o default -F _segad_harness deno",
    "",
  ].join("\n");
}

function fishScript(entries: readonly CompletionEntry[]): string {
  const groups = new Set(groupNames(entries));
  return [
    "function __segad_after",
    "  set -l words (commandline -opc)",
    "  test (count $words) -ge 2; and test $words[2] = task; or return 1",
    "  set -l rest $words[3..-1]",
    `  if contains -- "$rest[1]" ${[...groups].join(" ")}; and test (count $rest) -ge 2`,
    '    test "$rest[1] $rest[2]" = "$argv[1]"',
    "  else",
    '    test "$rest[1]" = "$argv[1]"',
    "  end",
    "end",
    ...entries.map(({ after, words }) =>
      `complete -c deno -n "__segad_after '${after}'" -a "${words.join(" ")}"`
    ),
    "",
  ].join("\n");
}

function groupNames(entries: readonly CompletionEntry[]): string[] {
  return [
    ...new Set(
      entries.filter(({ after }) => after.includes(" ")).map(({ after }) => after.split(" ")[0]),
    ),
  ];
}
