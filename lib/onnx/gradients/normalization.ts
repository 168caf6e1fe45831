/**
 * Gradients of the normalizations and of softmax.
 *
 * @module
 */
import { sizeOf, type Value } from "../graph.ts";
import {
  add,
  batchNormalization,
  exp,
  mul,
  reciprocal,
  reduceMean,
  reduceSum,
  sqrt,
  sub,
} from "../ops.ts";
import { axisOf, intOf } from "../shapes.ts";
import { type GradientCall, type InputGradient, sumPerChannel, unbroadcast } from "./rule.ts";

/**
 * Training mode, with x̂ = (x - mean) / deviation, M elements per channel:
 * db = Σ dy, dg = Σ dy x̂, dx = g / deviation · (dy - db / M - x̂ dg / M).
 * The three passes over the image are per-channel affine maps, for which BatchNormalization itself is
 * the fastest operator. In evaluation mode dx = g / deviation · dy, and the statistics are constants.
 */
export function batchNormalizationGradient(
  { node, outputGradients: [dy] }: GradientCall,
): readonly InputGradient[] {
  if (dy === undefined) return [];
  const [x, scale, bias] = node.inputs as readonly Value[];
  const epsilon = intOf(node.attributes, "epsilon", 1e-5);
  const training = intOf(node.attributes, "training_mode", 0) === 1;
  const [mean, variance] = training ? node.outputs.slice(1) : [node.inputs[3]!, node.inputs[4]!];
  const inverse = reciprocal(sqrt(add(variance, epsilon)));
  const zeros = vector(x, 0);
  const ones = vector(x, 1);
  const normalized = batchNormalization(x, ones, zeros, mean, variance, { epsilon });
  const scaleGradient = sumPerChannel(mul(dy, normalized));
  const biasGradient = sumPerChannel(dy);
  const slope = mul(scale, inverse);
  const affine = (image: Value, factor: Value, addend: Value) =>
    batchNormalization(image, factor, addend, zeros, ones, { epsilon: 0 });
  if (!training) {
    return [affine(dy, slope, zeros), scaleGradient, biasGradient, "none", "none"];
  }
  const perElement = mul(slope, -x.shape[1] / sizeOf(x.shape));
  return [
    add(
      affine(dy, slope, mul(perElement, biasGradient)),
      affine(normalized, mul(perElement, scaleGradient), zeros),
    ),
    scaleGradient,
    bias === undefined ? undefined : biasGradient,
  ];
}

/** A constant per channel of `x`, a tensor of its own. */
function vector(x: Value, number: number): Value {
  const channels = x.shape[1];
  return x.graph.constant({ shape: [channels], data: new Float32Array(channels).fill(number) });
}

/**
 * With x̂ the normalized input and d = dy · scale:
 * dx = (d - mean(d) - x̂ mean(d x̂)) / deviation, the means over the normalized axes.
 */
export function layerNormalizationGradient(
  { node, outputGradients: [dy] }: GradientCall,
): readonly InputGradient[] {
  if (dy === undefined) return [];
  const [x, scale, bias] = node.inputs as readonly Value[];
  const [, mean, inverse] = node.outputs;
  if (mean === undefined || inverse === undefined) return ["none", "none", "none"];
  const rank = x.shape.length;
  const first = axisOf("LayerNormalization", intOf(node.attributes, "axis", -1), rank);
  const axes = Array.from({ length: rank - first }, (_, i) => first + i);
  const normalized = mul(sub(x, mean), inverse);
  const d = mul(dy, scale);
  const along = reduceMean(mul(d, normalized), axes);
  const dx = mul(sub(sub(d, reduceMean(d, axes)), mul(normalized, along)), inverse);
  return [
    dx,
    unbroadcast(mul(dy, normalized), scale.shape),
    bias === undefined ? undefined : unbroadcast(dy, bias.shape),
  ];
}

/** y (dy - Σ dy y) */
export function softmaxGradient(
  { node, outputGradients: [dy] }: GradientCall,
): readonly InputGradient[] {
  if (dy === undefined) return [];
  const y = node.outputs[0];
  const weighted = mul(dy, y);
  return [sub(weighted, mul(y, reduceSum(weighted, [intOf(node.attributes, "axis", -1)])))];
}

/** dy - eʸ Σ dy */
export function logSoftmaxGradient(
  { node, outputGradients: [dy] }: GradientCall,
): readonly InputGradient[] {
  if (dy === undefined) return [];
  const total = reduceSum(dy, [intOf(node.attributes, "axis", -1)]);
  return [sub(dy, mul(exp(node.outputs[0]), total))];
}
