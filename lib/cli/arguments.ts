/**
 * Commands as data, and the words of a command line checked against them. An unknown or misspelt
 * option, a missing value or a word too many is a usage error that says what was probably meant.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { closestName, unknownName, UsageError } from "../base/errors.ts";
import type { Experiment } from "../runner/experiment.ts";
import type { Output } from "./output.ts";

/** Exit code of the process (DESIGN section 2): 0 done, 1 a check failed, 2 wrong use, … */
export type ExitCode = number;

/** A command: its words, its help, and what it does. */
export interface Command {
  /** As it is typed: "reproduce", or "synthesize" within the group "data". */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More than the summary says, for the command's own help. */
  readonly description?: string;
  /** The first is shown where the command is used wrongly. */
  readonly examples: readonly CommandExample[];
  /** Options of this command; `--help`, `--json` and `--quiet` are every command's. */
  readonly options: OptionSpecs;
  /** In their order. */
  readonly positionals: readonly PositionalSpec[];
  /** Does it, and says how it ended; errors are thrown, not printed. */
  run(context: CommandContext, args: Arguments): Promise<ExitCode>;
}

/** Commands under one word: `data synthesize`, `data inspect`. */
export interface CommandGroup {
  /** The first word: "data". */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** In the order of the help. */
  readonly commands: readonly Command[];
}

/** A line that can be copied and run. */
export interface CommandExample {
  /** What follows the program: "reproduce table3 --seeds 1". */
  readonly command: string;
  /** What it does, a phrase. */
  readonly description: string;
}

/** What a command works with. */
export interface CommandContext {
  /** Where results, log and progress go. */
  readonly output: Output;
  /** Every experiment, in the order of the paper. */
  readonly experiments: readonly Experiment[];
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

/** Options by their names without the dashes, in the order of the help. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** An option with two dashes. */
export interface OptionSpec {
  /** What its value is read as. */
  readonly type: "boolean" | "string" | "integer" | "number";
  /** What the value is, for the help: "DIR". Not for booleans. */
  readonly value?: string;
  /** For the help, a phrase without a full stop. */
  readonly description: string;
  /** Value where it is not given; shown in the help. */
  readonly default?: string | number;
  /** The only values there are. */
  readonly choices?: readonly string[];
  /** Whether the option may be given more than once; its value is then a list. */
  readonly repeatable?: boolean;
  /** A letter that means the same with one dash. */
  readonly short?: string;
}

/** A word without dashes. */
export interface PositionalSpec {
  /** For the help: "experiment". */
  readonly name: string;
  /** For the help, a phrase without a full stop. */
  readonly description: string;
  /** Whether it may be left out; only at the end. */
  readonly optional?: boolean;
  /** Any number of words; only for the last. */
  readonly repeatable?: boolean;
}

/** The words of a command line, checked. */
export interface Arguments<Options = Readonly<Record<string, OptionValue | undefined>>> {
  /** Booleans and repeatable options are always there, others where given or with a default. */
  readonly options: Options;
  /** In their order, as many as were given. */
  readonly positionals: readonly string[];
}

/** Value of an option, of those that may be repeated a list. */
export type OptionValue = boolean | string | number | readonly string[] | readonly number[];

/** The values that options of these specifications have. */
export type OptionValues<S extends OptionSpecs> =
  & { readonly [K in Always<S>]: ValueOf<S[K]> }
  & { readonly [K in Exclude<keyof S, Always<S>>]?: ValueOf<S[K]> };

/** Names of the options that have a value though they are not given. */
export type Always<S extends OptionSpecs> = {
  [K in keyof S]: S[K] extends { type: "boolean" } | { repeatable: true } | {
    default: string | number;
  } ? K
    : never;
}[keyof S];

/** Type of an option's value. */
export type ValueOf<O extends OptionSpec> = O extends { repeatable: true }
  ? readonly SingleValueOf<O>[]
  : SingleValueOf<O>;

/** Type of one value of an option. */
export type SingleValueOf<O extends OptionSpec> = O["type"] extends "boolean" ? boolean
  : O["type"] extends "string" ? string
  : number;

/**
 * A command whose `run` knows the types of its options.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const count = defineCommand({
 *   name: "count",
 *   summary: "count",
 *   examples: [],
 *   options: { by: { type: "integer", value: "N", description: "step", default: 1 } },
 *   positionals: [],
 *   run: (_, { options }) => Promise.resolve(options.by),
 * });
 * assert.deepEqual(parseArguments(count, ["--by", "3"]).options, { by: 3 });
 * ```
 */
export function defineCommand<const S extends OptionSpecs>(
  command: Omit<Command, "options" | "run"> & {
    readonly options: S;
    run(context: CommandContext, args: Arguments<OptionValues<S>>): Promise<ExitCode>;
  },
): Command {
  return command as unknown as Command;
}

/** Options of every command. */
export const commonOptions = {
  help: { type: "boolean", short: "h", description: "show this help" },
  json: { type: "boolean", description: "print the result as JSON; all else goes to stderr" },
  quiet: { type: "boolean", short: "q", description: "no progress and no log, only the result" },
} as const satisfies OptionSpecs;

/**
 * Checks `words` against the command.
 *
 * @throws {UsageError} naming the word and, where there is one, the name that was probably meant
 */
export function parseArguments(
  command: Pick<Command, "name" | "options" | "positionals">,
  words: readonly string[],
): Arguments {
  const { tokens } = parseArgs({
    args: [...words],
    options: parserOptions(command.options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, (string | undefined)[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(command.options, token.name) && command.options[token.name];
    if (!spec) throw unknownOption(token.rawName, command);
    checkHasValue(token.rawName, spec, token.value, token.inlineValue);
    const values = given.get(token.name) ?? [];
    if (values.length > 0 && spec.type !== "boolean" && spec.repeatable !== true) {
      throw new UsageError(`Cannot read ${token.rawName}: it is given twice`, {
        remedy: "Give it once.",
      });
    }
    given.set(token.name, [...values, token.value]);
  }
  checkPositionals(command, positionals);
  const options: Record<string, OptionValue> = {};
  for (const [name, spec] of Object.entries(command.options)) {
    const value = optionValue(name, spec, given.get(name));
    if (value !== undefined) options[name] = value;
  }
  return { options, positionals };
}

/** The form in which node's parser takes options. */
function parserOptions(
  specs: OptionSpecs,
): Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { type, short }]) => [name, {
      type: type === "boolean" ? "boolean" as const : "string" as const,
      multiple: true as const,
      ...(short === undefined ? {} : { short }),
    }]),
  );
}

function unknownOption(
  raw: string,
  { name, options }: Pick<Command, "name" | "options">,
): UsageError {
  const known = Object.keys(options).map((option) => `--${option}`);
  const guess = closestName(raw, known);
  return new UsageError(
    `Unknown option ${raw}${guess === undefined ? "" : `: did you mean ${guess}?`}`,
    { remedy: `Options of ${name}: ${known.join(", ")}.` },
  );
}

function checkHasValue(
  raw: string,
  spec: OptionSpec,
  value: string | undefined,
  inline: boolean | undefined,
): void {
  if (spec.type === "boolean") {
    if (value === undefined) return;
    throw new UsageError(`Cannot read ${raw}=${value}: ${raw} takes no value`, {
      remedy: `Write ${raw} alone.`,
    });
  }
  const numeric = spec.type !== "string" && value !== undefined && /^-[\d.]/.test(value);
  const nextOption = !inline && value !== undefined && value.startsWith("-") && value !== "-";
  if (value === undefined || value === "" || (nextOption && !numeric)) {
    const name = spec.value ?? "VALUE";
    const beside = nextOption ? `, and ${value} is an option` : "";
    throw new UsageError(`Cannot read ${raw}: its value is missing${beside}`, {
      remedy: `Write ${raw} ${name}, or ${raw}=${name} where the value begins with a dash.`,
    });
  }
}

function optionValue(
  name: string,
  spec: OptionSpec,
  given: readonly (string | undefined)[] | undefined,
): OptionValue | undefined {
  if (spec.type === "boolean") return given !== undefined;
  const values = (given ?? []).map((text) => singleValue(name, spec, text!));
  if (spec.repeatable === true) return values as readonly string[] | readonly number[];
  return values[0] ?? spec.default;
}

function singleValue(name: string, spec: OptionSpec, text: string): string | number {
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw unknownName(`value of --${name}`, text, spec.choices);
  }
  if (spec.type === "string") return text;
  const number = Number(text);
  const valid = text.trim() === text &&
    (spec.type === "integer" ? Number.isSafeInteger(number) : Number.isFinite(number));
  if (valid) return number;
  const kind = spec.type === "integer" ? "a whole number" : "a number";
  throw new UsageError(`Cannot read --${name} ${JSON.stringify(text)}: it is not ${kind}`, {
    remedy: `For example --${name} 2.`,
  });
}

function checkPositionals(
  { name, positionals }: Pick<Command, "name" | "positionals">,
  words: readonly string[],
): void {
  const missing = positionals.filter(({ optional }) => optional !== true)[words.length];
  if (missing !== undefined) {
    throw new UsageError(`Cannot run ${name}: ${missing.name} is missing`, {
      remedy: `${missing.name}: ${missing.description}.`,
    });
  }
  if (words.length > positionals.length && positionals.at(-1)?.repeatable !== true) {
    const extra = words[positionals.length];
    throw new UsageError(`Cannot run ${name}: ${JSON.stringify(extra)} is one word too many`, {
      remedy: positionals.length === 0
        ? `${name} takes options only.`
        : `It takes ${positionals.map((one) => one.name).join(" and ")}; quote names with spaces.`,
    });
  }
}
