/**
 * The program of the worker threads: columns of `binning_threads.ts` and rounds of `round_threads.ts`.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { type BinningTask, takeColumns } from "./binning_threads.ts";
import { type RoundsTask, serveRounds } from "./round_threads.ts";
import { closeIfIdle, finishTask, type WorkerStart } from "./worker_threads.ts";

/** After so long without a task the thread ends. */
const idleMilliseconds = 10_000;

const start = workerData as WorkerStart;
let timer = setTimeout(endIfIdle, idleMilliseconds);

// Not by `parentPort`, which looks at every number of a task.
globalThis.addEventListener("message", (event) => {
  const task = (event as MessageEvent<BinningTask | RoundsTask>).data;
  clearTimeout(timer);
  try {
    if (task.kind === "bin") takeColumns(task.work);
    else serveRounds(task.state, task.thread, task.words);
  } finally {
    finishTask(start);
  }
  timer = setTimeout(endIfIdle, idleMilliseconds);
});

function endIfIdle(): void {
  if (closeIfIdle(start)) close();
}
