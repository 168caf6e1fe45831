/**
 * Gradients of convolution and transposed convolution, as ordinary operators. Which formulation is used
 * for which shape follows from timings on onnxruntime's CPU provider:
 *
 * - stride 1, a kernel of 3 × 3 or 4 × 4, many channels: both by Winograd's minimal filtering, whose
 *   rounding stays in the gradients (see winograd.ts); else
 * - input, stride 1: a convolution with the flipped weight; larger strides: a transposed convolution;
 * - weight: for every place of the kernel a slice of the padded input times the output's gradient, as
 *   one matrix product; with few input channels one product over all places (im2col). A large batch is
 *   taken in groups of images, whose slices stay in the caches, and the groups' products are added.
 *
 * @module
 */
import { flippedWeight, reversedPlaces } from "../flipped_weight.ts";
import { sizeOf, type Value } from "../graph.ts";
import {
  add,
  concat,
  conv,
  convTranspose,
  gather,
  gemm,
  matMul,
  mul,
  pad,
  reduceSum,
  reshape,
  slice,
  split,
  transpose,
  unsqueeze,
} from "../ops.ts";
import { type ConvWindow, convWindow } from "../shapes.ts";
import { winogradConv, winogradGains } from "../winograd.ts";
import { type GradientRule, ruleOfOutput, sumPerChannel } from "./rule.ts";

/** A slice of more bytes than this is taken in groups of images of about so many places. */
const largeSlice = { bytes: 2 ** 23, groupPlaces: 8192 };
/** The same for all slices at once, with few input channels: here it saves memory, not time. */
const largeColumns = { bytes: 2 ** 27, groupPlaces: 65_536 };

/** Fewer input channels than this, and the weight's gradient is one product over all places. */
const fewChannels = 16;
/** With more places than this in a batch, rows of places fit the caches better than rows of channels. */
const manyPlaces = 50_000;

/** See the head of this file; the bias gets the sum of dy per channel. */
export const convGradient: GradientRule = ruleOfOutput((dy, [x, w], _, node, call) => {
  const window = convWindow(node.attributes);
  if (w.shape.length !== 4) return ["none", "none", "none"];
  if (winogradGains(x.shape, w.shape, window)) {
    const y = winogradConv(x, w, undefined, window.pads);
    return [...call.through(y, dy, [x, w]), sumPerChannel(dy)];
  }
  return [
    inputGradient(dy, w, x.shape, window),
    weightGradient(x, dy, w.shape, window),
    sumPerChannel(dy),
  ];
});

/** Its input's gradient is the plain convolution; its weight's is that of a convolution from dy to x. */
export const convTransposeGradient: GradientRule = ruleOfOutput((dy, [x, w], _, node) => {
  const window = convWindow(node.attributes);
  if (w.shape.length !== 4) return ["none", "none", "none"];
  return [
    conv(dy, w, undefined, window),
    weightGradient(dy, x, w.shape, window),
    sumPerChannel(dy),
  ];
});

function inputGradient(dy: Value, w: Value, shape: readonly number[], window: ConvWindow): Value {
  const { strides, pads, dilations, group } = window;
  const kernel = w.shape.slice(2);
  const reach = kernel.map((size, i) => dilations[i] * (size - 1));
  const flippedPads = [0, 1, 2, 3].map((side) => reach[side % 2] - pads[side]);
  const direct = strides.every((stride) => stride === 1) && flippedPads.every((size) => size >= 0);
  if (direct && group === 1) {
    return conv(dy, flippedWeight(w), undefined, { pads: flippedPads, dilations });
  }
  if (direct && isDepthwise(w.shape, group)) {
    return conv(dy, flippedPlanes(w), undefined, { pads: flippedPads, dilations, group });
  }
  const output_padding = [0, 1].map((i) =>
    shape[i + 2] -
    ((dy.shape[i + 2] - 1) * strides[i] - pads[i] - pads[i + 2] + reach[i] + 1)
  );
  return convTranspose(dy, w, undefined, { ...window, output_padding });
}

/** [channels, 1, k, k], each kernel turned by 180 degrees. */
function flippedPlanes(w: Value): Value {
  const [channels, , ...kernel] = w.shape;
  const area = sizeOf(kernel);
  return reshape(gather(reshape(w, [channels, area]), reversedPlaces(area), 1), w.shape);
}

/** Whether each output channel sees one input channel of its own. */
function isDepthwise(shape: readonly number[], group: number): boolean {
  return group > 1 && shape[0] === group && shape[1] === 1;
}

/** dW [out, in / group, k, k] of a convolution from `x` to outputs with gradient `dy`. */
function weightGradient(
  x: Value,
  dy: Value,
  shape: readonly number[],
  window: ConvWindow,
): Value {
  const { pads, group } = window;
  const padded = pads.some((size) => size > 0)
    ? pad(x, [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])
    : x;
  if (group === 1) return groupedWeightGradient(padded, dy, shape, window);
  if (isDepthwise(shape, group)) return depthwiseGradient(padded, dy, shape, window);
  const inputs = split(padded, new Array(group).fill(x.shape[1] / group), 1);
  const outputs = split(dy, new Array(group).fill(dy.shape[1] / group), 1);
  const part = [shape[0] / group, ...shape.slice(1)];
  return concat(
    inputs.map((input, i) => denseWeightGradient(input, outputs[i], part, window)),
    0,
  );
}

/** The sum over groups of images. */
function groupedWeightGradient(
  padded: Value,
  dy: Value,
  shape: readonly number[],
  window: ConvWindow,
): Value {
  const [n, , outHeight, outWidth] = dy.shape;
  const places = outHeight * outWidth;
  const isFew = shape[1] < fewChannels;
  const { bytes, groupPlaces } = isFew ? largeColumns : largeSlice;
  const images = Math.max(1, Math.floor(groupPlaces / places));
  const isLarge = 4 * n * places * shape[1] * (isFew ? shape[2] * shape[3] : 1) >= bytes;
  if (!isLarge || images >= n) return denseWeightGradient(padded, dy, shape, window);
  const starts = Array.from({ length: Math.ceil(n / images) }, (_, i) => i * images);
  const imagesFrom = (value: Value, start: number) =>
    slice(value, [start], [Math.min(start + images, n)], [0]);
  return starts.map((start) =>
    denseWeightGradient(imagesFrom(padded, start), imagesFrom(dy, start), shape, window)
  ).reduce((total, part) => add(total, part));
}

function denseWeightGradient(
  padded: Value,
  dy: Value,
  [out, inputs, height, width]: readonly number[],
  { strides, dilations }: ConvWindow,
): Value {
  const [n, , outHeight, outWidth] = dy.shape;
  const places = n * outHeight * outWidth;
  const rows = reshape(n === 1 ? dy : transpose(dy, [1, 0, 2, 3]), [out, places]);
  const taps = kernelPlaces(height, width);
  /** What the kernel's place (i, j) sees, with the two image axes at `axis` and `axis` + 1. */
  const seen = (image: Value, axis: number, [i, j]: readonly [number, number]) =>
    tapSlice(image, axis, i, j, outHeight, outWidth, strides, dilations);

  if (inputs < fewChannels) {
    const columns = concat(
      tapsOfPhases(padded, taps, [outHeight, outWidth], strides, dilations)
        .map((tap) => reshape(tap, [inputs, places])),
      0,
    );
    const product = gemm(columns, rows, undefined, { transB: true }); // [k k in, out]
    return reshape(
      transpose(reshape(product, [taps.length, inputs, out]), [2, 1, 0]),
      [out, inputs, height, width],
    );
  }
  const channelsLast = places <= manyPlaces || taps.length === 1 ||
    strides.some((stride) => stride > 1);
  const image = transpose(padded, channelsLast ? [0, 2, 3, 1] : [1, 0, 2, 3]);
  const products = taps.map((tap) =>
    channelsLast
      ? matMul(rows, reshape(seen(image, 1, tap), [places, inputs]))
      : gemm(rows, reshape(seen(image, 2, tap), [inputs, places]), undefined, { transB: true })
  );
  return reshape(
    concat(products.map((product) => unsqueeze(product, [2])), 2),
    [out, inputs, height, width],
  );
}

/** One input channel per output channel: a sum of products for each place of the kernel. */
function depthwiseGradient(
  padded: Value,
  dy: Value,
  [out, , height, width]: readonly number[],
  { strides, dilations }: ConvWindow,
): Value {
  const [n, , outHeight, outWidth] = dy.shape;
  const sums = kernelPlaces(height, width).map(([i, j]) => {
    const seen = tapSlice(padded, 2, i, j, outHeight, outWidth, strides, dilations);
    const products = reduceSum(reshape(mul(seen, dy), [n * out, -1]), [1]);
    return reduceSum(reshape(products, [n, out, 1]), [0], { keepdims: false });
  });
  return reshape(concat(sums, 1), [out, 1, height, width]);
}

/**
 * What each place of the kernel sees of `padded`, channels first. With a stride every s-th row and
 * column is taken: these are put side by side once, so that all slices copy whole runs of numbers.
 */
function tapsOfPhases(
  padded: Value,
  taps: readonly (readonly [number, number])[],
  [outHeight, outWidth]: readonly [number, number],
  [down, across]: readonly number[],
  dilations: readonly number[],
): Value[] {
  const [n, channels, height, width] = padded.shape;
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const whole = pad(padded, [0, 0, 0, 0, 0, 0, rows * down - height, columns * across - width]);
  const phases = reshape(
    transpose(reshape(whole, [n, channels, rows, down, columns, across]), [3, 5, 1, 0, 2, 4]),
    [down * across * channels, n, rows, columns],
  );
  return taps.map(([i, j]) => {
    const [top, left] = [i * dilations[0], j * dilations[1]];
    const first = (top % down * across + left % across) * channels;
    const starts = [first, Math.floor(top / down), Math.floor(left / across)];
    const ends = [first + channels, starts[1] + outHeight, starts[2] + outWidth];
    return slice(phases, starts, ends, [0, 2, 3]);
  });
}

function tapSlice(
  image: Value,
  axis: number,
  i: number,
  j: number,
  outHeight: number,
  outWidth: number,
  strides: readonly number[],
  dilations: readonly number[],
): Value {
  const starts = [i * dilations[0], j * dilations[1]];
  const ends = [
    starts[0] + (outHeight - 1) * strides[0] + 1,
    starts[1] + (outWidth - 1) * strides[1] + 1,
  ];
  const axes = [axis, axis + 1];
  const whole = starts.every((start) => start === 0) && strides.every((stride) => stride === 1) &&
    axes.every((a, side) => ends[side] === image.shape[a]);
  return whole ? image : slice(image, starts, ends, axes, strides);
}

function kernelPlaces(height: number, width: number): (readonly [number, number])[] {
  return Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);
}
