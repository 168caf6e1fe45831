/**
 * Errors that a person can act on. Each carries an exit code (DESIGN section 2) and, where there is
 * one, the remedy; `lib/cli` prints them as one paragraph without a stack trace. Any other error that
 * reaches the command line is a defect of the harness and keeps its stack.
 *
 * Wording: "Cannot <action> <thing>: <what is the case>", naming file and value.
 *
 * @module
 */

/** What an error adds to its message: the remedy shown on a line of its own, and the cause. */
export interface HarnessErrorOptions {
  /** What the reader can do: a command, or what to change. */
  readonly remedy?: string;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/** The common base; use one of the classes below, which fix the exit code. */
export abstract class HarnessError extends Error {
  /** Exit code of a program that ends with this error. */
  abstract readonly exitCode: number;
  /** What the user can do, in a sentence. */
  readonly remedy: string | undefined;

  /** The message names file and value. */
  constructor(message: string, options: HarnessErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.remedy = options.remedy;
  }
}

/** A check or comparison did not hold: exit code 1. */
export class CheckError extends HarnessError {
  /** A check failed. */
  readonly exitCode = 1;
}

/** A command, option or definition is used wrongly: exit code 2. */
export class UsageError extends HarnessError {
  /** Wrong use. */
  readonly exitCode = 2;
}

/** Data or weights are missing, damaged or of another kind than asked for: exit code 3. */
export class DataError extends HarnessError {
  /** Data or weights are missing or damaged. */
  readonly exitCode = 3;
}

/** Part of a run failed; what finished is kept: exit code 4. */
export class PartialError extends HarnessError {
  /** Part of the run failed. */
  readonly exitCode = 4;
}

/** No space left, a read-only file system or another failure of input and output: exit code 5. */
export class StorageError extends HarnessError {
  /** The disk failed or is full. */
  readonly exitCode = 5;
}

/** The run was interrupted by the user: exit code 130. */
export class InterruptedError extends HarnessError {
  /** Interrupted, as a shell reports it. */
  readonly exitCode = 130;
}

/**
 * The name among `names` that `given` was probably meant to be: the one with the smallest edit
 * distance, if that is at most a third of the length of `given` (at least 1).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(closestName("PatchCor", ["PatchCore", "FastFlow"]), "PatchCore");
 * ```
 */
export function closestName(given: string, names: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(given.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** `Unknown <kind> "<given>"` with a suggestion and the list of what there is, as a usage error. */
export function unknownName(kind: string, given: string, names: Iterable<string>): UsageError {
  const known = [...names];
  const guess = closestName(given, known);
  return new UsageError(
    `Unknown ${kind} ${JSON.stringify(given)}${
      guess === undefined ? "" : `: did you mean ${JSON.stringify(guess)}?`
    }`,
    { remedy: `Known: ${known.join(", ")}.` },
  );
}

/** Levenshtein distance with unit costs. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j] + 1, row[j - 1] + 1, substitution));
    }
    previous = row;
  }
  return previous[b.length];
}
