import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError } from "../../lib/base/errors.ts";
import { formatChanges, writeFormat } from "../../lib/store/format.ts";
import { keyOf, keySchema } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { inFolder, inputOf, payloadOf } from "../reliability/workload.ts";

const fixtures = fileURLToPath(new URL("../fixtures/store/", import.meta.url));
const maps = { stage: "maps", revision: 1, parameters: { seed: 3, ratio: 0.01 }, inputs: {} };
const features = {
  stage: "features",
  revision: 1,
  parameters: { size: 128 },
  inputs: { maps: keyOf(maps) },
};

Deno.test("R21: a store with records of schema 1 is read", () =>
  inFolder(async (folder) => {
    await copyFolder(join(fixtures, "record_schema_1"), folder);
    const damages: unknown[] = [];
    const store = await openStore(folder, (damage) => damages.push(damage));
    const text = new TextDecoder();
    for (const [i, input] of [maps, features].entries()) {
      const payload = await store.read(input.stage, keyOf(input));
      assert.equal(text.decode(payload!.get("b.json")), `{"entry":${i}}`);
      assert.deepEqual(await store.verify(input.stage, keyOf(input)), { bytes: 18 });
    }
    // What is written beside them has the schema of today.
    await store.write(inputOf(0), payloadOf(0), 0);
    assert.equal((await store.record(inputOf(0).stage, keyOf(inputOf(0))))!.recordSchema, 2);
    assert.deepEqual(damages, []);
    store.close();
  }));

Deno.test("R21: a whole record of a newer version is refused, and not taken for damage", () =>
  inFolder(async (folder) => {
    const store = await openStore(folder, () => assert.fail("it is no damage"));
    const key = await store.write(inputOf(0), payloadOf(0), 0);
    const path = join(folder, inputOf(0).stage, key, "record.json");
    const { sha256: _, ...fields } = JSON.parse(await Deno.readTextFile(path));
    const newer = { ...fields, recordSchema: 3 };
    const sealed = { ...newer, sha256: sha256(JSON.stringify(newer)) };
    await Deno.writeTextFile(path, JSON.stringify(sealed));
    await assert.rejects(store.read(inputOf(0).stage, key), (error: DataError) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /its record has schema 3, this version knows 1 and 2/);
      assert.match(error.remedy!, /newer version/);
      return true;
    });
    assert.deepEqual(
      JSON.parse(await Deno.readTextFile(path)),
      sealed,
      "it stays where it was",
    );
  }));

Deno.test("R21: an upgrade says which stages it computes anew, once", () =>
  inFolder(async (folder) => {
    assert.deepEqual(await formatChanges(folder, { maps: 1 }), [], "a new store");
    await writeFormat(folder, { maps: 1, features: 2 });
    assert.deepEqual(await formatChanges(folder, { maps: 1, features: 2, forest: 1 }), []);
    const [change, ...others] = await formatChanges(folder, { maps: 1, features: 3 });
    assert.match(change, /^The computation of features has changed \(revision 2 -> 3\)/);
    assert.deepEqual(others, []);
    await writeFormat(folder, { maps: 1, features: 3 });
    assert.deepEqual(await formatChanges(folder, { maps: 1, features: 3 }), []);
  }));

Deno.test("R21: another key schema is told, a newer layout refused, a damaged format.json harmless", () =>
  inFolder(async (folder) => {
    const write = (format: unknown) =>
      Deno.writeTextFile(join(folder, "format.json"), JSON.stringify(format));
    await write({ storeSchema: 1, keySchema: keySchema - 1, revisions: {} });
    const [change] = await formatChanges(folder, {});
    assert.match(change, /^Keys have changed \(key schema 0 -> 1\)/);
    await write({ storeSchema: 2, keySchema, revisions: {} });
    await assert.rejects(formatChanges(folder, {}), /its layout has version 2/);
    await write({ storeSchema: "1" });
    assert.deepEqual(await formatChanges(folder, { maps: 1 }), []);
    await writeFormat(folder, { maps: 1 });
    assert.match((await formatChanges(folder, { maps: 2 }))[0], /revision 1 -> 2/);
  }));

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
