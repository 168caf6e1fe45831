/**
 * A trained network as an ordinary `.onnx` file.
 *
 * @module
 */
import { Graph, type Value } from "./graph.ts";
import { frozenParameters, type Scope, scopeOf, type TensorMap } from "./parameters.ts";
import { modelBytes } from "./proto.ts";

/**
 * ONNX bytes of a network for evaluation, its weights inside.
 *
 * @param tensors weights by full name
 * @param build declares inputs on the graph, builds the network on the scope, returns named outputs
 * @throws {DataError} if a weight is missing or of another shape
 */
export function evaluationModel(
  tensors: TensorMap,
  build: (graph: Graph, scope: Scope) => Readonly<Record<string, Value>>,
): Uint8Array {
  const graph = new Graph();
  const outputs = build(graph, scopeOf(frozenParameters(graph, tensors)));
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  return modelBytes(graph, "network");
}
