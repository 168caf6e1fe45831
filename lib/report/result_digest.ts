/**
 * What `run.json` says of `result.json`.
 *
 * @module
 */
import { digestOf } from "../base/digest.ts";
import type { ExperimentResult } from "./results.ts";

/** SHA-256 of the canonical JSON of a result without its times (`stages`, `seconds`). */
export function resultDigest({ stages: _, seconds: __, ...result }: ExperimentResult): string {
  return digestOf(JSON.parse(JSON.stringify(result))); // as it is read back: no minus zero
}
