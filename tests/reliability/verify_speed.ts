/**
 * How fast a store is read and hashed (R22).
 *
 * @module
 */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { openStore } from "../../lib/store/store.ts";
import { verifyEntries } from "../../lib/store/verify_entries.ts";
import { type Finding, inFolder, inputOf, payloadOf } from "./workload.ts";

/** R22: verifies `entries` entries of 256 KiB, with one thread and with one for each core. */
export function verifySpeed(entries: number): Promise<Finding> {
  return inFolder(async (root) => {
    const store = await openStore(root);
    const payload = payloadOf(0, 1 << 18);
    for (let i = 0; i < entries; i++) await store.write(inputOf(i), payload, 0);
    const speeds: string[] = [];
    for (const threads of [1, availableParallelism()]) {
      const start = performance.now();
      const found = await verifyEntries(store, { part: { n: 1, of: 1 }, threads });
      const seconds = (performance.now() - start) / 1000;
      assert.equal(found.entries, entries);
      assert.deepEqual(found.damages, []);
      speeds.push(`${(found.bytes / 1e6 / seconds).toFixed(0)} MB/s with ${threads} threads`);
    }
    store.close();
    return { count: entries, outcome: speeds.join(", ") };
  });
}
