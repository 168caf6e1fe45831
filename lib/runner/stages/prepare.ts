/**
 * Stage "prepare": what a detector needs that depends on no image and no seed, such as EfficientAD's
 * teacher. Made once, read by all fits.
 *
 * Payload: the files that the detector's `prepare` gives.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import type { Detector, DetectorPlan } from "../../maps/detector.ts";
import { detectorNamed } from "../../maps/detectors.ts";
import { type PlannedWeights, readWeights } from "../planned_weights.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";

interface Parameters {
  readonly detector: string;
}

interface Locations {
  readonly plan: DetectorPlan;
  readonly weights: PlannedWeights;
}

/** Reads no stage; gives what the detector's `prepare` gives. */
export const prepareKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run({ parameters, locations: { plan, weights }, progress, checkpoints }) {
    return await detectorNamed(parameters.detector).prepare!({
      plan,
      weights: await readWeights(weights),
      progress,
      checkpoints,
    });
  },
});

/** What the fits of `plan` share. Of the plan, only its `preparation` shapes the result. */
export function prepareStage(
  detector: Detector,
  plan: DetectorPlan,
  weights: PlannedWeights,
  numerics: Json,
): Stage {
  return makeStage({
    stage: "prepare",
    revision: prepareKind.revision,
    parameters: {
      detector: detector.id,
      detectorRevision: detector.revision,
      preparation: plan.preparation!,
      weights: weights.digest,
    },
    locations: { plan: plan as unknown as Json, weights: weights as unknown as Json },
    needs: {},
    numerics,
    label: `preparation of ${detector.name}`,
    seconds: 60,
    mebibytes: 800,
  });
}
