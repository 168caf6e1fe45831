/**
 * What the programs that time a training step share: their cases, and the side of our process that runs
 * the steps.
 *
 * @module
 */
import { InterruptedError } from "../../lib/base/errors.ts";
import type { NdArray } from "../../lib/base/npy.ts";
import type { RandomState } from "../../lib/base/random.ts";
import { sizeOf } from "../../lib/onnx/graph.ts";
import { train, type TrainingOptions, type TrainingStep } from "../../lib/onnx/training.ts";
import type { BenchCase, Benchmark } from "./benchmark.ts";
import { linesOf, peakMegabytes } from "./timed_process.ts";

/** A training step of ours and of the peer. */
export interface TimedStep {
  /** Network, batch and size, for the line that is printed. */
  readonly title: string;
  /** What the peer is told after the step's name. */
  readonly peer: readonly (string | number)[];
  /** Runs the steps, with `serveSteps`. */
  readonly serve: () => Promise<void>;
}

/** What keeps the libraries of both sides to one thread. */
const oneThread = { OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };

/** A program that times training steps. */
export interface StepBenchmark extends Pick<Benchmark, "name" | "summary" | "runs"> {
  /** `import.meta.filename` of the program, which serves the step that its first word names. */
  readonly program: string;
  /** The steps by name. */
  readonly steps: ReadonlyMap<string, TimedStep>;
}

/** The steps as cases, timed on one thread against torch. */
export function stepBenchmark({ program, steps, ...about }: StepBenchmark): Benchmark {
  const cases = [...steps].map(([name, { title, peer }]): [string, BenchCase] => [name, {
    title: `training step ${title}`,
    threads: [1],
    timed: (_, time) =>
      time({
        program,
        ours: [name],
        peer: [name, ...peer.map(String)],
        env: oneThread,
        line: "step",
      }),
  }]);
  return { ...about, peer: "torch", peerNeeds: "torch 2.13", cases: new Map(cases) };
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
