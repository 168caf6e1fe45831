import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { baselineOf, findingsOf, newRows, parseBaseline } from "../../lib/report/baseline.ts";
import type { ExperimentResult } from "../../lib/report/results.ts";
import { sampleResult } from "./sample_result.ts";

const machine = "linux x86_64, a runtime, 16 channels per block";
const otherMachine = "linux x86_64, a runtime, 8 channels per block";
const baseline = baselineOf(sampleResult, { machine, reason: "first numbers" });

/** The sample with the mean of one number moved. */
function moved(row: string, metric: "cl_auroc" | "fpr95", by: number): ExperimentResult {
  return {
    ...sampleResult,
    rows: sampleResult.rows.map((one) => {
      const summary = one.metrics[metric];
      if (one.row !== row || summary === undefined) return one;
      return {
        ...one,
        metrics: {
          ...one.metrics,
          [metric]: {
            ...summary,
            mean: summary.mean + by,
            values: summary.values.map((value) => value + by),
          },
        },
      };
    }),
  };
}

Deno.test("a result is as its own baseline, also read back from a file", () => {
  const read = parseBaseline(JSON.stringify(baseline), "b.json");
  assert.deepEqual(read, baseline);
  assert.deepEqual(findingsOf(sampleResult, read, { machine }), []);
  assert.deepEqual(read.rows.map(({ row }) => row), ["PatchCore", "WRN", "PatchCore + Ours"]);
});

Deno.test("a number that moves by more than its tolerance names its row, up and down", () => {
  assert.deepEqual(findingsOf(moved("WRN", "cl_auroc", -0.5), baseline, { machine }), []);
  const [fell, ...none] = findingsOf(moved("WRN", "cl_auroc", -0.51), baseline, { machine });
  assert.deepEqual(none, []);
  assert.equal(fell.row, "WRN");
  assert.match(fell.what, /^Cl\. AUROC fell from 92\.0 to 91\.5 \(−0\.5, tolerance 0\.5\)$/);
  const [rose] = findingsOf(moved("PatchCore + Ours", "fpr95", 3.2), baseline, { machine });
  assert.match(rose.what, /^FPR@95TPR rose from 32\.0 to 35\.2/);
});

Deno.test("on another class of machines, a mean may differ by three standard errors of its seeds", () => {
  const { values } = sampleResult.rows.find(({ row }) => row === "PatchCore")!.metrics.cl_auroc!;
  const mean = values.reduce((sum, value) => sum + value) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
    (values.length - 1);
  const bound = 3 * Math.sqrt(2 * variance / values.length);
  assert.ok(bound > 0.5, String(bound));
  const findings = (by: number, machine: string) =>
    findingsOf(moved("PatchCore", "cl_auroc", by), baseline, { machine });
  assert.deepEqual(findings(-0.99 * bound, otherMachine), []);
  assert.equal(findings(-0.99 * bound, machine).length, 1);
  const [{ what }] = findings(1.01 * bound, otherMachine);
  assert.ok(what.endsWith(`tolerance ${Number(bound.toFixed(2))})`), what);
  const part = { ...sampleResult, rows: sampleResult.rows.slice(0, 1) };
  assert.throws(
    () =>
      baselineOf(part, {
        machine: otherMachine,
        reason: "r",
        before: baseline,
        rows: [part.rows[0].row],
      }),
    { message: /on linux x86_64, a runtime, 8 channels per block: it is of .*16 channels/ },
  );
});

Deno.test("the first seeds are compared with the mean over the same seeds", () => {
  const first: ExperimentResult = {
    ...sampleResult,
    seeds: [1],
    rows: sampleResult.rows.map((row) => ({
      ...row,
      metrics: Object.fromEntries(
        Object.entries(row.metrics).map(([name, summary]) => {
          const [value] = summary.values;
          return [name, { mean: value, std: null, values: [value], interval: null }];
        }),
      ),
    })),
  };
  // PatchCore has 80, 82 and 81: its first seed is a point below the mean and yet no finding.
  assert.equal(first.rows[0].metrics.cl_auroc!.mean, 80);
  assert.deepEqual(findingsOf(first, baseline, { machine }), []);
  assert.match(findingsOf({ ...first, seeds: [2] }, baseline, { machine })[0].what, /seeds/);
});

Deno.test("rows that were not run are no findings, rows that were are", () => {
  const only: ExperimentResult = { ...moved("WRN", "cl_auroc", -2), rows: [] };
  const rows = moved("WRN", "cl_auroc", -2).rows.filter(({ row }) => row === "WRN");
  assert.deepEqual(
    findingsOf({ ...only, rows }, baseline, { machine, rows: ["WRN"] }).map(({ row }) => row),
    ["WRN"],
  );
  assert.deepEqual(
    findingsOf({ ...only, rows }, baseline, { machine, rows: ["PatchCore"] }).map(({ what }) =>
      what
    ),
    [
      "has no numbers any more: the experiment has no such row",
    ],
  );
});

Deno.test("an update with some rows keeps the others, unless they have other seeds or images", () => {
  const rows = moved("WRN", "cl_auroc", -2).rows.filter(({ row }) => row === "WRN");
  const some = { ...sampleResult, rows };
  const merged = baselineOf(some, { machine, reason: "WRN only", before: baseline, rows: ["WRN"] });
  const auroc = new Map(merged.rows.map(({ row, metrics }) => [row, metrics.cl_auroc[0]]));
  assert.deepEqual([...auroc.keys()].sort(), ["PatchCore", "PatchCore + Ours", "WRN"]);
  assert.deepEqual([auroc.get("WRN"), auroc.get("PatchCore")], [90.04, 80]);
  assert.throws(
    () =>
      baselineOf({ ...some, seeds: [1] }, {
        machine,
        reason: "r",
        before: baseline,
        rows: ["WRN"],
      }),
    /with the seeds 1: it has 1, 2, 3/,
  );
  const other = { ...some, dataset: { ...some.dataset, digest: "0".repeat(64) } };
  assert.deepEqual(
    baselineOf(other, { machine, reason: "r", before: baseline, rows: ["WRN"] }).rows.map((
      { row },
    ) => row),
    ["WRN"],
  );
});

Deno.test("a tolerance that was changed by hand is kept by an update", () => {
  const strict = { ...baseline, tolerance: { ...baseline.tolerance, cl_auroc: 0 } };
  assert.equal(findingsOf(moved("WRN", "cl_auroc", 0.01), strict, { machine }).length, 1);
  const next = baselineOf(sampleResult, { machine, reason: "second", before: strict });
  assert.equal(next.tolerance.cl_auroc, 0);
  assert.deepEqual(next.reasons, ["first numbers", "second"]);
});

Deno.test("a row without numbers, other images and other seeds are findings, a new row is not", () => {
  const without: ExperimentResult = {
    ...sampleResult,
    rows: sampleResult.rows.map((row) =>
      row.row === "WRN" ? { ...row, metrics: {}, error: "failed" } : row
    ),
  };
  assert.match(findingsOf(without, baseline, { machine })[0].what, /no numbers any more: failed/);
  const other = { ...sampleResult, dataset: { ...sampleResult.dataset, digest: "0".repeat(64) } };
  assert.match(findingsOf(other, baseline, { machine })[0].what, /other images/);
  assert.match(findingsOf({ ...sampleResult, seeds: [7] }, baseline, { machine })[0].what, /seeds/);
  const fewer = { ...baseline, rows: baseline.rows.slice(1) };
  assert.deepEqual(findingsOf(sampleResult, fewer, { machine }), []);
  assert.deepEqual(newRows(sampleResult, fewer), ["PatchCore"]);
});

Deno.test("a damaged baseline is refused with the field", () => {
  assert.throws(() => parseBaseline("{", "b.json"), DataError);
  const damaged = JSON.stringify({ ...baseline, seeds: "1" });
  assert.throws(() => parseBaseline(damaged, "b.json"), /b\.json: seeds/);
});

Deno.test("times per image are not guarded", () => {
  const timed: ExperimentResult = {
    ...sampleResult,
    rows: sampleResult.rows.map((row) => ({
      ...row,
      metrics: {
        ...row.metrics,
        ms_per_image: { mean: 5, std: null, values: [5], interval: null },
      },
    })),
  };
  assert.equal(
    JSON.stringify(baselineOf(timed, { machine, reason: "r" })).includes("ms_per_image"),
    false,
  );
});
