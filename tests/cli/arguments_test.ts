import assert from "node:assert/strict";
import { UsageError } from "../../lib/base/errors.ts";
import { defineCommand, parseArguments } from "../../lib/cli/arguments.ts";

const run = defineCommand({
  name: "run",
  summary: "run",
  examples: [],
  options: {
    data: { type: "string", value: "DIR", description: "folder" },
    seeds: { type: "integer", value: "N", description: "seeds", default: 5 },
    rate: { type: "number", value: "X", description: "rate" },
    profile: { type: "string", value: "NAME", description: "profile", choices: ["demo", "cpu"] },
    weights: { type: "string", value: "NAME=FILE", description: "weights", repeatable: true },
    "fail-fast": { type: "boolean", description: "stop" },
  },
  positionals: [{ name: "experiment", description: "which", repeatable: true }],
  run: (_, { options }) => Promise.resolve(options.seeds),
});

function refuses(words: readonly string[], message: RegExp, remedy?: RegExp): void {
  assert.throws(() => parseArguments(run, words), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, message);
    if (remedy !== undefined) assert.match(error.remedy ?? "", remedy);
    return true;
  });
}

Deno.test("options have their types, defaults and lists; absent ones are absent", () => {
  assert.deepEqual(parseArguments(run, ["table3"]), {
    options: { seeds: 5, weights: [], "fail-fast": false },
    positionals: ["table3"],
  });
  assert.deepEqual(
    parseArguments(run, [
      "table3",
      "--seeds=2",
      "--weights",
      "a=1",
      "--rate",
      "-0.5",
      "table4",
      "--weights",
      "b=2",
      "--fail-fast",
      "--profile",
      "cpu",
      "--data=--odd",
    ]),
    {
      options: {
        data: "--odd",
        seeds: 2,
        rate: -0.5,
        profile: "cpu",
        weights: ["a=1", "b=2"],
        "fail-fast": true,
      },
      positionals: ["table3", "table4"],
    },
  );
});

Deno.test("words behind -- are no options", () => {
  assert.deepEqual(parseArguments(run, ["--", "--seeds", "x"]).positionals, ["--seeds", "x"]);
});

Deno.test("a misspelt option is an error with the name that was meant", () => {
  refuses(["table3", "--sedes", "2"], /^Unknown option --sedes: did you mean --seeds\?$/, /--data/);
  refuses(["table3", "--quite-other"], /^Unknown option --quite-other$/);
  refuses(["table3", "-x"], /Unknown option -x/);
  refuses(["table3", "--__proto__"], /Unknown option --__proto__/);
  refuses(["table3", "--profile", "cpv"], /value of --profile "cpv": did you mean "cpu"/);
});

Deno.test("a value that is missing, superfluous, double or no number is an error", () => {
  refuses(["table3", "--data"], /--data: its value is missing/, /--data DIR/);
  refuses(["table3", "--data", "--fail-fast"], /missing, and --fail-fast is an option/);
  refuses(["table3", "--data="], /--data: its value is missing/);
  refuses(["table3", "--fail-fast=yes"], /takes no value/);
  refuses(["table3", "--seeds", "2", "--seeds", "3"], /given twice/);
  for (const word of ["two", "2.5", "1e99", "Infinity", "NaN", " 2"]) {
    refuses(["table3", "--seeds", word], /is not a whole number/);
  }
  refuses(["table3", "--rate", "x"], /is not a number/);
});

Deno.test("words too few or too many are errors", () => {
  refuses([], /experiment is missing/, /which/);
  const list = { ...run, name: "list", positionals: [] };
  assert.throws(() => parseArguments(list, ["all"]), /"all" is one word too many/);
});
