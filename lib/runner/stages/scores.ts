/**
 * Stage "scores": the image scores of a detector or a supervised method alone for the test images.
 *
 * Payload: `scores.npy`, float64 `[n]`, in the order of the test images.
 *
 * @module
 */
import { npyBytes, parseNpy } from "../../base/npy.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageKind, stageKind } from "../stage_kind.ts";
import { predictionRole } from "./out_of_fold.ts";

interface Parameters {
  /** Places of the test images among the rows of all entries, in order. */
  readonly test: readonly number[];
}

/** Reads the scores of "imported", "features" or a method's predictions; gives `scores.npy`. */
export const scoresKind: StageKind = stageKind<Parameters>({
  revision: 1,
  async run({ parameters: { test }, count, read }) {
    const role = predictionRole({ count }) ?? (count("imported") > 0 ? "imported" : "features");
    const scores: number[] = [];
    for (let i = 0; i < count(role); i++) {
      const payload = await read(role, i, ["scores.npy"]);
      scores.push(...parseNpy(payload.get("scores.npy")!).data as Float64Array);
    }
    const data = Float64Array.from(test, (place) => {
      if (place < scores.length) return scores[place];
      throw new RangeError(`Cannot take score ${place} of ${scores.length}: a pack is short`);
    });
    return new Map([["scores.npy", npyBytes({ shape: [data.length], data })]]);
  },
});

/** Scores of the test images at the places `test` among the rows of `images`, stages of one kind. */
export function scoresStage(
  images: readonly Stage[],
  test: readonly number[],
  label: string,
): Stage {
  return makeStage({
    stage: "scores",
    revision: scoresKind.revision,
    parameters: { test },
    needs: { [images[0].input.stage]: images },
    label: `scores of ${label}`,
    seconds: 0.02,
    mebibytes: 50,
  });
}
