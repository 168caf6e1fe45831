/**
 * What a kind of stage is to the worker: a function from parameters and verified inputs to payload
 * files.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import type { Checkpoints } from "../maps/checkpoints.ts";
import type { Payload } from "../store/store.ts";

/** Reports how far a stage is: `done` of `of` parts, with a remark such as the loss. */
export type ReportProgress = (done: number, of: number, remark?: string) => void;

/** What a running stage may use. */
export interface StageContext<Parameters = unknown, Locations = unknown> {
  /** As the planner wrote them; they are part of the key. */
  readonly parameters: Parameters;
  /** Where things lie on this machine; no part of the key. */
  readonly locations: Locations;
  /** How many stages the role has. */
  count(role: string): number;
  /** The verified payload of the `index`-th stage of a role. */
  read(role: string, index?: number, names?: readonly string[]): Promise<Payload>;
  /** Tells the executor how far the stage is. */
  readonly progress: ReportProgress;
  /** Where a long training keeps its state. */
  readonly checkpoints: Checkpoints;
}

/** A kind of stage. */
export interface StageKind {
  /** Rises when the computation changes its result. */
  readonly revision: number;
  /** Computes the payload: its files by name. */
  run(context: StageContext): Promise<Payload>;
}

/** Makes a kind whose parameters and locations have known types; the planner writes both. */
export function stageKind<Parameters, Locations = Record<string, never>>(
  kind: {
    readonly revision: number;
    run(context: StageContext<Parameters, Locations>): Promise<Payload>;
  },
): StageKind {
  return kind as StageKind;
}

/** One payload file. */
export function jsonFile(value: Json): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The value of a payload file that `jsonFile` wrote. */
export function parseJsonFile<T>(payload: Payload, name: string): T {
  return JSON.parse(new TextDecoder().decode(payload.get(name)!)) as T;
}
