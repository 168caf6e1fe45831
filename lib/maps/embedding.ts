/**
 * Patch embeddings of images (PatchCore section 3.1): features of a frozen backbone's layers, averaged
 * over 3 x 3 neighbours and brought to one grid, as one ONNX graph from uint8 pixels to rows.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { averagePool2d, resizeBilinear } from "../onnx/layers.ts";
import { concat, conv, transpose } from "../onnx/ops.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import { modelBytes } from "../onnx/proto.ts";
import { type Device, openSession } from "../onnx/session.ts";
import { frozenBackbone, tapsOf } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";

/**
 * What is done with 3 x 3 neighbours (stride 1, zeros beyond the border, which count).
 *
 * - `average` (anomalib): their mean, channel by channel; the layers' channels are concatenated.
 * - `unfold` (official code): the patch [channels, 3, 3] as one vector is averaged in `channels` bins
 *   (torch's `adaptive_avg_pool1d`), the layers' vectors follow one another, and the whole is averaged in
 *   `channels` bins again.
 */
export type PatchPooling =
  | { readonly kind: "average" }
  | { readonly kind: "unfold"; readonly channels: number };

/** What decides an embedding beside the weights. Plain JSON: all of it goes into keys. */
export interface EmbeddingSpec {
  /** Name in `lib/weights/backbones.ts`. */
  readonly backbone: string;
  /** Layers from shallow to deep; the first one's grid is the grid of all. */
  readonly taps: readonly string[];
  /** Side of the square images in pixels. */
  readonly size: number;
  /** How the neighbourhood of a patch is pooled. */
  readonly pooling: PatchPooling;
}

/** The shape of one image's embedding. */
export interface EmbeddingLayout {
  /** Rows and columns of patches. */
  readonly grid: readonly [number, number];
  /** Numbers for each patch. */
  readonly channels: number;
}

/** A backbone that is ready to embed images. */
export interface Embedder extends EmbeddingLayout {
  /**
   * Patch descriptions of any number of images.
   *
   * @param pixels RGB, `[n, size, size, 3]`
   * @returns `[n, rows, columns, channels]`, a new array
   */
  embed(pixels: NdArray<Uint8Array>): Promise<NdArray<Float32Array>>;
  /** Frees the runtime's memory. */
  close(): Promise<void>;
}

/** Options of `openEmbedder`. */
export interface EmbedderOptions {
  /** Where the backbone runs. @default "cpu" */
  readonly device?: Device;
  /** Images in one run: more than one serves a graphics processor, the CPU gains nothing. @default 1 */
  readonly batch?: number;
}

/**
 * Opens the graph of `spec` over the backbone's `weights`.
 *
 * @throws {UsageError} for an unknown backbone
 * @throws {RangeError} for an unknown layer, an order of layers from deep to shallow, missing weights
 */
export async function openEmbedder(
  spec: EmbeddingSpec,
  weights: TensorMap,
  options: EmbedderOptions = {},
): Promise<Embedder> {
  const { device = "cpu", batch = 1 } = options;
  const { size } = spec;
  const graph = new Graph();
  const pixels = graph.input("pixels", "uint8", [batch, size, size, 3]);
  const { taps } = frozenBackbone(backboneNamed(spec.backbone), pixels, weights);
  const patches = patchEmbeddings(tapped(spec, taps), spec.pooling);
  graph.output("patches", patches);
  const session = await openSession(modelBytes(graph), { device, name: spec.backbone });
  const [, height, width, channels] = patches.shape;
  const rowLength = height * width * channels;
  const imageLength = size * size * 3;
  return {
    grid: [height, width],
    channels,
    embed: async ({ shape, data }) => {
      if (String(shape.slice(1)) !== String([size, size, 3])) {
        throw new RangeError(
          `Cannot embed images of shape [${shape}]: expected [n,${size},${size},3]`,
        );
      }
      const images = shape[0];
      const embedded = new Float32Array(images * rowLength);
      for (let first = 0; first < images; first += batch) {
        const count = Math.min(batch, images - first);
        const feed = new Uint8Array(batch * imageLength); // black images behind the last
        feed.set(data.subarray(first * imageLength, (first + count) * imageLength));
        const outputs = await session.run({
          pixels: { shape: [batch, size, size, 3], data: feed },
        });
        const rows = (outputs.patches.data as Float32Array).subarray(0, count * rowLength);
        embedded.set(rows, first * rowLength);
      }
      return { shape: [images, height, width, channels], data: embedded };
    },
    close: () => session.close(),
  };
}

/**
 * Grid and channels of an embedding, known without weights.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const spec = { backbone: "wide_resnet50_2", taps: ["layer2", "layer3"], size: 256 };
 * const layout = embeddingLayout({ ...spec, pooling: { kind: "average" } });
 * assert.deepEqual(layout, { grid: [32, 32], channels: 1536 });
 * ```
 */
export function embeddingLayout(spec: EmbeddingSpec): EmbeddingLayout {
  const layouts = tapped(spec, tapsOf(backboneNamed(spec.backbone)));
  const side = Math.ceil(spec.size / layouts[0].stride);
  const sum = layouts.reduce((channels, layout) => channels + layout.channels, 0);
  return {
    grid: [side, side],
    channels: spec.pooling.kind === "average" ? sum : spec.pooling.channels,
  };
}

/**
 * Feature maps `[n, c, h, w]`, shallow to deep, to patch embeddings `[n, h, w, channels]` on the first
 * one's grid. Deeper maps are interpolated (bilinear, pixel centres aligned) after pooling.
 *
 * @throws {RangeError} if `unfold` cannot give every layer the same number of channels
 */
export function patchEmbeddings(taps: readonly Value[], pooling: PatchPooling): Value {
  const [, , height, width] = taps[0].shape;
  const pooled = taps.map((tap) => {
    const own = pooling.kind === "average"
      ? averagePool2d(tap, { kernel: 3, stride: 1, padding: 1 })
      : unfoldedBins(tap, pooling.channels, taps.length);
    return resizeBilinear(own, height, width);
  });
  return transpose(pooled.length === 1 ? pooled[0] : concat(pooled, 1), [0, 2, 3, 1]);
}

/** The layers that `spec` names; their strides must not fall. */
function tapped<V>(spec: EmbeddingSpec, taps: ReadonlyMap<string, V>): readonly V[] {
  const strides = tapsOf(backboneNamed(spec.backbone));
  if (spec.taps.length === 0) throw new RangeError(`Cannot embed with ${spec.backbone}: no layers`);
  let before = 0;
  return spec.taps.map((name) => {
    const tap = taps.get(name);
    if (tap === undefined) {
      throw new RangeError(
        `Cannot embed with ${spec.backbone}: it has no layer ${name}, only ${[...taps.keys()]}`,
      );
    }
    const { stride } = strides.get(name)!;
    if (stride < before) {
      throw new RangeError(
        `Cannot embed with ${spec.backbone}: layers must go from shallow to deep, not ${spec.taps}`,
      );
    }
    before = stride;
    return tap;
  });
}

/**
 * The share of one of `layers` layers in the official embedding, `[n, channels / layers, h, w]`.
 * Unfolding and both averages are one linear map of a 3 x 3 window, so they are a convolution with
 * fixed weights; it commutes with the interpolation, which then has fewer channels to do.
 */
function unfoldedBins(x: Value, channels: number, layers: number): Value {
  const outputs = channels / layers;
  if (!Number.isInteger(outputs)) {
    throw new RangeError(
      `Cannot pool ${layers} layers to ${channels} channels: no whole share each`,
    );
  }
  const inputs = x.shape[1];
  const first = binAverages(inputs * 9, channels);
  const weights = new Float64Array(outputs * inputs * 9);
  for (let output = 0; output < outputs; output++) {
    for (let bin = output * layers; bin < (output + 1) * layers; bin++) {
      const { start, end } = first(bin);
      for (let i = start; i < end; i++) {
        weights[output * inputs * 9 + i] += 1 / ((end - start) * layers);
      }
    }
  }
  const groups = blockGroups(weights, outputs, inputs);
  const perGroup = inputs / groups;
  const data = new Float32Array(outputs * perGroup * 9);
  for (let output = 0; output < outputs; output++) {
    const from = output * inputs * 9 + Math.floor(output * groups / outputs) * perGroup * 9;
    data.set(weights.subarray(from, from + perGroup * 9), output * perGroup * 9);
  }
  const weight = x.graph.constant({ shape: [outputs, perGroup, 3, 3], data });
  return conv(x, weight, undefined, { pads: [1, 1, 1, 1], group: groups });
}

/** The bins of torch's adaptive average pooling of `input` numbers to `output`; they may overlap. */
function binAverages(
  input: number,
  output: number,
): (bin: number) => { readonly start: number; readonly end: number } {
  return (bin) => ({
    start: Math.floor(bin * input / output),
    end: Math.ceil((bin + 1) * input / output),
  });
}

/** The largest number of equal groups into which weights `[outputs, inputs, 9]` fall apart. */
function blockGroups(weights: Float64Array, outputs: number, inputs: number): number {
  for (let groups = Math.min(outputs, inputs); groups > 1; groups--) {
    if (outputs % groups !== 0 || inputs % groups !== 0) continue;
    const perGroup = inputs / groups;
    const inside = (i: number) => {
      const output = Math.floor(i / (inputs * 9));
      const input = Math.floor(i / 9) % inputs;
      return Math.floor(input / perGroup) === Math.floor(output * groups / outputs);
    };
    if (weights.every((weight, i) => weight === 0 || inside(i))) return groups;
  }
  return 1;
}
