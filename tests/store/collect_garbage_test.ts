import assert from "node:assert/strict";
import fc from "fast-check";
import { collectGarbage } from "../../lib/store/collect_garbage.ts";
import { openStore } from "../../lib/store/store.ts";

const hour = 3600;

Deno.test("collectGarbage() never removes what a pin reaches, and removes the rest; the dry run says the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      // Entry i may be made from entries before it; some entries are pinned.
      fc.array(fc.record({ needs: fc.array(fc.nat(20), { maxLength: 3 }), pinned: fc.boolean() }), {
        minLength: 1,
        maxLength: 8,
      }),
      async (entries) => {
        const root = await Deno.makeTempDir();
        try {
          const store = await openStore(root);
          const keys: string[] = [];
          for (const [i, { needs }] of entries.entries()) {
            const inputs = i === 0 ? [] : needs.map((need) => keys[need % i]);
            const input = {
              stage: "maps",
              revision: 1,
              parameters: { i },
              inputs: { maps: inputs },
            };
            keys.push(await store.write(input, new Map([["a.npy", new Uint8Array([i])]]), 0));
          }
          const expected = new Set<string>();
          const keep = (i: number): void => {
            expected.add(keys[i]);
            if (i > 0) entries[i].needs.forEach((need) => keep(need % i));
          };
          entries.forEach(({ pinned }, i) => pinned && keep(i));
          const options = {
            pinned: keys.filter((_, i) => entries[i].pinned),
            seconds: hour,
            now: Date.now() + 2 * hour * 1000,
            dryRun: true,
          };
          const planned = await collectGarbage(store, options);
          const removed = await collectGarbage(store, { ...options, dryRun: false });
          assert.deepEqual(removed, planned);
          const left = (await Array.fromAsync(store.entries())).map(({ key }) => key);
          assert.deepEqual(new Set(left), expected);
          store.close();
        } finally {
          await Deno.remove(root, { recursive: true });
        }
      },
    ),
    { numRuns: 25, seed: 5 },
  );
});

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
