/**
 * Variants of a method: whose implementation's details it follows. A variant is a record of switches; to
 * see which of them moves a result, one may be taken from another variant: `paper:loss=official` is
 * the variant `paper` with the switch `loss` of `official`.
 *
 * @module
 */
import { canonicalJson, type Json } from "../base/digest.ts";
import { unknownName } from "../base/errors.ts";

/** What has variants: a detector, or a supervised method. */
export interface VariedMethod {
  /** As rows and options name it. */
  readonly id: string;
  /** Names; the first is the default. */
  readonly variants: readonly string[];
  /** What each of them sets, where that is declared. */
  readonly switches?: VariantTable<object>;
}

/** A variant beside the one that it is compared with. */
export interface VariantMove {
  /** As `--variant` takes it: "paper:loss=official", or "official". */
  readonly variant: string;
  /** The variant that the moved switches are of. */
  readonly of: string;
  /** What is moved; none where the method does not declare its switches. */
  readonly switches: readonly SwitchMove[];
}

/** A switch before and after. */
export interface SwitchMove {
  /** Of a field of the variant's record. */
  readonly name: string;
  /** As the compared variant sets it. */
  readonly before: Json;
  /** As the other variant sets it. */
  readonly after: Json;
}

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
 * Checks that `method` has the variant called `name`, which may be mixed where switches are declared.
 *
 * @throws {UsageError} for an unknown variant or switch
 */
export function checkVariant({ id, variants, switches }: VariedMethod, name: string): void {
  if (switches !== undefined) variantNamed(id, switches, name);
  else if (!variants.includes(name)) throw unknownName(`variant of ${id}`, name, variants);
}

/**
 * What to compare with variant `from` to see which switch moves a result: for each other variant `from`
 * with one of its switches, then the variant itself where it has more than one of its own. A switch
 * that another variant sets alike is not moved twice; a variant that sets nothing otherwise is left out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const switches = { paper: { loss: "cosine", blur: 4 }, official: { loss: "squared", blur: 2 } };
 * const method = { id: "rd4ad", variants: ["paper", "official"], switches };
 * assert.deepEqual(variantMoves(method, "paper").map(({ variant }) => variant), [
 *   "paper:loss=official",
 *   "paper:blur=official",
 *   "official",
 * ]);
 * ```
 */
export function variantMoves(method: VariedMethod, from: string): VariantMove[] {
  checkVariant(method, from);
  const { id, variants, switches } = method;
  const others = variants.filter((name) => name !== from);
  if (switches === undefined) {
    return others.map((of) => ({ variant: of, of, switches: [] }));
  }
  const before = variantNamed(id, switches, from) as Record<string, Json>;
  const known = new Set<string>();
  return others.flatMap((of) => {
    const after = switches[of] as Record<string, Json>;
    const singles = singleMoves(id, switches, from, of).map((variant): VariantMove => {
      const name = variant.slice(from.length + 1, -of.length - 1);
      return { variant, of, switches: [{ name, before: before[name], after: after[name] }] };
    });
    const whole = { variant: of, of, switches: singles.flatMap((one) => one.switches) };
    const moves = [...singles, ...(singles.length > 1 ? [whole] : [])];
    return moves.filter((move) => {
      const key = canonicalJson(move.switches.map(({ name, after }) => [name, after]));
      return known.has(key) ? false : known.add(key);
    });
  });
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
  const before = variantNamed(method, variants, from);
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
