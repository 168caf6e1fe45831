import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import type { Sample } from "../../lib/images/sample.ts";
import { paperTable } from "../../lib/report/paper_table.ts";
import { resultOfRun } from "../../lib/report/result_of_run.ts";
import { rowAudit } from "../../lib/report/row_audit.ts";
import { toMarkdown } from "../../lib/report/to_markdown.ts";
import { Auditor } from "../../lib/runner/audit.ts";
import { madePlan, madeSamples, madeSetting } from "./made_setting.ts";

const counts = { trainGood: 40, trainBad: 30, testGood: 20, testBad: 20 };
const samples = madeSamples(["vad"], counts);
const experiment = (id: string) => experiments.find((one) => one.id === id)!;

function auditOf(id: string, row: string, given: readonly Sample[] = samples) {
  const { rows } = madePlan(experiment(id), madeSetting(given));
  return rowAudit(new Auditor(), rows.find((one) => one.row.row === row)!.cells);
}

Deno.test("a row tells what each training saw, and that no test image was among it", () => {
  assert.deepEqual(auditOf("table3", "AllAD+WRN+Ours"), {
    state: "clean",
    touched: 0,
    artefacts: [
      { artefact: "detector patchcore", images: 20, test: 0 },
      { artefact: "detector fastflow", images: 20, test: 0 },
      { artefact: "detector rd4ad", images: 20, test: 0 },
      { artefact: "detector efficientad", images: 20, test: 0 },
      { artefact: "classifier wrn", images: 56, test: 0 }, // 80 % of 40 and of 30
      { artefact: "forest", images: 50, test: 0 },
    ],
  });
});

Deno.test("generated defects are counted as the good images they were made from", () => {
  const { artefacts } = auditOf("table2", "PatchCore + Ours");
  assert.deepEqual(artefacts.at(-1), { artefact: "forest", images: 40, test: 0 });
});

Deno.test("the forest's and the detector's good images are apart", () => {
  const { rows } = madePlan(experiment("table3"), madeSetting(samples));
  const [cell] = rows.find(({ row }) => row.row === "PatchCore + Ours")!.cells;
  const { artefacts: [detector, forest] } = new Auditor().audit(cell);
  const seen = new Set(detector.images);
  assert.equal(forest.images.filter((image) => seen.has(image)).length, 0);
});

Deno.test("a test image that also lies in training under another name is found by its content", () => {
  const copied = samples.map((sample) =>
    sample.id === "train/bad/3.png" ? { ...sample, digest: "digest of test/bad/7.png" } : sample
  );
  assert.equal(auditOf("table3", "PatchCore", copied).state, "clean"); // it saw no bad image
  const { state, touched, artefacts } = auditOf("table3", "PatchCore + Ours", copied);
  assert.equal(state, "touched");
  assert.equal(touched, 1);
  assert.deepEqual(artefacts.at(-1), { artefact: "forest", images: 50, test: 1 });
});

Deno.test("an image that only some seeds train on counts once", () => {
  const copied = samples.map((sample) =>
    sample.id === "train/good/0.png" ? { ...sample, digest: "digest of test/good/0.png" } : sample
  );
  assert.equal(auditOf("table3", "PatchCore + Ours", copied).touched, 1);
});

Deno.test("a row whose test images were touched is marked in the result and under its table", () => {
  const copied = samples.map((sample) =>
    sample.id === "train/bad/3.png" ? { ...sample, digest: "digest of test/bad/7.png" } : sample
  );
  const plan = madePlan(experiment("table3"), madeSetting(copied));
  const number = { mean: 90, std: 1, values: [90], interval: null };
  const rows = plan.rows.map((planned) => ({
    planned,
    evaluation: { metrics: { cl_auroc: number, fpr95: number } },
    scores: [],
  }));
  const result = resultOfRun({ plan, rows, extras: [] }, { cached: 0, run: 0 }, 0);
  const states = new Map(result.rows.map(({ row, audit }) => [row, audit?.state]));
  assert.equal(states.get("PatchCore"), "clean");
  assert.equal(states.get("PatchCore + Ours"), "touched");
  assert.match(
    toMarkdown(paperTable(result)),
    /PatchCore \+ Ours: 1 of its test images were seen in training; its numbers are too good\./,
  );
});
