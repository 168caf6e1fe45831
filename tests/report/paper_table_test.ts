import assert from "node:assert/strict";
import { paperTable } from "../../lib/report/paper_table.ts";
import { formatChange, formatNumber } from "../../lib/report/table_parts.ts";
import { sampleResult } from "./sample_result.ts";

const table = paperTable(sampleResult);
const rows = table.groups.flatMap((group) => group.rows);
const row = (name: string) => rows.find((row) => row.name === name)!;

Deno.test("rows stand under their headings in the result's order", () => {
  assert.deepEqual(table.groups.map(({ name, rows }) => [name, rows.map((row) => row.name)]), [
    ["One-class Anomaly Detection", ["PatchCore", "RD4AD"]],
    ["Supervised Classifier", ["WRN"]],
    ["SegAD (Ours)", ["PatchCore + Ours"]],
  ]);
});

Deno.test("the best is the highest AUROC and the lowest FPR, rows that print alike together", () => {
  const best = (column: number) =>
    rows.filter(({ cells }) => cells[column].best).map(({ name }) => name);
  assert.deepEqual(best(0), ["WRN", "PatchCore + Ours"]); // 92.04 and 92.0
  assert.deepEqual(best(1), ["PatchCore + Ours"]);
});

Deno.test("a gain is the change against the base row, with the metric's own direction", () => {
  const [auroc, fpr, seen] = row("PatchCore + Ours").cells;
  assert.deepEqual(auroc.gain, { points: 11, better: true });
  assert.deepEqual(fpr.gain, { points: -29, better: true });
  assert.equal(seen.gain, undefined);
  assert.equal(row("PatchCore").cells[0].gain, undefined);
});

Deno.test("the difference is ours minus the first published number of that metric", () => {
  const [auroc, fpr] = row("PatchCore").cells;
  assert.ok(Math.abs(auroc.difference!.points - (81 - 88.3)) < 1e-12);
  assert.equal(auroc.difference!.better, false);
  assert.equal(fpr.difference!.better, false);
  assert.equal(row("WRN").cells[0].difference, undefined);
  assert.equal(row("RD4AD").cells[0].published[0].mean, 84.5);
});

Deno.test("a value published elsewhere too is said below the table", () => {
  assert.ok(
    table.footnotes.includes(
      "PatchCore + Ours is also published as Cl. AUROC 91.5 (Table 3, public code README).",
    ),
  );
  assert.ok(table.footnotes.includes("A1: The focal loss has gamma 2."));
});

Deno.test("only the paper profile is not called a reference", () => {
  const reference = (notes: readonly string[]) =>
    notes.some((note) => note.includes("for reference"));
  assert.ok(reference(table.footnotes));
  assert.ok(!reference(paperTable({ ...sampleResult, profile: "paper" }).footnotes));
});

Deno.test("a table whose rows all failed still has the paper's two columns", () => {
  const failed = sampleResult.rows.map((row) => ({
    ...row,
    metrics: {},
    paper: [],
    error: "no data",
  }));
  const { columns, groups } = paperTable({ ...sampleResult, rows: failed });
  assert.deepEqual(columns.map(({ heading }) => heading), ["Cl. AUROC", "FPR@95TPR"]);
  assert.equal(groups[0].rows[0].error, "no data");
});

Deno.test("numbers have one decimal, changes a sign, and nothing is minus zero", () => {
  assert.equal(formatNumber({ mean: 91.25, std: 0.349 }), "91.3 ± 0.3");
  assert.equal(formatNumber({ mean: -0.01, std: null }), "0.0");
  assert.deepEqual([2.44, -0.3, 0.04, -0.04].map(formatChange), ["+2.4", "−0.3", "±0.0", "±0.0"]);
});
