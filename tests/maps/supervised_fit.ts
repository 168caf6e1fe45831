/**
 * Small trainings through the interface of lib/maps/supervised.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import type { Checkpoints } from "../../lib/maps/checkpoints.ts";
import type { DetectorModel } from "../../lib/maps/detector.ts";
import type { SupervisedMethod, SupervisedPlan } from "../../lib/maps/supervised.ts";
import { initialWeights } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";

/** Edge length of the made images. */
export const madeSize = 32;

/** Noise with a bright square in the bad images, which are every third. */
export function madeImages(
  count: number,
  seed: number,
): { readonly images: NdArray<Uint8Array>; readonly labels: Uint8Array } {
  const random = new RandomState(seed);
  const length = madeSize * madeSize * 3;
  const data = Uint8Array.from({ length: count * length }, () => 60 + random.integer(60));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 3 === 2 ? 1 : 0);
  labels.forEach((label, i) => {
    if (label === 0) return;
    const [x, y] = [random.integer(madeSize - 10), random.integer(madeSize - 10)];
    for (let row = y; row < y + 10; row++) {
      const start = i * length + (row * madeSize + x) * 3;
      data.fill(230, start, start + 30);
    }
  });
  return { images: { shape: [count, madeSize, madeSize, 3], data }, labels };
}

/** The plan of a method for the made images, with some parameters of its own. */
export function madePlan(
  method: SupervisedMethod,
  parameters: SupervisedPlan["parameters"],
  variant = method.variants[0],
): SupervisedPlan {
  const plan = method.plan({ profile: "demo", size: madeSize, backbone: "small", variant });
  return { ...plan, parameters: { ...plan.parameters, ...parameters } };
}

/** Trains `method` on made images. */
export function fitMade(
  method: SupervisedMethod,
  plan: SupervisedPlan,
  options: {
    readonly seed?: number;
    readonly checkpoints?: Checkpoints;
    readonly onStep?: (step: number) => void;
  } = {},
): Promise<DetectorModel> {
  const { seed = 333, checkpoints = noCheckpoints, onStep = () => {} } = options;
  return method.fit({
    plan,
    ...madeImages(36, 1),
    weights: initialWeights(backboneNamed("small"), new RandomState(2)),
    seed,
    progress: onStep,
    checkpoints,
  });
}

const noCheckpoints: Checkpoints = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.resolve(),
};

/** A checkpoint in memory, written at every chance. */
class KeptCheckpoint implements Checkpoints {
  state: Uint8Array<ArrayBuffer> | undefined;
  saves = 0;
  load(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.resolve(this.state);
  }
  save(state: Uint8Array): Promise<void> {
    this.state = Uint8Array.from(state);
    this.saves++;
    return Promise.resolve();
  }
}

/** The scores that a trained method gives to images. */
export async function scoresOf(
  method: SupervisedMethod,
  plan: SupervisedPlan,
  model: DetectorModel,
  images: NdArray<Uint8Array>,
): Promise<Float64Array> {
  const opened = await method.open(plan, model);
  try {
    return await opened.scores(images);
  } finally {
    await opened.close();
  }
}

/**
 * Trains `method` again and again from the last checkpoint; every run is killed 1 to 3 steps after its
 * first, `kills` times in all. Then trains to the end.
 */
export async function fitKilled(
  method: SupervisedMethod,
  plan: SupervisedPlan,
  kills: number,
): Promise<DetectorModel> {
  const checkpoints = new KeptCheckpoint();
  const random = new RandomState(4);
  const { now } = performance;
  let clock = 0;
  performance.now = () => clock += 30_000; // so that a checkpoint is due after every step
  try {
    for (let kill = 0; kill < kills; kill++) {
      let left = 1 + random.integer(3);
      const onStep = () => {
        if (left-- === 0) throw new Error("killed");
      };
      await assert.rejects(fitMade(method, plan, { checkpoints, onStep }), /killed/);
    }
    assert.ok(checkpoints.saves > 0);
    return await fitMade(method, plan, { checkpoints });
  } finally {
    performance.now = now;
  }
}
