/**
 * Times one training step of WRN, DevNet and DRA with the paper's networks and batches against their
 * torch twins, as bench/train.ts does: WideResNet-50-2 with batch 4, ResNet-18 with batch 48, 256 pixels.
 *
 * ```sh
 * PEER_PYTHON=python3 deno task bench train_supervised [--json] [--runs 3] [method …]
 * ```
 *
 * @module
 */
import type { NdArray } from "../lib/base/npy.ts";
import { RandomState } from "../lib/base/random.ts";
import { devNetStep } from "../lib/maps/devnet.ts";
import { draStep } from "../lib/maps/dra.ts";
import { normalNumbers } from "../lib/maps/deviation_network.ts";
import type { SupervisedPlan } from "../lib/maps/supervised.ts";
import { supervisedNamed } from "../lib/maps/supervised_methods.ts";
import { wrnStep } from "../lib/maps/wrn.ts";
import type { TrainingStep } from "../lib/onnx/training.ts";
import type { Benchmark } from "./timing/benchmark.ts";
import { drawnImages, serveSteps, stepBenchmark, type TimedStep } from "./timing/step_bench.ts";

const size = 256;

/** A method's training step, and the feeds of one made batch. */
interface MethodStep {
  readonly step: (plan: SupervisedPlan) => TrainingStep;
  readonly feeds: (plan: SupervisedPlan, random: RandomState) => Record<string, NdArray>;
}

const methodSteps: Readonly<Record<string, MethodStep>> = {
  wrn: {
    step: wrnStep,
    feeds: (plan, random) => ({
      image: drawnImages(random, batchOf(plan), size),
      target: halfBad(batchOf(plan)),
    }),
  },
  devnet: {
    step: devNetStep,
    feeds: (plan, random) => ({
      image: drawnImages(random, batchOf(plan), size),
      target: halfBad(batchOf(plan)),
      normals: normalNumbers([Number(plan.parameters.normals)], random),
    }),
  },
  dra: {
    step: draStep,
    feeds: (plan, random) => {
      const batch = batchOf(plan);
      const kinds = new Float32Array(3 * batch);
      for (let i = 0; i < batch; i++) kinds[i % 3 * batch + i] = 1;
      return {
        image: drawnImages(random, Number(plan.parameters.referenceImages) + batch, size),
        kinds: { shape: [3, batch], data: kinds },
        normals: normalNumbers([4, Number(plan.parameters.normals)], random),
      };
    },
  },
};

const steps: ReadonlyMap<string, TimedStep> = new Map(
  Object.entries(methodSteps).map(([name, step]) => [name, supervised(name, step)]),
);

/** A training step of WRN, DevNet and DRA. */
export const supervisedBenchmark: Benchmark = stepBenchmark({
  name: "train_supervised",
  summary: "a training step of WRN, DevNet and DRA",
  runs: 3,
  program: import.meta.filename!,
  steps,
});

if (import.meta.main) await steps.get(Deno.args[0])!.serve();

/** Training on one made batch. */
function supervised(name: string, { step, feeds }: MethodStep): TimedStep {
  const plan = paperPlan(name);
  return {
    title: `${name} on ${plan.backbone}, batch ${batchOf(plan)} at ${size}`,
    peer: [plan.backbone, batchOf(plan), size],
    serve: async () => {
      const batch = feeds(plan, new RandomState(0));
      await serveSteps(name, step(plan), () => batch);
    },
  };
}

function paperPlan(name: string): SupervisedPlan {
  const method = supervisedNamed(name);
  const [variant] = method.variants;
  return method.plan({ profile: "paper", size, backbone: "wide_resnet50_2", variant });
}

function batchOf(plan: SupervisedPlan): number {
  return Number(plan.parameters.batch);
}

function halfBad(batch: number): NdArray {
  return { shape: [batch], data: Float32Array.from({ length: batch }, (_, i) => i % 2) };
}
