/**
 * Stage "predict": the scores of a trained supervised method for some images of a pack.
 *
 * Payload: `scores.npy`, float64 `[n]`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { type NdArray, npyBytes, parseNpy } from "../../base/npy.ts";
import type { OpenSupervised, SupervisedMethod, SupervisedPlan } from "../../maps/supervised.ts";
import { supervisedNamed } from "../../maps/supervised_methods.ts";
import { packLabel, type PackRows } from "../packs.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";
import { selectImages } from "./fit.ts";

interface Parameters {
  readonly method: string;
  readonly plan: SupervisedPlan;
  readonly rows: readonly number[];
}

interface Locations {
  /** Key of the trained method, to keep it open from pack to pack. */
  readonly train: string;
}

/** The method of the last stage that this worker ran. */
let open: { readonly train: string; readonly method: OpenSupervised } | undefined;

/** Reads "train" and "pixels"; gives `scores.npy`. */
export const predictKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { method, plan, rows }, locations: { train }, read }) {
    if (open?.train !== train) {
      const model = await read("train");
      await open?.method.close();
      open = undefined;
      open = { train, method: await supervisedNamed(method).open(plan, model) };
    }
    const images = selectImages(parseNpy((await read("pixels")).get("pixels.npy")!), rows);
    const data = await open.method.scores(images as NdArray<Uint8Array>);
    return new Map([["scores.npy", npyBytes({ shape: [data.length], data })]]);
  },
});

/** Scores of the selected images of a pack, whose pixels are the stage `images`. */
export function predictStage(
  method: SupervisedMethod,
  plan: SupervisedPlan,
  train: Stage,
  images: Stage,
  { pack, rows }: PackRows,
  numerics: Json,
  label: string,
): Stage {
  return makeStage({
    stage: "predict",
    revision: predictKind.revision,
    parameters: {
      method: method.id,
      methodRevision: method.revision,
      plan: plan as unknown as Json,
      rows,
    },
    needs: { train, pixels: images },
    numerics,
    locations: { train: train.key },
    label: `scores of ${label}, ${packLabel(pack)}`,
    seconds: 0.05 * rows.length,
    mebibytes: 600,
  });
}
