/**
 * The small residual network of tests/fixtures/torch_ops/generate.py.
 *
 * @module
 */
import type { NdArray } from "../../lib/base/npy.ts";
import type { Value } from "../../lib/onnx/graph.ts";
import {
  batchNorm,
  conv2d,
  globalAveragePool2d,
  linear,
  maxPool2d,
  relu,
  type Scope,
} from "../../lib/onnx/layers.ts";
import { add } from "../../lib/onnx/ops.ts";
import { drawn } from "./drawn.ts";

/** [n, 3, 32, 32] to logits [n, 4]. */
export function residualNet(scope: Scope, image: Value): Value {
  const stem = { kernel: 7, stride: 2, padding: 3, bias: false };
  let x = relu(batchNorm(scope.at("bn1"), conv2d(scope.at("conv1"), image, 8, stem)));
  x = maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
  x = block(scope.at("layer1"), x, 8, 1);
  x = block(scope.at("layer2"), x, 16, 2);
  return linear(scope.at("fc"), globalAveragePool2d(x), 4);
}

function block(scope: Scope, x: Value, channels: number, stride: number): Value {
  const options = { kernel: 3, padding: 1, bias: false };
  let y = conv2d(scope.at("conv1"), x, channels, { ...options, stride });
  y = relu(batchNorm(scope.at("bn1"), y));
  y = batchNorm(scope.at("bn2"), conv2d(scope.at("conv2"), y, channels, options));
  if (stride === 1 && x.shape[1] === channels) return relu(add(y, x));
  const short = conv2d(scope.at("downsample", 0), x, channels, { kernel: 1, stride, bias: false });
  return relu(add(y, batchNorm(scope.at("downsample", 1), short)));
}

/** The weights that the generator draws, in torch's order of parameters. */
export function residualNetTensors(
  order: readonly string[],
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, NdArray<Float32Array>> {
  return new Map(order.map((name, i) => {
    const shape = shapes.get(name)!;
    const norm = shape.length === 1 && !name.startsWith("fc");
    let scale = 0.1;
    if (shape.length > 1) {
      scale = Math.fround(Math.sqrt(2 / shape.slice(1).reduce((a, b) => a * b, 1)));
    }
    const shift = norm && name.endsWith("weight") ? 1 : 0;
    return [name, drawn(5000 + i, shape, scale, shift)];
  }));
}
