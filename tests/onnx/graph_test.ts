/** Graphs, shape inference, ONNX bytes and sessions. */
import assert from "node:assert/strict";
import P from "onnx-proto";
import { DataError } from "../../lib/base/errors.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import * as o from "../../lib/onnx/ops.ts";
import { checkModel, modelBytes, parseModel } from "../../lib/onnx/proto.ts";
import { numericsClass, openSession } from "../../lib/onnx/session.ts";
import { drawn, evaluate } from "./drawn.ts";

Deno.test("names are unique, constants of one number are shared, arrays are not", () => {
  const graph = new Graph();
  graph.input("Relu_0", "float32", [1]);
  const y = o.relu(graph.inputs[0]);
  assert.notEqual(y.name, "Relu_0");
  assert.equal(graph.scalar(2), graph.scalar(2));
  assert.notEqual(graph.scalar(0), graph.scalar(-0));
  assert.equal(graph.ints([1, 2]), graph.ints([1, 2]));
  const zeros = () => graph.constant({ shape: [2], data: new Float32Array(2) });
  assert.notEqual(zeros(), zeros());
  assert.throws(() => graph.input("Relu_0", "float32", [1]), /it is taken/);
  assert.throws(() => graph.input("z", "float32", [1.5]), /shape is \[1.5\]/);
  assert.throws(
    () => graph.constant({ shape: [3], data: new Float32Array(2) }),
    /has 3 elements, data 2/,
  );
});

Deno.test("values of different graphs do not mix", () => {
  const a = new Graph().input("a", "float32", [1]);
  const b = new Graph().input("b", "float32", [1]);
  assert.throws(() => o.add(a, b), /input b is of another graph/);
  assert.throws(() => a.graph.output("b", b), /of another graph/);
});

Deno.test("operators refuse inputs that do not fit, with their shapes", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [1, 3, 8, 8]);
  const w = graph.input("w", "float32", [4, 2, 3, 3]);
  const ints = graph.input("i", "int64", [3]);
  const cases: [() => unknown, RegExp][] = [
    [() => o.conv(x, w), /Conv: input \[1,3,8,8\], weight \[4,2,3,3\], group 1/],
    [() => o.add(x, w), /Add: shapes \[1,3,8,8\] and \[4,2,3,3\] do not broadcast/],
    [() => o.add(x, ints), /Add: element types float32 and int64/],
    [() => o.matMul(x, w), /MatMul: shapes/],
    [() => o.gemm(x, w), /Gemm: shapes/],
    [() => o.reshape(x, [5, -1]), /Reshape: \[1,3,8,8\] as \[5,-1\]/],
    [() => o.transpose(x, [0, 1, 2]), /Transpose: perm \[0,1,2\]/],
    [() => o.concat([x, w], 1), /Concat: \[1,3,8,8\] and \[4,2,3,3\]/],
    [() => o.concat([], 0), /there are no values/],
    [() => o.split(x, [1, 1], 1), /Split: \[1,3,8,8\] into \[1,1\]/],
    [() => o.topK(x, 9), /TopK: k is 9, axis 3 has 8/],
    [() => o.reduceSum(x, [4]), /axis is 4, the rank 4/],
    [() => o.maxPool(x, { kernel_shape: [9, 9] }), /MaxPool: window 9/],
    [() => o.einsum("ab,bc->ac", x, w), /Einsum: term ab/],
    [() => o.where(x, x, x), /Where: element types/],
    [() => o.squeeze(x, [1]), /Squeeze: axes \[1\]/],
    [() => o.operator(graph, "Nonsense", [x]), /operator Nonsense is unknown/],
    [
      () =>
        o.operator(graph, "Conv", [x, x], { auto_pad: { kind: "string", value: "SAME_UPPER" } }),
      /auto_pad is SAME_UPPER/,
    ],
  ];
  for (const [build, message] of cases) assert.throws(build, message);
});

Deno.test("inferred shapes and types are those of the runtime", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 3, 9, 8]);
  const w = graph.constant(drawn(1, [4, 3, 3, 3]));
  const pool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0] };
  const values = [
    o.conv(x, w, undefined, { strides: [2, 1], pads: [1, 0, 1, 2], dilations: [2, 1] }),
    o.convTranspose(x, graph.constant(drawn(1, [3, 2, 3, 3])), undefined, {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      output_padding: [1, 0],
    }),
    ...o.maxPoolWithIndices(x, { ...pool, ceil_mode: true }),
    o.averagePool(x, pool),
    o.averagePool(x, { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: true }),
    o.globalAveragePool(x),
    o.globalMaxPool(x),
    o.reduceMean(x, [-1, 1]),
    o.reduceMax(x, [0], { keepdims: false }),
    o.argMax(x, { axis: 1, keepdims: false }),
    o.argMin(x),
    ...o.topK(x, 2, { axis: 2 }),
    o.matMul(x, graph.constant(drawn(1, [8, 5]))),
    o.flatten(x, 2),
    o.slice(x, [-3, 7], [100, -100], [2, 3], [2, -3]),
    ...o.split(x, [4, 5], 2),
    o.pad(x, [0, 0, 1, 2, 0, 1, 0, 3], { mode: "edge" }),
    o.gather(x, [0, 2, 2], 1),
    o.resize(x, [2, 3, 5, 17], { mode: "linear" }),
    o.cast(o.greater(x, 0), "uint8"),
    o.lessOrEqual(x, 0),
    o.where(o.less(x, 0), 0, x),
    o.einsum("nchw,kc->nkhw", x, graph.constant(drawn(1, [7, 3]))),
    o.expand(o.squeeze(o.reduceSum(x, [0]), [0]), [2, 3, 9, 8]),
    o.unsqueeze(x, [0, -1]),
    ...o.layerNormalization(x, graph.constant(drawn(1, [9, 8])), undefined, { axis: 2 }),
    o.softmax(x, 1),
    o.gelu(x),
    o.hardSwish(x),
    o.floor(o.ceil(o.round(o.sign(x)))),
    o.not(o.equal(x, 0)),
    o.greaterOrEqual(x, 1),
    o.transpose(x),
  ];
  values.forEach((value, i) => graph.output(`v${i}`, value));
  const results = await evaluate(graph, { x: drawn(2, [2, 3, 9, 8]) });
  const arrays = {
    float32: "Float32Array",
    int64: "BigInt64Array",
    bool: "Uint8Array",
    uint8: "Uint8Array",
  };
  values.forEach((value, i) => {
    assert.deepEqual(results[`v${i}`].shape, value.shape, value.name);
    assert.equal(
      results[`v${i}`].data.constructor.name,
      arrays[value.type as keyof typeof arrays],
      value.name,
    );
  });
});

Deno.test("a model holds only what its outputs need, and survives reading and writing", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 3]);
  graph.input("unused", "float32", [1]);
  const y = o.clip(o.mul(x, graph.constant(drawn(1, [3]), { name: "factor" })), undefined, 0.5);
  o.exp(y); // needed by nothing
  graph.output("y", y);
  graph.output("again", y);
  graph.output("input", x);
  const bytes = modelBytes(graph);
  const proto = P.onnx.ModelProto.decode(bytes);
  assert.deepEqual(proto.graph!.input!.map((input) => input.name), ["x"]);
  assert.ok(!proto.graph!.node!.some((node) => node.opType === "Exp"));
  assert.deepEqual(proto.opsetImport!.map(({ version }) => Number(version)), [21]);
  const again = parseModel(bytes);
  assert.equal(again.constants.some((value) => value.name === "factor"), true);
  const feeds = { x: drawn(2, [2, 3]) };
  const first = await evaluate(graph, feeds);
  const second = await evaluate(again, feeds);
  assert.deepEqual(first, second);
  assert.deepEqual(first.y, first.again);
  assert.deepEqual(first.input.data, feeds.x.data);
});

Deno.test("a graph without outputs is no model, and a taken output name is refused", () => {
  const graph = new Graph();
  assert.throws(() => modelBytes(graph), /no outputs/);
  const x = graph.input("x", "float32", [1]);
  graph.output("x", x);
  assert.throws(() => graph.output("x", o.neg(x)), /the name is taken/);
});

Deno.test("damaged models and models with external data are refused", async () => {
  await assert.rejects(openSession(new Uint8Array([1, 2, 3])), DataError);
  assert.throws(() => parseModel(new Uint8Array([1, 2, 3])), DataError);
  const graph = new Graph();
  const x = graph.input("x", "float32", [3]);
  graph.output("y", o.mul(x, graph.constant(drawn(1, [3]), { name: "weight" })));
  const good = modelBytes(graph);
  checkModel(good);
  const proto = P.onnx.ModelProto.decode(good);
  const tensor = proto.graph!.initializer![0];
  tensor.externalData = [{ key: "location", value: "../secret" }];
  const plain = P.onnx.ModelProto.encode(proto).finish();
  await assert.rejects(
    openSession(plain, { name: "x.onnx" }),
    /Cannot load x.onnx: .*external data/,
  );
  const node = proto.graph!.node![0];
  proto.graph!.initializer = [];
  node.attribute = [{ name: "body", g: { initializer: [tensor] } }];
  assert.throws(() => checkModel(P.onnx.ModelProto.encode(proto).finish()), /external data/);
  const broken = modelBytes(graph).slice(0, -20);
  await assert.rejects(openSession(broken), DataError);
});

Deno.test("run() names a feed that is missing, unknown, or of another shape or type", async () => {
  const graph = new Graph();
  graph.output("y", o.neg(graph.input("x", "float32", [2])));
  const session = await openSession(modelBytes(graph));
  assert.deepEqual([session.inputs, session.outputs], [["x"], ["y"]]);
  await assert.rejects(session.run({}), /input x is not fed/);
  await assert.rejects(session.run({ x: drawn(1, [2]), z: drawn(1, [2]) }), /no input z/);
  await assert.rejects(session.run({ x: drawn(1, [3]) }), /input x is \[3\], expected \[2\]/);
  await assert.rejects(
    session.run({ x: { shape: [2], data: new Uint8Array(2) } }),
    /input x is Uint8Array, expected float32/,
  );
  await session.close();
});

Deno.test("run() takes and gives booleans as bytes", async () => {
  const graph = new Graph();
  graph.output("y", o.not(graph.input("x", "bool", [3])));
  const { y } = await evaluate(graph, { x: { shape: [3], data: Uint8Array.of(0, 1, 0) } });
  assert.deepEqual(y, { shape: [3], data: Uint8Array.of(1, 0, 1) });
});

Deno.test("numericsClass names runtime, provider and optimization", async () => {
  assert.deepEqual(await numericsClass(), {
    runtime: "onnxruntime-node 1.30.0",
    provider: "cpu",
    optimization: "all",
  });
});
