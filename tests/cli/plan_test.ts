/** `plan` as a user reads it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runProgram, synthesize, withFolder } from "./harness.ts";

Deno.test("weights that are missing are told once, after all the rows that they block", () =>
  withFolder(async (folder) => {
    const [data, cache] = [join(folder, "product"), join(folder, "cache")];
    await synthesize(data);
    const words = ["plan", "table3", "--data", data, "--segmap", "vad", "--profile", "cpu"]
      .concat("--seeds", "1", "--cache", cache);
    const [text, json] = await Promise.all([runProgram(words), runProgram([...words, "--json"])]);
    assert.deepEqual([text.code, json.code], [3, 3]);
    const { blocked } = JSON.parse(json.stdout) as { readonly blocked: readonly Blocked[] };
    assert.equal(blocked.length, 13);
    const told = text.stdout.replaceAll("\n", " ");
    assert.equal(told.match(/Cannot find weights of efficientnet_lite0/g)?.length, 1);
    const rows = blocked.map(({ row }) => row).join(", ");
    assert.ok(told.includes(`table3, ${rows}: Cannot find weights`), text.stdout);
    assert.ok(told.includes(`weights import FILE --cache ${cache}`), text.stdout);
  }));

/** An obstacle of `plan --json`. */
interface Blocked {
  readonly row: string;
}
