/** Every gradient rule against torch autograd in float64 (fixtures/torch_ops). */
import assert from "node:assert/strict";
import { gradientRules, gradients } from "../../lib/onnx/gradients.ts";
import { Graph, type Value } from "../../lib/onnx/graph.ts";
import * as o from "../../lib/onnx/ops.ts";
import { drawn, evaluate, relativeError, torchFixture } from "./drawn.ts";

interface OperatorCase {
  readonly name: string;
  readonly inputs: readonly {
    readonly shape: number[];
    readonly seed?: number;
    readonly scale?: number;
    readonly shift?: number;
    readonly data?: number[];
  }[];
  readonly weightSeed: number;
  readonly shape: number[];
  readonly output: number[];
  readonly gradients: (number[] | null)[];
}

type Build = (...inputs: Value[]) => Value;

const conv = (options: o.ConvOptions): Build => (x, w, b) => o.conv(x, w, b, options);
const transposed = (options: o.ConvTransposeOptions): Build => (x, w, b) =>
  o.convTranspose(x, w, b, options);
const all = (n: number) => [n, n, n, n];
const both = (n: number) => [n, n];
const vector = (graph: Graph, numbers: number[]) =>
  graph.constant({ shape: [numbers.length], data: Float32Array.from(numbers) });
const kept = { keepdims: false };

/** The graph of each case, by its name in the fixture. */
const builds: Record<string, Build> = {
  "conv 3x3 pad 1, few channels": conv({ pads: all(1) }),
  "conv 3x3 pad 1, many channels": conv({ pads: all(1) }),
  "conv 3x3 pad 1, many channels, small map": conv({ pads: all(1) }),
  "conv 3x3 stride 2 pad 1": conv({ pads: all(1), strides: both(2) }),
  "conv 3x3 stride 2 without pad, rest left": conv({ strides: both(2) }),
  "conv 1x1": conv({}),
  "conv 1x1 stride 2": conv({ strides: both(2) }),
  "conv 1x1 pad 1": conv({ pads: all(1) }),
  "conv 7x7 stride 2 pad 3": conv({ pads: all(3), strides: both(2) }),
  "conv 4x4, one image": conv({}),
  "conv dilation 2": conv({ pads: all(2), dilations: both(2) }),
  "conv stride 2 dilation 2": conv({ pads: all(1), strides: both(2), dilations: both(2) }),
  "conv uneven pads": conv({ pads: [0, 0, 1, 1], strides: both(2) }),
  "conv 2 groups": conv({ pads: all(1), group: 2 }),
  "conv depthwise": conv({ pads: all(1), group: 6 }),
  "conv depthwise stride 2": conv({ pads: all(2), strides: both(2), group: 6 }),
  "convTranspose 4x4 stride 2 pad 1": transposed({ pads: all(1), strides: both(2) }),
  "convTranspose 3x3 stride 2 output padding": transposed({
    pads: all(1),
    strides: both(2),
    output_padding: both(1),
  }),
  "convTranspose 2x2 stride 2": transposed({ strides: both(2) }),
  "matMul matrices": o.matMul,
  "matMul batches, one broadcast": o.matMul,
  "matMul matrix and vector": o.matMul,
  "matMul vector and matrix": o.matMul,
  "gemm plain": (a, b, c) => o.gemm(a, b, c, { alpha: 0.5, beta: 2 }),
  "gemm transA": (a, b, c) => o.gemm(a, b, c, { transA: true }),
  "gemm transB": (a, b, c) => o.gemm(a, b, c, { transB: true }),
  "gemm transA transB": (a, b) => o.gemm(a, b, undefined, { transA: true, transB: true }),
  "einsum": (a, b) => o.einsum("bij,bjk->bik", a, b),
  "add broadcast both ways": o.add,
  "sub broadcast both ways": o.sub,
  "mul broadcast both ways": o.mul,
  "div broadcast": o.div,
  "max with ties": o.max,
  "min with ties": o.min,
  "pow 2": (x) => o.pow(x, 2),
  "pow 3": (x) => o.pow(x, 3),
  "pow 1.5": (x) => o.pow(x, 1.5),
  "abs": o.abs,
  "cos": (x) => o.operator(x.graph, "Cos", [x])[0],
  "sin": (x) => o.operator(x.graph, "Sin", [x])[0],
  "erf": o.erf,
  "exp": o.exp,
  "neg": o.neg,
  "sigmoid": o.sigmoid,
  "tanh": o.tanh,
  "softplus": o.softplus,
  "log": o.log,
  "sqrt": o.sqrt,
  "reciprocal": o.reciprocal,
  "relu with zeros": o.relu,
  "relu6 at its bounds": (x) => o.clip(x, 0, 6),
  "leakyRelu": (x) => o.leakyRelu(x, { alpha: 0.2 }),
  "hardSigmoid": (x) => o.hardSigmoid(x, { alpha: 1 / 6, beta: 0.5 }),
  "hardSwish": o.hardSwish,
  "value used twice": (x) => o.sub(o.add(o.mul(x, x), o.mul(o.exp(x), x)), o.identity(x)),
  "value used as both operands": (x) =>
    o.add(o.div(x, o.add(o.mul(x, x), 1)), o.matMul(o.matMul(x, o.transpose(x)), x)),
  "where": (a, b) => o.where(o.greater(a, 0.1), a, b),
  "reduceSum": (x) => o.reduceSum(x, [1, 3]),
  "reduceMean without axes kept": (x) => o.reduceMean(x, [0, 2], kept),
  "reduceMax with ties": (x) => o.reduceMax(x, [1], kept),
  "reduceMin with ties": (x) => o.reduceMin(x, [-1], kept),
  "reduceSumSquare": (x) => o.reduceSumSquare(x, [0, 2]),
  "reduceL2 with a zero row": (x) => o.reduceL2(x, [1], kept),
  "maxPool 3x3 stride 2 pad 1, ties": (x) =>
    o.maxPool(x, { kernel_shape: both(3), strides: both(2), pads: all(1) }),
  "maxPool 2x2, ties": (x) => o.maxPool(x, { kernel_shape: both(2), strides: both(2) }),
  "maxPool 2x2, rest left": (x) =>
    o.maxPoolWithIndices(x, { kernel_shape: both(2), strides: both(2) })[0],
  "maxPool 3x3 stride 1": (x) => o.maxPool(x, { kernel_shape: both(3), pads: all(1) }),
  "averagePool 2x2": (x) => o.averagePool(x, { kernel_shape: both(2), strides: both(2) }),
  "averagePool 2x2, rest left": (x) =>
    o.averagePool(x, { kernel_shape: both(2), strides: both(2) }),
  "averagePool 3x3 stride 1 pad 1, pad counted": (x) =>
    o.averagePool(x, { kernel_shape: both(3), pads: all(1), count_include_pad: true }),
  "averagePool 3x3 stride 2 pad 1, pad not counted": (x) =>
    o.averagePool(x, { kernel_shape: both(3), strides: both(2), pads: all(1) }),
  "globalAveragePool": o.globalAveragePool,
  "resize linear up": (x) => o.resize(x, [2, 3, 7, 10], { mode: "linear" }),
  "resize linear down": (x) => o.resize(x, [2, 3, 5, 3], { mode: "linear" }),
  "resize linear align corners": (x) =>
    o.resize(x, [2, 3, 7, 10], {
      mode: "linear",
      coordinate_transformation_mode: "align_corners",
    }),
  "resize nearest up": (x) => o.resize(x, [2, 3, 8, 12], nearest),
  "resize nearest down": (x) => o.resize(x, [2, 3, 4, 4], nearest),
  "batchNorm training": (x, w, b) => {
    const mean = x.graph.input("mean", "float32", [3]);
    const variance = x.graph.input("variance", "float32", [3]);
    return o.batchNormalizationTraining(x, w, b, mean, variance)[0];
  },
  "batchNorm evaluation": (x, w, b) =>
    o.batchNormalization(
      x,
      w,
      b,
      vector(x.graph, [0.5, -0.25, 0.125]),
      vector(x.graph, [1.5, 0.5, 2]),
    ),
  "layerNorm over all axes": (x, w, b) => o.layerNormalization(x, w, b, { axis: 1 })[0],
  "layerNorm over the last axis": (x, w, b) => o.layerNormalization(x, w, b)[0],
  "softmax axis 1": (x) => o.softmax(x, 1),
  "logSoftmax": (x) => o.logSoftmax(x),
  "transpose reshape": (x) => o.reshape(o.transpose(x, [2, 0, 1]), [4, 6]),
  "expand": (x) => o.expand(x, [2, 3, 4]),
  "concat of one value twice": (a, b) => o.concat([a, b, a], 1),
  "split, one part unused": (x) => {
    const [first, second] = o.split(x, [1, 3, 2], 1);
    return o.add(o.mul(second, 2), first);
  },
  "slice with steps": (x) => o.slice(x, [1, 1], [6, 4], [0, 1], [2, 1]),
  "slice backwards": (x) => o.slice(x, [5], [0], [0], [-2]),
  "pad": (x) => o.pad(x, [0, 1, 1, 2], { constant_value: 3 }),
  "gather with repeats": (x) => o.gather(x, [2, 0, 2, 2]),
  "gather by matrix": (x) =>
    o.gather(
      x,
      x.graph.constant({ shape: [2, 2], data: BigInt64Array.of(1n, 3n, 3n, 0n) }),
      1,
    ),
  "topK": (x) => o.topK(x, 3)[0],
  "topK smallest": (x) => o.topK(x, 2, { largest: false })[0],
};

const nearest: o.ResizeOptions = {
  mode: "nearest",
  coordinate_transformation_mode: "asymmetric",
  nearest_mode: "floor",
};

const cases = torchFixture<OperatorCase[]>("operators");

/** Rules whose case is another operator's, or a test below. */
const coveredElsewhere = new Map([
  ["Cast", "gradients() flows through casts between floats"],
  ["Flatten", "gradients() gives an input's shape back to what only renames axes"],
  ["Squeeze", "gradients() gives an input's shape back to what only renames axes"],
  ["Unsqueeze", "gradients() gives an input's shape back to what only renames axes"],
  ["GatherElements", "losses_test.ts"],
  ["Sum", "gradients() adds up the operands of Sum"],
]);

for (const { name, inputs, weightSeed, shape, output, gradients: expected } of cases) {
  Deno.test(`gradient as in torch: ${name}`, async () => {
    const graph = new Graph();
    const arrays = inputs.map((spec) =>
      spec.data === undefined
        ? drawn(spec.seed!, spec.shape, spec.scale, spec.shift)
        : { shape: spec.shape, data: Float32Array.from(spec.data) }
    );
    const values = arrays.map((array, i) => graph.input(`x${i}`, "float32", array.shape));
    const y = builds[name](...values);
    assert.deepEqual(y.shape, shape);
    const weights = graph.constant(drawn(weightSeed, shape));
    const loss = o.reduceSum(o.mul(y, weights), undefined, kept);
    graph.output("y", y);
    gradients(loss, values).forEach((gradient, i) => {
      assert.deepEqual(gradient.shape, values[i].shape);
      graph.output(`d${i}`, gradient);
    });
    const feeds = Object.fromEntries(arrays.map((array, i) => [`x${i}`, array]));
    const three = { shape: [3], data: new Float32Array(3) };
    const results = await evaluate(graph, { ...feeds, mean: three, variance: three });
    assert.deepEqual(results.y.shape, shape);
    assert.ok(relativeError(results.y.data as Float32Array, output) < 1e-5, "forward");
    expected.forEach((numbers, i) => {
      const error = relativeError(results[`d${i}`].data as Float32Array, numbers!);
      assert.ok(error < 1e-4, `gradient of input ${i}: relative error ${error}`);
    });
  });
}

Deno.test("every gradient rule has a test", () => {
  const tested = new Set<string>(coveredElsewhere.keys());
  for (const { name, inputs } of cases) {
    const graph = new Graph();
    builds[name](...inputs.map((spec, i) => graph.input(`x${i}`, "float32", spec.shape)));
    for (const node of graph.nodes) tested.add(node.operator);
  }
  assert.deepEqual([...gradientRules.keys()].filter((operator) => !tested.has(operator)), []);
});

/** The gradient of Σ f(x) · (1, 2, 3, …) at x. */
async function gradientOf(f: Build, numbers: number[], shape: number[]): Promise<number[]> {
  const graph = new Graph();
  const x = graph.input("x", "float32", shape);
  const y = o.cast(f(x), "float32");
  const weights = graph.constant({
    shape: y.shape,
    data: Float32Array.from({ length: numbers.length }, (_, i) => i + 1),
  });
  const [dx] = gradients(o.reduceSum(o.mul(y, weights), undefined, kept), [x]);
  assert.deepEqual(dx.shape, shape);
  graph.output("dx", dx);
  const { dx: result } = await evaluate(graph, { x: { shape, data: Float32Array.from(numbers) } });
  return [...result.data as Float32Array];
}

/** Images, channels, edge length, kernel and stride of batches that are taken in groups. */
const largeBatches = [[5, 32, 128, 3, 1], [15, 3, 256, 7, 2]];

for (const [images, channels, size, kernel, stride] of largeBatches) {
  Deno.test(`a convolution's gradient over ${images} large images, in groups, is the sum over them`, async () => {
    const kernelShape = [2, channels, kernel, kernel];
    const weightGradient = async (x: ReturnType<typeof drawn>) => {
      const graph = new Graph();
      const image = graph.input("x", "float32", x.shape);
      const w = graph.input("w", "float32", kernelShape);
      const y = o.conv(image, w, undefined, {
        pads: all(Math.floor(kernel / 2)),
        strides: both(stride),
      });
      graph.output("dw", gradients(o.reduceSum(o.mul(y, y), undefined, kept), [w])[0]);
      const { dw } = await evaluate(graph, { x, w: drawn(31, kernelShape, 0.1) });
      return dw.data as Float32Array;
    };
    const x = drawn(30, [images, channels, size, size]);
    const one = x.data.length / images;
    const sum = new Float64Array(2 * channels * kernel * kernel);
    for (let i = 0; i < images; i++) {
      const shape = [1, channels, size, size];
      const image = { shape, data: x.data.slice(i * one, (i + 1) * one) };
      (await weightGradient(image)).forEach((value, k) => sum[k] += value);
    }
    const error = relativeError(await weightGradient(x), [...sum]);
    assert.ok(error < 1e-5, `relative error ${error}`);
  });
}

Deno.test("gradients() flows through casts between floats", async () => {
  assert.deepEqual(await gradientOf((x) => o.cast(x, "float64"), [1, 5], [2]), [1, 2]);
});

Deno.test("gradients() gives an input's shape back to what only renames axes", async () => {
  const rename = (x: Value) => o.flatten(o.unsqueeze(o.squeeze(x, [1]), [0]), 2);
  assert.deepEqual(await gradientOf(rename, [5, 6, 7, 8], [2, 1, 2]), [1, 2, 3, 4]);
});

Deno.test("gradients() adds up the operands of Sum", async () => {
  const triple = (x: Value) => o.operator(x.graph, "Sum", [x, x, x])[0];
  assert.deepEqual(await gradientOf(triple, [5, 6], [2]), [3, 6]);
});

Deno.test("gradients() stops at a stopped value", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", []);
  const fixed = o.mul(x, 3);
  const [dx] = gradients(o.mul(fixed, x), [x], { stop: [fixed] });
  graph.output("dx", dx);
  const { dx: result } = await evaluate(graph, { x: { shape: [], data: Float32Array.of(2) } });
  assert.equal(result.data[0], 6);
});

Deno.test("gradients() is zero for a source without influence, and for what is constant in steps", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2]);
  const other = graph.input("other", "float32", [2]);
  const steps = o.cast(o.greater(x, 0), "float32");
  const [dx, dOther] = gradients(o.reduceSum(o.add(steps, o.mul(x, 2)), undefined, kept), [
    x,
    other,
  ]);
  graph.output("dx", dx);
  graph.output("dOther", dOther);
  const results = await evaluate(graph, { x: { shape: [2], data: Float32Array.of(1, -1) } });
  assert.deepEqual([...results.dx.data], [2, 2]);
  assert.deepEqual([...results.dOther.data], [0, 0]);
});

Deno.test("gradients() refuses what it cannot differentiate", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 3, 4, 4]);
  const scalar = (y: Value) => o.reduceSum(y, undefined, kept);
  assert.throws(() => gradients(x, [x]), /not a float32 scalar/);
  assert.throws(
    () => gradients(scalar(o.globalMaxPool(x)), [x]),
    /GlobalMaxPool: it has no gradient rule/,
  );
  assert.throws(
    () => gradients(scalar(o.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], { mode: "reflect" })), [x]),
    /no rule for its input 0/,
  );
  assert.throws(() => gradients(scalar(o.pow(2, x)), [x]), /Pow: there is no rule for its input 1/);
});
