/**
 * A plan of ten thousand cells, all of them in the store (R17): how long the plan takes, and a run that
 * has nothing to do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import type { Experiment } from "../../lib/runner/experiment.ts";
import { planExperiment } from "../../lib/runner/plan.ts";
import { runPlans } from "../../lib/runner/run_plans.ts";
import { jsonFile } from "../../lib/runner/stage_kind.ts";
import { openStore } from "../../lib/store/store.ts";
import { madeSamples, madeSetting } from "../runner/made_setting.ts";
import { type Finding, inFolder } from "./workload.ts";

/** R17: `seeds` seeds of four rows over twelve classes. */
export function cachedCells(seeds: number): Promise<Finding> {
  return inFolder(async (folder) => {
    const classes = Array.from({ length: 12 }, (_, i) => `class ${i}`);
    const counts = { trainGood: 40, trainBad: 0, testGood: 20, testBad: 30 };
    const table8 = experiments.find(({ id }) => id === "table8")!;
    const experiment: Experiment = {
      ...table8,
      seeds: Array.from({ length: seeds }, (_, i) => i),
      rows: table8.rows.filter(({ method }) => method.kind !== "supervised").slice(0, 4),
    };
    const setting = madeSetting(madeSamples(classes, counts));
    const start = performance.now();
    const plan = planExperiment(experiment, experiment.rows, {
      ...setting,
      seeds: experiment.seeds,
    });
    const planned = performance.now() - start;
    const cells = plan.rows.flatMap((row) => row.cells);

    const store = await openStore(folder);
    for (const { scores, test } of cells) {
      const data = new Float64Array(test.length);
      const payload = new Map([["scores.npy", npyBytes({ shape: [data.length], data })]]);
      await store.write(scores.input, payload, 0);
    }
    const others = [
      ...plan.rows.map(({ evaluation }) => evaluation!),
      ...plan.extras.map((one) => one.stage),
    ];
    for (const { input } of others) {
      await store.write(input, new Map([["metrics.json", jsonFile({})]]), 0);
    }
    const begin = performance.now();
    const outcome = await runPlans(store, [plan], {
      workers: 1,
      access: { cache: "/nowhere", read: [] }, // a worker could not start
      mebibytes: 1000,
      failFast: false,
      signal: new AbortController().signal,
    });
    const nothing = performance.now() - begin;
    assert.equal(outcome.execution.run, 0);
    assert.equal(outcome.outcomes[0].rows.flatMap(({ scores }) => scores).length, cells.length);
    store.close();
    // 1 s and 2 s for 10,000 cells on a quiet machine; here it may be busy.
    const share = cells.length / 10_000;
    assert.ok(
      planned < 500 + 2000 * share && nothing < 500 + 4000 * share,
      `${planned}, ${nothing}`,
    );
    return {
      count: cells.length,
      outcome: `planned in ${planned.toFixed(0)} ms, nothing to do in ${nothing.toFixed(0)} ms, ` +
        "0 workers, so 0 sessions",
    };
  });
}
