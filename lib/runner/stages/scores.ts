/**
 * Stage "scores": the anomaly scores of a detector alone, the maximum of each image's map (paper
 * section 5.5).
 *
 * Payload: `scores.npy`, float64 `[n]`, in the order of the test images.
 *
 * @module
 */
import { npyBytes, parseNpy } from "../../base/npy.ts";
import { makeStage, type Stage } from "../stage.ts";
import { stageKind } from "../stage_kind.ts";

interface Parameters {
  /** Places of the test images among the rows of all feature entries, in order. */
  readonly test: readonly number[];
}

export const scoresKind = stageKind<Parameters>({
  revision: 1,
  async run({ parameters: { test }, count, read }) {
    const maxima: number[] = [];
    for (let i = 0; i < count("features"); i++) {
      const payload = await read("features", i, ["map_max.npy"]);
      maxima.push(...parseNpy(payload.get("map_max.npy")!).data as Float64Array);
    }
    const data = Float64Array.from(test, (place) => maxima[place]);
    return new Map([["scores.npy", npyBytes({ shape: [data.length], data })]]);
  },
});

/** Scores of the test images at the places `test` among the rows of `features`. */
export function scoresStage(
  features: readonly Stage[],
  test: readonly number[],
  label: string,
): Stage {
  return makeStage({
    stage: "scores",
    revision: scoresKind.revision,
    parameters: { test },
    needs: { features },
    label: `scores of ${label}`,
    seconds: 0.02,
    mebibytes: 50,
  });
}
