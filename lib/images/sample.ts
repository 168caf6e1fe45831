/**
 * What an image of a data set is to every later stage: an identity by content, a class, a split and a
 * label. The order of samples is part of the identity of a data set, so it never depends on the order
 * in which a file system lists its folders.
 *
 * @module
 */
import { digestOf } from "../base/digest.ts";
import type { SyntheticProduct } from "./product/product.ts";

/** One image. Pixels are not part of it: `pixelReader` of `pixels.ts` reads them. */
export interface Sample {
  /** Path relative to the data set's root with "/" between the parts, e.g. "train/bad/0001.png". */
  readonly id: string;
  /** Class of the product: "vad", "candle", … */
  readonly class: string;
  /** Whether the data set gives the image for training or for test. */
  readonly split: "train" | "test";
  /** 0 good, 1 bad. */
  readonly label: 0 | 1;
  /** Whether the image shows a type of defect that no training image shows (VAD). */
  readonly unseen: boolean;
  /** SHA-256 of the file, or of the full parameters of the drawing for the embedded product. */
  readonly digest: string;
  /** Type of the defect, where it is known. */
  readonly defect?: string;
  /** Path of the ground truth mask relative to the data set's root, where there is one. */
  readonly mask?: string;
}

/** Where the pixels of a data set come from. Never part of a digest: a data set may be moved. */
export type ImageSource =
  | { readonly kind: "folder"; readonly root: string }
  | { readonly kind: "synthetic"; readonly product: SyntheticProduct }
  /** One product a class; ids begin with the class, "part1/test/bad/0001.png". */
  | { readonly kind: "products"; readonly products: readonly SyntheticProduct[] };

/** Names of the layouts that `openDataset` reads, the embedded products, and maps without their images. */
export type LayoutName = "vad" | "visa" | "mvtec" | "synthetic" | "maps";

/** A data set: its samples in canonical order, and where their pixels come from. */
export interface Dataset {
  /** Name for people: the folder's, or that of the embedded product. */
  readonly name: string;
  /** How the folder is laid out. */
  readonly layout: LayoutName;
  /** In the order of `compareSamples`. */
  readonly samples: readonly Sample[];
  /** SHA-256 over the samples and the low-shot lists; not over name, place and times. */
  readonly digest: string;
  /** Low-shot lists of training images: file names in `train/bad` by the key of the list. */
  readonly lowShot?: Readonly<Record<string, readonly string[]>>;
  /** Where the pixels come from. */
  readonly source: ImageSource;
  /** What is odd but no obstacle, one sentence each. Not part of the digest. */
  readonly warnings?: readonly string[];
}

/**
 * The canonical order of samples: class, split (train first), label (good first), unseen (seen first),
 * id. Texts are compared as Python's `sorted` does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const sample = (id: string, label: 0 | 1) =>
 *   ({ id, class: "vad", split: "train", label, unseen: false, digest: "" }) as const;
 * const sorted = [sample("train/bad/1.png", 1), sample("train/good/2.png", 0)].sort(compareSamples);
 * assert.deepEqual(sorted.map((one) => one.id), ["train/good/2.png", "train/bad/1.png"]);
 * ```
 */
export function compareSamples(a: Sample, b: Sample): number {
  return compareText(a.class, b.class) || Number(a.split === "test") - Number(b.split === "test") ||
    a.label - b.label || Number(a.unseen) - Number(b.unseen) || compareText(a.id, b.id);
}

/**
 * Order of two texts by Unicode code points, whatever the locale: the order of Python's `sorted`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(["b10", "b9", "B1", "ä"].sort(compareText), ["B1", "b10", "b9", "ä"]);
 * ```
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    // A surrogate stands for a code point above every other code unit.
    if (x !== y) return Number(isSurrogate(x)) - Number(isSurrogate(y)) || x - y;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/**
 * A data set of `samples` in canonical order, with its digest.
 *
 * @throws {RangeError} for two samples of one id
 */
export function makeDataset(
  options: Omit<Dataset, "digest">,
): Dataset {
  const samples = [...options.samples].sort(compareSamples);
  const ids = new Set<string>();
  for (const { id } of samples) {
    if (ids.has(id)) {
      throw new RangeError(`Cannot make data set ${options.name}: two samples ${id}`);
    }
    ids.add(id);
  }
  const digest = digestOf({
    samples: samples.map((one) => ({ ...one })),
    lowShot: options.lowShot,
  });
  return { ...options, samples, digest };
}
