import assert from "node:assert/strict";
import { join } from "node:path";
import { cacheCommand } from "../../lib/cli/cache.ts";
import { keyOf } from "../../lib/store/key.ts";
import { lockStore } from "../../lib/store/pins.ts";
import { openStore } from "../../lib/store/store.ts";
import { inFolder, inputOf, payloadOf } from "../reliability/workload.ts";
import { programOf } from "./harness.ts";

const program = programOf({ cache: cacheCommand });
const run = (...words: string[]) => program("cache", ...words);

/** A store with entries 0 to `count` - 1. */
async function storeOf(root: string, count: number): Promise<void> {
  const store = await openStore(root);
  for (let i = 0; i < count; i++) await store.write(inputOf(i), payloadOf(i), 0);
  store.close();
}

const damage = (root: string, i: number) =>
  Deno.writeFile(join(root, inputOf(i).stage, keyOf(inputOf(i)), "a.npy"), new Uint8Array(3000));

Deno.test("R22: the parts of a check are together the whole store, each entry in one", () =>
  inFolder(async (root) => {
    await storeOf(root, 40);
    for (const i of [3, 17, 30]) await damage(root, i);
    const found: string[] = [];
    let entries = 0;
    for (let n = 1; n <= 3; n++) {
      const { code, stdout } = await run("verify", "--cache", root, "--part", `${n}/3`, "--json");
      const result = JSON.parse(stdout);
      assert.equal(code, result.damages.length > 0 ? 1 : 0);
      entries += result.entries;
      found.push(...result.damages.map(({ key }: { key: string }) => key));
    }
    assert.equal(entries, 40);
    assert.deepEqual(found.sort(), [3, 17, 30].map((i) => keyOf(inputOf(i))).sort());
    assert.equal((await run("verify", "--cache", root)).code, 0, "they are in quarantine");
    for (const part of ["0/3", "4/3", "x", "1/0"]) {
      assert.equal((await run("verify", "--cache", root, "--part", part)).code, 2, part);
    }
  }));

Deno.test("R22: several threads find what one finds", () =>
  inFolder(async (root) => {
    await storeOf(root, 160);
    for (const i of [5, 80, 159]) await damage(root, i);
    const { code, stdout } = await run("verify", "--cache", root, "--threads", "2", "--json");
    assert.equal(code, 1);
    const { entries, damages, bytes } = JSON.parse(stdout);
    assert.equal(entries, 160);
    assert.ok(bytes > 160 * 3000);
    assert.deepEqual(
      damages.map(({ key }: { key: string }) => key),
      [5, 80, 159].map((i) => keyOf(inputOf(i))).sort(),
    );
  }));

Deno.test("R22: exit codes: 0 whole, 1 damaged, 10 no store, 11 locked", () =>
  inFolder(async (folder) => {
    const root = join(folder, "store");
    const missing = await run("verify", "--cache", root);
    assert.equal(missing.code, 10);
    assert.match(missing.stderr, /there is no folder/);
    assert.equal((await run("ls", "--cache", root)).code, 3);
    await storeOf(root, 4);
    assert.equal((await run("verify", "--cache", root)).code, 0);
    await damage(root, 1);
    assert.equal((await run("verify", "--cache", root)).code, 1);
    {
      using _collection = await lockStore(root, "exclusive");
      const { code, stderr } = await run("verify", "--cache", root);
      assert.equal(code, 11);
      assert.match(stderr, /another `cache` command is at\s+work/);
      assert.equal((await run("gc", "--cache", root)).code, 11);
    }
    using _check = await lockStore(root, "shared");
    assert.equal((await run("verify", "--cache", root)).code, 0, "checks go together");
    assert.equal((await run("gc", "--cache", root)).code, 11);
  }));
