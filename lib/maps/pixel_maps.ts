/**
 * Anomaly maps straight from pixels: a detector's whole evaluation, backbone included, as one graph
 * that takes an image and gives its map.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { Graph, type Value } from "../onnx/graph.ts";
import { frozenParameters, type Scope, scopeOf, type TensorMap } from "../onnx/parameters.ts";
import { modelBytes } from "../onnx/proto.ts";
import { openSession } from "../onnx/session.ts";
import { frozenBackbone } from "../weights/backbone.ts";
import { backboneNamed } from "../weights/backbones.ts";
import type { OpenDetector } from "./detector.ts";
import { featureTaps } from "./frozen_features.ts";

/** What stands between the backbone's features and the map. */
export interface PixelMaps {
  /** Stands in messages. */
  readonly name: string;
  /** Name in `lib/weights/backbones.ts`. */
  readonly backbone: string;
  /** Side of the images, and of the maps, in pixels. */
  readonly size: number;
  /** Of the backbone. */
  readonly weights: TensorMap;
  /** Of the detector's own network. */
  readonly tensors: TensorMap;
  /**
   * Builds the map `[1, 1, size, size]` from the features of `featureTaps`, `[1, c, h, w]` each.
   */
  readonly build: (scope: Scope, features: readonly Value[]) => Value;
}

/** Opens the graph; the maps it gives are `[n, size, size]`. */
export async function openPixelMaps(
  { name, backbone, size, weights, tensors, build }: PixelMaps,
): Promise<OpenDetector> {
  const graph = new Graph();
  const shape = [1, size, size, 3];
  const image = graph.input("pixels", "uint8", shape);
  const { taps } = frozenBackbone(backboneNamed(backbone), image, weights);
  const scope = scopeOf(frozenParameters(graph, tensors, `the model of ${name}`));
  graph.output("map", build(scope, featureTaps.map((tap) => taps.get(tap)!)));
  const session = await openSession(modelBytes(graph), { name });
  return {
    async maps(block) {
      const { shape: [images, ...imageShape], data } = block as NdArray<Uint8Array>;
      if (String(imageShape) !== String(shape.slice(1)) || !(data instanceof Uint8Array)) {
        throw new RangeError(
          `Cannot make maps of images of shape [${imageShape}]: expected [${
            shape.slice(1)
          }], uint8`,
        );
      }
      const length = size * size * 3;
      const maps = new Float32Array(images * size * size);
      for (let i = 0; i < images; i++) {
        const pixels = data.subarray(i * length, (i + 1) * length);
        const outputs = await session.run({ pixels: { shape, data: pixels } });
        maps.set(outputs.map.data as Float32Array, i * size * size);
      }
      return { maps: { shape: [images, size, size], data: maps }, scores: undefined };
    },
    close: () => session.close(),
  };
}
