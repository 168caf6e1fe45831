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
import { RandomState } from "../lib/base/random.ts";
import { drawPermutations, fastFlowStep, type FlowSettings } from "../lib/maps/fastflow.ts";
import { featureLayouts, openFrozenFeatures } from "../lib/maps/frozen_features.ts";
import { decoderLayouts, rd4adStep } from "../lib/maps/rd4ad.ts";
import { rd4adVariants } from "../lib/maps/rd4ad_detector.ts";
import type { TrainingStep } from "../lib/onnx/training.ts";
import { initialWeights } from "../lib/weights/backbone.ts";
import { backboneNamed } from "../lib/weights/backbones.ts";
import type { Benchmark } from "./timing/benchmark.ts";
import { drawnImages, serveSteps, stepBenchmark, type TimedStep } from "./timing/step_bench.ts";

const backbone = "wide_resnet50_2";
const batch = 16;
const size = 256;
const layouts = featureLayouts(backbone, size);
const flow: FlowSettings = { flowSteps: 8, kernels: "alternating", hiddenRatio: 1, clamp: 2 };

const steps: ReadonlyMap<string, TimedStep> = new Map([
  [
    "fastflow",
    onFeatures(
      "fastflow",
      () => fastFlowStep(layouts, batch, flow, drawPermutations(layouts, flow, 0), 1e-5),
    ),
  ],
  [
    "rd4ad",
    onFeatures(
      "rd4ad",
      () => rd4adStep(layouts, batch, decoderLayouts[backbone], rd4adVariants.paper),
    ),
  ],
]);

/** A training step of FastFlow and RD4AD with their frozen backbone. */
export const detectorsBenchmark: Benchmark = stepBenchmark({
  name: "train_detectors",
  summary: "a training step of FastFlow and RD4AD with their frozen backbone",
  runs: 3,
  program: import.meta.filename!,
  steps,
});

if (import.meta.main) await steps.get(Deno.args[0])!.serve();

/** As in a training whose features do not fit into memory. */
function onFeatures(name: string, step: () => TrainingStep): TimedStep {
  return {
    title: `${name} on ${backbone}, batch ${batch} at ${size}`,
    peer: [batch, size],
    serve: async () => {
      const random = new RandomState(0);
      const weights = initialWeights(backboneNamed(backbone), random);
      const pixels = drawnImages(random, batch, size);
      const features = await openFrozenFeatures(backbone, size, weights, [pixels], batch, {
        keptBytes: 0,
      });
      const places = Array.from({ length: batch }, (_, i) => i);
      await serveSteps(name, step(), () => features.of(places));
    },
  };
}
