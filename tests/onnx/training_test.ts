/** Whole training steps: against a float64 torch twin, resumed, stopped, repeated. */
import assert from "node:assert/strict";
import { InterruptedError } from "../../lib/base/errors.ts";
import { gradients } from "../../lib/onnx/gradients.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { scopeOf, trainableParameters } from "../../lib/onnx/layers.ts";
import { softmaxCrossEntropy } from "../../lib/onnx/losses.ts";
import { constantRate, sgd } from "../../lib/onnx/optimizers.ts";
import { evaluationModel } from "../../lib/onnx/evaluation_model.ts";
import {
  DivergenceError,
  networkTensors,
  stateOfTensors,
  tensorsOfState,
  train,
  type TrainingOptions,
  type TrainingState,
  trainingStep,
} from "../../lib/onnx/training.ts";
import { openSession } from "../../lib/onnx/session.ts";
import { drawn, evaluate, relativeError, torchFixture } from "./drawn.ts";
import { regression } from "./regression.ts";
import { residualNet, residualNetTensors } from "./residual_net.ts";

interface NetworkFixture {
  readonly order: string[];
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
  readonly running: Record<string, number[]>;
  /** Errors of torch's own float32 gradients in each of its memory layouts, with oneDNN and without. */
  readonly torchFloat32: readonly { readonly median: number; readonly worst: number }[];
  readonly losses: number[];
  readonly after: Record<string, number[]>;
}

const fixture = torchFixture<NetworkFixture>("network");
const labels = { shape: [4], data: BigInt64Array.of(0n, 1n, 2n, 3n) };

function residualProblem() {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const logits = residualNet(scopeOf(parameters), graph.input("image", "float32", [4, 3, 32, 32]));
  const loss = softmaxCrossEntropy(logits, graph.input("labels", "int64", [4]));
  const shapes = new Map(parameters.records.map(({ name, value }) => [name, value.shape]));
  return { graph, parameters, loss, initial: residualNetTensors(fixture.order, shapes) };
}

Deno.test("whole-network gradients are as near to float64 as torch's own float32", async () => {
  const { graph, parameters, loss, initial } = residualProblem();
  const trained = parameters.records.filter((record) => record.kind === "parameter");
  gradients(loss, trained.map((record) => record.value)).forEach((gradient, i) =>
    graph.output(`d:${trained[i].name}`, gradient)
  );
  graph.output("loss", loss);
  for (const [name, value] of parameters.updates) graph.output(`next:${name}`, value);
  const statistics = parameters.records.filter((record) => record.kind === "statistic").map((
    { name, value },
  ) => [name, drawn(0, value.shape, 0, name.endsWith("var") ? 1 : 0)]);
  const results = await evaluate(graph, {
    ...Object.fromEntries(initial),
    ...Object.fromEntries(statistics),
    image: drawn(5900, [4, 3, 32, 32]),
    labels,
  });
  assert.ok(Math.abs(Number(results.loss.data[0]) - fixture.loss) < 1e-6);
  const errors = fixture.order.map((name) =>
    relativeError(results[`d:${name}`].data as Float32Array, fixture.gradients[name])
  ).sort((a, b) => a - b);
  // Torch's error depends on its layout and library (worst tensor 1.46e-6 to 2.56e-6); ours may be as large.
  const median = Math.max(...fixture.torchFloat32.map((one) => one.median));
  const worst = Math.max(...fixture.torchFloat32.map((one) => one.worst));
  assert.ok(errors[errors.length >> 1] <= median, `median ${errors[errors.length >> 1]}`);
  assert.ok(errors.at(-1)! <= worst, `worst ${errors.at(-1)}`);
  for (const [name, numbers] of Object.entries(fixture.running)) {
    const error = relativeError(results[`next:${name}`].data as Float32Array, numbers);
    assert.ok(error < 1e-6, `${name}: ${error}`);
  }
});

const residualOptions: TrainingOptions = {
  name: "the residual network",
  steps: 10,
  seed: 1,
  learningRate: constantRate(0.01),
  batch: (step) => ({ image: drawn(5900 + step, [4, 3, 32, 32]), labels }),
};

Deno.test("ten steps with momentum give torch's losses and running statistics", async () => {
  const { parameters, loss, initial } = residualProblem();
  const step = trainingStep({ parameters, loss, optimizer: sgd({ momentum: 0.9 }) });
  const { losses, tensors } = await train(step, { ...residualOptions, initial });
  assert.ok(relativeError(losses, fixture.losses) < 1e-4, `${losses} for ${fixture.losses}`);
  for (const [name, numbers] of Object.entries(fixture.after)) {
    assert.ok(relativeError(tensors.get(name)!.data, numbers) < 1e-4, name);
  }
});

function assertSameState(a: TrainingState, b: TrainingState): void {
  assert.equal(a.step, b.step);
  assert.deepEqual(a.losses, b.losses);
  assert.deepEqual([...a.tensors.keys()].sort(), [...b.tensors.keys()].sort());
  for (const [name, { data }] of a.tensors) {
    assert.deepEqual(data, b.tensors.get(name)!.data, name);
  }
}

Deno.test("the same training gives the same bits, another seed does not", async () => {
  const { step, options } = regression();
  const first = await train(step, options);
  assertSameState(first, await train(regression().step, options));
  const other = await train(step, { ...options, seed: 6 });
  assert.notDeepEqual(first.losses, other.losses);
});

Deno.test("a training stopped after any step resumes bit for bit", async () => {
  const { step, options } = regression();
  const whole = await train(step, options);
  const states: TrainingState[] = [];
  await train(step, {
    ...options,
    checkpoint: { every: 1, save: (state) => void states.push(structuredClone(state)) },
  });
  assert.deepEqual(states.map((state) => state.step), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  for (const state of states) {
    const before = structuredClone(state);
    assertSameState(await train(step, { ...options, resume: state }), whole);
    assertSameState(state, before); // the caller's state is left alone
  }
});

Deno.test("an interrupted training saves its state and says where it stopped", async () => {
  const { step, options } = regression();
  const whole = await train(step, options);
  const controller = new AbortController();
  const states: TrainingState[] = [];
  await assert.rejects(
    train(step, {
      ...options,
      signal: controller.signal,
      checkpoint: { every: 100, save: (state) => void states.push(state) },
      onProgress: ({ step }) => step === 7 ? controller.abort() : undefined,
    }),
    (error) => error instanceof InterruptedError && /after step 7/.test(error.message),
  );
  assert.equal(states.length, 1);
  assertSameState(await train(step, { ...options, resume: states[0] }), whole);
});

Deno.test("progress tells step, loss, rate, reports and the time left", async () => {
  const { step, options } = regression();
  const said: unknown[] = [];
  let turns = 0;
  const ticking = setInterval(() => turns++, 0);
  const { losses } = await train(step, {
    ...options,
    onProgress: ({ step, of, loss, learningRate, reports, secondsLeft }) => {
      said.push([step, of, loss, learningRate]);
      assert.equal(reports.doubled, loss);
      assert.equal(secondsLeft === undefined, step === 1);
      if (step === 12) assert.equal(secondsLeft, 0);
    },
  });
  clearInterval(ticking);
  assert.deepEqual(said, losses.map((loss, i) => [i + 1, 12, loss, 0.01]));
  assert.ok(turns >= 10, "the event loop gets its turns");
});

Deno.test("a loss that is not finite stops the training with step and rate", async () => {
  const { parameters, loss } = residualProblem();
  const step = trainingStep({ parameters, loss, optimizer: sgd() });
  const poisoned = (number: number) =>
    train(step, {
      ...residualOptions,
      batch: (at) => ({
        image: at < 4 ? drawn(1, [4, 3, 32, 32]) : drawn(1, [4, 3, 32, 32], 0, number),
        labels,
      }),
    });
  await assert.rejects(
    poisoned(NaN),
    (error) =>
      error instanceof DivergenceError && error.step === 4 && error.learningRate === 0.01 &&
      /training the residual network: the loss is NaN at step 4 \(learning rate 0.01\)/.test(
        error.message,
      ),
  );
});

Deno.test("parameters that are not finite after the last step are an error", async () => {
  const { step, options } = regression();
  await assert.rejects(
    train(step, { ...options, steps: 1, learningRate: constantRate(Infinity) }),
    (error) => error instanceof DivergenceError && /holds (NaN|-?Infinity)/.test(error.message),
  );
});

Deno.test("resuming refuses a state of another network", async () => {
  const { step, options } = regression();
  const state = await train(step, { ...options, steps: 2 });
  const tensors = new Map(state.tensors);
  tensors.delete("net.first.weight/second");
  await assert.rejects(
    train(step, { ...options, resume: { ...state, tensors } }),
    /net.first.weight\/second is missing/,
  );
  await assert.rejects(train(step, { ...options, resume: { ...state, losses: [] } }), /0 losses/);
});

Deno.test("a state survives being stored as tensors", async () => {
  const { step, options } = regression();
  const state = await train(step, { ...options, steps: 3 });
  assertSameState(stateOfTensors(tensorsOfState(state)), state);
  const tensors = tensorsOfState(state);
  tensors.set("net.first.bias", { shape: [1], data: new Uint8Array(1) });
  assert.throws(() => stateOfTensors(tensors), /net.first.bias is Uint8Array/);
  assert.throws(() => stateOfTensors(state.tensors), /its losses are missing/);
});

Deno.test("only the chosen parameters are trained", async () => {
  const { parameters, loss, initial } = residualProblem();
  const step = trainingStep({
    parameters,
    loss,
    optimizer: sgd({ momentum: 0.9 }),
    trains: (name) => name.startsWith("fc"),
  });
  const { tensors } = await train(step, { ...residualOptions, steps: 2, initial });
  assert.deepEqual(tensors.get("conv1.weight")!.data, initial.get("conv1.weight")!.data);
  assert.notDeepEqual(tensors.get("fc.weight")!.data, initial.get("fc.weight")!.data);
  assert.throws(
    () => trainingStep({ ...residualProblem(), optimizer: sgd(), trains: () => false }),
    /no parameter to be trained/,
  );
});

Deno.test("a trained network runs as an ordinary model in evaluation mode", async () => {
  const { parameters, loss, initial } = residualProblem();
  const step = trainingStep({ parameters, loss, optimizer: sgd() });
  const state = await train(step, { ...residualOptions, steps: 2, initial });
  const tensors = networkTensors(step, state);
  assert.equal(tensors.size, parameters.records.length);
  const model = evaluationModel(tensors, (graph, scope) => ({
    logits: residualNet(scope, graph.input("image", "float32", [1, 3, 32, 32])),
  }));
  const session = await openSession(model);
  assert.deepEqual(session.inputs, ["image"]);
  const image = drawn(3, [1, 3, 32, 32]);
  const { logits } = await session.run({ image });
  await session.close();
  assert.deepEqual(logits.shape, [1, 4]);
  assert.ok(logits.data.every((number) => Number.isFinite(number)));
  tensors.delete("bn1.running_var");
  assert.throws(
    () =>
      evaluationModel(tensors, (graph, scope) => ({
        logits: residualNet(scope, graph.input("image", "float32", [1, 3, 32, 32])),
      })),
    /no tensor bn1.running_var/,
  );
});
