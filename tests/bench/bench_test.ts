/** `deno task bench` as a developer runs it, with a stand-in for the peers' Python. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type ProgramRun, projectRoot, runDeno, withFolder } from "../cli/harness.ts";

async function bench(words: readonly string[], python?: string): Promise<ProgramRun> {
  const { PEER_PYTHON: _, ...env } = Deno.env.toObject();
  return await runDeno(["run", "-A", "--quiet", `${projectRoot}bench/main.ts`, ...words], {
    env: { ...env, ...(python === undefined ? {} : { PEER_PYTHON: python }) },
    clearEnv: true,
  });
}

/** Calls `body` with a program of these lines of shell. */
async function withProgram(
  lines: readonly string[],
  body: (program: string, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const program = join(folder, "python");
    await Deno.writeTextFile(program, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
    await body(program, folder);
  });
}

Deno.test("bench --help names every benchmark and its cases", async () => {
  const { code, stdout } = await bench(["--help"]);
  assert.equal(code, 0);
  const words = stdout.replace(/\s+/g, " ");
  assert.match(words, /forest: .* against xgboost \(vad, visa, wide, long, predict\)\./);
  assert.match(words, /train: .* against torch \(resnet18, wide_resnet50_2, small\)\./);
  assert.match(words, /train_detectors: .* \(fastflow, rd4ad\)\./);
  assert.match(words, /train_efficientad: .* \(paper, published\)\./);
  assert.match(words, /train_supervised: .* \(wrn, devnet, dra\)\./);
});

Deno.test("wrong words are told before anything is timed", async () => {
  for (
    const [words, message] of [
      [["forrest"], /^error: Unknown benchmark "forrest": did you mean "?forest/],
      [["forest", "vadd"], /^error: Unknown case of forest "vadd": did you mean "?vad/],
      [["forest", "--runs", "x"], /^error: Cannot read --runs "x": it is not a whole number/],
      [["forest", "--runs", "0"], /^error: Cannot time 0 runs/],
      [["--run", "3"], /^error: Unknown option --run: did you mean --runs/],
    ] as const
  ) {
    const { code, stdout, stderr } = await bench(words);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

Deno.test("both are timed in turn with each number of threads; the ratio is the peer's by ours", async () => {
  // Answers 1, 2, 3 … seconds, and notes what it was asked.
  const answer =
    'n=0; while read -r line; do n=$((n + 1)); echo "$line" >> "$0.log"; echo $n; done';
  await withProgram([answer, "echo 217"], async (program) => {
    const { code, stdout, stderr } = await bench(
      ["forest", "visa", "--runs", "3", "--json"],
      program,
    );
    assert.equal(code, 0, stderr);
    const results = JSON.parse(stdout);
    assert.deepEqual(
      results.map(Object.keys),
      Array(2).fill([
        ...["name", "peer", "threads"],
        ...["ours_s", "peer_s", "ratio", "ours_peak_mb", "peer_peak_mb"],
      ]),
    );
    for (const [i, result] of results.entries()) {
      assert.equal(result.name, "fit 200 x 17, 10 rounds of 200 trees");
      assert.equal(result.peer, "xgboost");
      assert.equal(result.threads, i + 1);
      assert.ok(result.ours_s > 0 && result.ours_peak_mb > 10);
      assert.equal(result.peer_s, 3); // the median of 2, 3 and 4: the first run does not count
      assert.equal(result.ratio, 3 / result.ours_s);
      assert.equal(result.peer_peak_mb, 217);
    }
    const asked = (await Deno.readTextFile(`${program}.log`)).trim().split("\n");
    assert.deepEqual(asked, [...Array(4).fill("fit 1"), ...Array(4).fill("fit 2")]);
  });
});

Deno.test("a run of short tasks takes a second, and counts with their mean", async () => {
  // Two runs of 0.25, 0.5 and 0.75 seconds.
  const answer = "while read -r l; do echo 0.25; read -r l; echo 0.5; read -r l; echo 0.75; done";
  await withProgram([answer, "echo 217"], async (program) => {
    const { code, stdout, stderr } = await bench(
      ["forest", "predict", "--runs", "1", "--json"],
      program,
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).map((result: { peer_s: number }) => result.peer_s), [0.5]);
  });
});

Deno.test("without a peer ours is timed alone, and that is said", async () => {
  const { code, stdout, stderr } = await bench(["forest", "visa", "--runs", "1"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^PEER_PYTHON is not set: ours is timed alone\./);
  const line = (threads: string) =>
    `fit 200 x 17, 10 rounds of 200 trees, ${threads}: \\d+\\.\\d{3} s, \\d+ MB\n`;
  assert.match(stdout, new RegExp(`^${line("1 thread")}${line("2 threads")}$`));
});

Deno.test("a peer that cannot be timed is named with what it needs", async () => {
  const { code, stderr } = await bench(["forest", "visa"], "/nowhere/python");
  assert.equal(code, 2);
  assert.match(stderr, /error: Cannot start \/nowhere\/python/);
  assert.match(stderr.replace(/\s+/g, " "), /must name a Python with xgboost 2\.0\.3 and numpy/);
  for (
    const [lines, said] of [[["exit 1"], /ended/], [["read l; echo x", "read l"], /"x"/]] as const
  ) {
    await withProgram(lines, async (program) => {
      const { code, stderr } = await bench(["forest", "visa"], program);
      assert.equal(code, 3, stderr);
      assert.match(stderr.replace(/\s+/g, " "), /error: Cannot time forest_peer\.py in /);
      assert.match(stderr.replace(/\s+/g, " "), said);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }
});
