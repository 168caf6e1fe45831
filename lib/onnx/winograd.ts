/**
 * Convolutions of stride 1 by Winograd's minimal filtering (Winograd 1980; Lavin and Gray 2016): every
 * 6 × 6 patch of the input gives 4 × 4 outputs of a 3 × 3 kernel, or 3 × 3 of a 4 × 4 kernel, with 36
 * products per pair of channels in place of 144. Patches and kernels are transformed by small constant
 * matrices, the products are 36 matrix products, and a last transform gives the outputs:
 * Y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A.
 *
 * All transforms are ordinary operators, and as their gradients are too, input's and weight's gradient
 * cost as little arithmetic. With the five points below the result is off by about 1e-6 of the largest
 * output in float32, ten times as much as a plain convolution's.
 *
 * @module
 */
import { rewritten } from "./rewrite.ts";
import { type Graph, sizeOf, type Value } from "./graph.ts";
import { type ConvWindow, convWindow } from "./shapes.ts";
import { add, concat, conv, convTranspose, matMul, reshape, split, transpose } from "./ops.ts";

/** Edge length of the patches. */
const patch = 6;
/** Where the polynomials are evaluated, beside infinity; of such points the most exact ones measured. */
const points = [0, 1, -1, 2, -0.5];
/** Channels below which the transforms take more time than is saved. */
const fewestChannels = 128;
/** Patches per image, all images together, below which the matrix products are too narrow. */
const fewestPatches = 48;
/** Transformed patches or products that are made at once. */
const groupBytes = 2 ** 25;

/** A convolution cut into patches. */
interface Tiling {
  /** Edge length of the kernel, 3 or 4. */
  readonly kernel: number;
  /** Edge length of a patch's outputs. */
  readonly step: number;
  /** Patches per image, down and across. */
  readonly grid: readonly [number, number];
  /** At the top, left, bottom and right of the input, so that the patches fill it. */
  readonly pads: readonly number[];
  /** Rows and columns of outputs. */
  readonly size: readonly [number, number];
}

/**
 * Convolution of stride 1 with padding `pads` (top, left, bottom, right), as `conv` of `ops.ts`.
 *
 * @param w `[out, in, k, k]`, k = 3 or 4
 * @param unitAxes axes of size 1 before those of the transforms; see `withWinogradConvolutions`
 * @throws {RangeError} if the kernel is another one
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Graph } from "./graph.ts";
 * const graph = new Graph();
 * const x = graph.input("x", "float32", [1, 2, 9, 9]);
 * const w = graph.input("w", "float32", [5, 2, 3, 3]);
 * assert.deepEqual(winogradConv(x, w, undefined, [1, 1, 1, 1]).shape, [1, 5, 9, 9]);
 * ```
 */
export function winogradConv(
  x: Value,
  w: Value,
  bias: Value | undefined,
  pads: readonly number[],
  unitAxes = 0,
): Value {
  const tiling = tilingOf(x.shape, w.shape, pads);
  const transform = kernelTransform(w.graph, tiling);
  // Anew for each group, so that the groups' gradients add up as kernels, which are smaller. The runtime
  // merges equal nodes, so it is computed once.
  const units = new Array<number>(unitAxes).fill(1);
  const kernels = () => transformedKernels(w, transform, units);
  const groups = imageGroups(x, w.shape[0], tiling).map((images) => {
    const parts = rowGroups(images, w.shape[0], tiling).map(({ rows, tiling }) =>
      outputs(matMul(kernels(), transformedPatches(rows, tiling, units)), rows.shape[0], tiling)
    );
    return parts.length === 1 ? parts[0] : concat(parts, 2);
  });
  const y = groups.length === 1 ? groups[0] : concat(groups, 0);
  return bias === undefined ? y : add(y, reshape(bias, [1, w.shape[0], 1, 1]));
}

/**
 * `graph`'s declared outputs and what they need, with every convolution that gains from it computed by
 * `winogradConv`. `graph` itself is not changed.
 *
 * The runtime gives a value the memory of an earlier one of the same shape, and keeps that memory for all
 * the time between the two. So that frozen networks, the forward pass and gradients do not wait for each
 * other's memory, their transforms differ in their shapes, by axes of size 1.
 */
export function withWinogradConvolutions(graph: Graph): Graph {
  return rewritten(graph, (node, [x, w, bias]) => {
    if (node.operator !== "Conv" || w!.shape.length !== 4) return undefined;
    const window = convWindow(node.attributes);
    return winogradGains(x!.shape, w!.shape, window)
      ? [winogradConv(x!, w!, bias, window.pads, w!.constant === undefined ? 1 : 2)]
      : undefined;
  });
}

/** Whether the convolution of images of shape `x` with a weight of shape `w` gains from `winogradConv`. */
export function winogradGains(
  x: readonly number[],
  w: readonly number[],
  { strides, pads, dilations, group }: ConvWindow,
): boolean {
  const [out, inputs, height, width] = w;
  if (group !== 1 || [...strides, ...dilations].some((step) => step !== 1)) return false;
  if (height !== width || (height !== 3 && height !== 4)) return false;
  if (Math.min(out, inputs) < fewestChannels) return false;
  return x[0] * sizeOf(tilingOf(x, w, pads).grid) >= fewestPatches;
}

function tilingOf(
  [, , ...input]: readonly number[],
  [, , kernel, width]: readonly number[],
  pads: readonly number[],
): Tiling {
  if (kernel !== width || (kernel !== 3 && kernel !== 4)) {
    throw new RangeError(
      `Cannot cut a convolution into patches: its kernel is ${kernel} × ${width}, not 3 × 3 or 4 × 4`,
    );
  }
  const step = patch + 1 - kernel;
  const size = [0, 1].map((i) => input[i] + pads[i] + pads[i + 2] - kernel + 1);
  const grid = size.map((outputs) => Math.ceil(outputs / step));
  const after = [0, 1].map((i) => (grid[i] - 1) * step + patch - input[i] - pads[i]);
  return {
    kernel,
    step,
    grid: [grid[0], grid[1]],
    pads: [pads[0], pads[1], ...after],
    size: [size[0], size[1]],
  };
}

/** Patches that are taken at once, so that their transforms fill no more than `groupBytes`. */
function patchesAtOnce(x: Value, out: number): number {
  return Math.max(1, Math.floor(groupBytes / (4 * patch ** 2 * Math.max(x.shape[1], out))));
}

/** The images in groups that are taken one after the other. */
function imageGroups(x: Value, out: number, { grid }: Tiling): readonly Value[] {
  const sizes = evenParts(x.shape[0], Math.max(1, patchesAtOnce(x, out) / sizeOf(grid)));
  return sizes.length === 1 ? [x] : split(x, sizes, 0);
}

/** The rows of patches in groups; neighbours share some rows of the input. */
function rowGroups(
  x: Value,
  out: number,
  tiling: Tiling,
): readonly { readonly rows: Value; readonly tiling: Tiling }[] {
  const { step, grid: [down, across], pads: [top, left, bottom, right], size: [height, width] } =
    tiling;
  const counts = evenParts(down, Math.max(1, patchesAtOnce(x, out) / (x.shape[0] * across)));
  if (counts.length === 1) return [{ rows: x, tiling }];
  // Cut where a group begins and where its predecessor ends: shared rows, own rows, shared rows, …
  const shared = patch - step;
  const sizes: number[] = [];
  let begin = 0;
  counts.forEach((count, i) => {
    const end = i === counts.length - 1 ? x.shape[2] : begin + count * step - (i === 0 ? top : 0);
    if (i > 0) sizes.push(shared);
    sizes.push(end - begin - (i === 0 ? 0 : shared));
    begin = end;
  });
  const pieces = split(x, sizes, 2);
  let done = 0;
  return counts.map((count, i) => {
    const [isFirst, isLast] = [i === 0, i === counts.length - 1];
    const rows = concat(pieces.slice(isFirst ? 0 : 2 * i - 1, 2 * i + (isLast ? 1 : 2)), 2);
    const outputs = isLast ? height - done : count * step;
    done += outputs;
    return {
      rows,
      tiling: {
        ...tiling,
        grid: [count, across],
        pads: [isFirst ? top : 0, left, isLast ? bottom : 0, right],
        size: [outputs, width],
      },
    };
  });
}

/** `whole` in as few parts as possible of at most `most`, as even as possible. */
function evenParts(whole: number, most: number): number[] {
  const parts = Math.ceil(whole / Math.floor(most));
  return Array.from(
    { length: parts },
    (_, i) => Math.floor((i + 1) * whole / parts) - Math.floor(i * whole / parts),
  );
}

/** Bᵀ x B of every patch: [n, in, h, w] as [36, in, n · patches]. */
function transformedPatches(
  x: Value,
  { step, grid, pads }: Tiling,
  units: readonly number[],
): Value {
  const [n, channels, height, width] = x.shape;
  const transform = constantOf(x.graph, squared(inputMatrix()), [patch ** 2, 1, patch, patch]);
  const patches = conv(reshape(x, [n * channels, 1, height, width]), transform, undefined, {
    strides: [step, step],
    pads,
  });
  const count = sizeOf(grid);
  return reshape(
    exchanged(reshape(patches, [...units, n, channels, patch ** 2, count])),
    [...units, patch ** 2, channels, n * count],
  );
}

/** G w Gᵀ of every kernel: [out, in, k, k] as [36, out, in]. */
function transformedKernels(w: Value, transform: Value, units: readonly number[]): Value {
  const [out, inputs, ...kernel] = w.shape;
  const kernels = transpose(reshape(w, [out * inputs, sizeOf(kernel)]));
  return reshape(matMul(transform, kernels), [...units, patch ** 2, out, inputs]);
}

function kernelTransform(graph: Graph, { kernel }: Tiling): Value {
  return constantOf(graph, squared(kernelMatrix(kernel)), [patch ** 2, kernel ** 2]);
}

/** Aᵀ p A of every place's products: [36, out, n · patches] as [n, out, h, w]. */
function outputs(products: Value, n: number, { kernel, step, grid, size }: Tiling): Value {
  const units = products.shape.slice(0, -3);
  const out = products.shape.at(-2)!;
  const columns = squared(outputMatrix(kernel)); // [step², 36]
  const rows = columns[0].map((_, i) => columns.map((row) => row[i]));
  const transform = constantOf(products.graph, rows, [patch ** 2, 1, step, step]);
  const places = exchanged(reshape(products, [...units, patch ** 2, out, n, sizeOf(grid)]));
  const y = convTranspose(
    reshape(places, [n * out, patch ** 2, ...grid]),
    transform,
    undefined,
    { strides: [step, step], pads: [0, 0, grid[0] * step - size[0], grid[1] * step - size[1]] },
  );
  return reshape(y, [n, out, ...size]);
}

/** [… a, b, c, d] as [… c, b, a, d]. */
function exchanged(x: Value): Value {
  const last = x.shape.length - 1;
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -4), last - 1, last - 2, last - 3, last]);
}

type Matrix = readonly (readonly number[])[];

/** Bᵀ: row i has the coefficients of the product of (x - p) over all points but the i-th. */
function inputMatrix(): Matrix {
  return Array.from({ length: patch }, (_, i) => {
    let coefficients = [1];
    points.forEach((point, j) => {
      if (j === i) return;
      coefficients = [...coefficients, 0].map((_, power) =>
        (coefficients[power - 1] ?? 0) - point * (coefficients[power] ?? 0)
      );
    });
    return Array.from({ length: patch }, (_, power) => coefficients[power] ?? 0);
  });
}

/** G: a kernel's polynomial at every point, by the product of the point's distances to the others. */
function kernelMatrix(kernel: number): Matrix {
  const rows = points.map((point, i) => {
    const scale = points.reduce((all, other, j) => j === i ? all : all * (point - other), 1);
    return Array.from({ length: kernel }, (_, power) => point ** power / scale);
  });
  return [...rows, Array.from({ length: kernel }, (_, power) => power === kernel - 1 ? 1 : 0)];
}

/** Aᵀ: powers of the points. */
function outputMatrix(kernel: number): Matrix {
  const step = patch + 1 - kernel;
  return Array.from({ length: step }, (_, power) => [
    ...points.map((point) => point ** power),
    power === step - 1 ? 1 : 0,
  ]);
}

/** The Kronecker product with itself: the matrix applied down and across. */
function squared(matrix: Matrix): Matrix {
  return matrix.flatMap((down) =>
    matrix.map((across) => down.flatMap((a) => across.map((b) => a * b)))
  );
}

function constantOf(graph: Graph, matrix: Matrix, shape: readonly number[]): Value {
  return graph.constant({ shape, data: Float32Array.from(matrix.flat()) });
}
