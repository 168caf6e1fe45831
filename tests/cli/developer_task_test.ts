/** The tasks of the project's developers speak as the other commands do. */
import assert from "node:assert/strict";
import { projectRoot } from "./harness.ts";

/** The programs behind `deno task`, with the configuration and a wrong word. */
const tasks = [
  ["bench", "bench/main.ts", "deno.json", /Unknown benchmark "wrong"/],
  ["soak", "tests/reliability/soak.ts", "tests/deno.json", /Unknown check "wrong"/],
  ["notebooks", "notebooks/run.ts", "notebooks/deno.json", /Unknown notebook "wrong"/],
  ["docs", "docs/generate.ts", "deno.json", /"wrong" is one word too many/],
] as const;

async function run(config: string, program: string, words: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--config",
      projectRoot + config,
      projectRoot + program,
      ...words,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

for (const [name, program, config, unknown] of tasks) {
  Deno.test(`${name} has a help, and tells a wrong word from a defect`, async () => {
    const help = await run(config, program, ["--help"]);
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`\nUsage:\n  deno task ${name}\\b`));
    for (
      const [word, message] of [["wrong", unknown], ["--wrong", /Unknown option --wrong/]] as const
    ) {
      const { code, stdout, stderr } = await run(config, program, [word]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });
}
