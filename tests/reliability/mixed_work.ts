/**
 * Everything at once on one store for a while (R22): processes put entries, collect garbage and check,
 * most are killed at some operation, bits flip at rest; a model says what must be there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RandomState } from "../../lib/base/random.ts";
import { keyOf } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { acknowledgedOf, runChild } from "./store_child.ts";
import { type Finding, inFolder, inputOf, payloadOf } from "./workload.ts";

const entries = 24;

/** R22: mixed work for `seconds`. */
export function mixedWork(seconds: number): Promise<Finding> {
  return inFolder(async (root) => {
    const random = new RandomState(22);
    const end = performance.now() + seconds * 1000;
    const must = new Set<number>();
    const counts = { put: 0, gc: 0, verify: 0, flips: 0, kills: 0 };
    while (performance.now() < end) {
      const works = Array.from(
        { length: 1 + random.integer(3) },
        () => (["put", "put", "gc", "verify"] as const)[random.integer(4)],
      );
      const collects = works.includes("gc");
      await Promise.all(works.map(async (does) => {
        const kill = random.integer(3) === 0
          ? undefined
          : { at: 1 + random.integer(does === "put" ? 400 : 30), how: "torn" as const };
        // Each process that puts has entries of its own, so that no claim is refused.
        const work = { root, does, entries, ...(kill === undefined ? {} : { kill }) };
        const { status, lines } = await runChild(
          does === "put"
            ? { ...work, does: "share", rounds: 1, seed: 1 + random.integer(1000) }
            : work,
        );
        if (status.signal === "SIGKILL") counts.kills++;
        else assert.equal(status.code, 0, lines.join("\n"));
        counts[does]++;
        if (does === "put" && status.signal !== "SIGKILL" && !collects) {
          for (let i = 0; i < entries; i++) must.add(i);
        }
        for (const i of acknowledgedOf(lines)) must.add(i);
      }));
      if (collects) {
        // Entry 1 is kept as what entry 2 was made from, where that is there.
        const kept = must.has(2) ? [0, 1, 2] : [0, 2];
        for (const i of must) if (!kept.includes(i)) must.delete(i);
      }
      const damages = new Set<string>();
      const store = await openStore(root, ({ key }) => damages.add(key));
      const flipped = new Set<string>();
      if (must.size > 0 && random.integer(3) === 0) {
        const i = [...must][random.integer(must.size)];
        const key = keyOf(inputOf(i));
        const path = join(root, inputOf(i).stage, key, "a.npy");
        const bytes = await Deno.readFile(path);
        const bit = random.integer(bytes.length * 8);
        bytes[bit >> 3] ^= 1 << (bit & 7);
        await Deno.writeFile(path, bytes);
        flipped.add(key);
        must.delete(i);
        counts.flips++;
      }
      for (let i = 0; i < entries; i++) {
        const payload = await store.read(inputOf(i).stage, keyOf(inputOf(i)));
        if (payload === undefined) assert.ok(!must.has(i), `entry ${i} was lost`);
        else assert.deepEqual(payload, payloadOf(i));
      }
      assert.deepEqual(damages, flipped, "damage that nobody did");
      store.close();
      assert.deepEqual([...Deno.readDirSync(join(root, "tmp"))], []);
    }
    const text = Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(", ");
    return { count: counts.put + counts.gc + counts.verify, outcome: `${text}; as the model says` };
  });
}
