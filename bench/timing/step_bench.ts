/**
 * What the programs that time a training step share: the command line, the two processes that run steps
 * in turn (ours, torch, ours, torch …), and the side of the process that runs them.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { InterruptedError, unknownName, UsageError } from "../../lib/base/errors.ts";
import type { NdArray } from "../../lib/base/npy.ts";
import type { RandomState } from "../../lib/base/random.ts";
import { sizeOf } from "../../lib/onnx/graph.ts";
import { train, type TrainingOptions, type TrainingStep } from "../../lib/onnx/training.ts";
import { linesOf, peakMegabytes, TimedProcess, timeInTurn, type Timing } from "./timed_process.ts";

/** A program that times training steps. */
export interface StepBench {
  /** `import.meta.filename` of the program; its peer is the file beside it that ends in `_peer.py`. */
  readonly program: string;
  /** What the names on the command line are, for messages: "network". */
  readonly kind: string;
  /** The steps by name; all are timed where none is named. */
  readonly steps: ReadonlyMap<string, TimedStep>;
  /** Timed runs of each step where `--runs` gives no number. */
  readonly runs: number;
}

/** A training step of ours and of the peer. */
export interface TimedStep {
  /** Network, batch and size, for the line that is printed. */
  readonly title: string;
  /** What the peer is told after the step's name. */
  readonly peer: readonly (string | number)[];
  /** Runs the steps, with `serveSteps`. */
  readonly serve: () => Promise<void>;
}

/** The program: `[--json] [--runs N] [name …]`, or `--step NAME` as its own child. */
export async function runStepBench(bench: StepBench): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      runs: { type: "string", default: String(bench.runs) },
      step: { type: "string" },
    },
  });
  if (values.step !== undefined) return await stepNamed(bench, values.step).serve();
  const names = positionals.length > 0 ? positionals : [...bench.steps.keys()];
  const runs = Number(values.runs);
  try {
    for (const name of names) stepNamed(bench, name);
    if (!(Number.isInteger(runs) && runs > 0)) {
      throw new UsageError(`Cannot time ${values.runs} runs: it is not a positive integer`);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const message = error.message.replace(/([^.!?])$/, "$1.");
    console.error(`error: ${message} ${error.remedy ?? ""}`.trimEnd());
    Deno.exit(error.exitCode);
  }
  const results: StepTime[] = [];
  for (const name of names) results.push(await timeStep(bench, name, runs));
  if (values.json) console.log(JSON.stringify(results));
  else for (const result of results) console.log(describe(result));
}

function stepNamed({ kind, steps }: StepBench, name: string): TimedStep {
  const step = steps.get(name);
  if (step === undefined) throw unknownName(kind, name, steps.keys());
  return step;
}

/** One line of `--json`. */
interface StepTime extends Timing {
  readonly name: string;
  readonly peer: string | null;
  readonly threads: number;
}

/** What keeps the libraries of both sides to one thread. */
const oneThread = { OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };

/** Times both in turn: one step to warm up, then `runs` steps. */
async function timeStep(bench: StepBench, name: string, runs: number): Promise<StepTime> {
  const step = stepNamed(bench, name);
  const python = Deno.env.get("PEER_PYTHON");
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const ours = new TimedProcess(Deno.execPath(), [
    "run",
    "-A",
    "--quiet",
    "--config",
    config,
    bench.program,
    "--step",
    name,
  ], oneThread);
  const peer = python === undefined ? undefined : new TimedProcess(python, [
    bench.program.replace(/\.ts$/, "_peer.py"),
    name,
    ...step.peer.map(String),
  ], oneThread);
  return {
    name: `training step ${step.title}`,
    peer: peer === undefined ? null : "torch",
    threads: 1,
    ...await timeInTurn(ours, peer, "step", runs),
  };
}

/**
 * Runs a step for each line of the input and answers with the seconds it took, at the end with the
 * process's largest memory in MB.
 */
export async function serveSteps(
  name: string,
  step: TrainingStep,
  batch: TrainingOptions["batch"],
): Promise<void> {
  const lines = linesOf(Deno.stdin.readable);
  const stop = new AbortController();
  let begin = 0;
  const wait = async () => {
    if ((await lines.next()).done) stop.abort();
    begin = performance.now();
  };
  await wait();
  await train(step, {
    name,
    steps: Number.MAX_SAFE_INTEGER,
    seed: 0,
    learningRate: () => 1e-4,
    signal: stop.signal,
    batch,
    checkpoint: {
      every: 1, // the time of a step ends before its checkpoint
      save: async () => {
        if (stop.signal.aborted) return;
        console.log((performance.now() - begin) / 1000);
        await wait();
      },
    },
  }).catch((error) => {
    if (!(error instanceof InterruptedError)) throw error;
    console.log(peakMegabytes());
  });
}

/** Random pixels, `[images, size, size, 3]`. */
export function drawnImages(
  random: RandomState,
  images: number,
  size: number,
): NdArray<Uint8Array> {
  const shape = [images, size, size, 3];
  const data = Uint8Array.from({ length: sizeOf(shape) }, () => random.integer(256));
  return { shape, data };
}

function describe(result: StepTime): string {
  const ours = `${result.name}: ${result.ours_s.toFixed(3)} s, ${
    result.ours_peak_mb.toFixed(0)
  } MB`;
  if (result.peer_s === null) return ours;
  return `${ours}; torch ${result.peer_s.toFixed(3)} s, ${result.peer_peak_mb!.toFixed(0)} MB; ` +
    `ratio ${result.ratio!.toFixed(2)}`;
}
