/**
 * File names in messages. A name may hold line breaks or terminal control codes; shown as they are
 * they would tear a message apart or rewrite the screen.
 *
 * @module
 */

/**
 * The path as it can be shown: itself, or as a JSON text where it holds control characters or others
 * that do not print (bidirectional marks, lone surrogates).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(shownPath("train/good/a b.png"), "train/good/a b.png");
 * assert.equal(shownPath("a\nb.png"), '"a\\nb.png"');
 * ```
 */
export function shownPath(path: string): string {
  const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
  if (!hidden.test(path)) return path;
  return JSON.stringify(path).replace(
    hidden,
    (mark) =>
      Array.from(
        { length: mark.length },
        (_, i) => `\\u${mark.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/** `first, second, third and 7 more`; names as `shownPath` shows them. */
export function shownList(paths: readonly string[], most = 3): string {
  const shown = paths.slice(0, most).map(shownPath).join(", ");
  return paths.length > most ? `${shown} and ${paths.length - most} more` : shown;
}
