/**
 * Gradients of pooling and resizing.
 *
 * @module
 */
import { sizeOf, type Value } from "../graph.ts";
import {
  convTranspose,
  expand,
  filled,
  matMul,
  maxPoolWithIndices,
  maxUnpool,
  mul,
  reshape,
  resize,
  scatterElements,
} from "../ops.ts";
import { intOf, intsOf, windowAttributes } from "../shapes.ts";
import { type GradientCall, type GradientRule, type InputGradient, ruleOfOutput } from "./rule.ts";

/**
 * The gradient goes to where the largest element was found, the first of equal ones in a window. The
 * indices are computed only here: asking the forward operator for them is nine times as slow, and its
 * plain form costs little beside that.
 */
export function maxPoolGradient(
  { graph, node, outputGradients: [dy] }: GradientCall,
): readonly InputGradient[] {
  if (dy === undefined) return [];
  const x = node.inputs[0]!;
  const rank = x.shape.length - 2;
  const { strides, pads, dilations } = windowAttributes(node.attributes, rank);
  if (dilations.some((dilation) => dilation !== 1)) return ["none"];
  const kernel_shape = intsOf(node.attributes, "kernel_shape", []);
  const ceil_mode = intOf(node.attributes, "ceil_mode", 0) === 1;
  const options = { kernel_shape, strides, pads, ceil_mode };
  const indices = node.outputs[1] ?? maxPoolWithIndices(x, options)[1];
  const apart = !ceil_mode && kernel_shape.every((size, i) => size <= strides[i]) &&
    pads.every((size) => size === 0);
  if (apart) return [maxUnpool(dy, indices, { ...options, output_shape: x.shape })];
  const flat = (value: Value) => reshape(value, [-1]);
  const sums = scatterElements(
    filled(graph, [sizeOf(x.shape)], 0),
    flat(indices),
    flat(dy),
    { reduction: "add" },
  );
  return [reshape(sums, x.shape)];
}

/**
 * Windows side by side: the gradient's share repeated, as nearest-neighbour enlargement. Otherwise a
 * transposed convolution of each plane with a kernel of equal numbers.
 */
export const averagePoolGradient: GradientRule = ruleOfOutput((dy, [x], _, node) => {
  const [n, channels, height, width] = x.shape;
  const { strides, pads } = windowAttributes(node.attributes, 2);
  const kernel = intsOf(node.attributes, "kernel_shape", []);
  const padded = pads.some((size) => size > 0);
  const area = sizeOf(kernel);
  const exact = kernel.every((size, i) =>
    size === strides[i] && size * dy.shape[i + 2] === x.shape[i + 2]
  );
  if (exact && !padded) {
    return [resize(mul(dy, 1 / area), x.shape, {
      mode: "nearest",
      coordinate_transformation_mode: "asymmetric",
      nearest_mode: "floor",
    })];
  }
  const extra = [height, width].map((size, i) =>
    size - ((dy.shape[i + 2] - 1) * strides[i] - pads[i] - pads[i + 2] + kernel[i])
  );
  if (x.shape.length !== 4 || extra.some((size) => size < 0)) return ["none"];
  const countPadding = intOf(node.attributes, "count_include_pad", 0) === 1;
  const shares = countPadding || !padded
    ? mul(dy, 1 / area)
    : mul(dy, windowShares(x, dy.shape, kernel, strides, pads));
  const planes = reshape(shares, [n * channels, 1, dy.shape[2], dy.shape[3]]);
  const weight = x.graph.constant({
    shape: [1, 1, ...kernel],
    data: new Float32Array(area).fill(1),
  });
  const sums = convTranspose(planes, weight, undefined, {
    strides,
    pads,
    output_padding: extra,
  });
  return [reshape(sums, x.shape)];
});

/** 1 / the number of elements that a window has inside the image: constant [1, 1, out, out]. */
function windowShares(
  x: Value,
  [, , outHeight, outWidth]: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  pads: readonly number[],
): Value {
  const inside = (place: number, axis: number) => {
    const start = place * strides[axis] - pads[axis];
    return Math.min(start + kernel[axis], x.shape[axis + 2]) - Math.max(start, 0);
  };
  const data = Float32Array.from(
    { length: outHeight * outWidth },
    (_, i) => 1 / (inside(Math.floor(i / outWidth), 0) * inside(i % outWidth, 1)),
  );
  return x.graph.constant({ shape: [1, 1, outHeight, outWidth], data });
}

/** dy / (height · width), at every place. */
export const globalAveragePoolGradient: GradientRule = ruleOfOutput((dy, [x]) => [
  expand(mul(dy, sizeOf(x.shape.slice(0, 2)) / sizeOf(x.shape)), x.shape),
]);

/**
 * Resizing an image is linear and works on rows and columns apart, so its gradient is one product with
 * the constant weights of each axis: Aᵀ dY B. For images [n, c, h, w], nearest and linear.
 */
export const resizeGradient: GradientRule = ruleOfOutput((dy, [x], y, node) => {
  const text = (name: string, otherwise: string) => {
    const attribute = node.attributes[name];
    return attribute?.kind === "string" ? attribute.value : otherwise;
  };
  const mode = text("mode", "nearest");
  const coordinates = text("coordinate_transformation_mode", "half_pixel");
  const nearest = text("nearest_mode", "round_prefer_floor");
  const [n, channels, height, width] = x.shape;
  const fits = x.shape.length === 4 && y.shape[0] === n && y.shape[1] === channels;
  if (!fits || !(mode === "nearest" || mode === "linear")) return ["none"];
  const weights = (from: number, to: number) =>
    resizeWeights(from, to, (place) => {
      const at = sourceCoordinate(coordinates, place, from, to);
      return mode === "nearest" ? nearestPlace(nearest, at) : at;
    });
  const rows = weights(height, y.shape[2]); // [out, in]
  const columns = weights(width, y.shape[3]);
  const planes = reshape(dy, [n * channels, y.shape[2], y.shape[3]]);
  const across = matMul(planes, x.graph.constant({ shape: [y.shape[3], width], data: columns }));
  const down = matMul(
    x.graph.constant({ shape: [height, y.shape[2]], data: transposed(rows, y.shape[2], height) }),
    across,
  );
  return [reshape(down, x.shape)];
});

/** Row `to` holds the weights of the `from` input places for one output place; edges are repeated. */
function resizeWeights(
  from: number,
  to: number,
  source: (place: number) => number,
): Float32Array {
  const weights = new Float32Array(to * from);
  for (let place = 0; place < to; place++) {
    const at = Math.min(Math.max(source(place), 0), from - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, from - 1);
    weights[place * from + low] += 1 - (at - low);
    weights[place * from + high] += at - low;
  }
  return weights;
}

/** ONNX's coordinate transformations. */
function sourceCoordinate(mode: string, place: number, from: number, to: number): number {
  switch (mode) {
    case "asymmetric":
      return place * from / to;
    case "align_corners":
      return to === 1 ? 0 : place * (from - 1) / (to - 1);
    case "pytorch_half_pixel":
      return to === 1 ? 0 : (place + 0.5) * from / to - 0.5;
    default:
      return (place + 0.5) * from / to - 0.5;
  }
}

/** ONNX's rounding modes. */
function nearestPlace(mode: string, at: number): number {
  switch (mode) {
    case "floor":
      return Math.floor(at);
    case "ceil":
      return Math.ceil(at);
    case "round_prefer_ceil":
      return Math.floor(at + 0.5);
    default:
      return Math.ceil(at - 0.5);
  }
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = matrix[i * columns + j];
  }
  return result;
}
