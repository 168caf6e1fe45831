/**
 * Convolutions of training steps by the runtime's fastest CPU kernels. Those work on blocks of 8 or 16
 * channels; for constant weights the runtime rearranges a model for them by itself, but in a training
 * step weights are inputs. Here the same is written into the graph: reorder the image, rearrange the
 * weight by two transposes, convolve, reorder back.
 *
 * The operators are of the runtime's internal domain `com.microsoft.nchwc` and depend on the machine, so
 * `convolutionBlock` first tries them on a small case against a plain convolution.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { RandomState } from "../base/random.ts";
import { Graph, type GraphNode, sizeOf, type Value } from "./graph.ts";
import { flippedWeight, flippedWeightSource, reversedPlaces } from "./flipped_weight.ts";
import { conv, gather, operator, reshape, transpose } from "./ops.ts";
import { modelBytes } from "./proto.ts";
import { rewritten } from "./rewrite.ts";
import { openSession } from "./session.ts";
import { intOf } from "./shapes.ts";

const domain = "com.microsoft.nchwc";
let probed: Promise<number | undefined> | undefined;

/**
 * `graph`'s declared outputs and what they need, with every convolution that gains from it in blocks of
 * `block` channels. `graph` itself is not changed.
 */
export function withBlockedConvolutions(graph: Graph, block: number): Graph {
  return rewritten(
    graph,
    (node, [x], copies) =>
      gains(node, block)
        ? [blockedConv(node, x!, blockedWeightOf(node, block, copies))]
        : undefined,
  );
}

/** The block size of this machine's kernels, or undefined if they are not to be had; tried once. */
export function convolutionBlock(): Promise<number | undefined> {
  probed ??= (async () => {
    for (const block of [16, 8]) if (await blockWorks(block)) return block;
    return undefined;
  })();
  return probed;
}

/**
 * Whether blocks pay: a kernel larger than 1 × 1, whole blocks of channels, and enough places that
 * rearranging the weight is small beside the convolution. A flipped weight has to be rearranged anyway.
 * Constant weights are left to the runtime.
 */
function gains(node: GraphNode, block: number): boolean {
  const [, w, b] = node.inputs;
  if (node.operator !== "Conv" || b !== undefined || w === undefined) return false;
  if (w.constant !== undefined || w.shape.length !== 4 || sizeOf(w.shape.slice(2)) === 1) {
    return false;
  }
  const group = intOf(node.attributes, "group", 1);
  const [out, perGroup] = w.shape;
  const [n, , height, width] = node.outputs[0].shape;
  if (out % block !== 0) return false;
  if (group > 1) return perGroup === 1 && group === out;
  const large = n * height * width >= 8 * out;
  return perGroup % block === 0 && (large || flippedWeightSource(w) !== undefined);
}

function blockedWeightOf(
  node: GraphNode,
  block: number,
  copies: ReadonlyMap<Value, Value>,
): Value {
  const w = node.inputs[1]!;
  if (intOf(node.attributes, "group", 1) > 1) return blockedPlanes(copies.get(w)!, block);
  const source = flippedWeightSource(w);
  return source === undefined
    ? blockedWeight(copies.get(w)!, block)
    : blockedFlippedWeight(copies.get(source)!, block);
}

function blockedConv(node: GraphNode, x: Value, weight: Value): Value {
  const { graph } = x;
  const [image] = operator(graph, "ReorderInput", [x], {}, 1, domain);
  const [y] = operator(graph, "Conv", [image, weight], node.attributes, 1, domain);
  const channels = { channels: { kind: "int", value: weight.shape[0] } } as const;
  return operator(graph, "ReorderOutput", [y], channels, 1, domain)[0];
}

/** [out, in, k, k] with blocks of input and output channels innermost, in that order. */
function blockedWeight(w: Value, block: number): Value {
  const [out, inputs, ...kernel] = w.shape;
  const area = sizeOf(kernel);
  const [outBlocks, inBlocks] = [out / block, inputs / block];
  // Two transposes of few axes are twice as fast as one of all six.
  const first = transpose(reshape(w, [outBlocks, block, inBlocks, block * area]), [0, 2, 3, 1]);
  const second = transpose(reshape(first, [outBlocks * inBlocks, block, area, block]), [
    0,
    2,
    1,
    3,
  ]);
  return reshape(second, w.shape);
}

/** `blockedWeight` of the flipped weight, from the weight itself: twice as fast as one after the other. */
function blockedFlippedWeight(w: Value, block: number): Value {
  const [out, inputs, ...kernel] = w.shape;
  const area = sizeOf(kernel);
  const places = transpose(reshape(w, [out / block, block * inputs, area]), [0, 2, 1]);
  const turned = gather(places, reversedPlaces(area), 1);
  const blocks = reshape(turned, [out / block, area, block, inputs / block, block]);
  return reshape(transpose(blocks, [3, 0, 1, 2, 4]), [inputs, out, ...kernel]);
}

/** [channels, 1, k, k] with blocks of channels innermost. */
function blockedPlanes(w: Value, block: number): Value {
  const [channels, , ...kernel] = w.shape;
  const blocks = reshape(w, [channels / block, block, sizeOf(kernel)]);
  return reshape(transpose(blocks, [0, 2, 1]), w.shape);
}

/** Compares blocked with plain convolutions, flipped and depthwise ones too, on drawn numbers. */
async function blockWorks(block: number): Promise<boolean> {
  const graph = new Graph();
  const channels = 2 * block;
  const x = graph.input("x", "float32", [2, channels, 9, 8]);
  const pads = [1, 1, 1, 1];
  const weight = graph.input("weight", "float32", [channels, channels, 3, 3]);
  const planes = graph.input("planes", "float32", [channels, 1, 3, 3]);
  graph.output("dense", conv(x, weight, undefined, { pads }));
  graph.output("flipped", conv(x, flippedWeight(weight), undefined, { pads }));
  graph.output("depthwise", conv(x, planes, undefined, { pads, group: channels }));
  const random = new RandomState(0);
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }): [string, NdArray] => [name, {
      shape,
      data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
    }]),
  );
  const run = async (model: Graph) => {
    const session = await openSession(modelBytes(model), { name: "the probe of convolutions" });
    try {
      return await session.run(feeds);
    } finally {
      await session.close();
    }
  };
  try {
    const plain = await run(graph);
    const blocked = await run(withBlockedConvolutions(graph, block));
    return Object.keys(plain).every((name) =>
      near(plain[name].data as Float32Array, blocked[name].data as Float32Array)
    );
  } catch {
    return false; // a runtime without these operators refuses the model
  }
}

function near(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (!(Math.abs(a[i] - b[i]) < 1e-4)) return false;
  return true;
}
