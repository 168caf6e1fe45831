/**
 * Feature maps of a frozen backbone, for detectors that are trained on them: FastFlow, RD4AD. They are
 * computed once, before the training, and kept as long as they fit into memory; otherwise the pixels
 * are kept and the features of a batch are computed when it is its turn. Either way every image goes
 * through the same graph alone, so the numbers are the same bits.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { Graph, sizeOf } from "../onnx/graph.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import { modelBytes } from "../onnx/proto.ts";
import { openSession, type Session } from "../onnx/session.ts";
import { frozenBackbone, tapsOf } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";

/** The layers that FastFlow and RD4AD read (paper appendix B), from shallow to deep. */
export const featureTaps: readonly string[] = ["layer1", "layer2", "layer3"];

/** Shape of one layer's feature map: `[channels, side, side]`. */
export interface FeatureLayout {
  /** Name of the layer. */
  readonly tap: string;
  /** At least 1. */
  readonly channels: number;
  /** Rows, and columns, of the map. */
  readonly side: number;
}

/** The features of the training images. */
export interface FrozenFeatures {
  /**
   * Features of the images at these places, by tap: `[places.length, channels, side, side]`, new
   * arrays.
   */
  of(places: ArrayLike<number>): Promise<Record<string, NdArray<Float32Array>>>;
  /** Frees the runtime's memory. */
  close(): Promise<void>;
}

/** Features of all images together are kept if they take at most as many bytes. */
export const mostKeptBytes: number = 2 ** 31;

/** Options of `openFrozenFeatures`. */
export interface FrozenFeaturesOptions {
  /** Beyond it features are computed at every use. @default mostKeptBytes */
  readonly keptBytes?: number;
  /** Called with the number of images whose features are kept so far. */
  readonly onProgress?: (images: number) => void;
}

/**
 * Layouts of the tapped layers for square images.
 *
 * @param size side of the images in pixels
 * @throws {UsageError} for an unknown backbone
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const sides = featureLayouts("wide_resnet50_2", 256).map(({ channels, side }) => [channels, side]);
 * assert.deepEqual(sides, [[256, 64], [512, 32], [1024, 16]]);
 * ```
 */
export function featureLayouts(backbone: string, size: number): readonly FeatureLayout[] {
  const taps = tapsOf(backboneNamed(backbone));
  return featureTaps.map((tap) => {
    const { channels, stride } = taps.get(tap)!;
    return { tap, channels, side: Math.ceil(size / stride) };
  });
}

/** Bytes of one image's features. */
export function featureBytes(layouts: readonly FeatureLayout[]): number {
  return layouts.reduce((sum, { channels, side }) => sum + 4 * channels * side * side, 0);
}

/**
 * Reads `blocks` of images and gives the features of any of them.
 *
 * @param blocks uint8 RGB, `[n, size, size, 3]` each
 * @param images how many images the blocks hold together
 * @param weights of the backbone
 * @throws {RangeError} if the blocks hold another number of images or other images
 */
export async function openFrozenFeatures(
  backbone: string,
  size: number,
  weights: TensorMap,
  blocks: AsyncIterable<NdArray> | Iterable<NdArray>,
  images: number,
  options: FrozenFeaturesOptions = {},
): Promise<FrozenFeatures> {
  const { keptBytes = mostKeptBytes, onProgress } = options;
  const layouts = featureLayouts(backbone, size);
  const lengths = layouts.map(({ channels, side }) => channels * side * side);
  const session = await openBackbone(backbone, size, weights);
  const keep = images * featureBytes(layouts) <= keptBytes;
  const kept = keep ? lengths.map((length) => new Float32Array(images * length)) : [];
  const imageLength = size * size * 3;
  const pixels = keep ? undefined : new Uint8Array(images * imageLength);
  let count = 0;
  for await (const { shape, data } of blocks) {
    const bytes = checkedPixels(shape, data, size, images - count);
    pixels?.set(bytes, count * imageLength);
    for (let i = 0; i < shape[0] && keep; i++) {
      const features = await featuresOf(session, bytes, i, size);
      kept.forEach((array, tap) => array.set(features[tap], (count + i) * lengths[tap]));
      onProgress?.(count + i + 1);
    }
    count += shape[0];
  }
  if (count !== images) throw new RangeError(`Cannot read ${images} images: there are ${count}`);
  if (keep) await session.close();

  return {
    async of(places) {
      const batch = lengths.map((length) => new Float32Array(places.length * length));
      for (let i = 0; i < places.length; i++) {
        const features = pixels === undefined
          ? kept.map((array, tap) =>
            array.subarray(places[i] * lengths[tap], (places[i] + 1) * lengths[tap])
          )
          : await featuresOf(session, pixels, places[i], size);
        batch.forEach((array, tap) => array.set(features[tap], i * lengths[tap]));
      }
      return Object.fromEntries(layouts.map(({ tap, channels, side }, i) => [
        tap,
        { shape: [places.length, channels, side, side], data: batch[i] },
      ]));
    },
    close: async () => {
      if (!keep) await session.close();
    },
  };
}

function openBackbone(backbone: string, size: number, weights: TensorMap): Promise<Session> {
  const graph = new Graph();
  const image = graph.input("pixels", "uint8", [1, size, size, 3]);
  const { taps } = frozenBackbone(backboneNamed(backbone), image, weights);
  for (const tap of featureTaps) graph.output(tap, taps.get(tap)!);
  return openSession(modelBytes(graph), { name: backbone });
}

/** The tapped layers of image `place`. */
async function featuresOf(
  session: Session,
  pixels: Uint8Array,
  place: number,
  size: number,
): Promise<Float32Array[]> {
  const shape = [1, size, size, 3];
  const length = sizeOf(shape);
  const image = pixels.subarray(place * length, (place + 1) * length);
  const outputs = await session.run({ pixels: { shape, data: image } });
  return featureTaps.map((tap) => outputs[tap].data as Float32Array);
}

function checkedPixels(
  shape: readonly number[],
  data: NdArray["data"],
  size: number,
  most: number,
): Uint8Array {
  const fits = String(shape.slice(1)) === String([size, size, 3]) && shape[0] <= most;
  if (!fits || !(data instanceof Uint8Array)) {
    throw new RangeError(
      `Cannot read images of shape [${shape}]: expected at most ${most} of [${size},${size},3], uint8`,
    );
  }
  return data;
}
