/**
 * Stage "train": a supervised method trained on good and bad images for one seed.
 *
 * Payload: the method's model files.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { type NdArray, parseNpy } from "../../base/npy.ts";
import type { SupervisedMethod, SupervisedPlan } from "../../maps/supervised.ts";
import { supervisedNamed } from "../../maps/supervised_methods.ts";
import type { PackRows } from "../packs.ts";
import { type PlannedWeights, readWeights } from "../planned_weights.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";

interface Parameters {
  readonly method: string;
  readonly plan: SupervisedPlan;
  readonly seed: number;
  /** Rows of the training images in each of the packs. */
  readonly rows: readonly (readonly number[])[];
  /** Labels of the training images in order. */
  readonly labels: readonly number[];
}

interface Locations {
  readonly weights: PlannedWeights;
}

/** Reads "pixels"; gives the method's model files. */
export const trainKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters, locations, read, progress, checkpoints }) {
    const { method, plan, seed, rows, labels } = parameters;
    const length = plan.size * plan.size * 3;
    const data = new Uint8Array(labels.length * length);
    let place = 0;
    for (const [index, chosen] of rows.entries()) {
      const pack = parseNpy((await read("pixels", index)).get("pixels.npy")!) as NdArray<
        Uint8Array
      >;
      for (const row of chosen) {
        data.set(pack.data.subarray(row * length, (row + 1) * length), place++ * length);
      }
    }
    return await supervisedNamed(method).fit({
      plan,
      images: { shape: [labels.length, plan.size, plan.size, 3], data },
      labels: Uint8Array.from(labels),
      weights: await readWeights(locations.weights),
      seed,
      progress,
      checkpoints,
    });
  },
});

/** `method` trained on the selected images, whose pixels are the stages `images`, with `seed`. */
export function trainStage(
  method: SupervisedMethod,
  plan: SupervisedPlan,
  selection: readonly PackRows[],
  images: readonly Stage[],
  seed: number,
  weights: PlannedWeights,
  numerics: Json,
  label: string,
): Stage {
  const labels = selection.flatMap(({ pack, rows }) => rows.map((row) => pack.samples[row].label));
  const cost = method.fitCost(plan, labels.length);
  return makeStage({
    stage: "train",
    revision: trainKind.revision,
    parameters: {
      method: method.id,
      methodRevision: method.revision,
      plan: plan as unknown as Json,
      weights: weights.digest,
      seed,
      rows: selection.map(({ rows }) => rows),
      labels,
    },
    needs: { pixels: images },
    numerics,
    locations: { weights: weights as unknown as Json },
    label: `training of ${label}`,
    seconds: cost.seconds,
    mebibytes: cost.mebibytes,
  });
}
