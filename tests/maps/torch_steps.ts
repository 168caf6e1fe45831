/**
 * The weights and batches of tests/fixtures/torch_supervised/generate.py, and what torch made of them.
 *
 * @module
 */
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { constantRate } from "../../lib/onnx/optimizers.ts";
import { train, type TrainingState, type TrainingStep } from "../../lib/onnx/training.ts";

/** One training of the fixture. */
export interface StepsCase {
  readonly method: "wrn" | "devnet" | "dra";
  readonly backbone: string;
  readonly size: number;
  readonly batch: number;
  readonly rate: number;
  readonly steps: number;
  /** In float64. */
  readonly losses: readonly number[];
  /** Elements of the first step's gradients, evenly spaced, and each tensor's largest. */
  readonly gradients?: Readonly<Record<string, { most: number; samples: readonly number[] }>>;
  /** Errors of torch's own float32 gradients, relative to each tensor's largest. */
  readonly torchFloat32?: { readonly median: number; readonly worst: number };
}

const path = new URL("../fixtures/torch_supervised/steps.json", import.meta.url);
const fixture = JSON.parse(Deno.readTextFileSync(path)) as {
  readonly normals: number;
  readonly cases: readonly StepsCase[];
};

/** The trainings of one method. */
export function stepsCases(method: StepsCase["method"]): readonly StepsCase[] {
  return fixture.cases.filter((one) => one.method === method);
}

/** Runs the steps of a training as torch did. */
export function trainAsTorch(
  step: TrainingStep,
  { method, size, batch, rate, steps }: StepsCase,
): Promise<TrainingState> {
  return train(step, {
    name: method,
    steps,
    seed: 0,
    learningRate: constantRate(rate),
    initial: drawnWeights(step),
    batch: (number) => drawnFeeds(method, size, batch, number),
  });
}

/** Largest relative difference between two lists of losses. */
export function largestDrift(losses: readonly number[], expected: readonly number[]): number {
  return Math.max(...expected.map((loss, i) => Math.abs(losses[i] - loss) / Math.abs(loss)));
}

function drawnWeights(step: TrainingStep): Map<string, NdArray<Float32Array>> {
  const random = new RandomState(77);
  const table = Float64Array.from({ length: 65521 }, () => random.normal());
  const records = [...step.records].sort((a, b) => a.name < b.name ? -1 : 1);
  return new Map(records.map(({ name, value: { shape } }, i) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const scale = Math.fround(Math.sqrt(2 / shape.slice(1).reduce((a, b) => a * b, 1)));
    for (let j = 0; j < data.length; j++) {
      const number = table[(7919 * i + j) % table.length];
      data[j] = shape.length > 1
        ? number * scale
        : name.endsWith("running_var")
        ? 1 + 0.1 * Math.abs(number)
        : name.endsWith("weight")
        ? 1 + 0.1 * number
        : 0.1 * number;
    }
    return [name, { shape, data }];
  }));
}

function drawnFeeds(
  method: StepsCase["method"],
  size: number,
  batch: number,
  step: number,
): Record<string, NdArray> {
  const random = new RandomState(1000 + step);
  const count = batch + (method === "dra" ? 5 : 0);
  const pixels = Uint8Array.from({ length: count * size * size * 3 }, () => random.integer(256));
  const image = { shape: [count, size, size, 3], data: pixels };
  const normals = (shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  });
  const vector = (at: (i: number) => number) => ({
    shape: [batch],
    data: Float32Array.from({ length: batch }, (_, i) => at(i)),
  });
  switch (method) {
    case "wrn":
      return { image, target: vector((i) => i % 2) };
    case "devnet":
      return {
        image,
        target: vector((i) => i < batch / 2 ? 0 : 1),
        normals: normals([fixture.normals]),
      };
    case "dra": {
      const kinds = new Float32Array(3 * batch);
      for (let i = 0; i < batch; i++) {
        kinds[(i >= 2 * batch / 3 ? 1 : i % 2 === 1 ? 2 : 0) * batch + i] = 1;
      }
      return {
        image,
        kinds: { shape: [3, batch], data: kinds },
        normals: normals([4, fixture.normals]),
      };
    }
  }
}
