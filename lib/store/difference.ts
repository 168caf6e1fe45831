/**
 * What distinguishes the inputs of two keys: the answer to "why does this stage run again?".
 *
 * @module
 */
import type { Json } from "../base/digest.ts";

/** A field of a key's input whose value differs; undefined where one side does not have it. */
export interface FieldDifference {
  /** Path of the field: "parameters.plan.parameters.coresetRatio". */
  readonly field: string;
  /** undefined where the field was not there. */
  readonly before: Json | undefined;
  /** undefined where the field is gone. */
  readonly after: Json | undefined;
}

/**
 * The differing fields of two JSON values, the deepest ones; a list is one field where its length
 * differs.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(differencesOf({ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }), [
 *   { field: "a.c", before: 2, after: 3 },
 * ]);
 * ```
 */
export function differencesOf(before: Json, after: Json, field = ""): FieldDifference[] {
  if (isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) =>
      below(before[name], after[name], field === "" ? name : `${field}.${name}`)
    );
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((value, i) => below(value, after[i], `${field}[${i}]`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ field, before, after }];
}

function below(
  before: Json | undefined,
  after: Json | undefined,
  field: string,
): FieldDifference[] {
  return before === undefined || after === undefined
    ? before === after ? [] : [{ field, before, after }]
    : differencesOf(before, after, field);
}

function isRecord(value: Json): value is { readonly [key: string]: Json | undefined } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
