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
import { parseArgs } from "node:util";
import { unknownName } from "../lib/base/errors.ts";
import { RandomState } from "../lib/base/random.ts";
import { efficientAdStep, mediumWidths, patchDescription } from "../lib/maps/efficientad.ts";
import { Graph } from "../lib/onnx/graph.ts";
import { initialTensors, scopeOf, trainableParameters } from "../lib/onnx/parameters.ts";
import {
  drawnImages,
  printResults,
  serveSteps,
  timeSteps,
  type TrainBenchResult,
} from "./train.ts";

const size = 256;
const networks = { size, widths: mediumWidths, padding: true };
const steps: ReadonlyMap<string, { readonly images: number }> = new Map([
  ["paper", { images: 1 }],
  ["published", { images: 3 }],
]);

/** Times the named steps, both if none is named. */
export async function benchTrainEfficientAd(
  names: readonly string[],
  runs: number,
): Promise<TrainBenchResult[]> {
  const results: TrainBenchResult[] = [];
  for (const name of names.length > 0 ? names : steps.keys()) {
    if (!steps.has(name)) throw unknownName("step", name, steps.keys());
    const peer = new URL("train_efficientad_peer.py", import.meta.url).pathname;
    results.push(
      await timeSteps({
        name: `training step efficientad medium, ${name}, batch 1 at ${size}`,
        ours: [import.meta.filename!, "--step", name],
        peer: [peer, name, String(size)],
      }, runs),
    );
  }
  return results;
}

async function runSteps(name: string): Promise<void> {
  const several = steps.get(name)!.images > 1;
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
}

function drawnTeacher() {
  const parameters = trainableParameters(new Graph());
  const image = parameters.graph.input("image", "float32", [1, 3, size, size]);
  patchDescription(scopeOf(parameters), image, mediumWidths.features, networks);
  return initialTensors(parameters.records, 0);
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
  else printResults(await benchTrainEfficientAd(positionals, Number(values.runs)), values.json);
}
