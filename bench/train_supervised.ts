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
import { parseArgs } from "node:util";
import { unknownName } from "../lib/base/errors.ts";
import type { NdArray } from "../lib/base/npy.ts";
import { RandomState } from "../lib/base/random.ts";
import { devNetStep } from "../lib/maps/devnet.ts";
import { draStep } from "../lib/maps/dra.ts";
import { normalNumbers } from "../lib/maps/deviation_network.ts";
import type { SupervisedPlan } from "../lib/maps/supervised.ts";
import { supervisedMethods, supervisedNamed } from "../lib/maps/supervised_methods.ts";
import { wrnStep } from "../lib/maps/wrn.ts";
import type { TrainingStep } from "../lib/onnx/training.ts";
import {
  drawnImages,
  printResults,
  serveSteps,
  timeSteps,
  type TrainBenchResult,
} from "./train.ts";

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

/** Times the named methods' steps, all of them if none is named. */
export async function benchTrainSupervised(
  names: readonly string[],
  runs: number,
): Promise<TrainBenchResult[]> {
  const results: TrainBenchResult[] = [];
  for (const name of names.length > 0 ? names : supervisedMethods.keys()) {
    if (!Object.hasOwn(methodSteps, name)) {
      throw unknownName("supervised method", name, supervisedMethods.keys());
    }
    const plan = paperPlan(name);
    const peer = new URL("train_supervised_peer.py", import.meta.url).pathname;
    results.push(
      await timeSteps({
        name: `training step ${name} on ${plan.backbone}, batch ${batchOf(plan)} at ${size}`,
        ours: [import.meta.filename!, "--step", name],
        peer: [peer, name, plan.backbone, String(batchOf(plan)), String(size)],
      }, runs),
    );
  }
  return results;
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

/** The child's side: trains on one made batch. */
async function runSteps(name: string): Promise<void> {
  const plan = paperPlan(name);
  const feeds = methodSteps[name].feeds(plan, new RandomState(0));
  await serveSteps(name, methodSteps[name].step(plan), () => feeds);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      runs: { type: "string", default: "3" },
      step: { type: "string" },
    },
  });
  if (values.step !== undefined) await runSteps(values.step);
  else printResults(await benchTrainSupervised(positionals, Number(values.runs)), values.json);
}
