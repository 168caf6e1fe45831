/**
 * Media types of the files of a run.
 *
 * @module
 */
import { extname } from "node:path";

const mediaTypes: Readonly<Record<string, string>> = {
  ".csv": "text/csv",
  ".html": "text/html",
  ".json": "application/json",
  ".md": "text/markdown",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".tex": "application/x-tex",
};

/**
 * The media type of a file by its extension.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(mediaTypeOf("charts/roc.svg"), "image/svg+xml");
 * assert.equal(mediaTypeOf("notes"), "application/octet-stream");
 * ```
 */
export function mediaTypeOf(path: string): string {
  return mediaTypes[extname(path)] ?? "application/octet-stream";
}
