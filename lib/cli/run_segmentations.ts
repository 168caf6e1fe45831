/**
 * Which segmentation each class of a data set gets: what `--segmap` says, or the maps that are known.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { digestOf, sha256 } from "../base/digest.ts";
import { DataError, HarnessError, UsageError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { describeImage } from "../images/decode.ts";
import { readImageHeader } from "../images/image_header.ts";
import type { Dataset, Sample } from "../images/sample.ts";
import { shownPath } from "../images/shown_path.ts";
import { visaSegmentCounts } from "../maps/imported_maps.ts";
import {
  type LabelFile,
  parseLabels,
  type PlannedImageMaps,
  type PlannedSegmentation,
  planProductSegmentation,
  planSegmentation,
} from "../runner/planned_segmentation.ts";
import { namedMaps } from "../segments/segmentation_map.ts";

/** Segmentation by class, or why there is none. */
export type ClassSegmentations = ReadonlyMap<string, PlannedSegmentation | HarnessError>;

/**
 * The segmentations of all classes for images that are resized to `size` x `size`. Of a data set of
 * several classes, a class without a map is no obstacle for the rows that need none.
 *
 * @param spec what `--segmap` says: a map for all classes, or a folder with one for each class
 *   (`<class>.png`) or for each image (`<class>/{good,bad}/<name>.npy`)
 * @throws {UsageError} where no map is known for a data set of one class
 */
export async function planSegmentations(
  dataset: Dataset,
  spec: string | undefined,
  size: number,
): Promise<ClassSegmentations> {
  const { source } = dataset;
  const classes = Map.groupBy(dataset.samples, (sample) => sample.class);
  // A folder of images may have the name of a map: `--data vad --segmap vad`.
  const isFolder = spec !== undefined && !(await namedMaps()).includes(spec) &&
    await isDirectory(spec);
  const planned = new Map<string, PlannedSegmentation | HarnessError>();
  for (const [name, samples] of classes) {
    const make = async () => {
      if (isFolder) return await fromFolder(spec, name, dataset, samples, size);
      if (source.kind === "products" && spec === undefined) {
        return planProductSegmentation(source.products.find((one) => one.name === name)!, size);
      }
      const images = await imageSize(dataset, samples[0]);
      return await planSegmentation(spec ?? knownMap(dataset, name), size, images);
    };
    try {
      planned.set(name, await make());
    } catch (error) {
      if (!(error instanceof HarnessError) || classes.size === 1) throw error;
      planned.set(name, error);
    }
  }
  return planned;
}

/** Width and height of an image as it is on the disk. */
async function imageSize(
  { source }: Dataset,
  sample: Sample,
): Promise<{ width: number; height: number }> {
  if (source.kind !== "folder") {
    const product = source.kind === "synthetic"
      ? source.product
      : source.products.find(({ name }) => name === sample.class)!;
    return { width: product.size, height: product.size };
  }
  const bytes = await Deno.readFile(join(source.root, sample.id));
  return readImageHeader(bytes)?.size ?? await describeImage(bytes, sample.id);
}

/** The named map of a data set: that of VAD fits the embedded product too. */
function knownMap(dataset: Dataset, name: string): string {
  if (dataset.layout === "synthetic" || isVad(dataset)) return "vad";
  const several = dataset.layout !== "vad";
  const what = several ? `class ${name} of ${dataset.name}` : dataset.name;
  throw new UsageError(
    `Cannot choose a segmentation map for ${shownPath(what)}: only VAD's is known`,
    {
      remedy: "Add --segmap: whole, rings:N (concentric rings), a label PNG drawn for the product" +
        (several ? ", or a folder with <class>.png or <class>/{good,bad}/<name>.npy." : "."),
    },
  );
}

/** VAD by its published counts. */
function isVad({ samples }: Dataset): boolean {
  const count = (split: string, label: number) =>
    samples.filter((sample) => sample.split === split && sample.label === label).length;
  return count("train", 0) === 2000 && count("train", 1) === 1000 && count("test", 0) === 1000 &&
    count("test", 1) === 1000;
}

/** The map of a class in a folder of maps. */
async function fromFolder(
  folder: string,
  name: string,
  dataset: Dataset,
  samples: readonly Sample[],
  size: number,
): Promise<PlannedSegmentation> {
  const own = join(folder, `${name}.png`);
  if (await readFileIfThere(own) !== undefined) {
    return await planSegmentation(own, size, await imageSize(dataset, samples[0]));
  }
  if (await isDirectory(join(folder, name))) return await imageMaps(folder, name, samples);
  throw new DataError(
    `Cannot find the segmentation of class ${name} in ${shownPath(folder)}: there is neither ` +
      `${name}.png nor a folder ${name}`,
    { remedy: "Add one map for the class, or one for each image: <class>/{good,bad}/<name>.npy." },
  );
}

/** A map for each image of a class, `<folder>/<class>/{good,bad}/<name>.npy`. */
async function imageMaps(
  folder: string,
  name: string,
  samples: readonly Sample[],
): Promise<PlannedImageMaps> {
  const files: Record<string, LabelFile> = {};
  const missing: string[] = [];
  let largest = 0;
  for (const { id, label } of samples) {
    const stem = basename(id, extname(id));
    const path = join(folder, name, label === 0 ? "good" : "bad", `${stem}.npy`);
    const bytes = await readFileIfThere(path);
    if (bytes === undefined) {
      missing.push(path);
      continue;
    }
    files[id] = { path, digest: sha256(bytes) };
    if (visaSegmentCounts[name] !== undefined) continue;
    for (const one of parseLabels(bytes, path).labels) {
      if (one < 255 && one > largest) largest = one;
    }
  }
  if (missing.length > 0) {
    throw new DataError(
      `Cannot use the segmentations of class ${name}: ${missing.length} of ${samples.length} ` +
        `images have none, the first is ${shownPath(missing[0])}`,
      { remedy: "Add the missing files, or give one map for all images with --segmap." },
    );
  }
  const count = visaSegmentCounts[name] ?? largest + 1;
  const segments = Array.from({ length: count }, (_, label) => `segment ${label}`);
  const digest = digestOf({ segments, files: Object.values(files).map((file) => file.digest) });
  return { kind: "images", spec: folder, segments, digest, files };
}

async function isDirectory(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isDirectory ?? false;
}
