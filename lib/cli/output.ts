/**
 * Where a command writes: its result to stdout, everything else to stderr. Colour only on a terminal
 * and without NO_COLOR; progress as one line redrawn on a terminal, and as plain lines now and then
 * in a log.
 *
 * @module
 */
import { styleText } from "node:util";
import { HarnessError, StorageError } from "../base/errors.ts";
import { visible } from "../report/escape.ts";
import { textWidth, wrap } from "../report/to_text.ts";
import { type Progress, progressWriter } from "./progress.ts";
import type { TextStream } from "./text_stream.ts";

/** What an output is made of. */
export interface OutputOptions {
  /** For the result alone. */
  readonly stdout: TextStream;
  /** For log, progress and errors. */
  readonly stderr: TextStream;
  /** Print results as JSON. @default false */
  readonly json?: boolean;
  /** No progress and no log. @default false */
  readonly quiet?: boolean;
  /** Whether colours may be used on a terminal. @default unless NO_COLOR is set */
  readonly colour?: boolean;
  /** Clock in milliseconds, for the progress. @default performance.now */
  readonly now?: () => number;
}

/** Where a command writes. */
export interface Output {
  /** Whether the result is printed as JSON. */
  readonly json: boolean;
  /** Whether log and progress are off. */
  readonly quiet: boolean;
  /** Whether text on stdout may be coloured. */
  readonly colour: boolean;
  /** Columns that text on stdout may take: 80 to 100. */
  readonly width: number;
  /** The command's result: `value` as JSON with `--json`, else the text. */
  result(value: unknown, text: (output: Output) => string): void;
  /** A line for who watches, not with `--quiet`. */
  log(line: string): void;
  /** A line that matters, with `--quiet` too. */
  warn(line: string): void;
  /** The error as one paragraph with its remedy, or with its stack where it is a defect. */
  error(error: unknown): void;
  /** The one line that says how far a command is. */
  readonly progress: Progress;
}

/** An output over two streams. */
export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json = false, quiet = false, now = () => performance.now() } = options;
  const mayColour = options.colour ?? !Deno.noColor;
  const progress = progressWriter({ stream: stderr, quiet, now });
  const colour = mayColour && stdout.isTerminal;
  const style = (format: "red" | "yellow", text: string) =>
    mayColour && stderr.isTerminal ? styleText(format, text, { validateStream: false }) : text;
  const width = Math.max(80, Math.min(100, stdout.columns()));
  const output: Output = {
    json,
    quiet,
    colour,
    width,
    progress,
    result(value, text) {
      progress.clear();
      stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : text(output));
    },
    log(line) {
      if (!quiet) progress.around(() => stderr.write(`${line}\n`));
    },
    warn(line) {
      const text = wrap(`warning: ${oneLine(line)}`, width).join("\n");
      progress.around(() => stderr.write(`${style("yellow", text)}\n`));
    },
    error(error) {
      progress.clear();
      stderr.write(style("red", "error: ") + errorText(error, width));
    },
  };
  return output;
}

/**
 * What is printed of an error, behind "error: ": message and remedy of a {@linkcode HarnessError}; of
 * any other the stack, since it is a defect of the harness.
 */
function errorText(error: unknown, width = 100): string {
  const known = knownError(error);
  if (known === undefined) {
    const stack = error instanceof Error ? error.stack ?? error.message : String(error);
    return "this is a defect of the harness, not of your data. Please report it with the lines " +
      `below and the command.\n${stack}\n`;
  }
  const message = oneLine(known.message).replace(/([^.!?])$/, "$1.");
  const text = known.remedy === undefined ? message : `${message} ${oneLine(known.remedy)}`;
  // The first line is shorter by the word before it.
  return wrap(`error: ${text}`, width).join("\n").slice("error: ".length) + "\n";
}

/** The process's exit code for an error. */
export function exitCodeOf(error: unknown): number {
  return knownError(error)?.exitCode ?? 70;
}

/** Lines in a row of a table, cut to their columns: for lists of a few short fields. */
export function alignedLines(rows: readonly (readonly string[])[], gap = 2): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, i) => Math.max(...rows.map((row) => textWidth(row[i] ?? ""))),
  );
  return rows.map((row) =>
    row.map((cell, i) => cell + " ".repeat(Math.max(0, widths[i] - textWidth(cell))))
      .join(" ".repeat(gap)).trimEnd()
  );
}

/** The error as one that a person can act on, or undefined where it is a defect. */
function knownError(error: unknown): HarnessError | undefined {
  if (error instanceof HarnessError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof Error && typeof code === "string" && storageCodes.has(code)) {
    return new StorageError(error.message, {
      cause: error,
      remedy: "Free space or choose another folder; what is computed is kept.",
    });
  }
  return undefined;
}

/** System errors that say that a disk is full, failing or read-only. */
const storageCodes: ReadonlySet<string> = new Set(["ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE"]);

function oneLine(text: string): string {
  return visible(text.replace(/\s*\n\s*/g, " "));
}
