/**
 * Times one training step of EfficientAD, medium networks with padding, batch 1 at 256 pixels, against a
 * torch twin, as bench/train.ts does. `paper`: no augmentation and no penalty image, so that teacher and
 * student see one image, in the twin as in ours; `published`: both, three images.
 *
 * ```sh
 * PEER_PYTHON=python3 deno task bench train_efficientad [--json] [--runs 3] [paper|published …]
 * ```
 *
 * @module
 */
import { RandomState } from "../lib/base/random.ts";
import { efficientAdStep, mediumWidths, patchDescription } from "../lib/maps/efficientad.ts";
import { Graph } from "../lib/onnx/graph.ts";
import { initialTensors, scopeOf, trainableParameters } from "../lib/onnx/parameters.ts";
import type { Benchmark } from "./timing/benchmark.ts";
import { drawnImages, serveSteps, stepBenchmark, type TimedStep } from "./timing/step_bench.ts";

const size = 256;
const networks = { size, widths: mediumWidths, padding: true };

const steps: ReadonlyMap<string, TimedStep> = new Map([
  ["paper", efficientAd("paper", false)],
  ["published", efficientAd("published", true)],
]);

/** A training step of EfficientAD. */
export const efficientAdBenchmark: Benchmark = stepBenchmark({
  name: "train_efficientad",
  summary: "a training step of EfficientAD",
  runs: 3,
  program: import.meta.filename!,
  steps,
});

if (import.meta.main) await steps.get(Deno.args[0])!.serve();

/** @param several whether an augmented and a penalty image are given beside the image */
function efficientAd(name: string, several: boolean): TimedStep {
  return {
    title: `efficientad medium, ${name}, batch 1 at ${size}`,
    peer: [size],
    serve: async () => {
      const random = new RandomState(0);
      const image = drawnImages(random, 1, size);
      const step = efficientAdStep(drawnTeacher(), networks, {
        hardQuantile: 0.999,
        dropout: 0.2,
        augmented: several,
        penalty: several,
      }, 1e-5);
      const others = several
        ? {
          augmented: {
            shape: [1, size, size, 3],
            data: Float32Array.from(drawnImages(random, 1, size).data),
          },
          penalty: drawnImages(random, 1, size),
        }
        : {};
      await serveSteps(name, step, () => ({ image, ...others }));
    },
  };
}

function drawnTeacher() {
  const parameters = trainableParameters(new Graph());
  const image = parameters.graph.input("image", "float32", [1, 3, size, size]);
  patchDescription(scopeOf(parameters), image, mediumWidths.features, networks);
  return initialTensors(parameters.records, 0);
}
