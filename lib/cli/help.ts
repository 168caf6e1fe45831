/**
 * Help texts, made from the commands themselves.
 *
 * @module
 */
import { textWidth, wrap } from "../report/to_text.ts";
import { commonOptions } from "./arguments.ts";
import type { Command, CommandGroup, OptionSpec, PositionalSpec } from "./arguments.ts";

/**
 * The help of one command.
 *
 * @param program how the program is called: "deno task"
 * @param path how the command is called: "deno task data synthesize"
 */
export function commandHelp(
  command: Command,
  program: string,
  path: string,
  width = 100,
): string {
  const words = command.positionals.map(positionalUsage);
  return sections([
    ["", wrap(command.summary, width)],
    ["", command.description === undefined ? [] : wrap(command.description, width)],
    ["Usage", [`  ${[path, ...words, "[options]"].join(" ")}`]],
    [
      "Arguments",
      definitions(
        command.positionals.map(({ name, description }) => [name, description]),
        width,
      ),
    ],
    [
      "Options",
      definitions(
        Object.entries({ ...command.options, ...commonOptions }).map(optionLine),
        width,
      ),
    ],
    [
      "Examples",
      command.examples.flatMap(({ command, description }) => [
        ...wrap(`# ${description}`, width, "  "),
        `  ${program} ${command}`,
      ]),
    ],
  ]);
}

/** The help of a group of commands. */
export function groupHelp(group: CommandGroup, path: string, width = 100): string {
  return sections([
    ["", wrap(group.summary, width)],
    ["Usage", [`  ${path} <command> [options]`]],
    ["Commands", definitions(group.commands.map(({ name, summary }) => [name, summary]), width)],
    ["", wrap(`Each has its own help: ${path} ${group.commands[0].name} --help`, width)],
  ]);
}

/** The help of the whole program. */
export function programHelp(
  program: string,
  title: string,
  commands: Iterable<readonly [name: string, summary: string]>,
  width = 100,
): string {
  return sections([
    ["", wrap(title, width)],
    ["Usage", [`  ${program} <command> [options]`]],
    ["Commands", definitions([...commands], width)],
    ["Exit codes", definitions(exitCodes.map(([code, meaning]) => [String(code), meaning]), width)],
    ["", wrap(`Each command has its own help: ${program} reproduce --help`, width)],
  ]);
}

/** What the exit codes mean (DESIGN section 2); 70 is a defect of the harness itself. */
const exitCodes: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "a check or a comparison failed"],
  [2, "wrong use"],
  [3, "data or weights missing or damaged"],
  [4, "part of the run failed; what finished is kept"],
  [5, "no space left, or an error of input or output"],
  [70, "a defect of the harness"],
  [130, "interrupted"],
];

function positionalUsage({ name, optional, repeatable }: PositionalSpec): string {
  const word = `<${name}${repeatable === true ? "…" : ""}>`;
  return optional === true ? `[${word}]` : word;
}

function optionLine([name, spec]: [string, OptionSpec]): [string, string] {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const value = spec.type === "boolean" ? "" : ` ${spec.value ?? "VALUE"}`;
  const more = [
    ...(spec.choices === undefined ? [] : [`one of ${spec.choices.join(", ")}`]),
    ...(spec.repeatable === true ? ["may be given several times"] : []),
    ...(spec.default === undefined ? [] : [`default ${spec.default}`]),
  ];
  const tail = more.length === 0 ? "" : ` (${more.join("; ")})`;
  return [`${short}--${name}${value}`, `${spec.description}${tail}`];
}

/** Terms and their meanings in two columns; a long term has a line of its own. */
function definitions(entries: readonly (readonly [string, string])[], width: number): string[] {
  const column = Math.min(28, Math.max(0, ...entries.map(([term]) => textWidth(term))) + 4);
  return entries.flatMap(([term, meaning]) => {
    const lines = wrap(meaning, width, " ".repeat(column));
    if (textWidth(term) + 4 > column) return [`  ${term}`, ...lines];
    return [`  ${term}`.padEnd(column) + lines[0].slice(column), ...lines.slice(1)];
  });
}

function sections(
  parts: readonly (readonly [heading: string, lines: readonly string[]])[],
): string {
  return parts
    .filter(([, lines]) => lines.length > 0)
    .map(([heading, lines]) => (heading === "" ? lines : [`${heading}:`, ...lines]).join("\n"))
    .join("\n\n") + "\n";
}
