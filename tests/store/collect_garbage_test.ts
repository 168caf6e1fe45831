import assert from "node:assert/strict";
import { collectGarbage } from "../../lib/store/collect_garbage.ts";
import { openStore } from "../../lib/store/store.ts";

const hour = 3600;

Deno.test("collectGarbage() keeps young entries", async () => {
  const root = await Deno.makeTempDir();
  const store = await openStore(root);
  const input = { stage: "maps", revision: 1, parameters: {}, inputs: {} };
  await store.write(input, new Map([["a.npy", new Uint8Array([1])]]), 0);
  const options = { pinned: [], seconds: hour, now: Date.now(), dryRun: false };
  assert.deepEqual(await collectGarbage(store, options), { removed: [], kept: 1 });
  store.close();
  await Deno.remove(root, { recursive: true });
});

Deno.test("collectGarbage() keeps what a run under way needs, until it ends", async () => {
  const root = await Deno.makeTempDir();
  const store = await openStore(root);
  const input = { stage: "maps", revision: 1, parameters: {}, inputs: {} };
  const key = await store.write(input, new Map([["a.npy", new Uint8Array([1])]]), 0);
  const options = { pinned: [], seconds: hour, now: Date.now() + 2 * hour * 1000, dryRun: false };
  const pin = await store.pin([key]);
  assert.deepEqual(await collectGarbage(store, options), { removed: [], kept: 1 });
  pin[Symbol.dispose]();
  assert.deepEqual((await collectGarbage(store, options)).removed.map((one) => one.key), [key]);
  store.close();
  await Deno.remove(root, { recursive: true });
});
