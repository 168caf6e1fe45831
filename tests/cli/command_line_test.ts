import assert from "node:assert/strict";
import { CheckError, DataError, StorageError } from "../../lib/base/errors.ts";
import { defineCommand } from "../../lib/cli/arguments.ts";
import { type Program, runCommandLine } from "../../lib/cli/command_line.ts";
import { textWidth } from "../../lib/report/to_text.ts";
import { capturedStream } from "./captured_stream.ts";

/** A program whose command "go" throws what it is given, or prints its options. */
function program(thrown?: unknown): Program {
  const go = defineCommand({
    name: "go",
    summary: "Goes where it is told.",
    examples: [{ command: "go north --steps 2", description: "two steps to the north" }],
    options: { steps: { type: "integer", value: "N", description: "how far", default: 1 } },
    positionals: [{ name: "where", description: "direction" }],
    run({ output }, { options, positionals }) {
      output.log("on the way");
      if (thrown !== undefined) return Promise.reject(thrown);
      output.result({ ...options, positionals }, () => `went ${options.steps}\n`);
      return Promise.resolve(0);
    },
  });
  const entry = (command: Awaited<ReturnType<Program["commands"][string]["load"]>>) => ({
    summary: command.summary,
    load: () => Promise.resolve(command),
  });
  return {
    name: "deno task",
    title: "A program.",
    version: "1.2.3",
    experiments: [],
    commands: {
      go: entry(go),
      data: entry({ name: "data", summary: "Data.", commands: [{ ...go, name: "look" }] }),
      broken: { summary: "Never loaded.", load: () => Promise.reject(new Error("loaded")) },
    },
  };
}

async function run(
  words: readonly string[],
  thrown?: unknown,
  terminal = false,
  colour = true,
) {
  const [stdout, stderr] = [capturedStream(terminal), capturedStream(terminal)];
  const code = await runCommandLine(words, program(thrown), { stdout, stderr, colour });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

Deno.test("a result goes to stdout, the log to stderr", async () => {
  assert.deepEqual(await run(["go", "north"]), {
    code: 0,
    stdout: "went 1\n",
    stderr: "on the way\n",
  });
  assert.deepEqual(await run(["go", "north", "-q"]), { code: 0, stdout: "went 1\n", stderr: "" });
  const { stdout, stderr } = await run(["go", "north", "--json", "--steps", "3"]);
  assert.equal(stderr, "on the way\n");
  assert.deepEqual(JSON.parse(stdout).positionals, ["north"]);
});

Deno.test("help is shown for program, group and command, and loads nothing else", async () => {
  const all = await run(["--help"]);
  assert.equal(all.code, 0);
  assert.match(all.stdout, /go +Goes where it is told\.\n/);
  assert.match(all.stdout, /130 +interrupted/);
  assert.match((await run(["data", "--help"])).stdout, /look/);
  const { stdout, code } = await run(["go", "--help", "--no-such-option"]);
  assert.equal(code, 0);
  assert.match(stdout, /deno task go <where> \[options\]/);
  assert.match(stdout, /# two steps to the north\n {2}deno task go north --steps 2\n/);
  assert.match(stdout, /--steps N +how far \(default 1\)/);
  assert.match(stdout, /--json/);
  for (const line of `${all.stdout}${stdout}`.split("\n")) assert.ok(textWidth(line) <= 100, line);
  assert.equal((await run([])).code, 2);
  assert.equal((await run(["--version"])).stdout, "1.2.3\n");
});

Deno.test("wrong use has exit code 2 and one paragraph without a stack", async () => {
  for (
    const [words, message] of [
      [["goo"], /^error: Unknown command "goo": did you mean "go"\? Known: go, data, broken\.\n$/],
      [["data", "lock"], /^error: Unknown command of data "lock": did you mean "look"\?/],
      [["go", "north", "--stops", "2"], /^error: Unknown option --stops: did you mean --steps\?/],
      [["go"], /^error: Cannot run go: where is missing\. where: direction\.\n$/],
      [["--json"], /^error: Cannot run --json: the command is missing/],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(words);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, / at .*\.ts/);
  }
});

Deno.test("each kind of error has its exit code, message and remedy", async () => {
  const full = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
  for (
    const [error, code] of [
      [new CheckError("It fell"), 1],
      [new DataError("Cannot read a.png: it is cut short", { remedy: "Copy it again." }), 3],
      [new StorageError("Cannot write"), 5],
      [full, 5],
    ] as const
  ) {
    const { code: given, stderr } = await run(["go", "north", "-q"], error);
    assert.equal(given, code);
    assert.ok(stderr.startsWith(`error: ${error.message}`));
    assert.doesNotMatch(stderr, / at .*\.ts/);
  }
});

Deno.test("an error that nobody foresaw is called a defect and keeps its stack", async () => {
  const { code, stderr } = await run(["go", "north"], new TypeError("x is undefined"));
  assert.equal(code, 70);
  assert.match(stderr, /defect of the harness[\s\S]*TypeError: x is undefined\n +at /);
  assert.equal((await run(["broken"])).code, 70);
});

Deno.test("an error's names send no escape codes and stay on one paragraph", async () => {
  const { stderr } = await run(
    ["go", "north", "-q"],
    new DataError("Cannot read \u001b[31m\n\u202ex"),
  );
  assert.equal(stderr, "error: Cannot read \\u{1b}[31m \\u{202e}x.\n");
});

Deno.test("errors are red on a terminal only, and not where colour is off", async () => {
  assert.ok((await run(["goo"], undefined, true, false)).stderr.startsWith("error: "));
  assert.ok((await run(["goo"], undefined, true)).stderr.startsWith("\u001b[31merror: "));
});
