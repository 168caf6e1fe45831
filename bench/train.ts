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
import type { NdArray } from "../lib/base/npy.ts";
import { RandomState } from "../lib/base/random.ts";
import { Graph } from "../lib/onnx/graph.ts";
import { softmaxCrossEntropy } from "../lib/onnx/losses.ts";
import { sgd } from "../lib/onnx/optimizers.ts";
import { scopeOf, trainableParameters } from "../lib/onnx/parameters.ts";
import { type TrainingStep, trainingStep } from "../lib/onnx/training.ts";
import { trainableBackbone } from "../lib/weights/backbone.ts";
import { backboneNamed } from "../lib/weights/backbones.ts";
import type { Benchmark } from "./timing/benchmark.ts";
import { drawnImages, serveSteps, stepBenchmark, type TimedStep } from "./timing/step_bench.ts";

const classes = 10;

// As they are trained in the tables.
const steps: ReadonlyMap<string, TimedStep> = new Map([
  ["resnet18", classifier("resnet18", 8, 256)],
  ["wide_resnet50_2", classifier("wide_resnet50_2", 4, 256)],
  ["small", classifier("small", 64, 64)],
]);

/** A training step of whole classifiers. */
export const trainBenchmark: Benchmark = stepBenchmark({
  name: "train",
  summary: "a training step of whole classifiers",
  runs: 7,
  program: import.meta.filename!,
  steps,
});

if (import.meta.main) await steps.get(Deno.args[0])!.serve();

/** Training on one drawn batch. */
function classifier(name: string, batch: number, size: number): TimedStep {
  return {
    title: `${name}, batch ${batch} at ${size}`,
    peer: [batch, size, classes],
    serve: async () => {
      const random = new RandomState(0);
      const image = drawnImages(random, batch, size);
      const labels: NdArray = {
        shape: [batch],
        data: BigInt64Array.from({ length: batch }, () => BigInt(random.integer(classes))),
      };
      await serveSteps(name, classifierStep(name, batch, size), () => ({ image, labels }));
    },
  };
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
