/**
 * Graphs to and from ONNX `ModelProto` bytes (opset 21, IR version 10).
 *
 * @module
 */
import P from "onnx-proto";
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import {
  type Attribute,
  type ElementType,
  Graph,
  nodesFor,
  type Signature,
  type Value,
} from "./graph.ts";
import { onnxTypeNumbers, operator } from "./ops.ts";
import { shapeRules } from "./shapes.ts";

const onnx = P.onnx;
const opset = 21;
const irVersion = 10;
const elementTypes = new Map(
  Object.entries(onnxTypeNumbers).map(([type, number]) => [number, type as ElementType]),
);

/**
 * The part of `graph` that its declared outputs need, as the bytes of an `.onnx` file. Graph inputs
 * are kept only if they are needed.
 *
 * @throws {RangeError} if the graph has no outputs
 */
export function modelBytes(graph: Graph, name = "graph"): Uint8Array {
  if (graph.outputs.length === 0) throw new RangeError("Cannot write a model: it has no outputs");
  const nodes = nodesFor(graph, graph.outputs.map((output) => output.value));
  const used = new Set<Value>(graph.outputs.map((output) => output.value));
  for (const node of nodes) {
    for (const input of node.inputs) if (input !== undefined) used.add(input);
  }

  // A value takes the name of its first output; further names, and names of inputs and constants,
  // need an Identity node.
  const names = new Map<Value, string>();
  const copies: P.onnx.INodeProto[] = [];
  for (const { name: output, value } of graph.outputs) {
    if (graph.producer(value) !== undefined && !names.has(value)) names.set(value, output);
    else {copies.push({
        opType: "Identity",
        input: [names.get(value) ?? value.name],
        output: [output],
      });}
  }
  const nameOf = (value: Value | undefined) =>
    value === undefined ? "" : names.get(value) ?? value.name;

  const domains = [...new Set(nodes.map((node) => node.domain))].filter((domain) => domain !== "");
  const model = onnx.ModelProto.create({
    irVersion,
    producerName: "segad-harness",
    opsetImport: [
      { domain: "", version: opset },
      ...domains.map((domain) => ({ domain, version: 1 })),
    ],
    graph: {
      name,
      input: graph.inputs.filter((value) => used.has(value)).map((value) =>
        valueInfo(value.name, value)
      ),
      output: graph.outputs.map((output) => valueInfo(output.name, output.value)),
      initializer: graph.constants.filter((value) => used.has(value)).map(tensorProto),
      node: [
        ...nodes.map((node) => ({
          opType: node.operator,
          name: `${node.operator}/${nameOf(node.outputs[0])}`,
          domain: node.domain,
          input: withoutTail(node.inputs.map(nameOf)),
          output: node.outputs.map(nameOf),
          attribute: Object.entries(node.attributes).map(attributeProto),
        })),
        ...copies,
      ],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

/**
 * Reads the bytes of an `.onnx` file whose shapes are static and whose operators are those of
 * `shapes.ts`.
 *
 * @throws {DataError} if the bytes are not such a model, or it keeps tensors in other files
 */
export function parseModel(bytes: Uint8Array, name = "the model"): Graph {
  try {
    return graphFromProto(onnx.ModelProto.decode(bytes).graph!);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`Cannot read ${name} as an ONNX model: ${reason}`, { cause });
  }
}

/**
 * Refuses a model that the runtime must not be given: one that keeps tensors in other files, by which it
 * could make the runtime open any file that its author names; one with control flow or functions, whose
 * cost nobody can tell beforehand; one with operators that no graph of the harness has.
 *
 * @param name stands in the messages
 * @throws {DataError} that says what is wrong
 */
export function checkModel(bytes: Uint8Array, name = "the model"): void {
  const model = decodeModel(bytes, name);
  const refuse = (reason: string, remedy: string) =>
    new DataError(`Cannot load ${name}: ${reason}`, { remedy });
  if (keepsTensorsOutside(model)) {
    throw refuse(
      "it keeps tensors in other files (external data)",
      "Save the model as one file with its weights inside.",
    );
  }
  const remedy = "Only models that the harness writes are run.";
  if ((model.functions ?? []).length > 0 || (model.trainingInfo ?? []).length > 0) {
    throw refuse("it holds functions or training graphs", remedy);
  }
  if ((model.graph?.output ?? []).length === 0) throw refuse("it has no outputs", remedy);
  for (const { opType, domain, attribute } of model.graph?.node ?? []) {
    const known = domain === "" || domain === "ai.onnx" || domain == null;
    const operator = known ? `${opType}` : `${domain}.${opType}`;
    if ((attribute ?? []).some(({ g, graphs }) => g != null || (graphs ?? []).length > 0)) {
      throw refuse(`operator ${printable(operator)} holds a graph of its own`, remedy);
    }
    if (!shapeRules.has(operator)) {
      throw refuse(`its operator ${printable(operator)} is unknown`, remedy);
    }
  }
}

/** Most elements that one tensor of a model may have. */
const elementLimit = 2 ** 30;

/**
 * Refuses a model that would fill the memory: reads the whole graph, infers every shape and looks at
 * each. For models that come from a store, which others may have written.
 *
 * @throws {DataError} for a tensor of more than 2^30 elements, and as `parseModel`
 */
export function checkModelSizes(bytes: Uint8Array, name = "the model"): void {
  const { inputs, nodes } = parseModel(bytes, name);
  for (const value of [...inputs, ...nodes.flatMap(({ outputs }) => outputs)]) {
    const count = value.shape.reduce((product, size) => product * size, 1);
    if (count >= 0 && count <= elementLimit && value.shape.every(Number.isSafeInteger)) continue;
    throw new DataError(
      `Cannot load ${name}: tensor ${printable(value.name)} would be [${value.shape}]`,
      { remedy: "Only models that the harness writes are run." },
    );
  }
}

function decodeModel(bytes: Uint8Array, name: string): P.onnx.IModelProto {
  try {
    return onnx.ModelProto.decode(bytes);
  } catch (cause) {
    throw new DataError(
      `Cannot read ${name} as an ONNX model: it is damaged or of another format`,
      {
        cause,
      },
    );
  }
}

function keepsTensorsOutside(model: P.onnx.IModelProto): boolean {
  const bodies: P.onnx.IGraphProto[] = (model.functions ?? []).map(({ node }) => ({
    node: node ?? [],
  }));
  for (const { algorithm, initialization } of model.trainingInfo ?? []) {
    bodies.push(algorithm ?? {}, initialization ?? {});
  }
  return [model.graph ?? {}, ...bodies].some(usesExternalData);
}

/** A name from a file, safe to print. */
function printable(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function usesExternalData(graph: P.onnx.IGraphProto): boolean {
  const external = (tensor: P.onnx.ITensorProto | null | undefined) =>
    tensor?.dataLocation === onnx.TensorProto.DataLocation.EXTERNAL ||
    (tensor?.externalData?.length ?? 0) > 0;
  return (graph.initializer ?? []).some(external) ||
    (graph.sparseInitializer ?? []).some((sparse) =>
      external(sparse.values) || external(sparse.indices)
    ) ||
    (graph.node ?? []).some((node) =>
      (node.attribute ?? []).some((attribute) =>
        external(attribute.t) || (attribute.tensors ?? []).some(external) ||
        external(attribute.sparseTensor?.values) || external(attribute.sparseTensor?.indices) ||
        (attribute.g ? usesExternalData(attribute.g) : false) ||
        (attribute.graphs ?? []).some(usesExternalData)
      )
    );
}

function graphFromProto(proto: P.onnx.IGraphProto): Graph {
  const graph = new Graph();
  const values = new Map<string, Value>();
  for (const tensor of proto.initializer ?? []) {
    const { array, type } = arrayFromTensor(tensor);
    values.set(tensor.name!, graph.constant(array, { name: tensor.name!, type }));
  }
  for (const input of proto.input ?? []) {
    if (values.has(input.name!)) continue; // old models list their initializers as inputs too
    const { type, shape } = signatureFromInfo(input);
    values.set(input.name!, graph.input(input.name!, type, shape));
  }
  const find = (name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new RangeError(`there is no value ${JSON.stringify(name)}`);
    return value;
  };
  for (const node of proto.node ?? []) {
    const inputs = (node.input ?? []).map((input) => input === "" ? undefined : find(input));
    const attributes = Object.fromEntries(
      (node.attribute ?? []).map((attribute) => [attribute.name!, attributeFromProto(attribute)]),
    );
    const names = node.output ?? [];
    const outputs = operator(
      graph,
      node.opType!,
      inputs,
      attributes,
      names.length,
      node.domain === "ai.onnx" ? "" : node.domain ?? "",
    );
    names.forEach((name, i) => values.set(name, outputs[i]));
  }
  for (const output of proto.output ?? []) graph.output(output.name!, find(output.name!));
  return graph;
}

function valueInfo(name: string, signature: Signature): P.onnx.IValueInfoProto {
  return {
    name,
    type: {
      tensorType: {
        elemType: onnxTypeNumbers[signature.type],
        shape: { dim: signature.shape.map((size) => ({ dimValue: size })) },
      },
    },
  };
}

function signatureFromInfo(info: P.onnx.IValueInfoProto): Signature {
  const tensor = info.type?.tensorType;
  const type = elementTypes.get(tensor?.elemType ?? 0);
  const shape = (tensor?.shape?.dim ?? []).map((dim) => Number(dim.dimValue ?? 0));
  if (type === undefined || shape.some((size) => size < 1)) {
    throw new RangeError(`input ${info.name} has no static shape or an unknown element type`);
  }
  return { type, shape };
}

function tensorProto(value: Value): P.onnx.ITensorProto {
  const { shape, data } = value.constant!;
  return {
    name: value.name,
    dataType: onnxTypeNumbers[value.type],
    dims: [...shape],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function arrayFromTensor(tensor: P.onnx.ITensorProto): { array: NdArray; type: ElementType } {
  const type = elementTypes.get(tensor.dataType ?? 0);
  const shape = (tensor.dims ?? []).map(Number);
  if (type === undefined) {
    throw new RangeError(`tensor ${tensor.name} has element type ${tensor.dataType}`);
  }
  return { array: { shape, data: elements(tensor, type) }, type };
}

function elements(tensor: P.onnx.ITensorProto, type: ElementType): NdArray["data"] {
  if (tensor.rawData && tensor.rawData.length > 0) {
    const bytes = new Uint8Array(tensor.rawData); // a copy, so aligned
    switch (type) {
      case "float32":
        return new Float32Array(bytes.buffer);
      case "float64":
        return new Float64Array(bytes.buffer);
      case "int32":
        return new Int32Array(bytes.buffer);
      case "int64":
        return new BigInt64Array(bytes.buffer);
      case "uint8":
      case "bool":
        return bytes;
    }
  }
  switch (type) {
    case "float32":
      return Float32Array.from(tensor.floatData ?? []);
    case "float64":
      return Float64Array.from(tensor.doubleData ?? []);
    case "int64":
      return BigInt64Array.from((tensor.int64Data ?? []).map((n) => BigInt(n.toString())));
    case "int32":
      return Int32Array.from(tensor.int32Data ?? []);
    case "uint8":
    case "bool":
      return Uint8Array.from(tensor.int32Data ?? []);
  }
}

function attributeProto([name, attribute]: [string, Attribute]): P.onnx.IAttributeProto {
  const types = onnx.AttributeProto.AttributeType;
  switch (attribute.kind) {
    case "int":
      return { name, type: types.INT, i: attribute.value };
    case "float":
      return { name, type: types.FLOAT, f: attribute.value };
    case "ints":
      return { name, type: types.INTS, ints: [...attribute.value] };
    case "floats":
      return { name, type: types.FLOATS, floats: [...attribute.value] };
    case "string":
      return { name, type: types.STRING, s: new TextEncoder().encode(attribute.value) };
  }
}

function attributeFromProto(proto: P.onnx.IAttributeProto): Attribute {
  const types = onnx.AttributeProto.AttributeType;
  switch (proto.type) {
    case types.INT:
      return { kind: "int", value: Number(proto.i ?? 0) };
    case types.FLOAT:
      return { kind: "float", value: proto.f ?? 0 };
    case types.INTS:
      return { kind: "ints", value: (proto.ints ?? []).map(Number) };
    case types.FLOATS:
      return { kind: "floats", value: [...proto.floats ?? []] };
    case types.STRING:
      return { kind: "string", value: new TextDecoder().decode(proto.s ?? new Uint8Array()) };
    default:
      throw new RangeError(`attribute ${proto.name} has type ${proto.type}`);
  }
}

/** Input names without empty ones at the end: an optional input that is left out there is not written. */
function withoutTail(names: readonly string[]): string[] {
  return names.slice(0, names.findLastIndex((name) => name !== "") + 1);
}
