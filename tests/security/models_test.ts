/**
 * S4 and S5: ONNX models that would open files, or take all memory or time. They are refused before
 * the runtime is loaded: the tests have no permission to load it, or to read anything.
 */
import assert from "node:assert/strict";
import P from "onnx-proto";
import { DataError } from "../../lib/base/errors.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { mul } from "../../lib/onnx/ops.ts";
import { checkModel, checkModelSizes, modelBytes } from "../../lib/onnx/proto.ts";
import { openSession } from "../../lib/onnx/session.ts";
import { bytesOf, repeat } from "../weights/byte_parts.ts";
import { assertBounded } from "./bounded.ts";

const { ModelProto, TensorProto, AttributeProto } = P.onnx;
type Proto = P.onnx.IModelProto;
type Tensor = P.onnx.ITensorProto;

/** A model that multiplies its input by two numbers. */
function goodBytes(): Uint8Array {
  const graph = new Graph();
  const weight = graph.constant({ shape: [2], data: Float32Array.of(1, 2) }, { name: "weight" });
  graph.output("y", mul(graph.input("x", "float32", [2]), weight));
  return modelBytes(graph);
}

function changed(change: (model: Proto) => void): Uint8Array {
  const model = ModelProto.decode(goodBytes());
  change(model);
  return ModelProto.encode(model).finish();
}

const node = (opType: string, given: P.onnx.INodeProto = {}): P.onnx.INodeProto => ({
  opType,
  input: ["x"],
  output: ["z"],
  ...given,
});

/** A tensor in a file of its own. */
const outside = (location: string, more: Record<string, string> = {}): Tensor => ({
  name: "weight",
  dataType: 1,
  dims: [2],
  dataLocation: TensorProto.DataLocation.EXTERNAL,
  externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
});
const withTensor = (tensor: Tensor) => changed((model) => model.graph!.initializer = [tensor]);
const withAttribute = (attribute: P.onnx.IAttributeProto) =>
  changed((model) =>
    model.graph!.node!.push(node("Neg", { attribute: [{ name: "value", ...attribute }] }))
  );
const hidden = outside("../secret");

const external: readonly (readonly [title: string, model: Uint8Array])[] = [
  ["a path that climbs", withTensor(outside("../../../../etc/passwd"))],
  ["an absolute path", withTensor(outside("/etc/passwd"))],
  ["a path of Windows", withTensor(outside("C:\\secret"))],
  ["a name that may be a symbolic link", withTensor(outside("weights.bin"))],
  ["a name that may be a hard link", withTensor(outside("./weights.bin"))],
  ["a device", withTensor(outside("/dev/zero", { length: "1099511627776" }))],
  ["standard input", withTensor(outside("/proc/self/fd/0"))],
  ["a very long name", withTensor(outside("a/".repeat(50_000)))],
  ["an offset past the end", withTensor(outside("weights.bin", { offset: "9223372036854775807" }))],
  ["a negative offset", withTensor(outside("weights.bin", { offset: "-1", length: "8" }))],
  ["an address", withTensor(outside("https://example.com/weights.bin"))],
  ["no entries", withTensor({ ...outside("x"), externalData: [] })],
  [
    "entries but no flag",
    withTensor({ ...outside("x"), dataLocation: 0, rawData: new Uint8Array(8) }),
  ],
  [
    "a sparse initializer's values",
    changed((model) => {
      model.graph!.sparseInitializer = [{ values: hidden, dims: [2] }];
    }),
  ],
  [
    "a sparse initializer's indices",
    changed((model) => {
      model.graph!.sparseInitializer = [{ indices: hidden, dims: [2] }];
    }),
  ],
  ["an attribute", withAttribute({ type: AttributeProto.AttributeType.TENSOR, t: hidden })],
  ["an attribute's list", withAttribute({ tensors: [hidden] })],
  ["an attribute's sparse tensor", withAttribute({ sparseTensor: { values: hidden } })],
  ["a graph in an attribute", withAttribute({ g: { initializer: [hidden] } })],
  [
    "a graph in a list in a graph",
    withAttribute({
      g: {
        node: [node("If", { attribute: [{ name: "a", graphs: [{ initializer: [hidden] }] }] })],
      },
    }),
  ],
  [
    "a function",
    changed((model) => {
      const body = node("Constant", { attribute: [{ name: "value", t: hidden }] });
      model.functions = [{ name: "f", domain: "d", node: [body] }];
    }),
  ],
  [
    "a training graph",
    changed((model) => {
      model.trainingInfo = [{ algorithm: { initializer: [hidden] } }];
    }),
  ],
];

Deno.test({
  name: "S4: a model that names another file anywhere is refused before the runtime is loaded",
  permissions: "none",
  async fn() {
    assert.ok(external.length >= 12);
    checkModel(goodBytes());
    for (const [title, model] of external) {
      assert.throws(() => checkModel(model, "x.onnx"), /external data/, title);
      await assert.rejects(openSession(model, { name: "x.onnx" }), (error) => {
        assert.ok(error instanceof DataError, `${title}: ${error}`);
        assert.match(error.message, /^Cannot load x\.onnx: .*external data/);
        return true;
      });
    }
  },
});

/** A model whose input runs through one operator with constant int64 inputs. */
function through(opType: string, inputs: readonly (readonly number[])[], given: object = {}) {
  return changed((model) => {
    const names = inputs.map((values, i) => {
      const data = BigInt64Array.from(values, BigInt);
      model.graph!.initializer!.push({
        name: `c${i}`,
        dataType: 7,
        dims: [values.length],
        rawData: new Uint8Array(data.buffer),
      });
      return `c${i}`;
    });
    model.graph!.node!.push(node(opType, { input: ["y", ...names], ...given }));
  });
}

/** A graph in a graph, so many deep. */
function nestedGraphs(depth: number): P.onnx.IGraphProto {
  let graph: P.onnx.IGraphProto = { node: [node("Neg")] };
  for (let i = 0; i < depth; i++) {
    graph = { node: [node("If", { attribute: [{ name: "then_branch", g: graph }] })] };
  }
  return graph;
}

/** The bytes of a message whose field 7 (a model's graph) holds itself, so many deep. */
function deepBytes(depth: number): Uint8Array {
  // GraphProto.node (1) > NodeProto.attribute (5) > AttributeProto.g (6) > GraphProto.node …
  let bytes = bytesOf();
  for (let i = 0; i < depth; i++) bytes = field([6, 1, 5][i % 3], bytes);
  return field(7, bytes);
}

function field(number: number, body: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push(rest > 127 ? rest & 127 | 128 : rest);
    rest >>>= 7;
  } while (rest > 0);
  return bytesOf([number << 3 | 2], length, body);
}

const input = (model: Proto, dims: readonly number[]) => {
  const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
  model.graph!.input![0].type!.tensorType!.shape = shape;
};

const bombs: readonly (readonly [title: string, model: Uint8Array])[] = [
  [
    "a loop",
    changed((model) =>
      model.graph!.node!.push(node("Loop", {
        attribute: [{ name: "body", g: { node: [node("Neg")] } }],
      }))
    ),
  ],
  ["a scan", changed((model) => model.graph!.node!.push(node("Scan")))],
  ["a branch", changed((model) => model.graph!.node!.push(node("If")))],
  ["graphs 20 deep", changed((model) => model.graph!.node!.push(...nestedGraphs(20).node!))],
  ["messages 30,000 deep", deepBytes(30_000)],
  [
    "a function that calls itself",
    changed((model) => {
      model.functions = [{ name: "f", domain: "", node: [node("f")] }];
      model.graph!.node!.push(node("f"));
    }),
  ],
  [
    "a constant made of a shape",
    changed((model) => model.graph!.node!.push(node("ConstantOfShape"))),
  ],
  ["a range", changed((model) => model.graph!.node!.push(node("Range")))],
  ["a tile", through("Tile", [[2 ** 40]])],
  ["a sequence", changed((model) => model.graph!.node!.push(node("SequenceConstruct")))],
  ["random numbers", changed((model) => model.graph!.node!.push(node("RandomNormal")))],
  [
    "an operator of another domain",
    changed((model) => model.graph!.node!.push(node("Neg", { domain: "com.example" }))),
  ],
  ["an operator called __proto__", changed((model) => model.graph!.node!.push(node("__proto__")))],
  ["an expansion to 2^40 elements", through("Expand", [[2 ** 39, 2]])],
  ["an expansion to 2^80 elements", through("Expand", [[2 ** 40, 2 ** 39, 2]])],
  ["a padding of 2^50", through("Pad", [[0, 2 ** 50]])],
  ["a negative shape", through("Expand", [[-5]])],
  ["a reshape to more elements", through("Reshape", [[3, 2 ** 40]])],
  ["an input of 2^45 elements", changed((model) => input(model, [2 ** 45]))],
  ["an input of 2^60 elements", changed((model) => input(model, [2 ** 30, 2 ** 30]))],
  ["an input of size -1", changed((model) => input(model, [-1]))],
  [
    "an outer product of 2^41",
    changed((model) => {
      input(model, [2 ** 21, 1]);
      model.graph!.node!.push(
        node("Transpose", {
          input: ["x"],
          output: ["t"],
          attribute: [
            { name: "perm", type: AttributeProto.AttributeType.INTS, ints: [1, 0] },
          ],
        }),
        node("Mul", { input: ["x", "t"] }),
      );
    }),
  ],
  [
    "a constant larger than its data",
    withTensor({
      name: "weight",
      dataType: 1,
      dims: [2 ** 31],
      rawData: new Uint8Array(8),
    }),
  ],
  [
    "a constant with a negative size",
    withTensor({
      name: "weight",
      dataType: 1,
      dims: [-2],
      rawData: new Uint8Array(8),
    }),
  ],
  ["a value that nobody makes", changed((model) => model.graph!.node![0].input = ["x", "nowhere"])],
  ["a million empty messages", bytesOf(repeat("\x3a\x00", 500_000))],
];

Deno.test({
  name: "S5: models with control flow, unknown operators or huge tensors are refused at once",
  permissions: "none",
  fn() {
    assert.ok(bombs.length >= 20);
    checkModelSizes(goodBytes());
    for (const [title, model] of bombs) {
      assertBounded(title, () => {
        assert.throws(() => {
          checkModel(model, "x.onnx");
          checkModelSizes(model, "x.onnx");
        }, (error) => {
          assert.ok(error instanceof DataError, `${title}: ${error}`);
          return true;
        }, title);
      });
    }
  },
});
