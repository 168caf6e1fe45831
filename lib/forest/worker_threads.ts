/**
 * Worker threads that outlive a fit: forests are fitted by the hundred, and a thread takes as long to
 * start as half a round. A thread that has had nothing to do for a while closes itself, and none keeps
 * the process from ending.
 *
 * @module
 */
import { Worker } from "node:worker_threads";

/** A worker that takes tasks one after the other. */
export interface WorkerThread {
  /** Gives it a task of `forest_worker.ts`; it may take a while to begin. */
  post(task: unknown): void;
}

/** What a worker begins with. */
export interface WorkerStart {
  /** How many tasks it was given and has not finished; `closed` if it will take no more. */
  readonly tasks: Int32Array; // [1]
}

/** In place of the number of tasks. */
const closed = -(2 ** 30);

interface Thread {
  readonly worker: Worker;
  readonly tasks: Int32Array;
}

const threads: Thread[] = [];

/** `count` threads; those of earlier fits first. Each loads its code while this thread goes on. */
export function workerThreads(count: number): WorkerThread[] {
  return Array.from({ length: count }, (_, index) => {
    threads[index] ??= startThread();
    return {
      post(task) {
        if (Atomics.add(threads[index].tasks, 0, 1) < 0) {
          threads[index] = startThread();
          Atomics.add(threads[index].tasks, 0, 1);
        }
        threads[index].worker.postMessage(task);
      },
    };
  });
}

function startThread(): Thread {
  const tasks = new Int32Array(new SharedArrayBuffer(4));
  const workerData: WorkerStart = { tasks };
  const worker = new Worker(new URL("./forest_worker.ts", import.meta.url), { workerData });
  worker.unref();
  return { worker, tasks };
}

/** Counts a task as finished. */
export function finishTask({ tasks }: WorkerStart): void {
  Atomics.sub(tasks, 0, 1);
}

/** Refuses further tasks if none is left to do; whether it does. */
export function closeIfIdle({ tasks }: WorkerStart): boolean {
  return Atomics.compareExchange(tasks, 0, 0, closed) === 0;
}
