import assert from "node:assert/strict";
import { join } from "node:path";
import { experiments } from "../../experiments/mod.ts";
import { checkCommand } from "../../lib/cli/check.ts";
import { compareCommand } from "../../lib/cli/compare.ts";
import { verifyCommand } from "../../lib/cli/verify.ts";
import { RandomState } from "../../lib/base/random.ts";
import { certificateSchema } from "../../lib/report/certificate.ts";
import { writeFinishedRun } from "./finished_run.ts";
import { programOf, withFolder } from "./harness.ts";

const run = programOf(
  { check: checkCommand, compare: compareCommand, verify: verifyCommand },
  experiments,
);

async function changeFile(path: string, change: (text: string) => string): Promise<void> {
  const before = await Deno.readTextFile(path);
  const after = change(before);
  assert.notEqual(after, before);
  await Deno.writeTextFile(path, after);
}

Deno.test("verify finds nothing in a run as it was written", () =>
  withFolder(async (folder) => {
    await writeFinishedRun(folder);
    const { code, stdout } = await run("verify", folder);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /: ok, \d+ numbers computed anew/);
  }));

Deno.test("verify names a number that is not what the scores give", () =>
  withFolder(async (folder) => {
    const { rows } = await writeFinishedRun(folder);
    const { mean } = rows[1].metrics.cl_auroc!;
    await changeFile(join(folder, "result.json"), (text) => text.replace(`${mean}`, `${mean + 1}`));
    const { code, stdout } = await run("verify", folder);
    assert.equal(code, 1);
    assert.match(stdout, /row PatchCore \+ Ours, metrics, cl_auroc, mean: written/);
  }));

Deno.test("verify names a table, and a score, that were changed by hand", () =>
  withFolder(async (folder) => {
    await writeFinishedRun(folder);
    await changeFile(join(folder, "table.tex"), (text) => text.replace("PatchCore", "PatchCare"));
    const table = await run("verify", folder);
    assert.equal(table.code, 1);
    assert.match(table.stdout, /table\.tex is not the table of these numbers/);
    await writeFinishedRun(folder);
    await changeFile(join(folder, "scores.csv"), (text) => text.replace(/,0,0,-?\d/, ",0,0,9"));
    const scores = await run("verify", folder);
    assert.equal(scores.code, 1);
    assert.match(scores.stdout, /scores\.csv is not the file that run\.json names/);
  }));

/** Changes of a run's files that a person or a disk could make, and what verify must say. */
const changes:
  readonly (readonly [file: string, change: (text: string) => string, said: RegExp])[] = [
    ["run.json", (text) => text.replace(/"backbone": "small"/, '"backbone": "large"'), /SHA-256/],
    ["run.json", (text) => text.replace("\n", " \n"), /not the text that was written/],
    [
      "run.json",
      (text) => text.replace(/"value": "(\d)/, '"value": "1$1'),
      /other numbers for row/,
    ],
    ["run.json", (text) => text.replace(/"seed": 1,/, '"seed": 2,'), /other scores for row/],
    ["run.json", (text) => text.replace(/"group": "S/, '"group": "X'), /another definition/],
    ["run.json", (text) => text.replace('"name": "demo"', '"name": "paper"'), /another profile/],
    ["run.json", (text) => text.replaceAll("ab".repeat(32), "cd".repeat(32)), /other images/],
    [
      "run.json",
      (text) => text.replace('"row": "PatchCore + Ours"', '"row": "PatchCore + Us"'),
      /SHA-256/,
    ],
    ["result.json", (text) => text.replace("high-shot", "low-shot"), /not the result of run\.json/],
    ["result.json", (text) => text.replace('"mean":88.3', '"mean":58.3'), /table\.md is not/],
    ["result.json", (text) => text.replace('"not testable"', '"reproduced"'), /not the result of/],
    [
      "scores.csv",
      (text) => text.replace("test/good/3.png", "test/good/4.png"),
      /scores\.csv is not/,
    ],
    ["scores.csv", (text) => text.replace(/\n[^\n]+\n$/, "\n"), /has other scores|has 319 scores/],
    ["scores.csv", (text) => `${text}PatchCore,9,test/good/0.png,0,0,1\n`, /has 321 scores/],
    ["table.md", (text) => text.replace(/\d/, "9"), /table\.md is not the file/],
    ["table.csv", (text) => text.replace(/\.\d/, ".0001"), /table\.csv is not the file/],
  ];

Deno.test("verify finds every change of a file, in seconds and without a store", async (t) => {
  for (const [i, [file, change, said]] of changes.entries()) {
    await t.step(`${file}, change ${i + 1}`, () =>
      withFolder(async (folder) => {
        await writeFinishedRun(folder);
        await changeFile(join(folder, file), change);
        const start = performance.now();
        const { code, stdout } = await run("verify", folder, "--cache=/nowhere");
        assert.equal(code, 1, stdout);
        assert.match(stdout, said);
        assert.ok(performance.now() - start < 3000);
      }));
  }
});

Deno.test("verify finds any single changed byte of run.json", () =>
  withFolder(async (folder) => {
    await writeFinishedRun(folder);
    const path = join(folder, "run.json");
    const bytes = await Deno.readFile(path);
    const random = new RandomState(17);
    for (let round = 0; round < 40; round++) {
      const changed = bytes.slice();
      const at = random.integer(bytes.length);
      changed[at] ^= 1 << random.integer(7);
      await Deno.writeFile(path, changed);
      const { code } = await run("verify", folder);
      // 1: refuted; 3: not even a record any more.
      assert.ok(code === 1 || code === 3, `byte ${at}, exit code ${code}`);
    }
  }));

Deno.test("verify tells in what the records of two runs differ", () =>
  withFolder(async (folder) => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    await writeFinishedRun(a, 2);
    await writeFinishedRun(b, 2);
    const same = JSON.parse((await run("verify", b, "--against", a, "--json")).stdout);
    assert.deepEqual(same[0].differences, []);
    await writeFinishedRun(b, 3);
    const { code, stdout } = await run("verify", b, "--against", a);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /differs: rows\[1\]\.cells\[0\]\.scores:\s+"\w+…?,\s+here\s+"\w+…?/);
    assert.doesNotMatch(stdout, /rows\[0\]/);
    assert.equal((await run("verify", b, "--against", join(folder, "none"))).code, 3);
  }));

Deno.test("verify writes a certificate, the same each time, that names no folder", () =>
  withFolder(async (folder) => {
    await writeFinishedRun(folder);
    const file = join(folder, "certificate.json");
    const texts: string[] = [];
    for (let i = 0; i < 2; i++) {
      assert.equal((await run("verify", folder, `--certificate=${file}`)).code, 0);
      texts.push(await Deno.readTextFile(file));
    }
    assert.equal(texts[0], texts[1]);
    assert.ok(!texts[0].includes(folder));
    const certificate = certificateSchema.parse(JSON.parse(texts[0]));
    assert.equal(certificate.verdict, "verified");
    assert.equal(certificate.from, "scores");
    const compared = Object.fromEntries(certificate.checks.map((one) => [one.check, one.compared]));
    assert.deepEqual(compared, { record: 11, files: 4, scores: 320, numbers: 60, tables: 3 });
    assert.equal(certificate.claims["not testable"], 0);
    await changeFile(join(folder, "table.md"), (text) => text.replace(/\d/, "9"));
    assert.equal((await run("verify", folder, `--certificate=${file}`)).code, 1);
    const refuted = certificateSchema.parse(JSON.parse(await Deno.readTextFile(file)));
    assert.equal(refuted.verdict, "refuted");
    const two = await run("verify", folder, folder, `--certificate=${file}`);
    assert.equal(two.code, 2);
  }));

Deno.test("compare of a run with itself has no difference, and p values of 1", () =>
  withFolder(async (folder) => {
    await writeFinishedRun(folder);
    const { code, stdout } = await run("compare", folder, folder, "--json");
    assert.equal(code, 0);
    const { rows, left } = JSON.parse(stdout);
    assert.deepEqual(left, []);
    for (const { metrics } of rows) {
      for (const { difference, p, holm } of metrics) {
        assert.deepEqual([difference, p, holm], [0, 1, 1]);
      }
    }
  }));

Deno.test("compare tells which row differs, B minus A, corrected over the rows", () =>
  withFolder(async (folder) => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    const before = await writeFinishedRun(a, 1);
    const after = await writeFinishedRun(b, 3);
    const { rows } = JSON.parse((await run("compare", a, b, "--json")).stdout);
    assert.deepEqual(rows.map(({ row }: { row: string }) => row), [
      "PatchCore",
      "PatchCore + Ours",
    ]);
    const [same, better] = rows.map(({ metrics }: { metrics: { difference: number }[] }) =>
      metrics[0]
    );
    assert.equal(same.difference, 0);
    const expected = after.rows[1].metrics.cl_auroc!.mean - before.rows[1].metrics.cl_auroc!.mean;
    assert.ok(Math.abs(better.difference - expected) < 1e-9);
    assert.ok(better.p < 0.01 && better.holm >= better.p && better.delong.length === 2);
    assert.match((await run("compare", a, b)).stdout, /PatchCore \+ Ours +Cl\. AUROC/);
  }));

Deno.test("compare refuses runs that have no row to pair", () =>
  withFolder(async (folder) => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    await writeFinishedRun(a);
    await writeFinishedRun(b);
    await changeFile(join(b, "scores.csv"), (text) => text.replaceAll("test/good/0.png", "x.png"));
    const { code, stderr } = await run("compare", a, b);
    assert.equal(code, 2);
    assert.match(stderr, /other test images/);
  }));

Deno.test("check --paper lists what the paper contradicts and runs nothing", async () => {
  const { code, stdout } = await run("check", "--paper", "--json");
  assert.equal(code, 0);
  const found = JSON.parse(stdout) as { of: string }[];
  assert.ok(found.some(({ of }) => of === "VisA, RD4AD + Ours, cl_auroc"));
});

Deno.test("check writes no baseline without a reason, and needs one to check all", () =>
  withFolder(async (folder) => {
    const update = await run("check", "table3", "--update");
    assert.equal(update.code, 2);
    assert.match(update.stderr, /there is no reason/);
    const all = await run("check", "all", `--baselines=${join(folder, "none")}`);
    assert.equal(all.code, 2);
    assert.match(all.stderr, /there is no baseline/);
  }));
