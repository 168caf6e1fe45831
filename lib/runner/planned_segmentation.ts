/**
 * Segmentation maps as the planner names them and the worker opens them. One map serves all images of
 * a class, or each image has its own (VisA).
 *
 * @module
 */
import { parseNpy } from "../base/npy.ts";
import { DataError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { sha256 } from "../base/digest.ts";
import { productSegmentation, segmentNames } from "../images/synthetic_product.ts";
import type { SyntheticProduct } from "../images/synthetic_product.ts";
import {
  loadSegmentationMap,
  resizeSegmentationMap,
  type SegmentationMap,
  segmentationMapDigest,
} from "../segments/segmentation_map.ts";

/** Which segmentation a class gets: its content, and where it is found again. */
export type PlannedSegmentation = PlannedMap | PlannedImageMaps;

/** One map for all images. */
export interface PlannedMap {
  /** Tells the two segmentations apart. */
  readonly kind: "map";
  /** As given: "vad", "rings:4", "whole", a file; "product" for an embedded product's own map. */
  readonly spec: string;
  /** Names of the segments in the order of their labels. */
  readonly segments: readonly string[];
  /** SHA-256 of labels and names at the size of the run. */
  readonly digest: string;
  /** The product whose own map it is. */
  readonly product?: SyntheticProduct;
}

/** A map for each image, as label arrays in `.npy` files. */
export interface PlannedImageMaps {
  /** Tells the two segmentations apart. */
  readonly kind: "images";
  /** The folder that was given. */
  readonly spec: string;
  /** Names of the segments in the order of their labels, the same for all images. */
  readonly segments: readonly string[];
  /** SHA-256 over the files of all images. */
  readonly digest: string;
  /** By the image's id. */
  readonly files: Readonly<Record<string, LabelFile>>;
}

/** A file with the labels of one image. */
export interface LabelFile {
  /** Where the file lies on this machine. */
  readonly path: string;
  /** SHA-256 of its content. */
  readonly digest: string;
}

/**
 * Looks a segmentation map up for images that are resized to `size` x `size`.
 *
 * @param images size of the images as they are on the disk, which the map must fit
 */
export async function planSegmentation(
  spec: string,
  size: number,
  images?: { readonly width: number; readonly height: number },
): Promise<PlannedMap> {
  const map = await loadSegmentationMap(spec, size, images === undefined ? {} : { images });
  return { kind: "map", spec, segments: map.segments, digest: segmentationMapDigest(map) };
}

/** The map that an embedded product is drawn by. */
export function planProductSegmentation(product: SyntheticProduct, size: number): PlannedMap {
  const map = mapOfProduct(product, size);
  return {
    kind: "map",
    spec: "product",
    segments: map.segments,
    digest: segmentationMapDigest(map),
    product,
  };
}

/** Opens the map of a plan, which must still be the same. */
export async function openSegmentation(
  planned: PlannedSegmentation,
  size: number,
): Promise<SegmentationMap> {
  const { spec, digest } = planned;
  if (planned.kind === "images") {
    throw new DataError(
      `Cannot use segmentation ${spec}: each image has a map of its own, and one for all is needed`,
    );
  }
  const map = planned.product === undefined
    ? await loadSegmentationMap(spec, size)
    : mapOfProduct(planned.product, size);
  if (segmentationMapDigest(map) !== digest) throw changed(spec);
  return map;
}

/** Opens the map of one image, whose file must still be the same, at `size` x `size`. */
export async function openImageMap(
  { spec, segments }: Pick<PlannedImageMaps, "spec" | "segments">,
  file: LabelFile,
  height: number,
  width: number,
): Promise<SegmentationMap> {
  const bytes = await readFileIfThere(file.path);
  if (bytes === undefined || sha256(bytes) !== file.digest) throw changed(file.path);
  return resizeSegmentationMap(
    { ...parseLabels(bytes, file.path), name: spec, segments },
    height,
    width,
  );
}

/**
 * The labels of an image from `.npy` bytes: integers of any type, two dimensions. Labels above 254, which
 * no segmentation has, become 255: a pixel of no segment.
 */
export function parseLabels(
  bytes: Uint8Array,
  path: string,
): { readonly height: number; readonly width: number; readonly labels: Uint8Array } {
  const { shape, data } = parseNpy(bytes, path);
  if (shape.length !== 2 || data instanceof Float32Array || data instanceof Float64Array) {
    throw new DataError(
      `Cannot read ${path} as a segmentation: it is not a two-dimensional array of integers`,
      { remedy: "Save the labels 0, 1, 2, … of each pixel with np.save, one file for each image." },
    );
  }
  const labels = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const label = Number(data[i]);
    labels[i] = label >= 0 && label < 255 ? label : 255;
  }
  return { height: shape[0], width: shape[1], labels };
}

function mapOfProduct(product: SyntheticProduct, size: number): SegmentationMap {
  return {
    name: product.name,
    height: size,
    width: size,
    labels: productSegmentation(product, size),
    segments: segmentNames,
  };
}

function changed(what: string): DataError {
  return new DataError(`Cannot use segmentation map ${what}: it changed while the run went on`, {
    remedy: "Start the same command again.",
  });
}
