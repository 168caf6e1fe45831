/**
 * One worker process over many stages (R20): what it holds does not grow.
 *
 * @module
 */
import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { experimentsNamed, planRuns, readFolders } from "../../lib/cli/run_options.ts";
import type { Stage } from "../../lib/runner/stage.ts";
import { startWorker } from "../../lib/runner/worker_process.ts";
import type { FinishedRun } from "./program.ts";
import type { Finding } from "./workload.ts";

const mebibytes = 50;

/** R20: `cells` stages of a finished run, computed again by one worker. */
export async function manyCells(run: FinishedRun, cells: number): Promise<Finding> {
  const plans = await planRuns(experimentsNamed(["table3"], experiments), {
    data: [run.data],
    profile: "demo",
    segmap: "vad",
    rows: "PatchCore,PatchCore + Ours",
    seeds: 2,
    weights: [],
    variant: [],
    cache: run.cache,
  });
  const stages = new Map<string, Stage>();
  const visit = (stage: Stage): void => {
    if (stages.has(stage.key)) return;
    stages.set(stage.key, stage);
    stage.needs.forEach(visit);
  };
  for (const { evaluation } of plans.flatMap(({ rows }) => rows)) visit(evaluation!);
  const worker = startWorker({ cache: run.cache, read: readFolders(plans) }, () => {});
  try {
    const warm = Math.ceil(cells / 3);
    const list = [...stages.values()];
    let before = { mebibytes: 0, files: 0 };
    for (let i = 0; i < cells + warm; i++) {
      if (i === warm) before = await heldBy(worker.pid);
      const { input, locations } = list[i % list.length];
      const end = await worker.run({ input, locations }, () => {});
      assert.equal(end.says, "done", JSON.stringify(end));
    }
    const after = await heldBy(worker.pid);
    const growth = after.mebibytes - before.mebibytes;
    assert.ok(growth < mebibytes, `${growth} MiB more`);
    assert.equal(after.files, before.files, "open files");
    return {
      count: cells,
      outcome: `${growth.toFixed(1)} MiB more than ${before.mebibytes.toFixed(0)}, ` +
        `${after.files} open files as before`,
    };
  } finally {
    await worker.stop("idle");
  }
}

/** Memory and open files of a process; nothing where the system does not tell. */
async function heldBy(pid: number): Promise<{ mebibytes: number; files: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`)).catch(() => []);
  return {
    mebibytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
    files: files.length,
  };
}
