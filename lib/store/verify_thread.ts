/**
 * A thread of `verifyEntries`: reads and hashes the entries that it is sent.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { openStore, type Store } from "./store.ts";
import { verifyEach, type VerifyRequest } from "./verify_entries.ts";

let opened: Promise<Store> | undefined;

self.onmessage = async ({ data }: MessageEvent<VerifyRequest>) => {
  try {
    opened ??= openStore(data.root); // a thread is started for one store
    self.postMessage(await verifyEach(await opened, data.entries));
  } catch (error) {
    self.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
};
