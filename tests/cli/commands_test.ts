import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError } from "../../lib/base/errors.ts";
import { dataCommands } from "../../lib/cli/data.ts";
import { doctorCommand, finding } from "../../lib/cli/doctor.ts";
import { listCommand } from "../../lib/cli/list.ts";
import { weightsCommands } from "../../lib/cli/weights.ts";
import { pixelReader } from "../../lib/images/pixels.ts";
import { openDataset, syntheticDataset } from "../../lib/images/datasets.ts";
import { syntheticProduct } from "../../lib/images/synthetic_product.ts";
import type { Experiment } from "../../lib/runner/experiment.ts";
import { programOf, withFolder } from "./harness.ts";

const experiment: Experiment = {
  id: "table3",
  title: "High-shot",
  source: "Table 3",
  layout: "vad",
  protocol: { id: "p", description: "halves", good: "halves", bad: "all" },
  seeds: [1, 2],
  allDetectors: ["patchcore"],
  rows: [
    { group: "A", row: "PatchCore", method: { kind: "detector", detector: "patchcore" } },
    {
      group: "B",
      row: "Both + Ours",
      method: { kind: "segad", detectors: ["patchcore", "unheard_of"], classifier: "no_such" },
    },
  ],
};

const run = programOf(
  { list: listCommand, data: dataCommands, weights: weightsCommands, doctor: doctorCommand },
  [experiment],
);

const small = [
  "--size=48",
  "--train-good=3",
  "--train-bad=2",
  "--test-good=2",
  "--test-bad=1",
  "--test-unseen=1",
];

Deno.test("list says what a row needs and what this version does not have", async () => {
  const { stdout, code } = await run("list", "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout)[0].rows, [
    { group: "A", row: "PatchCore", needs: ["patchcore"], missing: [] },
    {
      group: "B",
      row: "Both + Ours",
      needs: ["patchcore", "unheard_of", "no_such"],
      missing: ["unheard_of", "no_such"],
    },
  ]);
  const text = (await run("list", "table3")).stdout;
  assert.match(text, /rows: 1 of 2 can be run by this version/);
  assert.match(
    text,
    /Both \+ Ours +patchcore \+ unheard_of \+ no_such +not in this version: unheard_of/,
  );
  assert.match((await run("list", "tabel3")).stderr, /did you mean "table3"/);
});

Deno.test("data synthesize writes the product's own pixels, inspect finds nothing wrong", async () => {
  await withFolder(async (folder) => {
    const out = join(folder, "product");
    const { code, stdout } = await run("data", "synthesize", out, ...small, "--json", "--quiet");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout).folders, {
      "train/good": 3,
      "train/bad": 2,
      "test/good": 2,
      "test/bad": 1,
      "test/bad_unseen_defects": 1,
    });
    const drawn = syntheticDataset(syntheticProduct({
      size: 48,
      counts: { train_good: 3, train_bad: 2, test_good: 2, test_bad: 1, test_bad_unseen: 1 },
    }));
    const read = await openDataset(out);
    assert.deepEqual(read.samples.map(({ id }) => id), drawn.samples.map(({ id }) => id));
    for (const [i, sample] of read.samples.entries()) {
      assert.deepEqual(
        await pixelReader(read.source, 48)(sample),
        await pixelReader(drawn.source, 48)(drawn.samples[i]),
      );
    }
    const inspected = await run("data", "inspect", out, "-q");
    assert.equal(inspected.code, 0, inspected.stdout);
    assert.match(inspected.stdout, /layout vad, 9 images/);
    assert.equal((await run("data", "synthesize", out, ...small, "-q")).code, 0);
  });
});

Deno.test("data synthesize leaves a folder with anything else alone", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "thesis.txt"), "mine");
    const { code, stderr } = await run("data", "synthesize", folder, ...small);
    assert.equal(code, 2);
    assert.match(stderr, /it holds thesis\.txt/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["thesis.txt"]);
    const wrong = await run("data", "synthesize", join(folder, "new"), "--size=4");
    assert.equal(wrong.code, 2);
    assert.doesNotMatch(wrong.stderr, / at .*\.ts/);
  });
});

Deno.test("data inspect of a damaged folder has exit code 3 and names the file", async () => {
  await withFolder(async (folder) => {
    await run("data", "synthesize", join(folder, "p"), ...small, "-q");
    const file = join(folder, "p/train/good/0001.png");
    await Deno.writeFile(file, (await Deno.readFile(file)).slice(0, 400));
    const { code, stdout } = await run("data", "inspect", join(folder, "p"), "-q");
    assert.equal(code, 3);
    assert.match(stdout, /error: train\/good\/0001\.png/);
    const gone = await run("data", "inspect", join(folder, "nowhere"), "--json");
    assert.equal(gone.code, 3);
    assert.equal(JSON.parse(gone.stdout).problems[0].severity, "error");
  });
});

Deno.test("weights list knows the networks, import refuses what is no weights file", async () => {
  await withFolder(async (folder) => {
    const listed = await run("weights", "list", "--cache", folder, "--json");
    const names = JSON.parse(listed.stdout).map(({ name }: { name: string }) => name);
    assert.ok(names.includes("wide_resnet50_2") && names.includes("efficientnet_lite0"));
    assert.match((await run("weights", "list", "--cache", folder)).stdout, /^name +state +SHA-256/);
    const file = join(folder, "resnet18-f37072fd.pth");
    await Deno.writeTextFile(file, "not weights");
    const { code, stderr } = await run("weights", "import", file, "--cache", folder);
    assert.equal(code, 3);
    assert.match(stderr, /resnet18-f37072fd\.pth/);
    assert.equal((await run("weights", "pull", "resnet81", "--cache", folder)).code, 2);
    assert.equal((await run("weights", "train", "large")).code, 2);
  });
});

Deno.test("doctor tries the machine and leaves nothing behind", async () => {
  await withFolder(async (folder) => {
    const { code, stdout, stderr } = await run("doctor", "--cache", folder, "--json");
    const findings = JSON.parse(stdout);
    const failed = findings.filter(({ state }: { state: string }) => state === "fail");
    assert.deepEqual(failed, [], stderr);
    assert.equal(code, 0);
    const tried = findings.map(({ name }: { name: string }) => name);
    for (const name of ["Deno", "onnxruntime", "images", "locks", "disk space", "weights"]) {
      assert.ok(tried.includes(name), name);
    }
    assert.deepEqual([...Deno.readDirSync(join(folder, "tmp"))], []);
  });
});

Deno.test("doctor fails with 5 where the cache folder cannot be written", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "a-file");
    await Deno.writeTextFile(file, "");
    const { code, stdout } = await run("doctor", "--cache", file);
    assert.equal(code, 5);
    assert.match(stdout, /^fail {2}cache folder: /m);
  });
});

Deno.test("a failed check has the remedy of its error, or its own", async () => {
  const check = { name: "x", exitCode: 3 as const, remedy: "Own." };
  const failing = (error: Error) => finding({ ...check, try: () => Promise.reject(error) }, "");
  assert.equal((await failing(new DataError("no", { remedy: "Its." }))).remedy, "Its.");
  assert.deepEqual(await failing(new Error("no\nmore")), {
    name: "x",
    state: "fail",
    detail: "no",
    remedy: "Own.",
    exitCode: 3,
  });
});
