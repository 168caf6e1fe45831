/**
 * A thread of `verifyEntries`: reads and hashes the entries that it is sent.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { openStore } from "./store.ts";
import { verifyEach, type VerifyRequest } from "./verify_entries.ts";

self.onmessage = async ({ data }: MessageEvent<VerifyRequest>) => {
  try {
    const store = await openStore(data.root);
    self.postMessage(await verifyEach(store, data.entries));
  } catch (error) {
    self.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
};
