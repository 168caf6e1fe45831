/**
 * PatchCore (Roth et al., CVPR 2022): a memory bank of patch embeddings of good images, thinned to a
 * coreset; the anomaly map of an image holds each patch's distance to the bank.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { childSeed, RandomState } from "../base/random.ts";
import type { Device } from "../onnx/session.ts";
import type { MapReading } from "./anomaly_map.ts";
import { greedyCoreset } from "./coreset.ts";
import type { PatchPooling } from "./embedding.ts";
import { neighboursOfRow, openNeighbourSearch, squaredDistance } from "./nearest_neighbours.ts";
import { gatherRows, patchTable } from "./patch_table.ts";
import { type Projection, projectTable } from "./random_projection.ts";

/** Everything that shapes native maps and image scores beside the features. Plain JSON, for keys. */
export type PatchCoreParameters = {
  /** What is done with 3 x 3 neighbouring features. */
  readonly pooling: PatchPooling;
  /** Share of the training patches that the bank keeps; the count is rounded down, at least 1. */
  readonly coresetRatio: number;
  /** Projection for the coreset search only. */
  readonly projection: Projection;
  /** Random starting patches of the coreset search, none of them in the bank by itself. */
  readonly coresetStarts: number;
  /** Bank patches whose distances are averaged for a patch's value in the map. */
  readonly mapNeighbours: number;
  /** Whether a distance is its square root taken or not. */
  readonly distance: "euclidean" | "squared";
  /**
   * The variant's own image score. `map-maximum`: the largest value of the finished map, after
   * up-sampling and blur, which is the score of every detector in the SegAD paper (section 5.5).
   * `reweighted`: the largest patch value, lowered by `scoreWeight`. `patch-maximum`: the largest
   * patch value.
   */
  readonly imageScore: "map-maximum" | "reweighted" | "patch-maximum";
  /** Neighbours of the nearest bank patch in `scoreWeight`; used by `reweighted` alone. */
  readonly scoreNeighbours: number;
};

/** What shapes the bank beside the embeddings. */
export type BankParameters = Pick<
  PatchCoreParameters,
  "coresetRatio" | "projection" | "coresetStarts"
>;

/** What shapes maps and image scores beside the bank. */
export type BankMapParameters = Pick<
  PatchCoreParameters,
  "mapNeighbours" | "distance" | "imageScore" | "scoreNeighbours"
>;

/** A variant: the parameters, and how its native map becomes a map of image size. */
export type PatchCoreSettings = PatchCoreParameters & { readonly reading: MapReading };

/**
 * The variants. They differ in what is written here and in nothing else.
 *
 * - `paper`: what the SegAD paper used: anomalib in October 2023, between version 0.7 and 1.0, with
 *   ratio 0.01, 9 neighbours, no crop, and the maximum of the map as the score.
 * - `anomalib-2023-10`: the same with anomalib's own image score.
 * - `official`: the authors' code (amazon-science/patchcore-inspection, WRN50 at 0.1). Its crop of
 *   224 from 256 pixels is not made, because segments need a map of the whole image.
 */
export const patchCoreVariants = {
  "paper": {
    pooling: { kind: "average" },
    coresetRatio: 0.01,
    projection: { kind: "sparse", eps: 0.9 },
    coresetStarts: 1,
    mapNeighbours: 1,
    distance: "euclidean",
    imageScore: "map-maximum",
    scoreNeighbours: 9,
    reading: { upsample: "nearest", blur: { sigma: 4, border: "reflect_no_edge" } },
  },
  "anomalib-2023-10": {
    pooling: { kind: "average" },
    coresetRatio: 0.01,
    projection: { kind: "sparse", eps: 0.9 },
    coresetStarts: 1,
    mapNeighbours: 1,
    distance: "euclidean",
    imageScore: "reweighted",
    scoreNeighbours: 9,
    reading: { upsample: "nearest", blur: { sigma: 4, border: "reflect_no_edge" } },
  },
  "official": {
    pooling: { kind: "unfold", channels: 1024 },
    coresetRatio: 0.1,
    projection: { kind: "dense", dimension: 128 },
    coresetStarts: 10,
    mapNeighbours: 1,
    distance: "squared",
    imageScore: "patch-maximum",
    scoreNeighbours: 1,
    reading: { upsample: "bilinear", blur: { sigma: 4, border: "reflect_edge" } },
  },
} as const satisfies Readonly<Record<string, PatchCoreSettings>>;

/** A fitted PatchCore. */
export interface PatchCoreBank {
  /** `[m, channels]`, in the order of selection. */
  readonly bank: NdArray<Float32Array>;
  /** `[m]` patches of the training images in their order, row by row of the grid. */
  readonly indices: Uint32Array;
}

/** Options of `fitPatchCore`. */
export interface FitPatchCoreOptions {
  /** Called with the bank patches selected so far. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Ends the work with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Fits the bank to embeddings of good images, block by block `[n, h, w, channels]`; a block may be
 * dropped once it is read. Memory: all embeddings once, their projection if one is made, and what the
 * coreset search takes.
 *
 * @param seed of the starting patches and, under another name, of the projection
 * @throws {RangeError} for no embeddings and for a ratio outside (0, 1]
 */
export async function fitPatchCore(
  parameters: BankParameters,
  embeddings: Iterable<NdArray<Float32Array>> | AsyncIterable<NdArray<Float32Array>>,
  seed: number,
  options: FitPatchCoreOptions = {},
): Promise<PatchCoreBank> {
  const { coresetRatio, coresetStarts, projection } = parameters;
  if (!(coresetRatio > 0 && coresetRatio <= 1)) {
    throw new RangeError(`Cannot fit PatchCore: coreset ratio is ${coresetRatio}, not in (0, 1]`);
  }
  const patches = await patchTable(embeddings);
  const projecting = new RandomState(childSeed(seed, "projection"));
  const projected = await projectTable(patches, projection, projecting, options.signal);
  const indices = await greedyCoreset(projected, {
    count: Math.max(1, Math.floor(patches.length * coresetRatio)),
    random: new RandomState(childSeed(seed, "coreset")),
    starts: Math.min(coresetStarts, patches.length),
    ...options,
  });
  return { bank: gatherRows(patches, indices), indices };
}

/** Maps of a block of images. */
export interface PatchCoreMaps {
  /** `[n, h, w]`: one value per patch. */
  readonly maps: NdArray<Float32Array>;
  /** `[n]` the variant's image scores; undefined for `map-maximum`, which the finished map gives. */
  readonly scores: Float64Array | undefined;
}

/** A bank that is ready to make maps. */
export interface OpenPatchCore {
  /**
   * Maps and scores of a block of images, in new arrays.
   *
   * @param embeddings `[n, h, w, channels]`
   */
  maps(embeddings: NdArray<Float32Array>): Promise<PatchCoreMaps>;
  /** Frees the runtime's memory. */
  close(): Promise<void>;
}

/**
 * Opens a bank `[m, channels]` for making maps. A bank with fewer patches than `mapNeighbours` lends
 * all it has.
 */
export async function openPatchCore(
  bank: NdArray<Float32Array>,
  parameters: BankMapParameters,
  device: Device = "cpu",
): Promise<OpenPatchCore> {
  const { distance, imageScore, scoreNeighbours } = parameters;
  const neighbours = Math.min(parameters.mapNeighbours, bank.shape[0]);
  const search = await openNeighbourSearch(bank, { neighbours, device });
  return {
    maps: async ({ shape, data }) => {
      const [images, height, width, channels] = shape;
      if (channels !== bank.shape[1]) {
        throw new RangeError(
          `Cannot make maps: embeddings have ${channels} channels, the bank ${bank.shape[1]}`,
        );
      }
      const { squares, indices } = await search.search(data);
      const patches = height * width;
      const maps = new Float32Array(images * patches);
      for (let patch = 0; patch < maps.length; patch++) {
        let sum = 0;
        for (let k = patch * neighbours; k < (patch + 1) * neighbours; k++) {
          sum += distance === "squared" ? squares[k] : Math.sqrt(squares[k]);
        }
        maps[patch] = sum / neighbours;
      }
      const scores = imageScore === "map-maximum" ? undefined : new Float64Array(images);
      for (let image = 0; scores !== undefined && image < images; image++) {
        const patch = argMax(maps, image * patches, (image + 1) * patches);
        const own = data.subarray(patch * channels, (patch + 1) * channels);
        const weight = imageScore === "reweighted"
          ? scoreWeight(bank, own, indices[patch * neighbours], scoreNeighbours)
          : 1;
        scores[image] = maps[patch] * weight;
      }
      return { maps: { shape: [images, height, width], data: maps }, scores };
    },
    close: () => search.close(),
  };
}

/**
 * PatchCore's weight of an image score (its equation 7): 1 - exp(d*) / sum over b of exp(d_b). d_b are
 * the distances of the image's most anomalous patch to the `neighbours` bank patches around its nearest
 * bank patch, that one included; d* is the distance to that one. The weight is low where the nearest
 * bank patch lies close to the patch compared with its surroundings.
 *
 * As in anomalib: a bank with fewer patches lends all; one neighbour means no weight (1).
 *
 * @param patch `[channels]`
 * @param nearest row of the bank
 */
export function scoreWeight(
  bank: NdArray<Float32Array>,
  patch: Float32Array,
  nearest: number,
  neighbours: number,
): number {
  if (neighbours === 1) return 1;
  const channels = bank.shape[1];
  const centre = bank.data.subarray(nearest * channels, (nearest + 1) * channels);
  const { indices } = neighboursOfRow(bank, centre, neighbours);
  const distances = Array.from(
    indices,
    (row) => Math.sqrt(squaredDistance(patch, 0, bank.data, row * channels, channels)),
  );
  const largest = Math.max(...distances); // taken off all exponents: none overflows
  const total = distances.reduce((sum, distance) => sum + Math.exp(distance - largest), 0);
  const own = Math.sqrt(squaredDistance(patch, 0, centre, 0, channels));
  return 1 - Math.exp(own - largest) / total;
}

/** The first place of the largest number in [start, end). */
function argMax(numbers: Float32Array, start: number, end: number): number {
  let best = start;
  for (let i = start + 1; i < end; i++) if (numbers[i] > numbers[best]) best = i;
  return best;
}
