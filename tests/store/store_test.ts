import assert from "node:assert/strict";
import { join } from "node:path";
import { openStore } from "../../lib/store/store.ts";
import { keyOf, type StageInput } from "../../lib/store/key.ts";
import { sha256 } from "../../lib/base/digest.ts";

const input: StageInput = {
  stage: "maps",
  revision: 1,
  parameters: { seed: 3, ratio: 0.01 },
  inputs: { pack: "a".repeat(64) },
};
const payload = new Map([
  ["maps.npy", new Uint8Array([1, 2, 3, 4])],
  ["scores.npy", new Uint8Array([5, 6])],
]);

async function withStore(
  body: (root: string, damages: string[]) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await body(root, []);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("keyOf() is the SHA-256 of the canonical input with the key schema", () => {
  assert.equal(
    keyOf(input),
    sha256(
      `{"inputs":{"pack":"${
        "a".repeat(64)
      }"},"keySchema":1,"parameters":{"ratio":0.01,"seed":3},"revision":1,"stage":"maps"}`,
    ),
  );
});

Deno.test("keyOf() changes with every field and not with the order of fields", () => {
  const changed: StageInput[] = [
    { ...input, stage: "fit" },
    { ...input, revision: 2 },
    { ...input, parameters: { seed: 4, ratio: 0.01 } },
    { ...input, inputs: { pack: "b".repeat(64) } },
    { ...input, inputs: { other: "a".repeat(64) } },
    { ...input, numerics: { provider: "cpu" } },
  ];
  assert.equal(new Set([input, ...changed].map(keyOf)).size, changed.length + 1);
  assert.equal(keyOf({ ...input, parameters: { ratio: 0.01, seed: 3 } }), keyOf(input));
});

Deno.test("write() publishes an entry that read() gives back", () =>
  withStore(async (root) => {
    const store = await openStore(root);
    const key = await store.write(input, payload, 0.5);
    assert.equal(key, keyOf(input));
    assert.ok(await store.has("maps", key));
    assert.deepEqual(await store.read("maps", key), payload);
    assert.deepEqual([...(await store.read("maps", key, ["scores.npy"]))!.keys()], ["scores.npy"]);
    const record = (await store.record("maps", key))!;
    assert.deepEqual([record.seconds, record.mebibytes], [0.5, undefined]);
    const other = await store.write({ ...input, revision: 2 }, payload, 0.5, 321);
    assert.equal((await store.record("maps", other))!.mebibytes, 321);
    store.close();
    assert.deepEqual([...Deno.readDirSync(join(root, "tmp"))], []);
  }));

Deno.test("a missing entry is undefined and no damage", () =>
  withStore(async (root) => {
    const damages: unknown[] = [];
    const store = await openStore(root, (damage) => damages.push(damage));
    assert.equal(await store.read("maps", keyOf(input)), undefined);
    assert.deepEqual(damages, []);
  }));

Deno.test("two entries with their folders exchanged are both found damaged", () =>
  withStore(async (root) => {
    const store = await openStore(root);
    const other = { ...input, revision: 2 };
    const [a, b] = [
      await store.write(input, payload, 0),
      await store.write(other, new Map([["maps.npy", new Uint8Array([9])]]), 0),
    ];
    Deno.renameSync(join(root, "maps", a), join(root, "x"));
    Deno.renameSync(join(root, "maps", b), join(root, "maps", a));
    Deno.renameSync(join(root, "x"), join(root, "maps", b));
    assert.match((await store.verify("maps", a)).damage!.reason, /is not a record of this entry/);
    assert.equal(await store.read("maps", b), undefined);
    store.close();
  }));

Deno.test("verify() tells what it quarantines, and entries() lists what is left", () =>
  withStore(async (root) => {
    const store = await openStore(root);
    const key = await store.write(input, payload, 0);
    assert.deepEqual(await store.verify("maps", key), { bytes: 6 });
    Deno.removeSync(join(root, "maps", key, "scores.npy"));
    assert.match((await store.verify("maps", key)).damage!.reason, /scores\.npy is missing/);
    assert.deepEqual(await Array.fromAsync(store.entries()), []);
    store.close();
  }));

Deno.test("the same key with other bytes is refused as non-determinism", () =>
  withStore(async (root) => {
    const store = await openStore(root);
    await store.write(input, payload, 0);
    await store.write(input, payload, 1);
    await assert.rejects(
      store.write(input, new Map([["maps.npy", new Uint8Array([0])]]), 0),
      /non-determinism|differs from the stored one/,
    );
    store.close();
  }));

Deno.test("a claim is exclusive until it is disposed", () =>
  withStore(async (root) => {
    const store = await openStore(root);
    const key = keyOf(input);
    const claim = await store.claim(key);
    assert.ok(claim);
    assert.equal(await store.claim(key), undefined);
    claim[Symbol.dispose]();
    const again = await store.claim(key);
    assert.ok(again);
    again[Symbol.dispose]();
  }));

Deno.test("temporary folders of a dead process are removed, those of a living one are kept", () =>
  withStore(async (root) => {
    const living = await openStore(root);
    await living.write(input, payload, 0);
    const kept = [...Deno.readDirSync(join(root, "tmp"))].length;
    Deno.mkdirSync(join(root, "tmp", "dead"));
    Deno.writeTextFileSync(join(root, "tmp", "dead", "part.npy"), "half");
    Deno.writeTextFileSync(join(root, "tmp", "dead.lock"), "");
    const second = await openStore(root);
    assert.equal([...Deno.readDirSync(join(root, "tmp"))].length, kept);
    living.close();
    second.close();
  }));
