/** The tasks of the project's developers speak as the other commands do. */
import assert from "node:assert/strict";
import { projectRoot, runDeno } from "./harness.ts";

/** The programs behind `deno task`, with the configuration, and what is said to a wrong word. */
const tasks = [
  ["bench", "bench/main.ts", "deno.json", /Unknown benchmark "wrong"/, 2],
  ["soak", "tests/reliability/soak.ts", "tests/deno.json", /Unknown check "wrong"/, 2],
  ["notebooks", "notebooks/run.ts", "notebooks/deno.json", /Unknown notebook "wrong"/, 2],
  ["docs", "docs/generate.ts", "deno.json", /"wrong" is one word too many/, 2],
  ["picture", "docs/overview_picture.ts", "deno.json", /there is no wrong\/run\.json/, 3],
] as const;

for (const [name, program, config, unknown, exitCode] of tasks) {
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
      const [word, message, expected] of [
        ["wrong", unknown, exitCode],
        ["--wrong", /Unknown option --wrong/, 2],
      ] as const
    ) {
      const { code, stdout, stderr } = await run(word);
      assert.deepEqual([code, stdout], [expected, ""]);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });
}
