/**
 * Stage "out_of_fold": the scores of several models of one method for some images of a pack, each image
 * scored by the models that were not trained on it: their mean.
 *
 * Payload: `scores.npy`, float64 `[n]`, as of stage "predict".
 *
 * @module
 */
import { npyBytes, parseNpy } from "../../base/npy.ts";
import { packLabel, type PackRows } from "../packs.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageContext, type StageKind, stageKind } from "../stage_kind.ts";

interface Parameters {
  /** For each image the scores to take the mean of: which predict stage, and the place in it. */
  readonly sources: readonly (readonly (readonly [stage: number, place: number])[])[];
}

/** Reads "predict" of every model; gives `scores.npy`. */
export const outOfFoldKind: StageKind = stageKind<Parameters>({
  revision: 1,
  async run({ parameters: { sources }, count, read }) {
    const scores: Float64Array[] = [];
    for (let i = 0; i < count("predict"); i++) {
      const payload = await read("predict", i, ["scores.npy"]);
      scores.push(parseNpy(payload.get("scores.npy")!).data as Float64Array);
    }
    const data = Float64Array.from(sources, (list) => {
      let sum = 0;
      for (const [stage, place] of list) sum += scores[stage][place];
      if (Number.isNaN(sum)) throw new RangeError("Cannot take a score beyond the end of a pack");
      return sum / list.length;
    });
    return new Map([["scores.npy", npyBytes({ shape: [data.length], data })]]);
  },
});

/** What one model scores of a pack. */
export interface ModelScores {
  /** A predict stage. */
  readonly stage: Stage;
  /** The rows of the pack that it scores, in order. */
  readonly rows: readonly number[];
}

/** Mean scores of the selected images of a pack; `models` holds each model that scores any of them. */
export function outOfFoldStage(
  models: readonly ModelScores[],
  { pack, rows }: PackRows,
  label: string,
): Stage {
  const sources = rows.map((row) =>
    models.flatMap(({ rows }, stage) => {
      const place = rows.indexOf(row);
      return place < 0 ? [] : [[stage, place]];
    })
  );
  return makeStage({
    stage: "out_of_fold",
    revision: outOfFoldKind.revision,
    parameters: { sources },
    needs: { predict: models.map(({ stage }) => stage) },
    label: `scores of ${label}, ${packLabel(pack)}`,
    seconds: 0.02,
    mebibytes: 50,
  });
}

/** The role that holds a supervised method's scores in a stage that reads them, if it has one. */
export function predictionRole({ count }: Pick<StageContext, "count">): string | undefined {
  return ["predict", "out_of_fold"].find((role) => count(role) > 0);
}
