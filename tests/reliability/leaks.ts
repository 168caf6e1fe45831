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

/** How much more a worker may hold after all cells than after the first ones, MiB. */
const mostGrowth = 50;
/** Cells over which its size is averaged: it differs with the stage, and with what is not collected yet. */
const cellsOfMean = 50;

/**
 * R20: `cells` stages of a finished run, computed again by one worker. Its size over the last cells is
 * compared with that over as many after a warm-up, which loads the libraries.
 */
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
    const list = [...stages.values()];
    const warm = Math.min(100, cells);
    const sizes: number[] = [];
    let files = 0;
    for (let i = 0; i < warm + cells; i++) {
      const { input, locations } = list[i % list.length];
      const end = await worker.run({ input, locations }, () => {});
      assert.equal(end.says, "done", JSON.stringify(end));
      const held = await heldBy(worker.pid);
      if (i === warm) files = held.files;
      if (i > warm) assert.equal(held.files, files, "open files");
      sizes.push(held.mebibytes);
    }
    const few = Math.min(cellsOfMean, cells);
    const [before, after] = [sizes.slice(warm, warm + few), sizes.slice(-few)].map(mean);
    const most = Math.max(...sizes.slice(warm));
    const text = `${before.toFixed(1)} MiB after a warm-up of ${warm}, ` +
      `${after.toFixed(1)} MiB at the end, ${most.toFixed(0)} MiB at most`;
    assert.ok(after - before < mostGrowth && most - before < 2 * mostGrowth, text);
    return { count: cells, outcome: `${text}; ${files} open files all the time` };
  } finally {
    await worker.stop("idle");
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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
