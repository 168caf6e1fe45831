/**
 * Times one training step (forward, gradients, optimizer) against torch on the same network, batch and
 * thread count, both in processes of their own that run in turn: ours, torch, ours, torch …
 *
 * ```sh
 * PEER_PYTHON=python3 deno task bench train [--json] [--runs 7] [network …]
 * ```
 *
 * `PEER_PYTHON` names a Python with torch 2.13; without it ours is timed alone. `ratio` is torch's time
 * by ours, medians of the runs; `ours_peak_mb` and `peer_peak_mb` the processes' largest memory.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { DataError, InterruptedError, unknownName } from "../lib/base/errors.ts";
import type { NdArray } from "../lib/base/npy.ts";
import { RandomState } from "../lib/base/random.ts";
import { Graph, sizeOf } from "../lib/onnx/graph.ts";
import { softmaxCrossEntropy } from "../lib/onnx/losses.ts";
import { sgd } from "../lib/onnx/optimizers.ts";
import { scopeOf, trainableParameters } from "../lib/onnx/parameters.ts";
import {
  train,
  type TrainingOptions,
  type TrainingStep,
  trainingStep,
} from "../lib/onnx/training.ts";
import { trainableBackbone } from "../lib/weights/backbone.ts";
import { backboneNamed } from "../lib/weights/backbones.ts";

/** Networks with their batch and image sizes: as they are trained in the tables. */
const networks: ReadonlyMap<string, { readonly batch: number; readonly size: number }> = new Map([
  ["resnet18", { batch: 8, size: 256 }],
  ["wide_resnet50_2", { batch: 4, size: 256 }],
  ["small", { batch: 64, size: 64 }],
]);
const classes = 10;

/** One line of `--json`. */
export interface TrainBenchResult {
  readonly name: string;
  readonly ours_s: number;
  readonly peer: string | null;
  readonly peer_s: number | null;
  readonly ratio: number | null;
  readonly threads: number;
  readonly ours_peak_mb: number;
  readonly peer_peak_mb: number | null;
}

/** Times the named networks, all of them if none is named. */
export async function benchTrain(
  names: readonly string[],
  runs: number,
): Promise<TrainBenchResult[]> {
  const results: TrainBenchResult[] = [];
  for (const name of names.length > 0 ? names : networks.keys()) {
    const sizes = networks.get(name);
    if (sizes === undefined) throw unknownName("network", name, networks.keys());
    const { batch, size } = sizes;
    results.push(
      await timeSteps({
        name: `training step ${name}, batch ${batch} at ${size}`,
        ours: [import.meta.filename!, "--step", name],
        peer: [
          new URL("train_peer.py", import.meta.url).pathname,
          name,
          ...[batch, size, classes].map(String),
        ],
      }, runs),
    );
  }
  return results;
}

/** A training step of ours and its peer's: the scripts that serve it, with their arguments. */
export interface TimedStep {
  readonly name: string;
  /** A script of this folder that calls `serveSteps`. */
  readonly ours: readonly string[];
  /** For the Python that `PEER_PYTHON` names. */
  readonly peer: readonly string[];
}

/** Times both in turn: one step to warm up, then `runs` steps. */
export async function timeSteps(step: TimedStep, runs: number): Promise<TrainBenchResult> {
  const python = Deno.env.get("PEER_PYTHON");
  const config = new URL("../deno.json", import.meta.url).pathname;
  const ours = new Stepper(Deno.execPath(), [
    "run",
    "-A",
    "--quiet",
    "--config",
    config,
    ...step.ours,
  ]);
  const peer = python === undefined ? undefined : new Stepper(python, step.peer);
  const times: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let run = 0; run <= runs; run++) {
    const seconds = { ours: await ours.step(), peer: await peer?.step() };
    if (run === 0) continue; // the first step also allocates
    times.ours.push(seconds.ours);
    if (seconds.peer !== undefined) times.peer.push(seconds.peer);
  }
  const [oursPeak, peerPeak] = [await ours.end(), await peer?.end()];
  const oursSeconds = median(times.ours);
  const peerSeconds = peer === undefined ? null : median(times.peer);
  return {
    name: step.name,
    ours_s: oursSeconds,
    peer: peer === undefined ? null : "torch",
    peer_s: peerSeconds,
    ratio: peerSeconds === null ? null : peerSeconds / oursSeconds,
    threads: 1,
    ours_peak_mb: oursPeak,
    peer_peak_mb: peerPeak ?? null,
  };
}

/** A process that runs one step for each line it is sent and answers with the seconds it took. */
class Stepper {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env: { OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
  }

  /** Seconds of one step. */
  async step(): Promise<number> {
    await this.#writer.write(new TextEncoder().encode("step\n"));
    return await this.#number();
  }

  /** Ends the process; its peak memory in MB. */
  async end(): Promise<number> {
    await this.#writer.close();
    const peak = await this.#number();
    await this.#child.status;
    return peak;
  }

  async #number(): Promise<number> {
    const { value, done } = await this.#lines.next();
    if (done) throw new DataError("Cannot time the step: its process ended");
    return Number(value);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** The child's side: trains on one drawn batch, a step for each line of the input. */
async function runSteps(name: string): Promise<void> {
  const { batch, size } = networks.get(name)!;
  const random = new RandomState(0);
  const image = drawnImages(random, batch, size);
  const labels: NdArray = {
    shape: [batch],
    data: BigInt64Array.from({ length: batch }, () => BigInt(random.integer(classes))),
  };
  await serveSteps(name, classifierStep(name, batch, size), () => ({ image, labels }));
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

/** A classifier's training step: SGD with momentum, as the peer's. */
function classifierStep(name: string, batch: number, size: number): TrainingStep {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const image = graph.input("image", "uint8", [batch, size, size, 3]);
  const { logits } = trainableBackbone(backboneNamed(name), image, scopeOf(parameters), {
    classes,
  });
  const loss = softmaxCrossEntropy(logits!, graph.input("labels", "int64", [batch]));
  return trainingStep({ parameters, loss, optimizer: sgd({ momentum: 0.9 }) });
}

function peakMegabytes(): number {
  return process.resourceUsage().maxRSS / 1024;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      runs: { type: "string", default: "7" },
      step: { type: "string" },
    },
  });
  if (values.step !== undefined) {
    await runSteps(values.step);
  } else {
    const results = await benchTrain(positionals, Number(values.runs));
    printResults(results, values.json);
  }
}

/** One line per result, or all as JSON. */
export function printResults(results: readonly TrainBenchResult[], json: boolean): void {
  if (json) console.log(JSON.stringify(results));
  else for (const result of results) console.log(describe(result));
}

function describe(result: TrainBenchResult): string {
  const ours = `${result.name}: ${result.ours_s.toFixed(3)} s, ${
    result.ours_peak_mb.toFixed(0)
  } MB`;
  if (result.peer_s === null) return ours;
  return `${ours}; torch ${result.peer_s.toFixed(3)} s, ${result.peer_peak_mb!.toFixed(0)} MB; ` +
    `ratio ${result.ratio!.toFixed(2)}`;
}
