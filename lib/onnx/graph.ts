/**
 * An ONNX graph as a value that grows: values with a name, an element type and a static shape, and
 * nodes that make values from values. `ops.ts` has a function per operator that adds a node;
 * `proto.ts` writes the part that the declared outputs need as ONNX bytes; `gradients.ts` adds the
 * reverse pass to the same graph.
 *
 * Nodes are kept in the order in which they were made, which is a topological order.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";

/** Element types that the harness's graphs use, by their name in ONNX's Python tools. */
export type ElementType =
  | "float32"
  | "float64"
  | "uint8"
  | "int32"
  | "int64"
  | "bool";

/** A tensor's element type and static shape. */
export interface Signature {
  /** Type of the elements. */
  readonly type: ElementType;
  /** Length of each axis, whole numbers from 0; `[]` for a scalar. */
  readonly shape: readonly number[];
}

/** One value of a graph: a graph input, a constant (initializer), or the output of a node. */
export interface Value extends Signature {
  /** The graph it belongs to; values of several graphs do not mix. */
  readonly graph: Graph;
  /** Unique in the graph. */
  readonly name: string;
  /** The elements, for a constant; booleans are bytes 0 and 1. Not to be changed. */
  readonly constant: NdArray | undefined;
}

/** An ONNX attribute with its type, because 1 alone does not say whether it is an int or a float. */
export type Attribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string };

/** Attributes by ONNX's names. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** One operator call. An optional input that is left out is `undefined`. */
export interface GraphNode {
  /** ONNX's operator name, e.g. `"Conv"`. */
  readonly operator: string;
  /** `""` for ONNX's own operators. */
  readonly domain: string;
  /** In ONNX's order. */
  readonly inputs: readonly (Value | undefined)[];
  /** In ONNX's order; optional ones that were not asked for are left out at the end. */
  readonly outputs: readonly Value[];
  /** By ONNX's names; those left out have ONNX's defaults. */
  readonly attributes: Attributes;
}

/** A value under the name by which a run returns it. */
export interface GraphOutput {
  /** Unique among the outputs. */
  readonly name: string;
  /** Of the same graph. */
  readonly value: Value;
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * A growing graph.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const graph = new Graph();
 * const x = graph.input("x", "float32", [2, 3]);
 * const [y] = graph.node("Neg", [x], {}, [{ type: "float32", shape: x.shape }]);
 * graph.output("y", y);
 * assert.deepEqual(graph.outputs.map((output) => output.value.shape), [[2, 3]]);
 * ```
 */
export class Graph {
  /** What a run must be fed, in the order of their making. */
  readonly inputs: Value[] = [];
  /** Tensors that are part of the model. */
  readonly constants: Value[] = [];
  /** Each after the nodes whose outputs it takes. */
  readonly nodes: GraphNode[] = [];
  /** What a run returns, in the order of their making. */
  readonly outputs: GraphOutput[] = [];
  readonly #names = new Set<string>();
  readonly #producers = new Map<Value, GraphNode>();
  readonly #shared = new Map<string, Value>();
  #count = 0;

  /**
   * A value that is fed at every run.
   *
   * @throws {RangeError} if the name is taken or a size is not a positive integer
   */
  input(name: string, type: ElementType, shape: readonly number[]): Value {
    const value = this.#value(name, type, shape, undefined);
    this.inputs.push(value);
    return value;
  }

  /**
   * A constant tensor of its own (never merged with an equal one). The array is kept, not copied.
   *
   * @param type needed only for `"bool"` (bytes 0 and 1); otherwise it follows from the array
   */
  constant(array: NdArray, options: { name?: string; type?: ElementType } = {}): Value {
    const type = options.type ?? typeOfArray(array.data);
    if (sizeOf(array.shape) !== array.data.length) {
      throw new RangeError(
        `Cannot add a constant: shape [${array.shape}] has ${
          sizeOf(array.shape)
        } elements, data ${array.data.length}`,
      );
    }
    const value = this.#value(options.name ?? this.#fresh("const"), type, array.shape, array);
    this.constants.push(value);
    return value;
  }

  /** A constant scalar; equal ones are made once. */
  scalar(number: number, type: ElementType = "float32"): Value {
    return this.#once(
      `${type}:${Object.is(number, -0) ? "-0" : number}`,
      () => this.constant({ shape: [], data: arrayOf(type, [number]) }, { type }),
    );
  }

  /** A constant int64 vector, as shapes, axes and pads are given; equal ones are made once. */
  ints(numbers: readonly number[]): Value {
    return this.#once(
      `ints:${numbers.join(",")}`,
      () => this.constant({ shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) }),
    );
  }

  /**
   * Adds a node and returns its outputs. The caller says their types and shapes; the functions of
   * `ops.ts` infer them.
   *
   * @throws {RangeError} if an input belongs to another graph
   */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes,
    outputs: readonly Signature[],
    domain = "",
  ): readonly Value[] {
    for (const input of inputs) {
      if (input !== undefined && input.graph !== this) {
        throw new RangeError(`Cannot add ${operator}: input ${input.name} is of another graph`);
      }
    }
    const values = outputs.map(({ type, shape }) =>
      this.#value(this.#fresh(operator), type, shape, undefined)
    );
    const node: GraphNode = { operator, domain, inputs: [...inputs], outputs: values, attributes };
    this.nodes.push(node);
    for (const value of values) this.#producers.set(value, node);
    return values;
  }

  /**
   * Declares an output. A value may have several names.
   *
   * @throws {RangeError} if the name is another output's or input's, or the value is of another graph
   */
  output(name: string, value: Value): void {
    if (value.graph !== this) {
      throw new RangeError(`Cannot declare output ${name}: the value is of another graph`);
    }
    const taken = this.outputs.some((output) => output.name === name) ||
      (this.#names.has(name) && value.name !== name);
    if (taken) throw new RangeError(`Cannot declare output ${name}: the name is taken`);
    this.#names.add(name);
    this.outputs.push({ name, value });
  }

  /** The node that makes `value`, or undefined for inputs and constants. */
  producer(value: Value): GraphNode | undefined {
    return this.#producers.get(value);
  }

  #value(
    name: string,
    type: ElementType,
    shape: readonly number[],
    constant: NdArray | undefined,
  ): Value {
    if (this.#names.has(name)) throw new RangeError(`Cannot name a value ${name}: it is taken`);
    if (shape.some((size) => !Number.isInteger(size) || size < 0)) {
      throw new RangeError(`Cannot make value ${name}: shape is [${shape}]`);
    }
    this.#names.add(name);
    return { graph: this, name, type, shape: [...shape], constant };
  }

  #fresh(stem: string): string {
    for (;;) {
      const name = `${stem}_${this.#count++}`;
      if (!this.#names.has(name)) return name;
    }
  }

  #once(key: string, make: () => Value): Value {
    let value = this.#shared.get(key);
    if (value === undefined) this.#shared.set(key, value = make());
    return value;
  }
}

/** The nodes that `values` need, in the graph's order. */
export function nodesFor(graph: Graph, values: readonly Value[]): GraphNode[] {
  const needed = new Set<Value>(values);
  const nodes: GraphNode[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) if (input !== undefined) needed.add(input);
  }
  return nodes.reverse();
}

/** `numbers` as the typed array that holds elements of `type`. */
function arrayOf(type: ElementType, numbers: readonly number[]): NdArray["data"] {
  switch (type) {
    case "float32":
      return Float32Array.from(numbers);
    case "float64":
      return Float64Array.from(numbers);
    case "int32":
      return Int32Array.from(numbers);
    case "int64":
      return BigInt64Array.from(numbers, BigInt);
    case "uint8":
    case "bool":
      return Uint8Array.from(numbers);
  }
}

function typeOfArray(data: NdArray["data"]): ElementType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Uint8Array) return "uint8";
  throw new TypeError(`Cannot add a constant: ${data.constructor.name} has no ONNX type here`);
}
