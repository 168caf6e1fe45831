/** Convolutions by Winograd's minimal filtering: outputs and gradients against sums in float64. */
import assert from "node:assert/strict";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { gradients } from "../../lib/onnx/gradients.ts";
import { Graph, nodesFor } from "../../lib/onnx/graph.ts";
import { conv, mul, reduceSum, relu } from "../../lib/onnx/ops.ts";
import { winogradConv, winogradGains, withWinogradConvolutions } from "../../lib/onnx/winograd.ts";
import { drawn, evaluate, relativeError } from "./drawn.ts";

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly pads: readonly number[];
}

const cases: readonly Case[] = [
  { name: "3 × 3", x: [2, 5, 13, 17], w: [7, 5, 3, 3], pads: [1, 1, 1, 1] },
  { name: "4 × 4", x: [2, 5, 12, 16], w: [7, 5, 4, 4], pads: [3, 3, 3, 3] },
  { name: "without padding", x: [1, 4, 14, 9], w: [3, 4, 4, 4], pads: [0, 0, 0, 0] },
  { name: "other padding per side", x: [1, 4, 11, 10], w: [3, 4, 3, 3], pads: [2, 0, 1, 3] },
  { name: "less than a patch", x: [3, 4, 3, 2], w: [3, 4, 3, 3], pads: [1, 1, 1, 1] },
  { name: "images in groups", x: [9, 128, 60, 60], w: [128, 128, 3, 3], pads: [1, 1, 1, 1] },
  { name: "rows in groups", x: [1, 128, 150, 151], w: [136, 128, 4, 4], pads: [3, 3, 3, 3] },
  { name: "a large image each", x: [2, 128, 185, 184], w: [128, 128, 3, 3], pads: [1, 1, 1, 1] },
];

/** y = convolution of x and w; gradients of Σ y t. Outputs `y`, `dx`, `dw`. */
function caseGraph({ x, w, pads }: Case, convolution: typeof winogradConv): Graph {
  const graph = new Graph();
  const [image, weight] = [graph.input("x", "float32", x), graph.input("w", "float32", w)];
  const y = convolution(image, weight, undefined, pads);
  const loss = reduceSum(mul(y, graph.input("t", "float32", y.shape)), undefined, {
    keepdims: false,
  });
  const [dx, dw] = gradients(loss, [image, weight]);
  for (const [name, value] of Object.entries({ y, dx, dw })) graph.output(name, value);
  return graph;
}

function feedsOf(graph: Graph): Record<string, NdArray<Float32Array>> {
  return Object.fromEntries(graph.inputs.map(({ name, shape }, i) => [name, drawn(i, shape)]));
}

/** Elements of the outputs at drawn places, each a sum in float64; `[name, place, value]`. */
function* exactElements(
  { x, w, pads }: Case,
  feeds: Record<string, NdArray<Float32Array>>,
  count: number,
): Generator<readonly [string, number, number]> {
  const [n, channels, height, width] = x;
  const [outs, , k] = w;
  const { data: image } = feeds.x;
  const { data: weight } = feeds.w;
  const { shape: [, , rows, columns], data: t } = feeds.t;
  const random = new RandomState(5);
  const draw = (...sizes: number[]) => sizes.map((size) => random.integer(size));
  const pixel = (b: number, c: number, i: number, j: number) =>
    i < 0 || i >= height || j < 0 || j >= width
      ? 0
      : image[((b * channels + c) * height + i) * width + j];
  const slope = (b: number, o: number, i: number, j: number) =>
    i < 0 || i >= rows || j < 0 || j >= columns ? 0 : t[((b * outs + o) * rows + i) * columns + j];
  const tap = (o: number, c: number, i: number, j: number) =>
    weight[((o * channels + c) * k + i) * k + j];
  for (let sample = 0; sample < count; sample++) {
    {
      const [b, o, i, j] = draw(n, outs, rows, columns);
      let sum = 0;
      for (let c = 0; c < channels; c++) {
        for (let p = 0; p < k * k; p++) {
          const [di, dj] = [Math.floor(p / k), p % k];
          sum += pixel(b, c, i + di - pads[0], j + dj - pads[1]) * tap(o, c, di, dj);
        }
      }
      yield ["y", ((b * outs + o) * rows + i) * columns + j, sum];
    }
    {
      const [b, c, i, j] = draw(n, channels, height, width);
      let sum = 0;
      for (let o = 0; o < outs; o++) {
        for (let p = 0; p < k * k; p++) {
          const [di, dj] = [Math.floor(p / k), p % k];
          sum += slope(b, o, i - di + pads[0], j - dj + pads[1]) * tap(o, c, di, dj);
        }
      }
      yield ["dx", ((b * channels + c) * height + i) * width + j, sum];
    }
    {
      const [o, c, di, dj] = draw(outs, channels, k, k);
      let sum = 0;
      for (let b = 0; b < n; b++) {
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            sum += slope(b, o, i, j) * pixel(b, c, i + di - pads[0], j + dj - pads[1]);
          }
        }
      }
      yield ["dw", ((o * channels + c) * k + di) * k + dj, sum];
    }
  }
}

/** The window of a convolution that meets every place. */
const plain = { strides: [1, 1], dilations: [1, 1], group: 1 };

for (const one of cases) {
  Deno.test(`winogradConv is the convolution, and so are its gradients: ${one.name}`, async () => {
    const graph = caseGraph(one, winogradConv);
    const feeds = feedsOf(graph);
    const results = await evaluate(graph, feeds);
    assert.deepEqual(results.dx.shape, one.x);
    assert.deepEqual(results.dw.shape, one.w);
    const found: Record<string, { ours: number[]; exact: number[] }> = {};
    for (const [name, place, value] of exactElements(one, feeds, 200)) {
      const lists = found[name] ??= { ours: [], exact: [] };
      lists.ours.push(results[name].data[place] as number);
      lists.exact.push(value);
    }
    for (const [name, { ours, exact }] of Object.entries(found)) {
      const error = relativeError(ours, exact);
      assert.ok(error < 1e-5, `${name}: ${error}`);
    }
  });
}

Deno.test("a convolution's gradients are Winograd's where they gain, its forward pass is not", async () => {
  const one: Case = { name: "", x: [3, 128, 16, 16], w: [144, 128, 3, 3], pads: [1, 1, 1, 1] };
  assert.ok(winogradGains(one.x, one.w, { ...plain, pads: one.pads }));
  const graph = caseGraph(one, (x, w, bias, pads) => conv(x, w, bias, { pads }));
  const productsFor = (name: string) =>
    nodesFor(graph, graph.outputs.filter((output) => output.name === name).map((o) => o.value))
      .filter(({ operator, outputs: [{ shape }] }) => operator === "MatMul" && shape[0] === 36);
  // Kernels transformed, and times the output's gradient; that times the patches.
  assert.deepEqual(["y", "dx", "dw"].map((name) => productsFor(name).length), [0, 2, 1]);
  const feeds = feedsOf(graph);
  const results = await evaluate(graph, feeds);
  for (const [name, place, value] of exactElements(one, feeds, 200)) {
    // Sums of about a thousand products of normal numbers: 30 in size.
    const error = Math.abs((results[name].data[place] as number) - value);
    assert.ok(error < 5e-4, `${name}: ${error}`);
  }
});

Deno.test("a graph with its convolutions by Winograd gives the plain one's numbers", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1, 128, 34, 30]);
  const w = graph.input("w", "float32", [128, 128, 3, 3]);
  const constant = graph.constant(drawn(7, [128, 128, 4, 4], 0.02));
  const bias = graph.input("bias", "float32", [128]);
  const narrow = graph.input("narrow", "float32", [16, 128, 3, 3]);
  let y = relu(conv(x, w, bias, { pads: [1, 1, 1, 1] }));
  y = relu(conv(y, constant, bias, { pads: [0, 0, 0, 0] }));
  y = conv(y, w, undefined, { pads: [1, 1, 1, 1], strides: [2, 2] });
  graph.output("y", conv(y, narrow));
  const rewritten = withWinogradConvolutions(graph);
  const convolutions = (g: Graph) =>
    g.nodes.filter(({ operator, inputs }) => operator === "Conv" && inputs[0]!.shape[1] === 128);
  assert.equal(convolutions(graph).length, 4);
  assert.equal(convolutions(rewritten).length, 2); // the one with a stride and the narrow one
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }, i) => [name, drawn(i, shape, name === "x" ? 1 : 0.03)]),
  );
  const [exact, other] = [await evaluate(graph, feeds), await evaluate(rewritten, feeds)];
  assert.deepEqual(other.y.shape, exact.y.shape);
  const error = relativeError(other.y.data as Float32Array, exact.y.data as Float32Array);
  assert.ok(error > 0 && error < 1e-5, `${error}`);
});

Deno.test("few channels, few patches, other kernels and windows are left alone", () => {
  const gains = (x: number[], w: number[], window = {}) =>
    winogradGains(x, w, { ...plain, pads: [1, 1, 1, 1], ...window });
  assert.ok(gains([3, 128, 16, 16], [128, 128, 3, 3]));
  for (const window of [{ strides: [1, 2] }, { dilations: [2, 1] }, { group: 2 }]) {
    assert.ok(!gains([3, 128, 16, 16], [128, 128, 3, 3], window));
  }
  assert.ok(!gains([3, 96, 16, 16], [128, 96, 3, 3]));
  assert.ok(!gains([3, 128, 16, 16], [96, 128, 3, 3]));
  assert.ok(!gains([2, 128, 16, 16], [128, 128, 3, 3]));
  assert.ok(!gains([3, 128, 64, 64], [128, 128, 5, 5]));
  assert.ok(!gains([3, 128, 64, 64], [128, 128, 3, 4]));
  const graph = new Graph();
  const x = graph.input("x", "float32", [1, 2, 9, 9]);
  const w = graph.input("w", "float32", [2, 2, 5, 5]);
  assert.throws(() => winogradConv(x, w, undefined, [0, 0, 0, 0]), RangeError);
});
