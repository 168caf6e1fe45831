/** Optimizers over 20 steps of given gradients against torch.optim in float64. */
import assert from "node:assert/strict";
import { Graph } from "../../lib/onnx/graph.ts";
import {
  adam,
  clippedGradients,
  constantRate,
  cosineRate,
  type Optimizer,
  type Schedule,
  sgd,
  steppedRate,
} from "../../lib/onnx/optimizers.ts";
import { modelBytes } from "../../lib/onnx/proto.ts";
import { openSession } from "../../lib/onnx/session.ts";
import { drawn, relativeError, torchFixture } from "./drawn.ts";

interface OptimizerCase {
  readonly parameters: number[][];
  readonly norm: number | null;
}

const cases = torchFixture<Record<string, OptimizerCase>>("optimizers");
const shapes = [[3, 4], [5]];
const sizes = [12, 5];

const setups: Record<string, { optimizer: Optimizer; rate: Schedule; clip?: number }> = {
  "sgd": { optimizer: sgd(), rate: constantRate(0.01) },
  "sgd weight decay": { optimizer: sgd({ weightDecay: 0.1 }), rate: constantRate(0.01) },
  "sgd momentum": {
    optimizer: sgd({ momentum: 0.9, weightDecay: 1e-3 }),
    rate: constantRate(0.01),
  },
  "sgd momentum stepped": {
    optimizer: sgd({ momentum: 0.9 }),
    rate: steppedRate(0.01, { every: 7, factor: 0.1 }),
  },
  "adam": { optimizer: adam(), rate: constantRate(0.01) },
  "adam weight decay": {
    optimizer: adam({ beta1: 0.5, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.01 }),
    rate: constantRate(0.01),
  },
  "adam clipped": { optimizer: adam({ weightDecay: 1e-5 }), rate: constantRate(0.01), clip: 1 },
  "sgd clipped": { optimizer: sgd(), rate: constantRate(0.1), clip: 1 },
};

for (const [name, expected] of Object.entries(cases)) {
  Deno.test(`20 steps as in torch: ${name}`, async () => {
    const { optimizer, rate, clip } = setups[name];
    const clipped = clip === undefined ? undefined : await clipping(clip);
    const parameters = shapes.map((shape, i) => drawn(7000 + i, shape).data);
    const slots = sizes.map((size) => optimizer.slots.map(() => new Float32Array(size)));
    let norm: number | null = null;
    for (let step = 1; step <= 20; step++) {
      let gradients = sizes.map((size, i) =>
        drawn(7100 + 10 * step + i, [size], 10 ** (step % 4 - 2)).data
      );
      if (clipped !== undefined) ({ gradients, norm } = await clipped.run(gradients));
      gradients.forEach((gradient, i) =>
        optimizer.update(parameters[i], gradient, slots[i], step, rate(step))
      );
    }
    await clipped?.close();
    expected.parameters.forEach((numbers, i) => {
      const error = relativeError(parameters[i], numbers);
      assert.ok(error < 1e-6, `parameter ${i}: relative error ${error}`);
    });
    if (expected.norm === null) assert.equal(norm, null);
    else assert.ok(Math.abs(norm! / expected.norm - 1) < 1e-6);
  });
}

/** A session that clips gradients of the cases' sizes. */
async function clipping(limit: number) {
  const graph = new Graph();
  const slopes = sizes.map((size, i) => graph.input(`g${i}`, "float32", [size]));
  const { gradients, norm } = clippedGradients(slopes, limit);
  gradients.forEach((gradient, i) => graph.output(`clipped${i}`, gradient));
  graph.output("norm", norm);
  const session = await openSession(modelBytes(graph));
  return {
    run: async (given: readonly Float32Array[]) => {
      const results = await session.run(Object.fromEntries(
        given.map((data, i) => [`g${i}`, { shape: [sizes[i]], data }]),
      ));
      return {
        gradients: sizes.map((_, i) => results[`clipped${i}`].data as Float32Array),
        norm: Number(results.norm.data[0]),
      };
    },
    close: () => session.close(),
  };
}

Deno.test("clippedGradients() leaves small gradients as they are and refuses a limit of 0", async () => {
  const graph = new Graph();
  const g = graph.input("g", "float32", [2]);
  graph.output("clipped", clippedGradients([g], 10).gradients[0]);
  const session = await openSession(modelBytes(graph));
  const { clipped } = await session.run({ g: { shape: [2], data: Float32Array.of(3, 4) } });
  await session.close();
  assert.deepEqual([...clipped.data], [3, 4]);
  assert.throws(() => clippedGradients([g], 0), /limit is 0/);
});

Deno.test("cosineRate() begins at the rate and ends near 0", () => {
  const rate = cosineRate(2, 100);
  assert.equal(rate(1), 2);
  assert.ok(Math.abs(rate(51) - 1) < 1e-12);
  assert.ok(rate(100) < 1e-3);
});
