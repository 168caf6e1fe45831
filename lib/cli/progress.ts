/**
 * Progress of a long command on stderr: one line that is redrawn on a terminal, and in a log a plain
 * line now and then.
 *
 * @module
 */
import { textWidth } from "../report/to_text.ts";
import type { TextStream } from "./text_stream.ts";

/** Shows how far a command is. */
export interface Progress {
  /** Shows a new state; it may be called as often as one likes. */
  update(state: ProgressState): void;
  /** Takes the line away, before a result is printed. */
  clear(): void;
  /** Writes something else above the line. */
  around(write: () => void): void;
}

/** How far a command is. */
export interface ProgressState {
  /** Parts done so far. */
  readonly done: number;
  /** Parts in all. */
  readonly of: number;
  /** What is running. */
  readonly label: string;
  /** Estimate of the time left. */
  readonly secondsLeft?: number | undefined;
}

/** Milliseconds between two drawings on a terminal, and between two lines in a log. */
const intervals = { terminal: 100, log: 10_000 } as const;

/** A progress that writes to `stream`, or nothing where `quiet`. */
export function progressWriter(
  { stream, quiet, now }: { stream: TextStream; quiet: boolean; now: () => number },
): Progress {
  let shown = "";
  let last = -Infinity;
  const draw = (line: string) => {
    stream.write(`\r\u001b[2K${line}`);
    shown = line;
  };
  const clear = () => {
    if (shown !== "") draw("");
  };
  return {
    clear,
    update(state) {
      if (quiet) return;
      const time = now();
      const finished = state.done >= state.of;
      const interval = stream.isTerminal ? intervals.terminal : intervals.log;
      if (time - last < interval && !finished) return;
      last = time;
      const line = progressLine(state);
      if (stream.isTerminal) draw(cut(line, stream.columns() - 1));
      else stream.write(`${line}\n`);
    },
    around(write) {
      const line = shown;
      clear();
      write();
      if (line !== "") draw(line);
    },
  };
}

/**
 * The words of a progress.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const state = { done: 12, of: 120, label: "maps of PatchCore", secondsLeft: 80 };
 * assert.equal(progressLine(state), "12/120 (10 %), about 1 min 20 s left: maps of PatchCore");
 * ```
 */
export function progressLine({ done, of, label, secondsLeft }: ProgressState): string {
  const share = of > 0 ? Math.floor(100 * done / of) : 100;
  const left = secondsLeft === undefined ? "" : `, about ${durationText(secondsLeft)} left`;
  return `${done}/${of} (${share} %)${left}${label === "" ? "" : `: ${label}`}`;
}

/**
 * A duration as a person says it, rounded to what matters.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([0.4, 59.6, 125, 7260].map(durationText), ["0 s", "1 min", "2 min 5 s", "2 h 1 min"]);
 * ```
 */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [
    Math.floor(whole / 3600),
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (hours > 0) return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  if (minutes > 0) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  return `${rest} s`;
}

function cut(line: string, columns: number): string {
  if (textWidth(line) <= columns) return line;
  let text = "";
  for (const c of line) {
    if (textWidth(text) + textWidth(c) > columns - 1) break;
    text += c;
  }
  return `${text}…`;
}
