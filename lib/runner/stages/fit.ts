/**
 * Stage "fit": a detector trained on good images for one seed.
 *
 * Payload: the detector's model files.
 *
 * @module
 */
import type { Json } from "../../base/digest.ts";
import { type NdArray, parseNpy } from "../../base/npy.ts";
import type { Detector, DetectorPlan, FitPlan, ImageBlock } from "../../maps/detector.ts";
import { detectorNamed } from "../../maps/detectors.ts";
import type { PackRows } from "../packs.ts";
import { type PenaltyLocation, type PlannedPenalty, readPenalty } from "../planned_penalty.ts";
import { type PlannedWeights, readWeights } from "../planned_weights.ts";
import { makeStage, type Stage } from "../stage.ts";
import { type StageContext, type StageKind, stageKind } from "../stage_kind.ts";

interface Parameters {
  readonly detector: string;
  readonly plan: FitPlan;
  readonly seed: number;
  /** Rows of the training images in each of the packs. */
  readonly rows: readonly (readonly number[])[];
}

interface Locations {
  readonly weights?: PlannedWeights;
  readonly penalty?: PenaltyLocation;
}

/** Reads the good images as pixels or embeddings, and "prepare"; gives the detector's model files. */
export const fitKind: StageKind = stageKind<Parameters, Locations>({
  revision: 1,
  async run(context) {
    const { detector, plan, seed, rows } = context.parameters;
    const { weights, penalty } = context.locations;
    return await detectorNamed(detector).fit({
      plan,
      blocks: trainingBlocks(context),
      images: rows.reduce((sum, { length }) => sum + length, 0),
      weights: weights === undefined ? undefined : await readWeights(weights),
      ...(context.count("prepare") === 0 ? {} : { prepared: await context.read("prepare") }),
      ...(penalty === undefined ? {} : { penalty: await readPenalty(penalty) }),
      seed,
      progress: context.progress,
      checkpoints: context.checkpoints,
    });
  },
});

/** The training images pack by pack, so that no more than one pack is in memory beside the model. */
async function* trainingBlocks(
  { parameters, read }: StageContext<Parameters, Locations>,
): AsyncGenerator<ImageBlock> {
  const role = imageRole(parameters.plan);
  for (const [index, rows] of parameters.rows.entries()) {
    yield selectImages(parseNpy((await read(role, index)).get(`${role}.npy`)!), rows);
  }
}

/** The stage a detector reads its images from. */
function imageRole(plan: FitPlan): "embeddings" | "pixels" {
  return plan.embedding === undefined ? "pixels" : "embeddings";
}

/** Copies the images `rows` out of a block. */
export function selectImages(block: NdArray, rows: readonly number[]): ImageBlock {
  const source = block as ImageBlock;
  const [count, ...imageShape] = source.shape;
  const length = imageShape.reduce((product, size) => product * size, 1);
  const data = source.data instanceof Uint8Array
    ? new Uint8Array(rows.length * length)
    : new Float32Array(rows.length * length);
  rows.forEach((row, i) => {
    if (!(row < count)) throw new RangeError(`Cannot take image ${row} of a pack of ${count}`);
    data.set(source.data.subarray(row * length, (row + 1) * length), i * length);
  });
  return { shape: [rows.length, ...imageShape], data } as ImageBlock;
}

/**
 * `detector` trained on the selected images, whose blocks are the stages `images`, with `seed` and
 * `weights`, or with what the stage `prepared` made of them.
 *
 * @param penalty the images whose digest is part of `plan`, where the detector takes some
 */
export function fitStage(
  detector: Detector,
  plan: DetectorPlan,
  selection: readonly PackRows[],
  images: readonly Stage[],
  seed: number,
  weights: PlannedWeights | undefined,
  prepared: Stage | undefined,
  penalty: PlannedPenalty | undefined,
  numerics: Json,
): Stage {
  const { mapParameters: _, reading: __, ...shaping } = plan;
  const count = selection.reduce((sum, { rows }) => sum + rows.length, 0);
  const patches = count * plan.grid[0] * plan.grid[1];
  const cost = detector.fitCost?.(plan, count) ??
    { seconds: 1 + patches * 5e-5, mebibytes: 200 + patches * 3e-3 };
  return makeStage({
    stage: "fit",
    revision: fitKind.revision,
    parameters: {
      detector: detector.id,
      detectorRevision: detector.revision,
      plan: shaping as unknown as Json,
      seed,
      ...(weights === undefined ? {} : { weights: weights.digest }),
      rows: selection.map(({ rows }) => rows),
    },
    locations: {
      weights: weights as unknown as Json,
      ...(penalty === undefined
        ? {}
        : { penalty: { folder: penalty.folder, digest: penalty.digest } }),
    },
    needs: {
      [imageRole(plan)]: images,
      ...(prepared === undefined ? {} : { prepare: prepared }),
    },
    numerics,
    label: `training of ${detector.name}, seed ${seed}`,
    ...cost,
  });
}
