/** The tasks of the project's developers speak as the other commands do. */
import assert from "node:assert/strict";
import { projectRoot, runDeno } from "./harness.ts";

/** The programs behind `deno task`, with the configuration and a wrong word. */
const tasks = [
  ["bench", "bench/main.ts", "deno.json", /Unknown benchmark "wrong"/],
  ["soak", "tests/reliability/soak.ts", "tests/deno.json", /Unknown check "wrong"/],
  ["notebooks", "notebooks/run.ts", "notebooks/deno.json", /Unknown notebook "wrong"/],
  ["docs", "docs/generate.ts", "deno.json", /"wrong" is one word too many/],
] as const;

for (const [name, program, config, unknown] of tasks) {
  Deno.test(`${name} has a help, and tells a wrong word from a defect`, async () => {
    const run = (word: string) =>
      runDeno([
        ...["run", "-A", "--quiet", "--config", projectRoot + config],
        ...[projectRoot + program, word],
      ]);
    const help = await run("--help");
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`\nUsage:\n  deno task ${name}\\b`));
    for (
      const [word, message] of [["wrong", unknown], ["--wrong", /Unknown option --wrong/]] as const
    ) {
      const { code, stdout, stderr } = await run(word);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });
}
