/**
 * Compares a text with the one kept in `tests/fixtures/golden`. `UPDATE_GOLDEN=1` writes what the code gives
 * now; the change is then seen, and judged, in the diff.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Asserts that `text` is what the file at `url` holds. */
export async function assertGolden(text: string, url: URL): Promise<void> {
  if (Deno.env.get("UPDATE_GOLDEN") === "1") await Deno.writeTextFile(url, text);
  assert.equal(text, await Deno.readTextFile(url));
}
