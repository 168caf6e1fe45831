/**
 * Runs what is not in the store, on this machine: several worker processes with one onnxruntime thread
 * each, which is faster in total than many threads and gives the same bits for any number of workers.
 *
 * The order is the plan's (the first row's stages first), as far as needs and memory allow. A stage
 * that another process is computing is waited for, never computed twice. A failed stage blocks what
 * needs it and nothing else.
 *
 * @module
 */
import { InterruptedError } from "../base/errors.ts";
import type { Damage, Store } from "../store/store.ts";
import type { Stage } from "./stage.ts";
import { startWorker, type WorkerAccess, type WorkerProcess } from "./worker_process.ts";

/** A stage that failed, with what a person needs to know. */
export interface StageFailure {
  readonly stage: Stage;
  readonly message: string;
  readonly remedy?: string;
  readonly exitCode?: number;
  readonly stack?: string;
}

/** What the executor tells while it runs. */
export interface ExecutionListener {
  /** After every change: stages done and to run, the estimate, what is running. */
  readonly onProgress?: (progress: ExecutionProgress) => void;
  /** A target is in the store (at the start, when it was there before). */
  readonly onTarget?: (key: string) => Promise<void> | void;
  readonly onDamage?: (damage: Damage) => void;
  readonly onFailure?: (failure: StageFailure) => void;
  readonly onLog?: (line: string) => void;
}

/** How far a run is. Stages found in the store are not counted. */
export interface ExecutionProgress {
  readonly done: number;
  readonly of: number;
  readonly secondsLeft: number;
  readonly running: readonly string[];
}

export interface ExecutionOptions extends ExecutionListener {
  readonly workers: number;
  readonly access: WorkerAccess;
  /** Memory for all running stages together, MiB. */
  readonly mebibytes: number;
  readonly failFast: boolean;
  readonly signal: AbortSignal;
}

export interface ExecutionResult {
  /** Stages that were needed and in the store before. */
  readonly cached: number;
  readonly run: number;
  readonly failures: readonly StageFailure[];
  /** Keys of stages that could not run because a stage they need failed. */
  readonly blocked: ReadonlySet<string>;
}

type State = "waiting" | "running" | "done" | "failed" | "blocked";

interface Job {
  readonly stage: Stage;
  state: State;
  /** Needs that are not in the store yet. */
  readonly open: Set<string>;
  /** Fraction done of a running stage. */
  fraction: number;
  attempts: number;
}

const idleWorkerMebibytes = 150;
const pollMilliseconds = 200;
const mostAttempts = 3;

/**
 * Brings all `targets` into the store. The result is complete even when stages failed; only an
 * interrupt throws.
 *
 * @throws {InterruptedError} when `options.signal` is aborted; what has finished is kept
 */
export async function executeLocally(
  store: Store,
  targets: readonly Stage[],
  options: ExecutionOptions,
): Promise<ExecutionResult> {
  const jobs = new Map<string, Job>();
  const cachedKeys = new Set<string>();
  const failures: StageFailure[] = [];
  const targetKeys = new Set(targets.map(({ key }) => key));
  let run = 0;
  const timing = new StageTiming();

  for (const target of targets) {
    if (await enlist(target)) await options.onTarget?.(target.key);
  }
  if (jobs.size > 0) await runJobs();
  return {
    cached: cachedKeys.size,
    run,
    failures,
    blocked: new Set(
      [...jobs.values()].filter(({ state }) => state === "blocked").map((job) => job.stage.key),
    ),
  };

  /** Adds what must run for `stage`; true when it is in the store. */
  async function enlist(stage: Stage, again = false): Promise<boolean> {
    const known = jobs.get(stage.key)?.state;
    if (known === "waiting" || known === "running") return false;
    if (!again) {
      if (cachedKeys.has(stage.key) || known === "done") return true;
      if (known !== undefined) return false;
      if (await store.has(stage.input.stage, stage.key)) {
        cachedKeys.add(stage.key);
        return true;
      }
    }
    cachedKeys.delete(stage.key);
    const open = new Set<string>();
    for (const need of stage.needs) if (!await enlist(need)) open.add(need.key);
    const attempts = jobs.get(stage.key)?.attempts ?? 0;
    const hopeless = [...open].some((key) => ["failed", "blocked"].includes(jobs.get(key)!.state));
    const state = hopeless ? "blocked" : "waiting";
    // Needs were inserted before, so the map's order is a valid order to run in.
    jobs.delete(stage.key);
    jobs.set(stage.key, { stage, state, open, fraction: 0, attempts });
    return false;
  }

  async function runJobs(): Promise<void> {
    const memory = new MemoryBudget(options.mebibytes);
    const count = Math.max(1, Math.min(options.workers, jobs.size));
    const live = new Set<WorkerProcess>();
    let stopped = false;
    const stopNow = () => {
      stopped = true;
      for (const worker of live) worker.stop("now");
    };
    options.signal.addEventListener("abort", stopNow);
    try {
      await Promise.all(Array.from({ length: count }, () => slot()));
    } finally {
      options.signal.removeEventListener("abort", stopNow);
    }
    if (options.signal.aborted) {
      throw new InterruptedError("The run was interrupted; what has finished is kept", {
        remedy: "The same command goes on from there.",
      });
    }

    /** One worker's life: take the next ready job, run it, until nothing is left. */
    async function slot(): Promise<void> {
      let worker: WorkerProcess | undefined;
      while (!stopped) {
        const claimed = await claimNext();
        if (claimed === "finished") break;
        if (claimed === "wait") {
          await new Promise((resolve) => setTimeout(resolve, pollMilliseconds / 4));
          continue;
        }
        const { job, claim } = claimed;
        try {
          worker ??= startLiveWorker();
          if (!await runJob(worker, job)) {
            live.delete(worker);
            await worker.stop("now");
            worker = undefined;
          }
        } finally {
          memory.release(job.stage);
          claim[Symbol.dispose]();
        }
        if (options.failFast && failures.length > 0) stopped = true;
      }
      if (worker !== undefined) {
        live.delete(worker);
        await worker.stop(stopped ? "now" : "idle");
      }
    }

    function startLiveWorker(): WorkerProcess {
      const worker = startWorker(options.access, options.onLog ?? (() => {}));
      live.add(worker);
      return worker;
    }

    async function claimNext(): Promise<{ job: Job; claim: Disposable } | "wait" | "finished"> {
      let left = false;
      for (const job of jobs.values()) {
        if (job.state === "running") left = true;
        if (job.state !== "waiting") continue;
        left = true;
        if (job.open.size > 0 || !memory.reserve(job.stage)) continue;
        job.state = "running";
        const claim = await store.claim(job.stage.key);
        if (claim === undefined) { // another process computes it
          job.state = "waiting";
          memory.release(job.stage);
          continue;
        }
        if (await store.has(job.stage.input.stage, job.stage.key)) {
          memory.release(job.stage);
          claim[Symbol.dispose]();
          await finish(job);
          return claimNext();
        }
        return { job, claim };
      }
      return left ? "wait" : "finished";
    }

    /** False when the worker is of no more use. */
    async function runJob(worker: WorkerProcess, job: Job): Promise<boolean> {
      report();
      const end = await worker.run(
        { input: job.stage.input, locations: job.stage.locations },
        (message) => {
          if (message.says === "damage") options.onDamage?.(message);
          if (message.says === "progress") {
            job.fraction = message.done / message.of;
            report();
          }
        },
      );
      switch (end.says) {
        case "done":
          run++;
          timing.add(job.stage, end.seconds);
          await finish(job);
          return true;
        case "missing": {
          const need = job.stage.needs.find(({ key }) => key === end.key)!;
          job.state = "waiting";
          job.attempts++;
          if (job.attempts >= mostAttempts) {
            fail(job, { message: `its input ${need.label} is damaged again and again` });
          } else {
            await enlist(need, true);
            job.open.add(need.key);
          }
          return true;
        }
        case "failed":
          fail(job, end);
          return true;
        case "died":
          if (stopped) return false;
          job.state = "waiting";
          job.attempts++;
          if (job.attempts >= mostAttempts) {
            fail(job, {
              message: `its worker process ended (${end.reason})`,
              remedy: "Often memory is short: try --workers 1.",
            });
          }
          return false;
      }
    }
  }

  async function finish(job: Job): Promise<void> {
    job.state = "done";
    for (const other of jobs.values()) other.open.delete(job.stage.key);
    report();
    if (targetKeys.has(job.stage.key)) await options.onTarget?.(job.stage.key);
  }

  function fail(job: Job, reason: Omit<StageFailure, "stage">): void {
    job.state = "failed";
    const failure = { ...reason, stage: job.stage };
    failures.push(failure);
    options.onFailure?.(failure);
    block(job.stage.key);
    report();
  }

  function block(key: string): void {
    for (const other of jobs.values()) {
      if (other.state === "waiting" && other.open.has(key)) {
        other.state = "blocked";
        block(other.stage.key);
      }
    }
  }

  function report(): void {
    const all = [...jobs.values()];
    const unfinished = all.filter(({ state }) => state === "waiting" || state === "running");
    const work = unfinished.reduce(
      (sum, job) => sum + timing.estimate(job.stage) * (1 - job.fraction),
      0,
    );
    options.onProgress?.({
      done: all.filter(({ state }) => state === "done").length,
      of: all.length,
      secondsLeft: work / Math.max(1, Math.min(options.workers, unfinished.length)),
      running: all.filter(({ state }) => state === "running").map(({ stage }) => stage.label),
    });
  }
}

/** Seconds a stage takes: the planned estimate, scaled by what stages of its kind have shown so far. */
class StageTiming {
  readonly #sums = new Map<string, { measured: number; estimated: number }>();

  add(stage: Stage, seconds: number): void {
    const sum = this.#sums.get(stage.input.stage) ?? { measured: 0, estimated: 0 };
    sum.measured += seconds;
    sum.estimated += stage.seconds;
    this.#sums.set(stage.input.stage, sum);
  }

  estimate(stage: Stage): number {
    const sum = this.#sums.get(stage.input.stage);
    return sum === undefined || sum.estimated === 0
      ? stage.seconds
      : stage.seconds * sum.measured / sum.estimated;
  }
}

/** Memory shared by the running stages; a stage larger than all of it runs alone. */
class MemoryBudget {
  #used = 0;
  #running = 0;

  constructor(readonly mebibytes: number) {}

  reserve(stage: Stage): boolean {
    const need = stage.mebibytes + idleWorkerMebibytes;
    if (this.#running > 0 && this.#used + need > this.mebibytes) return false;
    this.#used += need;
    this.#running++;
    return true;
  }

  release(stage: Stage): void {
    this.#used -= stage.mebibytes + idleWorkerMebibytes;
    this.#running--;
  }
}
