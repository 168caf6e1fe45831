/**
 * Runs what is not in the store, on this machine: several worker processes with one onnxruntime thread
 * each, which is faster in total than many threads and gives the same bits for any number of workers.
 *
 * The order is the plan's (the first row's stages first), as far as needs and memory allow. A stage
 * that another process is computing is waited for, never computed twice. A failed stage blocks what
 * needs it and nothing else; a store that cannot be written ends the run.
 *
 * @module
 */
import { StorageError } from "../base/errors.ts";
import { giveTurn } from "../base/turn.ts";
import type { Damage, Store } from "../store/store.ts";
import { keysBehind, type Stage } from "./stage.ts";
import { startWorker, type WorkerAccess, type WorkerProcess } from "./worker_process.ts";

/** A stage that failed, with what a person needs to know. */
export interface StageFailure {
  /** What was to be computed. */
  readonly stage: Stage;
  /** Why it failed, one sentence. */
  readonly message: string;
  /** What mends it, where that is known. */
  readonly remedy?: string;
  /** Of a `HarnessError`, or of a worker that could not write the store. */
  readonly exitCode?: number;
  /** Of a defect of the harness. */
  readonly stack?: string;
}

/** What the executor tells while it runs. */
export interface ExecutionListener {
  /** After every change: stages done and to run, the estimate, what is running. */
  readonly onProgress?: (progress: ExecutionProgress) => void;
  /** A target is in the store (at the start, when it was there before). */
  readonly onTarget?: (key: string) => Promise<void> | void;
  /** A stored entry was damaged and is in quarantine; it is computed again. */
  readonly onDamage?: (damage: Damage) => void;
  /** A stage failed; others go on. */
  readonly onFailure?: (failure: StageFailure) => void;
  /** A line that a worker wrote, such as a native library's warning. */
  readonly onLog?: (line: string) => void;
}

/** How far a run is. Stages found in the store are not counted. */
export interface ExecutionProgress {
  /** Stages computed so far. */
  readonly done: number;
  /** Stages to compute, those done included. */
  readonly of: number;
  /** Estimate for what is left, from what stages took so far. */
  readonly secondsLeft: number;
  /** Labels of the stages that run now. */
  readonly running: readonly string[];
}

/** How stages are run. */
export interface ExecutionOptions extends ExecutionListener {
  /** Most processes at a time, at least 1. */
  readonly workers: number;
  /** What the workers may read. */
  readonly access: WorkerAccess;
  /** Memory for all running stages together, MiB. */
  readonly mebibytes: number;
  /** Whether the first failure ends the run; else what does not depend on it goes on. */
  readonly failFast: boolean;
  /** Interrupts the run; what has finished is kept. */
  readonly signal: AbortSignal;
  /**
   * Compute the targets anew though they are in the store: a stage that gives other bytes than the
   * stored ones fails, and the stored ones stay.
   */
  readonly again?: boolean;
}

/** What became of the targets. */
export interface ExecutionResult {
  /** Stages that were needed and in the store before. */
  readonly cached: number;
  /** Stages that were computed. */
  readonly run: number;
  /** In the order in which they failed. */
  readonly failures: readonly StageFailure[];
  /** Keys of stages that could not run because a stage they need failed. */
  readonly blocked: ReadonlySet<string>;
}

type State = "waiting" | "running" | "done" | "failed" | "blocked";

interface Job {
  readonly stage: Stage;
  /** Place in the order of the plan. */
  readonly order: number;
  state: State;
  /** Needs that are not in the store yet. */
  readonly open: Set<string>;
  /** Whether it runs though it is in the store. */
  readonly again: boolean;
  /** Fraction done of a running stage. */
  fraction: number;
  attempts: number;
}

const idleWorkerMebibytes = 150;
const pollMilliseconds = 200;
/** Entries that are looked for at once. */
const looksAtOnce = 32;
const mostAttempts = 3;
const storageExitCode = new StorageError("").exitCode;
/** A stage that another process computes is told of after this. */
const patientMilliseconds = 2000;

/**
 * Brings all `targets` into the store. The result is complete even when stages failed; only an
 * interrupt and a store that cannot be written throw.
 *
 * @throws {InterruptedError} when `options.signal` is aborted; what has finished is kept
 * @throws {StorageError} when a result cannot be kept: no space, a read-only or failing disk
 */
export async function executeLocally(
  store: Store,
  targets: readonly Stage[],
  options: ExecutionOptions,
): Promise<ExecutionResult> {
  const jobs = new Map<string, Job>();
  /** Jobs that wait for a stage, by its key. */
  const dependents = new Map<string, Set<Job>>();
  /** Waiting jobs without open needs, in the order of the plan. */
  const ready: Job[] = [];
  const cachedKeys = new Set<string>();
  const failures: StageFailure[] = [];
  const targetKeys = new Set(targets.map(({ key }) => key));
  const work = new RemainingWork();
  const running = new Set<Job>();
  /** When a stage was first found claimed by another process; Infinity once it was told. */
  const waits = new Map<string, number>();
  let run = 0;
  let done = 0;

  await findStored(targets);
  for (const target of targets) {
    if (options.again ? await enlistAgain(target) : await enlist(target)) {
      await options.onTarget?.(target.key);
    }
  }
  if (jobs.size > 0) {
    using _pin = await store.pin(keysBehind(targets));
    await runJobs();
  }
  return {
    cached: cachedKeys.size,
    run,
    failures,
    blocked: new Set(
      [...jobs.values()].filter(({ state }) => state === "blocked").map((job) => job.stage.key),
    ),
  };

  /** Looks for the targets in the store, many at once. */
  async function findStored(stages: readonly Stage[]): Promise<void> {
    for (let i = 0; i < stages.length; i += looksAtOnce) {
      await Promise.all(
        stages.slice(i, i + looksAtOnce).map(async ({ key, input }) => {
          if (await store.has(input.stage, key)) cachedKeys.add(key);
        }),
      );
    }
  }

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
    if (known === "done") done--;
    const open = new Set<string>();
    for (const need of stage.needs) if (!await enlist(need)) open.add(need.key);
    const { attempts = 0, order = jobs.size } = jobs.get(stage.key) ?? {};
    const job: Job = {
      stage,
      order,
      state: "waiting",
      open,
      again: again && options.again === true,
      fraction: 0,
      attempts,
    };
    if ([...open].some((key) => ["failed", "blocked"].includes(jobs.get(key)!.state))) {
      job.state = "blocked";
    } else work.add(stage);
    jobs.set(stage.key, job);
    for (const key of open) dependentsOf(key).add(job);
    if (job.state === "waiting" && open.size === 0) makeReady(job);
    return false;
  }

  /** Enlists a stage that is in the store; one that is not has nothing to be compared with. */
  async function enlistAgain(stage: Stage): Promise<boolean> {
    if (!await store.has(stage.input.stage, stage.key)) return false;
    return await enlist(stage, true);
  }

  function dependentsOf(key: string): Set<Job> {
    let set = dependents.get(key);
    if (set === undefined) dependents.set(key, set = new Set());
    return set;
  }

  function makeReady(job: Job): void {
    let place = ready.length;
    while (place > 0 && ready[place - 1].order > job.order) place--;
    ready.splice(place, 0, job);
  }

  async function runJobs(): Promise<void> {
    const memory = new MemoryBudget(options.mebibytes);
    const count = Math.max(1, Math.min(options.workers, jobs.size));
    const live = new Set<WorkerProcess>();
    let stopped = false;
    let failed: { readonly error: unknown } | undefined;
    const stopNow = () => {
      stopped = true;
      for (const worker of live) worker.stop("now");
    };
    /** Takes no more work; what is running ends, or is dropped where it cannot be kept. */
    const giveUp = (error: unknown) => {
      stopped = true;
      failed ??= { error };
    };
    options.signal.addEventListener("abort", stopNow);
    try {
      if (options.signal.aborted) stopped = true;
      await Promise.all(Array.from({ length: count }, () => slot().catch(giveUp)));
    } finally {
      options.signal.removeEventListener("abort", stopNow);
    }
    await giveTurn(options.signal);
    if (failed !== undefined) throw failed.error;

    /** One worker's life: take the next ready job, run it, until nothing is left. */
    async function slot(): Promise<void> {
      let worker: WorkerProcess | undefined;
      try {
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
      } finally {
        if (worker !== undefined) {
          live.delete(worker);
          await worker.stop(options.signal.aborted ? "now" : "idle");
        }
      }
    }

    function startLiveWorker(): WorkerProcess {
      const worker = startWorker(options.access, options.onLog ?? (() => {}));
      live.add(worker);
      return worker;
    }

    async function claimNext(): Promise<{ job: Job; claim: Disposable } | "wait" | "finished"> {
      for (let place = 0; place < ready.length; place++) {
        const job = ready[place];
        if (!memory.reserve(job.stage)) continue;
        ready.splice(place, 1);
        job.state = "running";
        running.add(job);
        const claim = await store.claim(job.stage.key);
        if (claim === undefined) { // another process computes it
          memory.release(job.stage);
          retry(job); // at the same place
          await tellOfWait(job.stage);
          continue;
        }
        if (!job.again && await store.has(job.stage.input.stage, job.stage.key)) {
          memory.release(job.stage);
          claim[Symbol.dispose]();
          await finish(job);
          return claimNext();
        }
        return { job, claim };
      }
      return ready.length + running.size > 0 ? "wait" : "finished";
    }

    /** Says once for each stage, and not at once, that another process computes it. */
    async function tellOfWait({ key, label }: Stage): Promise<void> {
      const since = waits.get(key) ?? performance.now();
      waits.set(key, since);
      if (since === Infinity || performance.now() - since < patientMilliseconds) return;
      waits.set(key, Infinity);
      const holder = await store.holder(key);
      const who = holder === undefined ? "" : ` (process ${holder.pid} on ${holder.host})`;
      options.onLog?.(`${label}: waiting for another process that computes it${who}`);
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
          work.time(job.stage, end.seconds);
          await finish(job);
          return true;
        case "missing": {
          const need = job.stage.needs.find(({ key }) => key === end.key)!;
          job.attempts++;
          if (job.attempts >= mostAttempts) {
            fail(job, { message: `its input ${need.label} is damaged again and again` });
          } else {
            job.open.add(need.key);
            dependentsOf(need.key).add(job);
            retry(job);
            await enlist(need, true);
          }
          return true;
        }
        case "failed":
          if (end.exitCode === storageExitCode) giveUp(storageFailure(job.stage, end));
          else fail(job, end);
          return true;
        case "died":
          if (stopped) return false;
          job.attempts++;
          if (job.attempts < mostAttempts) retry(job);
          else {
            fail(job, {
              message: `its worker process ended (${end.reason})`,
              remedy: "Often memory is short: try --workers 1.",
            });
          }
          return false;
      }
    }
  }

  /** Back among the waiting ones. */
  function retry(job: Job): void {
    running.delete(job);
    job.state = "waiting";
    job.fraction = 0;
    if (job.open.size === 0) makeReady(job);
  }

  async function finish(job: Job): Promise<void> {
    running.delete(job);
    job.state = "done";
    done++;
    work.remove(job.stage);
    for (const other of dependents.get(job.stage.key) ?? []) {
      other.open.delete(job.stage.key);
      if (other.state === "waiting" && other.open.size === 0) makeReady(other);
    }
    dependents.delete(job.stage.key);
    report();
    if (targetKeys.has(job.stage.key)) await options.onTarget?.(job.stage.key);
  }

  function fail(job: Job, reason: Omit<StageFailure, "stage">): void {
    running.delete(job);
    job.state = "failed";
    work.remove(job.stage);
    const failure = { ...reason, stage: job.stage };
    failures.push(failure);
    options.onFailure?.(failure);
    block(job.stage.key);
    report();
  }

  function block(key: string): void {
    for (const other of dependents.get(key) ?? []) {
      if (other.state !== "waiting") continue;
      other.state = "blocked";
      work.remove(other.stage);
      block(other.stage.key);
    }
  }

  function report(): void {
    const unfinished = jobs.size - done;
    let seconds = work.seconds();
    for (const { stage, fraction } of running) seconds -= work.estimate(stage) * fraction;
    options.onProgress?.({
      done,
      of: jobs.size,
      secondsLeft: Math.max(0, seconds) / Math.max(1, Math.min(options.workers, unfinished)),
      running: Array.from(running, ({ stage }) => stage.label),
    });
  }
}

function storageFailure(
  { label }: Stage,
  { message, remedy }: { readonly message: string; readonly remedy?: string },
): StorageError {
  return new StorageError(
    `The run has ended at ${label}: ${message}`,
    remedy === undefined ? {} : { remedy },
  );
}

/**
 * Seconds that unfinished stages take: the planned estimates, scaled per kind of stage by what its
 * finished stages have shown.
 */
class RemainingWork {
  readonly #kinds = new Map<string, { left: number; measured: number; estimated: number }>();

  add(stage: Stage): void {
    this.#kind(stage).left += stage.seconds;
  }

  remove(stage: Stage): void {
    this.#kind(stage).left -= stage.seconds;
  }

  time(stage: Stage, seconds: number): void {
    const kind = this.#kind(stage);
    kind.measured += seconds;
    kind.estimated += stage.seconds;
  }

  estimate(stage: Stage): number {
    return stage.seconds * scale(this.#kind(stage));
  }

  seconds(): number {
    let sum = 0;
    for (const kind of this.#kinds.values()) sum += kind.left * scale(kind);
    return sum;
  }

  #kind({ input: { stage } }: Stage): { left: number; measured: number; estimated: number } {
    let kind = this.#kinds.get(stage);
    if (kind === undefined) {
      this.#kinds.set(stage, kind = { left: 0, measured: 0, estimated: 0 });
    }
    return kind;
  }
}

/** How much longer than estimated stages of a kind take. */
function scale({ measured, estimated }: { measured: number; estimated: number }): number {
  return estimated === 0 ? 1 : measured / estimated;
}

/**
 * Memory shared by the running stages; a stage larger than all of it runs alone, and one that must run
 * alone counts as large as all of it.
 */
class MemoryBudget {
  #used = 0;
  #running = 0;

  constructor(readonly mebibytes: number) {}

  reserve(stage: Stage): boolean {
    const need = this.#needOf(stage);
    if (this.#running > 0 && this.#used + need > this.mebibytes) return false;
    this.#used += need;
    this.#running++;
    return true;
  }

  release(stage: Stage): void {
    this.#used -= this.#needOf(stage);
    this.#running--;
  }

  #needOf({ alone, mebibytes }: Stage): number {
    return alone ? this.mebibytes : mebibytes + idleWorkerMebibytes;
  }
}
