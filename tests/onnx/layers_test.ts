/** Layers: names, modes, dropout, statistics of a network that is applied twice. */
import assert from "node:assert/strict";
import type { NdArray } from "../../lib/base/npy.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import * as layers from "../../lib/onnx/layers.ts";
import { initialTensors } from "../../lib/onnx/parameters.ts";
import { drawn, evaluate, relativeError } from "./drawn.ts";

Deno.test("layers name their parameters as torch does", () => {
  const graph = new Graph();
  const parameters = layers.trainableParameters(graph);
  const scope = layers.scopeOf(parameters).at("layer1", 0);
  let x = graph.input("x", "float32", [2, 4, 8, 8]);
  x = layers.conv2d(scope.at("conv1"), x, 6, { kernel: 3, groups: 2, bias: false });
  x = layers.batchNorm(scope.at("bn1"), x);
  x = layers.convTranspose2d(scope.at("up"), x, 3, { kernel: 4, stride: 2, padding: 1 });
  layers.layerNorm(scope.at("ln"), x);
  layers.linear(scope.at("fc"), layers.globalAveragePool2d(x), 5);
  assert.deepEqual(
    parameters.records.map(({ name, kind, value }) => [name, kind, value.shape]),
    [
      ["layer1.0.conv1.weight", "parameter", [6, 2, 3, 3]],
      ["layer1.0.bn1.weight", "parameter", [6]],
      ["layer1.0.bn1.bias", "parameter", [6]],
      ["layer1.0.bn1.running_mean", "statistic", [6]],
      ["layer1.0.bn1.running_var", "statistic", [6]],
      ["layer1.0.up.weight", "parameter", [6, 3, 4, 4]],
      ["layer1.0.up.bias", "parameter", [3]],
      ["layer1.0.ln.weight", "parameter", [3, 12, 12]],
      ["layer1.0.ln.bias", "parameter", [3, 12, 12]],
      ["layer1.0.fc.weight", "parameter", [5, 3]],
      ["layer1.0.fc.bias", "parameter", [5]],
    ],
  );
});

Deno.test("initial numbers do not depend on the order of definition", () => {
  const tensors = (names: string[]) => {
    const graph = new Graph();
    const parameters = layers.trainableParameters(graph);
    const x = graph.input("x", "float32", [1, 8]);
    for (const name of names) layers.linear(layers.scopeOf(parameters, name), x, 4);
    return initialTensors(parameters.records, 3);
  };
  const [a, b] = [tensors(["one", "two"]), tensors(["two", "one"])];
  for (const [name, { data }] of a) assert.deepEqual(data, b.get(name)!.data);
  assert.notDeepEqual(a.get("one.weight")!.data, a.get("two.weight")!.data);
});

Deno.test("Kaiming normal has the deviation √(2 / fan_out), torch's default the bound 1 / √fan_in", () => {
  const graph = new Graph();
  const parameters = layers.trainableParameters(graph);
  const x = graph.input("x", "float32", [1, 16, 8, 8]);
  layers.conv2d(layers.scopeOf(parameters, "a"), x, 64, { kernel: 3, bias: false });
  layers.conv2d(layers.scopeOf(parameters, "b"), x, 64, { kernel: 3 });
  const tensors = initialTensors(parameters.records, 1);
  const squares = tensors.get("a.weight")!.data.map((w) => w * w);
  const deviation = Math.sqrt(squares.reduce((sum, s) => sum + s, 0) / squares.length);
  assert.ok(Math.abs(deviation / Math.sqrt(2 / (64 * 9)) - 1) < 0.02);
  const most = Math.max(...tensors.get("b.weight")!.data.map(Math.abs));
  assert.ok(most <= 1 / 12 && most > 0.99 / 12);
});

Deno.test("a network applied twice in one step moves its running statistics twice", async () => {
  const graph = new Graph();
  const parameters = layers.trainableParameters(graph);
  const scope = layers.scopeOf(parameters, "bn");
  const first = layers.batchNorm(scope, graph.input("x", "float32", [2, 1, 1, 1]));
  const second = layers.batchNorm(scope, graph.input("y", "float32", [2, 1, 1, 1]));
  graph.output("first", first);
  graph.output("second", second);
  for (const [name, value] of parameters.updates) graph.output(`next:${name}`, value);
  const one = (...numbers: number[]): NdArray => ({
    shape: numbers.length === 1 ? [1] : [2, 1, 1, 1],
    data: Float32Array.from(numbers),
  });
  const results = await evaluate(graph, {
    x: one(1, 3),
    y: one(10, 30),
    "bn.weight": one(1),
    "bn.bias": one(0),
    "bn.running_mean": one(0),
    "bn.running_var": one(1),
  });
  // By hand: means 2, 20; unbiased variances 2, 200.
  const mean = 0.9 * (0.9 * 0 + 0.1 * 2) + 0.1 * 20;
  const variance = 0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 200;
  assert.ok(relativeError(results["next:bn.running_mean"].data as Float32Array, [mean]) < 1e-6);
  assert.ok(relativeError(results["next:bn.running_var"].data as Float32Array, [variance]) < 1e-6);
  assert.ok(relativeError(results.first.data as Float32Array, [-1, 1]) < 1e-5);
  assert.ok(relativeError(results.second.data as Float32Array, [-1, 1]) < 1e-5);
});

Deno.test("dropout drops a quarter and scales the rest in training, and is the identity otherwise", async () => {
  const graph = new Graph();
  const parameters = layers.trainableParameters(graph);
  const x = graph.input("x", "float32", [256]);
  graph.output("y", layers.dropout(layers.scopeOf(parameters, "drop"), x, 0.25));
  const noise = Uint8Array.from({ length: 256 }, (_, i) => i);
  const { y } = await evaluate(graph, {
    x: { shape: [256], data: new Float32Array(256).fill(3) },
    "drop.noise": { shape: [256], data: noise },
  });
  assert.deepEqual([...y.data], [...noise].map((byte) => byte < 192 ? 4 : 0));
  const still = new Graph();
  const frozen = layers.frozenParameters(still, new Map());
  const z = still.input("z", "float32", [4]);
  assert.equal(layers.dropout(layers.scopeOf(frozen), z, 0.5), z);
  assert.throws(() => layers.dropout(layers.scopeOf(frozen), z, 1), /probability is 1/);
});

Deno.test("frozen parameters refuse a missing tensor and another shape", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1, 3]);
  const build = (tensors: Map<string, NdArray>) =>
    layers.linear(layers.scopeOf(layers.frozenParameters(graph, tensors, "w.safetensors")), x, 2);
  assert.throws(() => build(new Map()), /Cannot use w.safetensors: no tensor weight/);
  assert.throws(
    () => build(new Map([["weight", drawn(1, [3, 2])]])),
    /tensor weight is \[3,2\] Float32Array, the network has \[2,3\]/,
  );
});

Deno.test("normalizedImage() makes planes of normalized colours from bytes", async () => {
  const graph = new Graph();
  graph.output("y", layers.normalizedImage(graph.input("image", "uint8", [1, 1, 2, 3])));
  const { y } = await evaluate(graph, {
    image: { shape: [1, 1, 2, 3], data: Uint8Array.of(0, 255, 128, 10, 20, 30) },
  });
  const { mean, deviation } = layers.imageNetNormalization;
  const expected = [[0, 10], [255, 20], [128, 30]].flatMap((pixels, c) =>
    pixels.map((pixel) => (pixel / 255 - mean[c]) / deviation[c])
  );
  assert.deepEqual(y.shape, [1, 3, 1, 2]);
  assert.ok(relativeError(y.data as Float32Array, expected) < 1e-6);
});
