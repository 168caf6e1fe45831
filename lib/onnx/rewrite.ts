/**
 * Copies a graph with some of its nodes computed in another way.
 *
 * @module
 */
import { Graph, type GraphNode, nodesFor, type Value } from "./graph.ts";

/**
 * Adds to the copy what takes the place of a node, and returns the values that take the place of its
 * outputs, or undefined to have the node copied. `inputs` are the node's in the copy; `copies` finds
 * those of other values.
 */
export type Replacement = (
  node: GraphNode,
  inputs: readonly (Value | undefined)[],
  copies: ReadonlyMap<Value, Value>,
) => readonly Value[] | undefined;

/** `graph`'s declared outputs and what they need, rewritten by `replace`; `graph` is not changed. */
export function rewritten(graph: Graph, replace: Replacement): Graph {
  const copy = new Graph();
  const copies = new Map<Value, Value>();
  for (const input of graph.inputs) {
    copies.set(input, copy.input(input.name, input.type, input.shape));
  }
  for (const value of graph.constants) {
    const { name, type, constant } = value;
    copies.set(value, copy.constant(constant!, { name, type }));
  }
  for (const node of nodesFor(graph, graph.outputs.map((output) => output.value))) {
    const inputs = node.inputs.map((value) => value === undefined ? undefined : copies.get(value)!);
    const outputs = replace(node, inputs, copies) ??
      copy.node(node.operator, inputs, node.attributes, node.outputs, node.domain);
    node.outputs.forEach((output, i) => copies.set(output, outputs[i]));
  }
  for (const { name, value } of graph.outputs) copy.output(name, copies.get(value)!);
  return copy;
}
