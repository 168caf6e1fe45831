/**
 * Variants of a method: whose implementation's details it follows. A variant is a record of switches; to
 * see which of them moves a result, one may be taken from another variant: `paper:loss=official` is
 * the variant `paper` with the switch `loss` of `official`.
 *
 * @module
 */
import { canonicalJson, type Json } from "../base/digest.ts";
import { unknownName } from "../base/errors.ts";

/** Switches by variant; all variants have the same switches. */
export type VariantTable<T> = Readonly<Record<string, T>>;

/**
 * The switches of the variant called `name`, which may take switches from other variants.
 *
 * @param method stands in the message
 * @throws {UsageError} for an unknown variant or switch
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const variants = { paper: { loss: "cosine", blur: 4 }, official: { loss: "squared", blur: 2 } };
 * const moved = variantNamed("rd4ad", variants, "paper:loss=official");
 * assert.deepEqual(moved, { loss: "squared", blur: 4 });
 * ```
 */
export function variantNamed<T extends object>(
  method: string,
  variants: VariantTable<T>,
  name: string,
): T {
  const [base, ...moves] = name.split(":");
  let settings = known(variants, base, `variant of ${method}`);
  for (const move of moves) {
    const [key, from = ""] = move.split("=");
    known(settings as VariantTable<unknown>, key, `switch of ${method}`);
    const other = known(variants, from, `variant of ${method}`);
    settings = { ...settings, [key]: other[key as keyof T] };
  }
  return settings;
}

/**
 * The steps from one variant to another: `from` with one switch of `to` each, for every switch in
 * which they differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const variants = { paper: { loss: "cosine", blur: 4 }, official: { loss: "squared", blur: 4 } };
 * assert.deepEqual(singleMoves("rd4ad", variants, "paper", "official"), ["paper:loss=official"]);
 * ```
 */
export function singleMoves<T extends object>(
  method: string,
  variants: VariantTable<T>,
  from: string,
  to: string,
): string[] {
  const before = known(variants, from, `variant of ${method}`);
  const after = known(variants, to, `variant of ${method}`);
  const json = (value: unknown) => canonicalJson(value as Json);
  return (Object.keys(before) as (keyof T & string)[])
    .filter((key) => json(before[key]) !== json(after[key]))
    .map((key) => `${from}:${key}=${to}`);
}

function known<T>(table: VariantTable<T>, name: string, what: string): T {
  if (!Object.hasOwn(table, name)) throw unknownName(what, name, Object.keys(table));
  return table[name];
}
