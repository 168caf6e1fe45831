/**
 * Stage "maps": the anomaly maps of a fitted detector for some images of a pack, at the detector's
 * native resolution.
 *
 * Payload: `maps.npy`, float32 `[n, h, w]`; `scores.npy`, float64 `[n]`, of a variant with an image
 * score of its own.
 *
 * @module
 */
import { digestOf, type Json } from "../../base/digest.ts";
import { npyBytes, parseNpy } from "../../base/npy.ts";
import type { Detector, DetectorPlan, MapPlan, OpenDetector } from "../../maps/detector.ts";
import { detectorNamed } from "../../maps/detectors.ts";
import { packLabel, type PackRows } from "../packs.ts";
import { type PlannedWeights, readWeights } from "../planned_weights.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";
import { pixelRole } from "./embeddings.ts";
import { selectImages } from "./fit.ts";

interface Parameters {
  readonly detector: string;
  readonly plan: MapPlan;
  readonly rows: readonly number[];
}

interface Locations {
  /** Which detector is opened how, to keep it open from pack to pack. */
  readonly opened: string;
  readonly weights?: PlannedWeights;
}

/** The detector of the last stage that this worker ran. */
let open: { readonly opened: string; readonly detector: OpenDetector } | undefined;

/** Reads "fit" and the images as pixels, embeddings or generated ones; gives `maps.npy`. */
export const mapsKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters: { detector, plan, rows }, locations: { opened, weights }, read, count }) {
    if (open?.opened !== opened) {
      const model = await read("fit");
      await open?.detector.close();
      open = undefined;
      const tensors = weights === undefined ? undefined : await readWeights(weights);
      open = { opened, detector: await detectorNamed(detector).open(plan, model, tensors) };
    }
    const role = plan.embedding === undefined ? pixelRole(count) : "embeddings";
    const block = selectImages(parseNpy((await read(role)).get(`${role}.npy`)!), rows);
    const { maps, scores } = await open.detector.maps(block);
    for (const count of [maps.shape[0], scores?.length ?? rows.length]) {
      if (count === rows.length) continue;
      throw new RangeError(`Cannot keep maps of ${detector}: ${count} of ${rows.length} images`);
    }
    const files = new Map([["maps.npy", npyBytes(maps)]]);
    if (scores !== undefined) {
      files.set("scores.npy", npyBytes({ shape: [scores.length], data: scores }));
    }
    return files;
  },
});

/** Maps of the selected images of a pack, whose block is the stage `images`. */
export function mapsStage(
  detector: Detector,
  plan: DetectorPlan,
  fit: Stage,
  images: Stage,
  { pack, rows }: PackRows,
  seed: number,
  weights: PlannedWeights | undefined,
  numerics: Json,
): Stage {
  const { reading: _, ...shaping } = plan;
  return makeStage({
    stage: "maps",
    revision: mapsKind.revision,
    parameters: {
      detector: detector.id,
      detectorRevision: detector.revision,
      plan: shaping as unknown as Json,
      ...(weights === undefined ? {} : { weights: weights.digest }),
      rows,
    },
    needs: { fit, [images.input.stage]: images },
    numerics,
    locations: {
      opened: digestOf([fit.key, shaping as unknown as Json]),
      weights: weights as unknown as Json,
    },
    label: `maps of ${detector.name}, seed ${seed}, ${packLabel(pack)}`,
    seconds: 0.02 * rows.length,
    mebibytes: 400,
  });
}
