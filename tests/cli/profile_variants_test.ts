/** Variants that a profile sets, unless `--variant` says otherwise. */
import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { planRuns } from "../../lib/cli/run_options.ts";
import { notesOf } from "../../lib/report/result_of_run.ts";
import { assumptionsOf } from "../../lib/runner/assumptions.ts";
import type { Plan } from "../../lib/runner/plan.ts";
import { withFolder } from "./harness.ts";

/** The plan of some rows of an experiment on the embedded product. */
async function planned(
  rows: string,
  { variant = [] as string[], profile = "demo", name = "table3" } = {},
): Promise<Plan> {
  const experiment = experiments.find(({ id }) => id === name)!;
  let plan: Plan | undefined;
  await withFolder(async (cache) => {
    const options = { data: [], weights: [], variant, rows, seeds: 1, profile, cache };
    [plan] = await planRuns([experiment], options);
  });
  return plan!;
}

const idsOf = ({ experiment, setting, rows }: Plan) =>
  assumptionsOf(experiment, rows.map(({ row }) => row.method), setting).map(({ id }) => id);

Deno.test("the demo trains WRN out of fold, and its tables say so", async () => {
  const { setting, rows, experiment, extras } = await planned("WRN,AllAD+WRN+Ours");
  assert.deepEqual(setting.variants, { wrn: "out-of-fold" });
  const kinds = rows[0].cells[0].scores.needs.map(({ input }) => input.stage);
  assert.deepEqual(new Set(kinds), new Set(["out_of_fold"]));
  const note = "WRN: variant out-of-fold; the paper's is --variant wrn=paper.";
  assert.ok(notesOf(experiment, setting).includes(note));
  const ids = idsOf({ setting, rows, experiment, extras });
  assert.ok(ids.includes("wrn-folds") && !ids.includes("wrn-share"), ids.join(" "));
});

Deno.test("the paper's WRN can be asked for, and is that of the other profiles", async () => {
  const paper = await planned("WRN", { variant: ["wrn=paper"] });
  assert.deepEqual(paper.setting.variants, { wrn: "paper" });
  const ids = idsOf(paper);
  assert.ok(ids.includes("wrn-share") && !ids.includes("wrn-folds"), ids.join(" "));
  for (const profile of ["cpu", "paper"]) {
    assert.deepEqual((await planned("WRN", { profile })).setting.variants, {}, profile);
  }
});

Deno.test("the demo's WRN is the paper's where no forest learns from its scores, as in Table 4", async () => {
  const { setting, rows } = await planned("WRN", { name: "table4" });
  assert.deepEqual(setting.variants, {});
  const kinds = rows[0].cells[0].scores.needs.map(({ input }) => input.stage);
  assert.deepEqual(new Set(kinds), new Set(["predict"]));
});

Deno.test("a run without WRN has no variant of it", async () => {
  assert.deepEqual((await planned("PatchCore")).setting.variants, {});
});
