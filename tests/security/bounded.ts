/**
 * Bounds that hostile input must not break.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Most seconds, and most MiB that the process may grow by. */
export const bounds = { seconds: 1, mebibytes: 256 } as const;

/** Runs `body`, which must be done within a second and grow the process by less than 256 MiB. */
export function assertBounded(title: string, body: () => void): void {
  const memory = Deno.memoryUsage().rss;
  const start = performance.now();
  body();
  assertWithin(title, start, memory);
}

/** `assertBounded` for a body that waits. */
export async function assertBoundedAsync(title: string, body: () => Promise<void>): Promise<void> {
  const memory = Deno.memoryUsage().rss;
  const start = performance.now();
  await body();
  assertWithin(title, start, memory);
}

function assertWithin(title: string, start: number, memory: number): void {
  const seconds = (performance.now() - start) / 1000;
  const grown = (Deno.memoryUsage().rss - memory) / 2 ** 20;
  assert.ok(seconds < bounds.seconds, `${title} took ${seconds.toFixed(2)} s`);
  assert.ok(grown < bounds.mebibytes, `${title} took ${grown.toFixed(0)} MiB`);
}
