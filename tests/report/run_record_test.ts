import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError } from "../../lib/base/errors.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import { jsonSchemas } from "../../lib/report/json_schemas.ts";
import { parseRunFile, parseRunRecord } from "../../lib/report/run_record.ts";
import { experimentSchema } from "../../lib/runner/experiment_schema.ts";
import { type Plan, planExperiment } from "../../lib/runner/plan.ts";
import {
  idOf,
  provenanceOf,
  recordedMetrics,
  recordText,
  scoresDigest,
} from "../../lib/runner/provenance.ts";
import type { RunFile } from "../../lib/runner/run_file.ts";
import { madePlan, madeSamples, madeSetting } from "../runner/made_setting.ts";
import { sampleRecord } from "./sample_record.ts";
import { sampleResult, sampleScores } from "./sample_result.ts";

const vad = madeSetting(
  madeSamples(["vad"], { trainGood: 400, trainBad: 300, testGood: 200, testBad: 200 }),
);
const classes = Array.from({ length: 12 }, (_, i) => `class${i}`);
const visa = madeSetting(
  madeSamples(classes, { trainGood: 40, trainBad: 0, testGood: 20, testBad: 30 }),
);
const written = { outputs: [], result: sha256("result") };

/** The record of a plan as if all its rows had numbers. */
function recordOf(plan: Plan): RunFile {
  const summary = {
    mean: 200 / 3,
    std: 0.1,
    values: [66, 67],
    interval: [1 / 3, 200 / 3],
  } as const;
  const metrics = { cl_auroc: summary, fpr95: summary, cl_auroc_seen: summary };
  return provenanceOf({
    plan,
    rows: plan.rows.map((planned) => ({
      planned,
      ...(planned.evaluation === undefined ? {} : { evaluation: { metrics } }),
      scores: planned.cells.map((cell) => ({
        cell,
        values: new Float64Array(cell.test.length).fill(0.5),
      })),
    })),
    extras: [],
  }, written);
}

Deno.test("the record of every experiment is what its schema says, and reads back as it was", () => {
  for (const experiment of experiments) {
    const record = recordOf(madePlan(experiment, experiment.layout === "vad" ? vad : visa));
    const text = recordText(record);
    assert.deepEqual(parseRunFile(text, "run.json"), record, experiment.id);
    assert.equal(recordText(parseRunFile(text, "run.json")), text);
    assert.equal(idOf(record), record.id);
    assert.doesNotMatch(text, /null,\s*null|undefined|nowhere/);
  }
});

Deno.test("a record has less than 20 KB a cell, also with a single cell", () => {
  let largest = 0;
  for (const experiment of experiments) {
    if (experiment.rows.length === 0) continue;
    const setting = experiment.layout === "vad" ? vad : visa;
    const cells = (record: RunFile) => record.rows.flatMap((row) => row.cells).length;
    const all = recordOf(madePlan(experiment, setting));
    assert.ok(recordText(all).length / cells(all) < 20_000, experiment.id);
    const few = experiment.layout === "vad" ? vad : madeSetting(
      madeSamples(["a"], { trainGood: 40, trainBad: 0, testGood: 20, testBad: 30 }),
    );
    const single = recordOf(
      planExperiment(experiment, [experiment.rows[0]], {
        ...few,
        seeds: experiment.seeds.slice(0, 1),
      }),
    );
    largest = Math.max(largest, recordText(single).length / Math.max(1, cells(single)));
  }
  assert.ok(largest < 20_000 && largest > 1000, `${largest} characters`);
});

Deno.test("the record's names are sorted at every level, so that it has one text only", () => {
  const check = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Array.isArray(value)) {
      assert.deepEqual(Object.keys(value), Object.keys(value).toSorted());
    }
    Object.values(value).forEach(check);
  };
  check(JSON.parse(recordText(recordOf(madePlan(experiments[2], vad)))));
});

Deno.test("the record changes with what shapes the result, and with nothing else", () => {
  const table3 = experiments.find(({ id }) => id === "table3")!;
  const id = (setting: typeof vad, experiment = table3) =>
    recordOf(madePlan(experiment, setting)).id;
  const before = id(vad);
  assert.equal(
    id({ ...vad, dataset: { ...vad.dataset, source: { kind: "folder", root: "x" } } }),
    before,
  );
  const others: (typeof vad)[] = [
    { ...vad, variants: { patchcore: "official" } },
    { ...vad, numerics: { ...vad.numerics, runtime: "onnxruntime-node 2" } },
    { ...vad, profile: { ...vad.profile, size: 256 } },
    { ...vad, dataset: { ...vad.dataset, digest: sha256("other") } },
  ];
  const ids = others.map((setting) => id(setting));
  ids.push(id(vad, { ...table3, seeds: table3.seeds.slice(1) }));
  ids.push(id(vad, { ...table3, title: "Another title" }));
  assert.equal(new Set([before, ...ids]).size, ids.length + 1);
});

Deno.test("settings stand with defaults written out, and without lists of images", () => {
  const record = recordOf(madePlan(experiments.find(({ id }) => id === "table3")!, vad));
  const stages = new Set(record.settings.map(({ stage }) => stage));
  for (const stage of ["pixels", "fit", "maps", "features", "forest", "train", "evaluate"]) {
    assert.ok(stages.has(stage), stage);
  }
  const forest = record.settings.find(({ stage }) => stage === "forest")!;
  assert.ok(Object.keys(forest.parameters.forest as object).length > 5);
  const deep = JSON.stringify(record.settings);
  assert.doesNotMatch(deep, /digest of|train\/good/);
});

Deno.test("numbers stand as decimals that read back, and as the bits of their float64", () => {
  const mean = 0.1 + 0.2;
  const [metric] = recordedMetrics({
    cl_auroc: { mean, std: null, values: [mean], interval: null },
  });
  assert.equal(Number(metric.value), mean);
  assert.equal(metric.float64, "3fd3333333333334");
  assert.equal(metric.n, 1);
});

Deno.test("the digest of scores is that of the store's scores.npy", () => {
  const data = Float64Array.of(1, -0, 1 / 3);
  assert.equal(scoresDigest(data), sha256(npyBytes({ shape: [3], data })));
});

Deno.test("what is not a record is refused with file, field and remedy", () => {
  const text = recordText(sampleRecord(sampleResult, sampleScores, []));
  const cases: readonly (readonly [string, RegExp])[] = [
    ["{", /not JSON/],
    ["[]", /the whole file|schema/],
    [text.replace('"schema": 2', '"schema": 1'), /layout 1, .*reads layout 2/],
    [text.replace('"schema": 2', '"schema": "2"'), /schema/],
    [text.replace('"backbone": "small",', ""), /backbone/],
    [text.replace('"backbone"', '"backbones"'), /backbone/],
    [text.replace(/"seed": 1,/, '"seed": -1,'), /rows\.0\.cells\.0\.seed/],
    [text.replace(/"key": "\w{4}/, '"key": "'), /rows\.0\.cells\.0\.key/],
  ];
  for (const [changed, message] of cases) {
    assert.throws(() => parseRunFile(changed, "out/run.json"), (error) => {
      assert.ok(error instanceof DataError, String(error));
      assert.match(error.message, /^Cannot read out\/run\.json as the record of a run: /);
      assert.match(error.message, message);
      assert.match(error.remedy!, /deno task reproduce/);
      return true;
    });
  }
});

Deno.test("a row that cannot be run is recorded with the reason, without the folder", () => {
  const reason = new DataError("Cannot read /home/ada/weights/small.pth: it is damaged");
  const setting = { ...vad, weights: new Map([["small", reason]]) };
  const record = recordOf(madePlan(experiments.find(({ id }) => id === "table3")!, setting));
  const { obstacle } = record.rows.find(({ row }) => row === "PatchCore")!;
  assert.equal(obstacle, "Cannot read small.pth: it is damaged");
  assert.deepEqual(record.weights, [{ network: "small", sha256: null }]);
  assert.deepEqual(parseRunFile(recordText(record), "run.json"), record);
});

Deno.test("an output outside of the run's folder is no output", () => {
  const record = (path: string) =>
    recordText(
      sampleRecord(sampleResult, sampleScores, [{
        path,
        sha256: sha256("x"),
        bytes: 1,
        mediaType: "text/csv",
      }]),
    );
  parseRunFile(record("figures/fig5-1.png"), "run.json");
  for (const path of ["../x", "/etc/passwd", "a/../../x", "..", "a\\b", "C:x", ""]) {
    assert.throws(() => parseRunFile(record(path), "run.json"), /outputs\.0\.path/, path);
  }
});

Deno.test("the inspector's part has the rows with numbers", () => {
  const record = sampleRecord(sampleResult, sampleScores, []);
  const { size, rows } = parseRunRecord(recordText(record), "run.json");
  assert.equal(size, 128);
  assert.deepEqual(rows.map(({ row }) => row), ["PatchCore", "WRN", "PatchCore + Ours"]);
});

Deno.test("ten thousand records are read in five seconds", () => {
  const text = recordText(sampleRecord(sampleResult, sampleScores, []));
  parseRunFile(text, "run.json");
  // The fastest of some tries: other programs of the machine are not what is measured.
  let fastest = Infinity;
  for (let tries = 0; tries < 10; tries++) {
    const start = performance.now();
    for (let i = 0; i < 100; i++) parseRunFile(text, "run.json");
    fastest = Math.min(fastest, (performance.now() - start) / 100);
  }
  assert.ok(fastest < 0.5, `${fastest} ms each`);
});

Deno.test("every declared experiment is what the published schema of experiments says", () => {
  for (const experiment of experiments) {
    assert.deepEqual(experimentSchema.parse(experiment), experiment);
    assert.throws(() => experimentSchema.parse({ ...experiment, view: "metrics" }));
  }
});

Deno.test("the schemas refuse unknown fields and name themselves", () => {
  const schemas = jsonSchemas();
  assert.deepEqual(
    Object.keys(schemas),
    ["certificate", "execution", "experiment", "result", "run"].map((name) =>
      `${name}.schema.json`
    ),
  );
  for (const [name, schema] of Object.entries(schemas)) {
    const { $schema, title, additionalProperties } = schema as Record<string, unknown>;
    assert.equal($schema, "https://json-schema.org/draft/2020-12/schema");
    assert.ok(String(title).length > 10, name);
    assert.equal(additionalProperties, false, name);
  }
});
