/**
 * The data sets: layouts of folders, and products that are drawn. A layout is one file and one line
 * in the table below.
 *
 * @module
 */
import { basename, dirname, join, resolve } from "node:path";
import { closestName, DataError } from "../base/errors.ts";
import { type FolderListing, type IndexOptions, listFolder } from "./image_folder.ts";
import { type Layout, openLayout } from "./layout.ts";
import { mvtecLayout } from "./mvtec_layout.ts";
import { type Dataset, makeDataset } from "./sample.ts";
import { shownList, shownPath } from "./shown_path.ts";
import {
  productSamples,
  siblingProducts,
  type SyntheticProduct,
  syntheticProduct,
} from "./synthetic_product.ts";
import { vadLayout } from "./vad_layout.ts";
import { visaLayout } from "./visa_layout.ts";

/** Layouts of folders, in the order in which they are tried. */
export const layouts: readonly Layout[] = [visaLayout, vadLayout, mvtecLayout];

/** Data sets that need no folder, by name. */
const namedDatasets: ReadonlyMap<string, () => Dataset> = new Map([
  ["synthetic", () => syntheticDataset(syntheticProduct())],
  ["siblings", () => siblingDataset(siblingProducts(siblingCount, { counts: siblingCounts }))],
]);

/**
 * Classes and images of the data set that stands in for VisA and MVTec AD: as those, no bad training
 * image. Tables 5 and 8 train DevNet and DRA ten times for each class, so there are no more classes
 * than a mean over them needs.
 */
const siblingCount = 2;
const siblingCounts = {
  train_good: 100,
  train_bad: 0,
  test_good: 40,
  test_bad: 60,
  test_bad_unseen: 0,
};

/**
 * Opens a data set by name ("synthetic": the embedded product, "siblings": two others like it), or a
 * folder whose layout is told by what it holds. Every file of a folder is hashed.
 *
 * @throws {DataError} for a folder that is not there, has no known layout, or has faults
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const dataset = await openDataset("synthetic");
 * assert.equal(dataset.layout, "synthetic");
 * assert.equal(dataset.samples[0].id, "train/good/0000.png");
 * ```
 */
export async function openDataset(
  pathOrName: string,
  options: IndexOptions = {},
): Promise<Dataset> {
  const named = namedDatasets.get(pathOrName);
  if (named !== undefined) return named();
  const listing = await listFolder(pathOrName);
  const layout = listing === undefined ? undefined : await layoutOf(pathOrName, listing);
  if (layout === undefined) throw await folderProblem(pathOrName, listing);
  return await openLayout(layout, pathOrName, options);
}

/** The data set of a drawn product. */
export function syntheticDataset(product: SyntheticProduct): Dataset {
  return makeDataset({
    name: "synthetic",
    layout: "synthetic",
    samples: productSamples(product),
    source: { kind: "synthetic", product },
  });
}

/** A data set of several drawn products, one class each. */
function siblingDataset(products: readonly SyntheticProduct[]): Dataset {
  return makeDataset({
    name: "siblings",
    layout: "synthetic",
    samples: products.flatMap((product) =>
      productSamples(product).map((sample) => ({ ...sample, id: `${product.name}/${sample.id}` }))
    ),
    source: { kind: "products", products },
  });
}

/** The published data set that a folder holds by its layout and numbers of images: "VAD". */
export function publishedName({ layout, samples }: Dataset): string | undefined {
  const found = layouts.find(({ name }) => name === layout);
  if (found === undefined) return undefined;
  const counts: Record<string, number> = {};
  for (const sample of samples) {
    const part = found.partOf(sample);
    counts[part] = (counts[part] ?? 0) + 1;
  }
  const published = Object.entries(found.published.counts);
  const same = published.length === Object.keys(counts).length &&
    published.every(([part, count]) => counts[part] === count);
  return same ? found.published.name : undefined;
}

/** The layout that a folder is meant to have. */
export async function layoutOf(root: string, listing: FolderListing): Promise<Layout | undefined> {
  for (const layout of layouts) {
    if (await layout.recognizes(root, listing)) return layout;
  }
  return undefined;
}

/** Why a folder without a layout cannot be used; `listing` is undefined where it is not there. */
export function folderProblem(
  path: string,
  listing: FolderListing | undefined,
): Promise<DataError> {
  return listing === undefined ? noSuchFolder(path) : unknownLayout(path, listing);
}

async function noSuchFolder(path: string): Promise<DataError> {
  const name = shownPath(path);
  const info = await Deno.stat(path).catch(() => undefined);
  if (info !== undefined && !info.isDirectory) {
    return new DataError(`Cannot open the data set ${name}: it is a file, not a folder`, {
      remedy: "Give the folder that holds the images; unpack an archive first.",
    });
  }
  const parent = dirname(resolve(path));
  const siblings = await listFolder(parent).catch(() => undefined);
  const near = closestName(basename(resolve(path)), siblings?.folders ?? []) ??
    closestName(path, namedDatasets.keys());
  return new DataError(`Cannot open the data set ${name}: no such folder`, {
    remedy: `${near === undefined ? "" : `Did you mean ${shownPath(near)}? `}` +
      `Give a folder, or a name: ${[...namedDatasets.keys()].join(", ")}.`,
  });
}

async function unknownLayout(root: string, listing: FolderListing): Promise<DataError> {
  const { folders, images, others } = listing;
  const entries = [...folders.map((name) => `${name}/`), ...images, ...others];
  for (const name of folders) {
    const inner = await listFolder(join(root, name));
    const layout = inner === undefined ? undefined : await layoutOf(join(root, name), inner);
    if (layout === undefined) continue;
    return new DataError(
      `Cannot open the data set ${shownPath(root)}: it has no known layout, but its folder ` +
        `${shownPath(name)} has (${layout.name})`,
      { remedy: `Give ${shownPath(join(root, name))} instead.` },
    );
  }
  return new DataError(
    `Cannot open the data set ${shownPath(root)}: it ${
      entries.length === 0 ? "is empty" : `holds ${shownList(entries)}, which is no known layout`
    }`,
    {
      remedy: layouts.map(({ name, shape }) => `Layout ${name}: the folder holds ${shape}.`)
        .join(" "),
    },
  );
}
