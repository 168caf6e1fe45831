import assert from "node:assert/strict";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { Graph } from "../../lib/onnx/graph.ts";
import * as o from "../../lib/onnx/ops.ts";
import { modelBytes } from "../../lib/onnx/proto.ts";
import { drawn } from "./drawn.ts";

/** A network with convolutions of each kind, and products of large matrices. */
function network(): Graph {
  const graph = new Graph();
  const weight = (seed: number, shape: readonly number[]) =>
    graph.constant(drawn(seed, shape, 1 / 16));
  let x = graph.input("x", "float32", [4, 16, 64, 64]);
  x = o.conv(x, weight(1, [64, 16, 3, 3]), undefined, { pads: [1, 1, 1, 1] });
  x = o.conv(o.leakyRelu(x), weight(2, [64, 64, 1, 1]));
  x = o.conv(x, weight(3, [64, 1, 3, 3]), undefined, { group: 64, strides: [2, 2] });
  graph.output("convolved", x);
  const rows = o.reshape(x, [4 * 64, 31 * 31]);
  const products = o.matMul(rows, o.transpose(rows, [1, 0]));
  graph.output("products", products);
  graph.output("softmax", o.softmax(products, 1));
  return graph;
}

Deno.test("D-3: one and two threads of the runtime give the same bits, or differ by rounding alone", async () => {
  const model = modelBytes(network());
  const { shape, data } = drawn(4, [4, 16, 64, 64]);
  const results: InferenceSession.ReturnType[] = [];
  for (const intraOpNumThreads of [1, 2]) {
    const session = await InferenceSession.create(model, { intraOpNumThreads });
    results.push(await session.run({ x: new Tensor("float32", data, shape) }));
    await session.release();
  }
  for (const name of ["convolved", "products", "softmax"]) {
    const [one, two] = results.map((result) => result[name].data as Float32Array);
    let largest = 0;
    let difference = 0;
    for (let i = 0; i < one.length; i++) {
      largest = Math.max(largest, Math.abs(one[i]));
      difference = Math.max(difference, Math.abs(one[i] - two[i]));
    }
    console.log(`${name}: ${difference === 0 ? "the same bits" : `${difference} of ${largest}`}`);
    assert.ok(largest > 0 && difference <= 1e-5 * largest, `${name}: ${difference} of ${largest}`);
  }
});
