/**
 * The embedded product: the part that the Valeo Anomaly Dataset shows, drawn from a seed, so that every
 * experiment runs without a download. Paper section 3, Figures 2 to 5 and 9, Table 7.
 *
 * Every image is drawn from its own child seed with + - * / and square roots only: the same bytes on
 * every machine, alone or within a set.
 *
 * @module
 */
import { digestOf, type Json } from "../base/digest.ts";
import { childSeed, RandomState } from "../base/random.ts";
import { damagedPart, defectTypes } from "./product/defects.ts";
import { drawPart } from "./product/draw_part.ts";
import { productLayout } from "./product/layout.ts";
import { goodPart, type Part } from "./product/part.ts";
import type { ProductCounts, SyntheticProduct } from "./product/product.ts";
import { layoutSegmentation } from "./product/segmentation.ts";
import type { Sample } from "./sample.ts";

export { type DefectType, defectTypes } from "./product/defects.ts";
export type { ProductCounts, SyntheticProduct } from "./product/product.ts";
export { type SegmentName, segmentNames, vadSegmentation } from "./product/segmentation.ts";

/** Revision of the drawing; part of every sample's digest. */
export const drawingRevision = 2;

/**
 * Strength of the harmless variety among parts. Higher: good parts look more different, so that a
 * detector alone does worse while the statistics per segment lose less.
 */
const defaultNuisance = 1;

/** Least and greatest severity of defects. Lower: every method does worse, the subtle types first. */
const defaultSeverity: readonly [number, number] = [0.45, 1];

/** A drawn image: `data` is uint8 RGB, row-major `[height, width, 3]`, owned by the caller. */
export interface DrawnImage {
  /** Pixels from left to right: the product's `size`. */
  readonly width: number;
  /** Pixels from top to bottom, as many: drawn images are square. */
  readonly height: number;
  /** Red, green and blue of each pixel. */
  readonly data: Uint8Array;
}

/**
 * The demo's product, or one that differs from it in some fields.
 *
 * @throws {RangeError} for a field out of its range
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(syntheticProduct().size, 256);
 * assert.throws(() => syntheticProduct({ size: 0 }), RangeError);
 * ```
 */
export function syntheticProduct(options: Partial<SyntheticProduct> = {}): SyntheticProduct {
  const product: SyntheticProduct = {
    name: "vad",
    seed: 2024,
    layout_seed: null,
    size: 256,
    revision: drawingRevision,
    counts: { train_good: 400, train_bad: 200, test_good: 200, test_bad: 167, test_bad_unseen: 33 },
    nuisance: defaultNuisance,
    severity: defaultSeverity,
    ...options,
  };
  checkProduct(product);
  return product;
}

/** What {@linkcode siblingProducts} may be told. */
export interface SiblingOptions {
  /**
   * What the seeds of all classes are derived from.
   * @default {31}
   */
  readonly seed?: number;
  /**
   * Width and height of the images in pixels.
   * @default {256}
   */
  readonly size?: number;
  /** of each class; @default {120 train good, 30 train bad, 40 test good, 30 test bad, 10 unseen} */
  readonly counts?: ProductCounts;
}

/**
 * Extra products drawn from other seeds: the same components at other places, in other sizes, colours
 * and textures, one class each ("part1", "part2", …). They stand in for data sets of several classes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(siblingProducts(2).map((product) => product.name), ["part1", "part2"]);
 * ```
 */
export function siblingProducts(count: number, options: SiblingOptions = {}): SyntheticProduct[] {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`Cannot make sibling products: count is ${count}, not a positive integer`);
  }
  const {
    seed = 31,
    size = 256,
    counts = { train_good: 120, train_bad: 30, test_good: 40, test_bad: 30, test_bad_unseen: 10 },
  } = options;
  return Array.from({ length: count }, (_, i) =>
    syntheticProduct({
      name: `part${i + 1}`,
      seed: childSeed(seed, "parts", i),
      layout_seed: childSeed(seed, "layout", i),
      size,
      counts,
    }));
}

/**
 * Every image of the product, in canonical order (split, label, unseen, id). The digest of a sample
 * covers all numbers from which it is drawn.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const counts = { train_good: 2, train_bad: 1, test_good: 1, test_bad: 1, test_bad_unseen: 1 };
 * const samples = productSamples(syntheticProduct({ counts }));
 * assert.deepEqual(samples.map((sample) => sample.id), [
 *   "train/good/0000.png",
 *   "train/good/0001.png",
 *   "train/bad/0000.png",
 *   "test/good/0000.png",
 *   "test/bad/0000.png",
 *   "test/bad_unseen_defects/0000.png",
 * ]);
 * ```
 */
export function productSamples(product: SyntheticProduct): Sample[] {
  checkProduct(product);
  const layout = digestOf(productLayout(product.layout_seed) as unknown as Json);
  const samples: Sample[] = [];
  for (const folder of folders) {
    for (let index = 0; index < product.counts[folder.count]; index++) {
      const { part, defect } = partOf(product, folder, index);
      const drawing = {
        revision: product.revision,
        size: product.size,
        layout,
        part: part as unknown as Json,
      };
      samples.push({
        id: `${folder.path}/${String(index).padStart(4, "0")}.png`,
        class: product.name,
        split: folder.split,
        label: folder.label,
        unseen: folder.unseen,
        digest: digestOf(drawing),
        ...(defect === undefined ? {} : { defect }),
      });
    }
  }
  return samples;
}

/**
 * Draws one image of the product.
 *
 * @param options `withDefect: false` draws the same part as it would be without its defect
 * @throws {RangeError} when the product has no such sample
 */
export function drawSample(
  product: SyntheticProduct,
  sample: Pick<Sample, "id">,
  options: { readonly withDefect?: boolean } = {},
): DrawnImage {
  checkProduct(product);
  const [folder, index] = findPlace(product, sample.id);
  const { part, whole } = partOf(product, folder, index);
  const { size } = product;
  const layout = productLayout(product.layout_seed);
  const data = drawPart(layout, options.withDefect === false ? whole : part, size);
  return { width: size, height: size, data };
}

/** Segmentation map of a product, labels `[size, size]` in the order of `segmentNames`. */
export function productSegmentation(product: SyntheticProduct, size = product.size): Uint8Array {
  return layoutSegmentation(productLayout(product.layout_seed), size);
}

/** A folder of the data set. */
interface Folder {
  readonly path: string;
  readonly count: keyof ProductCounts;
  readonly split: "train" | "test";
  readonly label: 0 | 1;
  readonly unseen: boolean;
}

const folders: readonly Folder[] = [
  { path: "train/good", count: "train_good", split: "train", label: 0, unseen: false },
  { path: "train/bad", count: "train_bad", split: "train", label: 1, unseen: false },
  { path: "test/good", count: "test_good", split: "test", label: 0, unseen: false },
  { path: "test/bad", count: "test_bad", split: "test", label: 1, unseen: false },
  {
    path: "test/bad_unseen_defects",
    count: "test_bad_unseen",
    split: "test",
    label: 1,
    unseen: true,
  },
];

/** The numbers of one image: the part, the same part without its defect, and the defect's type. */
function partOf(
  product: SyntheticProduct,
  folder: Folder,
  index: number,
): { readonly part: Part; readonly whole: Part; readonly defect?: string } {
  const { seed, nuisance, severity } = product;
  const layout = productLayout(product.layout_seed);
  const whole = goodPart(
    layout,
    new RandomState(childSeed(seed, "part", folder.path, index)),
    nuisance,
  );
  if (folder.label === 0) return { part: whole, whole };
  const types = defectTypes.filter((type) => type.unseen === folder.unseen);
  // Types come in shuffled rounds, so that each is as frequent as the others.
  const round = Math.floor(index / types.length);
  const order = new RandomState(childSeed(seed, "types", folder.path, round))
    .permutation(types.length);
  const defect = types[order[index % types.length]].id;
  const random = new RandomState(childSeed(seed, "defect", folder.path, index));
  const strength = random.uniform(severity[0], severity[1]);
  return { part: damagedPart(layout, whole, defect, random, strength), whole, defect };
}

function findPlace(product: SyntheticProduct, id: string): [Folder, number] {
  const cut = id.lastIndexOf("/");
  const folder = folders.find((one) => one.path === id.slice(0, cut));
  const name = /^(\d{4,})\.png$/.exec(id.slice(cut + 1));
  const index = name === null ? NaN : Number(name[1]);
  if (folder === undefined || !(index < product.counts[folder.count])) {
    throw new RangeError(`Cannot draw a sample of product ${product.name}: it has no ${id}`);
  }
  return [folder, index];
}

function checkProduct(product: SyntheticProduct): void {
  const { seed, layout_seed, size, revision, counts, nuisance, severity } = product;
  const fail = (field: string, value: unknown, rule: string): never => {
    throw new RangeError(`Cannot use a synthetic product: ${field} is ${value}, not ${rule}`);
  };
  const isSeed = (value: number) => Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
  if (!isSeed(seed)) fail("seed", seed, "an integer in [0, 2^32)");
  if (layout_seed !== null && !isSeed(layout_seed)) {
    fail("layout_seed", layout_seed, "null or an integer in [0, 2^32)");
  }
  if (!Number.isInteger(size) || size < 32 || size > 2048) {
    fail("size", size, "an integer in 32 … 2048");
  }
  if (revision !== drawingRevision) fail("revision", revision, `${drawingRevision}`);
  for (const { count } of folders) {
    const value = counts[count];
    if (!Number.isInteger(value) || value < 0) fail(`counts.${count}`, value, "a count");
  }
  if (!(nuisance >= 0 && nuisance <= 2)) fail("nuisance", nuisance, "in [0, 2]");
  if (!(severity[0] >= 0 && severity[0] <= severity[1] && severity[1] <= 1)) {
    fail("severity", severity, "a range within [0, 1]");
  }
}
