/**
 * S12: a store that others can write. What does not hash to its record and its key is damage and is
 * computed anew; nothing outside of an entry's folder is read; and a forgery whose every hash is right
 * is found by computing anew.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError } from "../../lib/base/errors.ts";
import { npyBytes, parseNpy } from "../../lib/base/npy.ts";
import { openTrainedNetwork } from "../../lib/maps/trained_network.ts";
import { recordBytes } from "../../lib/store/record.ts";
import { keyOf, type StageInput } from "../../lib/store/key.ts";
import { type Damage, openStore, type Store } from "../../lib/store/store.ts";
import { reproduceWords, runProgram, synthesize, withFolder } from "../cli/harness.ts";
import { assertBoundedAsync } from "./bounded.ts";

const input: StageInput = { stage: "maps", revision: 1, parameters: { size: 8 }, inputs: {} };
const other: StageInput = { ...input, parameters: { size: 9 } };
const [key, otherKey] = [keyOf(input), keyOf(other)];
const honest = npyBytes({ shape: [2], data: Float32Array.of(1, 2) });
const forged = npyBytes({ shape: [2], data: Float32Array.of(1, 9) });

interface Place {
  /** The entry's folder, and the one of another entry. */
  readonly entry: string;
  readonly other: string;
  /** A file outside of the store. */
  readonly secret: string;
}

async function record(entry: string): Promise<{ files: Record<string, unknown> }> {
  return JSON.parse(await Deno.readTextFile(join(entry, "record.json")));
}

/** Writes a record with these changes, its own hash made right. */
async function reseal(entry: string, changes: object): Promise<void> {
  const before = await record(entry);
  const path = join(entry, "record.json");
  await Deno.writeFile(path, recordBytes({ ...before, ...changes } as never));
}

const fileOf = (bytes: Uint8Array) => ({ sha256: sha256(bytes), bytes: bytes.length });

/** What a writer of the store could do to an entry so that a reader must not take it. */
const poisons: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  "other bytes of the same length": ({ entry }) => Deno.writeFile(join(entry, "maps.npy"), forged),
  "other bytes, their hash in the record": async ({ entry }) => {
    await Deno.writeFile(join(entry, "maps.npy"), forged);
    const path = join(entry, "record.json");
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(sha256(honest), sha256(forged)));
  },
  "another entry in its place": async ({ entry, other }) => {
    await Deno.remove(entry, { recursive: true });
    await Deno.rename(other, entry);
  },
  "a link to another entry": async ({ entry, other }) => {
    await Deno.remove(entry, { recursive: true });
    await Deno.symlink(other, entry);
  },
  "settings of another stage": ({ entry }) =>
    reseal(entry, { input: '{"keySchema":1,"stage":"maps"}' }),
  "the key of another entry": ({ entry }) => reseal(entry, { key: otherKey }),
  "a file that climbs out of the folder": async ({ entry, secret }) =>
    reseal(entry, { files: { "../../../secret": fileOf(await Deno.readFile(secret)) } }),
  "a file by its absolute path": async ({ entry, secret }) =>
    reseal(entry, { files: { [secret]: fileOf(await Deno.readFile(secret)) } }),
  "a hash that is none": ({ entry }) =>
    reseal(entry, { files: { "maps.npy": { sha256: "x", bytes: 1 } } }),
  "a length that is a text": ({ entry }) =>
    reseal(entry, { files: { "maps.npy": { ...fileOf(honest), bytes: "136" } } }),
  "a file of 2^53 bytes": ({ entry }) =>
    reseal(entry, { files: { "maps.npy": { ...fileOf(honest), bytes: 2 ** 53 } } }),
  "a link to a file outside": async ({ entry, secret }) => {
    await Deno.remove(join(entry, "maps.npy"));
    await Deno.symlink(secret, join(entry, "maps.npy"));
  },
  "a file that is a folder": async ({ entry }) => {
    await Deno.remove(join(entry, "record.json"));
    await Deno.mkdir(join(entry, "record"));
  },
  "a record that is a list, 100,000 deep": ({ entry }) =>
    Deno.writeTextFile(join(entry, "record.json"), "[".repeat(100_000)),
  "a record of 20 MB": ({ entry }) =>
    Deno.writeTextFile(join(entry, "record.json"), `"${"a".repeat(20_000_000)}"`),
  "null as a record": ({ entry }) => Deno.writeTextFile(join(entry, "record.json"), "null"),
};

async function withEntry(
  body: (place: Place, store: Store, damages: readonly Damage[]) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const damages: Damage[] = [];
    const root = join(folder, "store");
    const store = await openStore(root, (damage) => damages.push(damage));
    try {
      for (const one of [input, other]) await store.write(one, new Map([["maps.npy", honest]]), 1);
      const secret = join(folder, "secret");
      await Deno.writeTextFile(secret, "the secret".repeat(13) + "123456");
      const place = { entry: join(root, "maps", key), other: join(root, "maps", otherKey), secret };
      await body(place, store, damages);
    } finally {
      store.close();
    }
  });
}

Deno.test("S12: a poisoned entry is damage, is set aside, and can be computed anew", async (t) => {
  assert.ok(Object.keys(poisons).length >= 10);
  for (const [title, poison] of Object.entries(poisons)) {
    await t.step(title, () =>
      withEntry(async (place, store, damages) => {
        await poison(place);
        await assertBoundedAsync(title, async () => {
          assert.equal(await store.read("maps", key), undefined);
        });
        assert.deepEqual(damages.map((one) => one.key), [key]);
        await store.write(input, new Map([["maps.npy", honest]]), 1);
        assert.deepEqual((await store.read("maps", key))!.get("maps.npy"), honest);
        assert.ok((await Deno.readTextFile(place.secret)).startsWith("the secret"));
      }));
  }
});

Deno.test("S12: files that the record does not name are never given to a reader", () =>
  withEntry(async ({ entry }, store, damages) => {
    await Deno.writeTextFile(join(entry, "network.onnx"), "not of this entry");
    assert.deepEqual([...(await store.read("maps", key))!.keys()], ["maps.npy"]);
    await assert.rejects(store.read("maps", key, ["network.onnx"]), RangeError);
    assert.deepEqual(damages, []);
  }));

Deno.test("S12: a checkpoint with other bytes is dropped", () =>
  withEntry(async ({ entry }, store, damages) => {
    await store.saveCheckpoint(key, Uint8Array.of(1, 2, 3));
    const path = join(entry, "..", "..", "checkpoints", key);
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 1] ^= 1;
    await Deno.writeFile(path, bytes);
    assert.equal(await store.loadCheckpoint(key), undefined);
    assert.equal(damages.length, 1);
  }));

Deno.test({
  name: "S12: a stored network that is no model of the harness is refused before it is run",
  permissions: "none",
  async fn() {
    const plan = { size: 8 } as Parameters<typeof openTrainedNetwork>[1];
    for (const bytes of [new Uint8Array(100), honest, new TextEncoder().encode("\x08\x0a:\x00")]) {
      const model = new Map([["network.onnx", bytes]]) as Parameters<typeof openTrainedNetwork>[2];
      await assert.rejects(openTrainedNetwork("wrn", plan, model), DataError);
    }
  },
});

Deno.test("S12: a forgery whose hashes are all right is found by computing anew", () =>
  withFolder(async (folder) => {
    const [data, cache, out] = ["data", "cache", "out"].map((name) => join(folder, name));
    await synthesize(data);
    const words = reproduceWords(data, cache, out);
    assert.equal((await runProgram(words)).code, 0);
    const run = join(out, "table3", "demo");
    const { rows } = JSON.parse(await Deno.readTextFile(join(run, "run.json")));
    const { stage, key: scored } = rows[0].cells[0];
    const entry = join(cache, stage, scored);
    const path = join(entry, "scores.npy");
    const scores = parseNpy(await Deno.readFile(path));
    const better = npyBytes({
      shape: scores.shape,
      data: Float64Array.from(
        scores.data as Float64Array,
        (score, i) => i % 2 === 0 ? -score : score,
      ),
    });
    await Deno.writeFile(path, better);
    await reseal(entry, { files: { "scores.npy": fileOf(better) } });
    const { code, stdout } = await runProgram(["verify", run, "--deep", "--cache", cache]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, new RegExp(`scores\\.npy of ${stage} ${scored.slice(0, 12)} is not`));
    // The run itself was honest: its own files agree.
    assert.equal((await runProgram(["verify", run])).code, 0);
  }));
