import assert from "node:assert/strict";
import { runCosts } from "../../lib/report/run_costs.ts";
import type { RunRecord } from "../../lib/report/run_record.ts";
import { keyOf, type StageInput } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { inFolder } from "../reliability/workload.ts";

const pixels: StageInput = { stage: "pixels", revision: 1, parameters: {}, inputs: {} };
const mapsOf = (seed: number): StageInput => ({
  stage: "maps",
  revision: 1,
  parameters: { seed },
  inputs: { pixels: keyOf(pixels) },
});

Deno.test("costs are sums over the entries behind a run's cells; memory is the largest that is known", () =>
  inFolder(async (folder) => {
    const store = await openStore(folder);
    const payload = new Map([["a.npy", new Uint8Array(10)]]);
    await store.write(pixels, payload, 1);
    await store.write(mapsOf(1), payload, 2, 200);
    await store.write(mapsOf(2), payload, 3, 300);
    await store.write(mapsOf(3), payload, 4);
    await store.write(mapsOf(4), payload, 5, 900); // of another run
    const cells = [1, 2, 3].map((seed) => ({ stage: "maps", key: keyOf(mapsOf(seed)) }));
    const run = { rows: [{ cells }] } as unknown as RunRecord;
    assert.deepEqual(await runCosts(store, run), [
      { stage: "pixels", entries: 1, seconds: 1, bytes: 10 },
      { stage: "maps", entries: 3, seconds: 9, bytes: 30, mebibytes: 300 },
    ]);
    store.close();
  }));
