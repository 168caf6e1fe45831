/**
 * A small training problem in which every source of randomness is in use.
 *
 * @module
 */
import { Graph } from "../../lib/onnx/graph.ts";
import { dropout, linear, scopeOf, trainableParameters } from "../../lib/onnx/layers.ts";
import { meanSquaredError } from "../../lib/onnx/losses.ts";
import { adam, constantRate } from "../../lib/onnx/optimizers.ts";
import { type TrainingOptions, type TrainingStep, trainingStep } from "../../lib/onnx/training.ts";

/** Steps of the training that is killed: more than 20 processes do before they are killed. */
export const killedSteps = 1000;

/** Noisy regression with dropout and Adam: every source of randomness is in use. */
export function regression(): { step: TrainingStep; options: TrainingOptions } {
  const graph = new Graph();
  const parameters = trainableParameters(graph);
  const scope = scopeOf(parameters, "net");
  const hidden = dropout(
    scope.at("drop"),
    linear(scope.at("first"), graph.input("x", "float32", [8, 6]), 16),
    0.25,
  );
  const y = linear(scope.at("second"), hidden, 2);
  const loss = meanSquaredError(y, graph.input("target", "float32", [8, 2]));
  const step = trainingStep({
    parameters,
    loss,
    optimizer: adam({ weightDecay: 1e-4 }),
    clipNorm: 1,
    reports: { doubled: graph.producer(loss)!.outputs[0] },
  });
  const options: TrainingOptions = {
    name: "a regression",
    steps: 12,
    seed: 5,
    learningRate: constantRate(0.01),
    batch: (_, random) => {
      const x = Float32Array.from({ length: 48 }, () => random.normal());
      const target = Float32Array.from({ length: 16 }, (_, i) => x[3 * i] - 0.5);
      return { x: { shape: [8, 6], data: x }, target: { shape: [8, 2], data: target } };
    },
  };
  return { step, options };
}
