/** S1, S3, S10: ten thousand inputs for each reader; `deno task soak` feeds a hundred thousand. */
import assert from "node:assert/strict";
import { fuzz, fuzzers } from "./fuzzing.ts";

const inputs = 10_000;

for (const fuzzer of fuzzers) {
  Deno.test({
    name: `any bytes are data or a DataError for the reader of a ${fuzzer.name}, fast`,
    // Whatever the bytes ask for, nothing can be read, written, run or fetched.
    permissions: "none",
    fn() {
      const before = Deno.memoryUsage().rss;
      const { inputs: fed, refused } = fuzz(fuzzer, inputs, 20_260_101);
      assert.ok(fed >= 1000 && (refused > fed / 5 || fuzzer.name === "image header"));
      const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
      assert.ok(grown < 256, `memory grew by ${grown} MiB`);
    },
  });
}
