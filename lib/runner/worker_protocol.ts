/**
 * What executor and worker say to each other: one JSON object a line. The executor writes tasks to the
 * worker's standard input; the worker answers on standard output. A line that is no such object (a
 * native library's chatter) is passed on to the log.
 *
 * @module
 */
import type { StageInput } from "../store/key.ts";
import type { Stage } from "./stage.ts";

/** A stage to run. */
export interface Task {
  /** The stage, its parameters and the keys of its needs. */
  readonly input: StageInput;
  /** Where things lie on this machine. */
  readonly locations: Stage["locations"];
}

/** What a worker says. The last message on a task is `done`, `missing` or `failed`. */
export type WorkerMessage =
  | {
    readonly says: "progress";
    readonly done: number;
    readonly of: number;
    readonly remark?: string;
  }
  | {
    readonly says: "damage";
    readonly stage: string;
    readonly key: string;
    readonly reason: string;
  }
  | { readonly says: "done"; readonly seconds: number }
  /** An input is not in the store (or was damaged and is in quarantine now). */
  | { readonly says: "missing"; readonly key: string }
  | {
    readonly says: "failed";
    readonly message: string;
    readonly remedy?: string;
    /** Exit code of a `HarnessError`; absent for a defect of the harness, which has a stack. */
    readonly exitCode?: number;
    readonly stack?: string;
  };

/** The message of a line, or undefined for a line of something else. */
export function parseMessage(line: string): WorkerMessage | undefined {
  if (!line.startsWith('{"says":')) return undefined;
  try {
    return JSON.parse(line) as WorkerMessage;
  } catch {
    return undefined;
  }
}
