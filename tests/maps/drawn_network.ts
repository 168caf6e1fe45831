/**
 * Weights, pixels and features as tests/fixtures/torch_fastflow/drawn_network.py draws them, for the
 * tests of the detectors that are trained on a frozen backbone's features.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type NdArray, parseFloat32Npy } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { readAnomalyMap } from "../../lib/maps/anomaly_map.ts";
import type { Checkpoints } from "../../lib/maps/checkpoints.ts";
import type { Detector, DetectorModel, DetectorPlan } from "../../lib/maps/detector.ts";
import { sizeOf } from "../../lib/onnx/graph.ts";
import type { TrainingStep } from "../../lib/onnx/training.ts";
import { parameterShapes } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";

type Tensors = Map<string, NdArray<Float32Array>>;

/** Numbers for all tensors, drawn in the order of their sorted names. */
export function drawnTensors(
  shapes: Iterable<readonly [string, readonly number[]]>,
  seed: number,
): Tensors {
  const random = new RandomState(seed);
  return new Map(
    [...shapes].sort(([a], [b]) => a < b ? -1 : 1).map(([name, shape]) => {
      const number = (draw: number) => {
        if (name.endsWith("global_scale")) return 9.5 + draw;
        if (name.startsWith("norms.") || shape.length !== 4) {
          return /(weight|var)$/.test(name) ? draw + 0.5 : draw - 0.5;
        }
        return (draw - 0.5) * 3 / Math.sqrt(sizeOf(shape.slice(1)));
      };
      const data = Float32Array.from({ length: sizeOf(shape) }, () => number(random.random()));
      return [name, { shape, data }];
    }),
  );
}

/** Drawn tensors for everything that a training step keeps, without the optimizer's. */
export function drawnFor(step: TrainingStep, seed: number): Tensors {
  return drawnTensors(step.records.map(({ name, value }) => [name, value.shape] as const), seed);
}

/** Drawn weights of the backbone `small`. */
export function drawnSmall(seed: number): Tensors {
  return drawnTensors(parameterShapes(backboneNamed("small")), seed);
}

/** `[images, size, size, 3]` */
export function drawnPixels(seed: number, images: number, size: number): NdArray<Uint8Array> {
  const random = new RandomState(seed);
  const shape = [images, size, size, 3];
  const data = Uint8Array.from(
    { length: sizeOf(shape) },
    () => Math.floor(random.random() * 256),
  );
  return { shape, data };
}

/** Normal numbers. */
export function drawnFeatures(seed: number, shape: readonly number[]): NdArray<Float32Array> {
  const random = new RandomState(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()) };
}

/** An array of a fixture folder. */
export function fixtureArray(folder: string, name: string): NdArray<Float32Array> {
  const path = new URL(`../fixtures/${folder}/${name}.npy`, import.meta.url);
  return parseFloat32Npy(Deno.readFileSync(path), name);
}

/** The contents of a fixture folder's numbers.json. */
export function fixtureNumbers<T>(folder: string): T {
  const path = new URL(`../fixtures/${folder}/numbers.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(path)) as T;
}

/** Every number within `tolerance` of the expected one. */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    assert.ok(error <= tolerance, `number ${i}: ${actual[i]}, expected ${expected[i]}`);
  }
}

/** Every number within `share` of the expected one's size. */
export function assertRelative(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  share: number,
): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] / expected[i] - 1);
    assert.ok(error <= share, `number ${i}: ${actual[i]}, expected ${expected[i]}`);
  }
}

/** A store's checkpoints in memory; the training is killed when it has saved `kills` times. */
export class KillingCheckpoints implements Checkpoints {
  #state: Uint8Array<ArrayBuffer> | undefined;
  saved = 0;

  constructor(readonly kills = Infinity) {}

  load(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.resolve(this.#state);
  }

  save(state: Uint8Array): Promise<void> {
    this.#state = new Uint8Array(state);
    this.saved++;
    return this.saved === this.kills ? Promise.reject(new Error("killed")) : Promise.resolve();
  }
}

/** Fits `detector` on `pixels`, in two blocks. */
export function fitOn(
  detector: Detector,
  plan: DetectorPlan,
  pixels: NdArray<Uint8Array>,
  seed: number,
  checkpoints: Checkpoints = new KillingCheckpoints(),
): Promise<DetectorModel> {
  const [images, ...shape] = pixels.shape;
  const length = sizeOf(shape);
  const block = (from: number, to: number) => ({
    shape: [to - from, ...shape],
    data: pixels.data.subarray(from * length, to * length),
  });
  return detector.fit({
    plan,
    blocks: (async function* () {
      yield await Promise.resolve(block(0, 1));
      yield block(1, images);
    })(),
    images,
    weights: drawnSmall(1),
    seed,
    progress: () => {},
    checkpoints,
  });
}

/** The maps that a fitted detector makes of `pixels`, read to image size, one after the other. */
export async function readMaps(
  detector: Detector,
  plan: DetectorPlan,
  model: DetectorModel,
  pixels: NdArray<Uint8Array>,
): Promise<Float32Array[]> {
  const opened = await detector.open(plan, model, drawnSmall(1));
  const { maps: { shape, data } } = await opened.maps(pixels);
  await opened.close();
  const [images, height, width] = shape;
  return Array.from({ length: images }, (_, i) => {
    const native = data.subarray(i * height * width, (i + 1) * height * width);
    return readAnomalyMap(native, height, width, pixels.shape[1], plan.reading);
  });
}

/** Runs `work` while a minute passes between any two looks at the clock. */
export async function withFastClock<T>(work: () => Promise<T>): Promise<T> {
  const { now } = performance;
  let time = 0;
  performance.now = () => time += 60_000;
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}
