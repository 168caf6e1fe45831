/**
 * Stage "evaluate": the metrics of a row over its seeds and classes (`evaluation.ts`).
 *
 * Payload: `metrics.json`, an `Evaluation`.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { parseNpy } from "../../base/npy.ts";
import { evaluateRow, type EvaluationInput, type KindedRun, replicates } from "../evaluation.ts";
import { makeStage, type Stage } from "../stage.ts";
import {
  jsonFile,
  parseJsonFile,
  type StageContext,
  type StageKind,
  stageKind,
} from "../stage_kind.ts";
import type { StepTimes } from "./speed.ts";

interface Parameters {
  readonly classes: readonly string[];
  readonly seeds: readonly number[];
  /** Per class and seed, one letter per test image (`TestKind`). */
  readonly kinds: readonly (readonly string[])[];
  readonly replicates: number;
  /** False where the seeds of a class have other test images. */
  readonly sharedImages?: false;
  /** Per class and seed, the type of defect of each test image; asked for by Table 7. */
  readonly defects?: readonly (readonly (readonly (string | null)[])[])[];
  /** Whether the role "aupro" has a stage for each class and seed. */
  readonly pixels?: true;
  /** Steps whose times, taken from the stages of the role "speed", add up to the row's. */
  readonly steps?: readonly (keyof StepTimes)[];
}

/**
 * Reads the scores in "scores" or "forest", and "aupro" and "speed" where there are some; gives
 * `metrics.json`.
 */
export const evaluateKind: StageKind = stageKind<Parameters>({
  revision: 1,
  async run(context) {
    const { classes, defects, sharedImages } = context.parameters;
    const milliseconds = await readTimes(context);
    const aupro = await readAupro(context);
    const evaluation = evaluateRow({
      classes,
      runs: await readRuns(context),
      sharedImages: sharedImages ?? true,
      ...(defects === undefined ? {} : { defects }),
      ...(milliseconds === undefined ? {} : { milliseconds }),
      ...(aupro === undefined ? {} : { aupro }),
    });
    return new Map([["metrics.json", jsonFile(evaluation as unknown as Json)]]);
  },
});

async function readRuns(
  { parameters, read, count }: StageContext<Parameters>,
): Promise<KindedRun[][]> {
  const role = count("forest") > 0 ? "forest" : "scores";
  const runs: KindedRun[][] = [];
  for (const [c, bySeed] of parameters.kinds.entries()) {
    runs.push([]);
    for (const [s, kinds] of bySeed.entries()) {
      const payload = await read(role, c * parameters.seeds.length + s, ["scores.npy"]);
      const scores = parseNpy(payload.get("scores.npy")!).data as Float64Array;
      runs[c].push({ scores, kinds });
    }
  }
  return runs;
}

/** AUPRO of each class and seed. */
async function readAupro(
  { parameters: { pixels, classes, seeds }, read }: StageContext<Parameters>,
): Promise<number[][] | undefined> {
  if (pixels === undefined) return undefined;
  const values: number[][] = [];
  for (let c = 0; c < classes.length; c++) {
    values.push([]);
    for (let s = 0; s < seeds.length; s++) {
      const payload = await read("aupro", c * seeds.length + s);
      values[c].push(parseJsonFile<{ aupro: number }>(payload, "aupro.json").aupro);
    }
  }
  return values;
}

/** The sum of the steps' times over all stages that measured them. */
async function readTimes(
  { parameters: { steps }, count, read }: StageContext<Parameters>,
): Promise<number | undefined> {
  if (steps === undefined) return undefined;
  let sum = 0;
  for (let i = 0; i < count("speed"); i++) {
    const times = parseJsonFile<StepTimes>(await read("speed", i), "speed.json");
    for (const step of steps) sum += times[step] ?? 0;
  }
  return sum;
}

/** What a row's evaluation is planned from. */
export interface EvaluateTask
  extends Pick<EvaluationInput, "classes" | "sharedImages" | "defects"> {
  /** Name of the row, for the label. */
  readonly row: string;
  /** In the order of the columns of scores. */
  readonly seeds: readonly number[];
  /** Per class, one stage with scores for each seed. */
  readonly scores: readonly (readonly Stage[])[];
  /** Per class and seed, one letter per test image (`TestKind`). */
  readonly kinds: readonly (readonly string[])[];
  /** AUPRO of each class and seed, class by class, where there are masks. */
  readonly aupro?: readonly Stage[];
  /** Stages that measured the row's steps. */
  readonly speed?: {
    readonly stages: readonly Stage[];
    readonly steps: readonly (keyof StepTimes)[];
  };
}

/** The evaluation of a row. */
export function evaluateStage(task: EvaluateTask): Stage {
  const { row, classes, seeds, scores, kinds, sharedImages, defects, speed, aupro } = task;
  return makeStage({
    stage: "evaluate",
    revision: evaluateKind.revision,
    parameters: {
      classes,
      seeds,
      kinds,
      replicates,
      ...(sharedImages ? {} : { sharedImages }),
      ...(defects === undefined ? {} : { defects }),
      ...(speed === undefined ? {} : { steps: speed.steps }),
      ...(aupro === undefined ? {} : { pixels: true }),
    } as Record<string, Json>,
    needs: {
      [scores[0][0].input.stage]: scores.flat(),
      ...(speed === undefined ? {} : { speed: speed.stages }),
      ...(aupro === undefined ? {} : { aupro }),
    },
    label: `metrics of ${row}`,
    seconds: 1,
    mebibytes: 100,
  });
}
