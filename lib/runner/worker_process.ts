/**
 * A worker process as the executor sees it: give it a task, get its closing message.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { readLines } from "./lines.ts";
import { parseMessage, type Task, type WorkerMessage } from "./worker_protocol.ts";

/** How a task ended. `died`: the process ended without an answer (killed, out of memory). */
export type TaskEnd =
  | Extract<WorkerMessage, { says: "done" | "missing" | "failed" }>
  | { readonly says: "died"; readonly reason: string };

/** A running worker. */
export interface WorkerProcess {
  /** Of the process, for messages. */
  readonly pid: number;
  /** Runs one task at a time; progress and damage go to `onMessage`. */
  run(task: Task, onMessage: (message: WorkerMessage) => void): Promise<TaskEnd>;
  /** Ends the process: after the running task, or at once. */
  stop(how: "idle" | "now"): Promise<void>;
}

/** Folders and files that workers may read beside the store and the project. */
export interface WorkerAccess {
  /** Folder of the store; workers also write there. */
  readonly cache: string;
  /** Paths of data, weights and maps. */
  readonly read: readonly string[];
}

/**
 * How the C library keeps memory in a worker: tensors and packs are given back when they are freed, so
 * that a worker's size follows the stage that it runs and not those that it has run.
 */
const memoryReturned = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: String(2 ** 20),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 22),
} as const;

/**
 * Starts a worker. It may read the project, the store, the data and the weights, write the store, and
 * load native libraries; it has no network and starts no programs.
 */
export function startWorker(access: WorkerAccess, log: (line: string) => void): WorkerProcess {
  const script = fileURLToPath(new URL("./worker.ts", import.meta.url));
  const project = dirname(dirname(dirname(script)));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      "--v8-flags=--max-semi-space-size=8", // MiB; it would grow with the number of stages
      `--config=${project}/deno.json`,
      `--allow-read=${[project, access.cache, ...access.read].map(escapeComma).join(",")}`,
      `--allow-write=${escapeComma(access.cache)}`,
      "--allow-ffi",
      "--allow-env",
      "--allow-sys",
      script,
      access.cache,
    ],
    env: { ...memoryReturned, ORT_DISABLE_TELEMETRY: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  let answer: ((end: TaskEnd) => void) | undefined;
  let listener: (message: WorkerMessage) => void = () => {};
  const lastLines: string[] = [];

  const outputEnd = (async () => {
    for await (const line of readLines(child.stdout)) {
      const message = parseMessage(line);
      if (message === undefined) log(line);
      else if (message.says === "progress" || message.says === "damage") listener(message);
      else answer?.(message);
    }
  })();
  const errorEnd = (async () => {
    for await (const line of readLines(child.stderr)) {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      log(line);
    }
  })();
  const end = (async () => {
    const status = await child.status;
    await Promise.all([outputEnd, errorEnd]);
    const how = status.signal === null ? `exit code ${status.code}` : `signal ${status.signal}`;
    answer?.({ says: "died", reason: [how, ...lastLines.slice(-3)].join("; ") });
  })();

  return {
    pid: child.pid,
    async run(task, onMessage) {
      listener = onMessage;
      const result = new Promise<TaskEnd>((resolve) => answer = resolve);
      try {
        await writer.write(new TextEncoder().encode(JSON.stringify(task) + "\n"));
      } catch {
        await end; // answers "died"
      }
      try {
        return await result;
      } finally {
        answer = undefined;
      }
    },
    async stop(how) {
      if (how === "now") {
        try {
          child.kill("SIGKILL");
        } catch {
          // it has ended by itself
        }
      }
      await writer.close().catch(() => {});
      await end;
    },
  };
}

/** A comma separates paths in a permission list; a doubled one is part of a path. */
function escapeComma(path: string): string {
  return path.replaceAll(",", ",,");
}
