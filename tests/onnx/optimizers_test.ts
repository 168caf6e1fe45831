/** Optimizers over 20 steps of given gradients against torch.optim in float64. */
import assert from "node:assert/strict";
import { Graph, type Value } from "../../lib/onnx/graph.ts";
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
    const graph = new Graph();
    let slopes = sizes.map((size, i) => graph.input(`g${i}`, "float32", [size]));
    if (clip !== undefined) {
      const { gradients, norm } = clippedGradients(slopes, clip);
      slopes = gradients;
      graph.output("norm", norm);
    }
    const scalars: Record<string, Value> = Object.fromEntries(
      optimizer.scalars.map((scalar) => [scalar, graph.input(scalar, "float32", [])]),
    );
    const state: Record<string, ReturnType<typeof drawn>> = {};
    shapes.forEach((shape, i) => {
      state[`p${i}`] = drawn(7000 + i, shape);
      const slots = optimizer.slots.map((slot) => {
        state[`${slot}${i}`] = drawn(0, [sizes[i]], 0);
        return graph.input(`${slot}${i}`, "float32", [sizes[i]]);
      });
      const next = optimizer.update(
        graph.input(`p${i}`, "float32", shape),
        slopes[i],
        slots,
        scalars,
      );
      graph.output(`next:p${i}`, next.parameter);
      optimizer.slots.forEach((slot, j) => graph.output(`next:${slot}${i}`, next.slots[j]));
    });
    const session = await openSession(modelBytes(graph));
    let norm: number | null = null;
    for (let step = 1; step <= 20; step++) {
      const numbers = Object.entries(optimizer.scalarsAt(step, rate(step)));
      const results = await session.run({
        ...state,
        ...Object.fromEntries(
          numbers.map(([scalar, value]) => [scalar, { shape: [], data: Float32Array.of(value) }]),
        ),
        ...Object.fromEntries(
          sizes.map((size, i) => [
            `g${i}`,
            drawn(7100 + 10 * step + i, [size], 10 ** (step % 4 - 2)),
          ]),
        ),
      });
      for (const key of Object.keys(state)) {
        state[key] = results[`next:${key}`] as ReturnType<typeof drawn>;
      }
      norm = clip === undefined ? null : Number(results.norm.data[0]);
    }
    await session.close();
    expected.parameters.forEach((numbers, i) => {
      const error = relativeError(state[`p${i}`].data, numbers);
      assert.ok(error < 1e-6, `parameter ${i}: relative error ${error}`);
    });
    if (expected.norm === null) assert.equal(norm, null);
    else assert.ok(Math.abs(norm! / expected.norm - 1) < 1e-6);
  });
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
