import assert from "node:assert/strict";
import { join } from "node:path";
import { npyBytes } from "../../lib/base/npy.ts";
import { selectImages } from "../../lib/runner/stages/fit.ts";
import { scoresKind } from "../../lib/runner/stages/scores.ts";
import { keyOf, type StageInput } from "../../lib/store/key.ts";
import { openStore, type Payload } from "../../lib/store/store.ts";
import { inFolder } from "../reliability/workload.ts";

const sets = 20;
const packs = 3;
const perPack = 4;

/** Pack `pack` of a set: maps in which no value is zero. */
function packOf(set: number, pack: number): { input: StageInput; files: Payload } {
  const data = new Float32Array(perPack * 4).map((_, i) => 1 + set + pack + i);
  return {
    input: { stage: "maps", revision: 1, parameters: { set, pack }, inputs: {} },
    files: new Map([["maps.npy", npyBytes({ shape: [perPack, 2, 2], data })]]),
  };
}

Deno.test("R9: a missing, empty or short pack of maps is missing, never zeros, whichever it is", () =>
  inFolder(async (root) => {
    let found = 0;
    const store = await openStore(root, () => found++);
    for (let set = 0; set < sets; set++) {
      for (let pack = 0; pack < packs; pack++) {
        const { input, files } = packOf(set, pack);
        const path = join(root, "maps", keyOf(input), "maps.npy");
        for (const harm of ["gone", "empty", "short", "zeros"]) {
          await store.write(input, files, 0);
          const bytes = files.get("maps.npy")!;
          if (harm === "gone") await Deno.remove(path);
          if (harm === "empty") await Deno.writeFile(path, new Uint8Array(0));
          if (harm === "short") await Deno.writeFile(path, bytes.subarray(0, bytes.length - 16));
          if (harm === "zeros") {
            const holes = bytes.slice().fill(0, bytes.length - 16);
            await Deno.writeFile(path, holes);
          }
          assert.equal(await store.read("maps", keyOf(input)), undefined, harm);
        }
      }
    }
    assert.equal(found, sets * packs * 4, "each was told");
    store.close();
  }));

Deno.test("R9: images and scores are not taken from beyond the end of a pack", async () => {
  const block = { shape: [2, 1, 1, 3], data: new Uint8Array(6).fill(9) };
  assert.deepEqual([...selectImages(block, [1]).data], [9, 9, 9]);
  assert.throws(() => selectImages(block, [0, 2]), /Cannot take image 2 of a pack of 2/);

  const scores = new Map([["scores.npy", npyBytes({ shape: [2], data: Float64Array.of(1, 2) })]]);
  const context = (test: readonly number[]) => ({
    parameters: { test },
    locations: {},
    count: (role: string) => role === "features" ? 1 : 0,
    read: () => Promise.resolve(scores),
    progress: () => {},
    checkpoints: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
  });
  await scoresKind.run(context([1, 0]));
  await assert.rejects(
    scoresKind.run(context([1, 2])),
    /Cannot take score 2 of 2: a pack is short/,
  );
});
