/**
 * Where the store is unless `--cache` says otherwise, and commands that keep to the store in use.
 *
 * @module
 */
import { resolve } from "node:path";

/** Folder of the store, from the working folder. */
export const defaultCache = ".cache/segad";

/**
 * A command as it is typed, for remedies, with `--cache` where `cache` is not the default.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(taskWith("weights list", ".cache/segad"), "`deno task weights list`");
 * assert.equal(taskWith("weights list", "/my store"), '`deno task weights list --cache "/my store"`');
 * ```
 */
export function taskWith(words: string, cache: string): string {
  const option = resolve(cache) === resolve(defaultCache)
    ? ""
    : ` --cache ${/\s/.test(cache) ? `"${cache}"` : cache}`;
  return `\`deno task ${words}${option}\``;
}
