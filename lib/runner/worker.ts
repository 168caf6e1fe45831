/**
 * The worker process: reads tasks, runs their stages, writes the results to the store. It plans
 * nothing and ends when its standard input ends, so it never outlives the executor by more than a stage.
 *
 * Run by the executor as `deno run … lib/runner/worker.ts CACHE`.
 *
 * @module
 */
import process from "node:process";
import { HarnessError } from "../base/errors.ts";
import { openStore, type Payload, type Store } from "../store/store.ts";
import { keyOf } from "../store/key.ts";
import { readLines } from "./lines.ts";
import { stageOfRole } from "./stage.ts";
import type { StageContext } from "./stage_kind.ts";
import { stageKinds } from "./stages/mod.ts";
import type { Task, WorkerMessage } from "./worker_protocol.ts";

/** An input of the running stage is not in the store. */
class MissingInput extends Error {
  constructor(readonly key: string) {
    super(`Cannot read stage ${key}: it is not in the store`);
  }
}

if (import.meta.main) {
  const [root] = Deno.args;
  const opened = await openStore(root, (damage) => say({ says: "damage", ...damage }))
    .catch((error) => ({ error }));
  for await (const line of readLines(Deno.stdin.readable)) {
    say("error" in opened ? failure(opened.error) : await runTask(opened, JSON.parse(line)));
  }
  if (!("error" in opened)) opened.close();
}

/** Runs one task and gives the closing message. */
async function runTask(store: Store, task: Task): Promise<WorkerMessage> {
  const start = performance.now();
  const before = peakMebibytes();
  try {
    const kind = stageKinds[task.input.stage];
    const files = await kind.run(contextOf(store, task));
    const seconds = Math.round(performance.now() - start) / 1000;
    const peak = peakMebibytes();
    await store.write(task.input, files, seconds, peak > before ? peak : undefined);
    await store.dropCheckpoint(keyOf(task.input));
    return { says: "done", seconds };
  } catch (error) {
    if (error instanceof MissingInput) return { says: "missing", key: error.key };
    return failure(error);
  }
}

/** The most memory that this process has had, MiB. */
function peakMebibytes(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

function failure(error: unknown): WorkerMessage {
  if (error instanceof HarnessError) {
    const { message, exitCode, remedy } = error;
    return { says: "failed", message, exitCode, ...(remedy === undefined ? {} : { remedy }) };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { says: "failed", message, ...(stack === undefined ? {} : { stack }) };
}

function contextOf(store: Store, task: Task): StageContext {
  const keysOf = (role: string): readonly string[] => {
    const keys = task.input.inputs[role];
    return keys === undefined ? [] : typeof keys === "string" ? [keys] : keys;
  };
  let lastReport = 0;
  return {
    parameters: task.input.parameters,
    locations: task.locations,
    count: (role) => keysOf(role).length,
    async read(role, index = 0, names): Promise<Payload> {
      const key = keysOf(role)[index];
      const payload = await store.read(stageOfRole(role), key, names);
      if (payload === undefined) throw new MissingInput(key);
      return payload;
    },
    checkpoints: {
      load: () => store.loadCheckpoint(keyOf(task.input)),
      save: (state) => store.saveCheckpoint(keyOf(task.input), state),
    },
    progress(done, of, remark) {
      const now = performance.now();
      if (now - lastReport < 200 && done < of) return;
      lastReport = now;
      say({ says: "progress", done, of, ...(remark === undefined ? {} : { remark }) });
    },
  };
}

function say(message: WorkerMessage): void {
  const bytes = new TextEncoder().encode(JSON.stringify(message) + "\n");
  for (let offset = 0; offset < bytes.length;) {
    offset += Deno.stdout.writeSync(bytes.subarray(offset));
  }
}
