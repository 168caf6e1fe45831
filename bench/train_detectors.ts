/**
 * Times one training step of the detectors that are trained (frozen backbone's features, forward,
 * gradients, optimizer) against a torch twin, as bench/train.ts does: WideResNet-50-2, 256 pixels.
 *
 * ```sh
 * PEER_PYTHON=python3 deno task bench train_detectors [--json] [--runs 3] [detector …]
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { unknownName } from "../lib/base/errors.ts";
import { RandomState } from "../lib/base/random.ts";
import { drawPermutations, fastFlowStep, type FlowSettings } from "../lib/maps/fastflow.ts";
import { featureLayouts, openFrozenFeatures } from "../lib/maps/frozen_features.ts";
import { decoderLayouts, rd4adStep } from "../lib/maps/rd4ad.ts";
import { rd4adVariants } from "../lib/maps/rd4ad_detector.ts";
import type { TrainingStep } from "../lib/onnx/training.ts";
import { initialWeights } from "../lib/weights/backbone.ts";
import { backboneNamed } from "../lib/weights/backbones.ts";
import {
  drawnImages,
  printResults,
  serveSteps,
  timeSteps,
  type TrainBenchResult,
} from "./train.ts";

const backbone = "wide_resnet50_2";
const batch = 16;
const size = 256;
const flow: FlowSettings = { flowSteps: 8, kernels: "alternating", hiddenRatio: 1, clamp: 2 };

/** Steps by detector. */
const detectorSteps: ReadonlyMap<string, () => TrainingStep> = new Map([
  ["fastflow", () => {
    const layouts = featureLayouts(backbone, size);
    return fastFlowStep(layouts, batch, flow, drawPermutations(layouts, flow, 0), 1e-5);
  }],
  ["rd4ad", () => {
    const layouts = featureLayouts(backbone, size);
    return rd4adStep(layouts, batch, decoderLayouts[backbone], rd4adVariants.paper);
  }],
]);

/** Times the named detectors' steps, all of them if none is named. */
export async function benchTrainDetectors(
  names: readonly string[],
  runs: number,
): Promise<TrainBenchResult[]> {
  const results: TrainBenchResult[] = [];
  for (const name of names.length > 0 ? names : detectorSteps.keys()) {
    if (!detectorSteps.has(name)) throw unknownName("detector", name, detectorSteps.keys());
    const peer = new URL("train_detectors_peer.py", import.meta.url).pathname;
    results.push(
      await timeSteps({
        name: `training step ${name} on ${backbone}, batch ${batch} at ${size}`,
        ours: [import.meta.filename!, "--step", name],
        peer: [peer, name, String(batch), String(size)],
      }, runs),
    );
  }
  return results;
}

/** The child's side: as in a training whose features do not fit into memory. */
async function runSteps(name: string): Promise<void> {
  const random = new RandomState(0);
  const weights = initialWeights(backboneNamed(backbone), random);
  const pixels = drawnImages(random, batch, size);
  const features = await openFrozenFeatures(backbone, size, weights, [pixels], batch, {
    keptBytes: 0,
  });
  const places = Array.from({ length: batch }, (_, i) => i);
  await serveSteps(name, detectorSteps.get(name)!(), () => features.of(places));
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
  else printResults(await benchTrainDetectors(positionals, Number(values.runs)), values.json);
}
