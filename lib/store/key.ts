/**
 * The key of a stage: SHA-256 of the canonical JSON of everything that shapes its result (DESIGN
 * section 4). Paths, times, names for people and the number of workers are never part of it.
 *
 * @module
 */
import { canonicalJson, type Json, sha256 } from "../base/digest.ts";

/** Rises when the meaning of a field below changes; older entries are then no longer found. */
export const keySchema = 1;

/** Everything that shapes the result of a stage. */
export interface StageInput {
  /** Which computation: "pixels", "maps", … */
  readonly stage: string;
  /** Rises when the computation changes its result. */
  readonly revision: number;
  /** Parameters with all defaults written out, seeds, content hashes. */
  readonly parameters: { readonly [name: string]: Json };
  /** Keys of the stages that are read, by role. */
  readonly inputs: { readonly [role: string]: string | readonly string[] };
  /** Execution provider and runtime version, for stages that run a graph. */
  readonly numerics?: Json;
}

/** The stage's canonical input, as stored in an entry's record and hashed to its key. */
export function canonicalInput(input: StageInput): string {
  return canonicalJson({ keySchema, ...input } as unknown as Json);
}

/** The stage's key: 64 hexadecimal digits. */
export function keyOf(input: StageInput): string {
  return sha256(canonicalInput(input));
}
