/**
 * What a layout of a data set is: how it is recognized, and how its samples are read.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { closestName, DataError } from "../base/errors.ts";
import {
  type FolderListing,
  type IndexedFile,
  indexFiles,
  type IndexOptions,
} from "./image_folder.ts";
import { type Dataset, type LayoutName, makeDataset, type Sample } from "./sample.ts";
import { shownList, shownPath } from "./shown_path.ts";

/** A layout: one file, and one line in the table of `datasets.ts`. */
export interface Layout {
  /** Id of the layout, which decides the experiments that a data set can take. */
  readonly name: Exclude<LayoutName, "synthetic" | "maps">;
  /** What the folder should hold, as the end of a sentence. */
  readonly shape: string;
  /** Whether a folder is meant to have this layout; it may still have faults. */
  readonly recognizes: (root: string, listing: FolderListing) => Promise<boolean> | boolean;
  /** The images of a folder, and what is wrong with it; opens no image. */
  readonly list: (root: string) => Promise<LayoutListing>;
  /** The published data set of this layout: numbers of images by part. */
  readonly published: { readonly name: string; readonly counts: Readonly<Record<string, number>> };
  /** The part of `published.counts` that a sample belongs to. */
  readonly partOf: (sample: ListedSample) => string;
}

/** A sample whose content is not read yet. */
export type ListedSample = Omit<Sample, "digest">;

/** What a layout finds in a folder. */
export interface LayoutListing {
  /** The images, in any order. */
  readonly samples: readonly ListedSample[];
  /** Bad training images of each seed's low-shot list, where the data set has one. */
  readonly lowShot?: Dataset["lowShot"];
  /** What is wrong, so that the folder cannot be used; each goes on after "the data set X: ". */
  readonly faults: readonly string[];
  /** What is odd but no obstacle, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The data set in a folder that is meant to have `layout`.
 *
 * @throws {DataError} for a folder with faults, and for a file that is no image
 */
export async function openLayout(
  layout: Layout,
  root: string,
  options: IndexOptions = {},
): Promise<Dataset> {
  const { samples: listed, lowShot, faults, warnings } = await layout.list(root);
  if (faults.length > 0) throw layoutError(root, faults, layout.shape);
  const files = await indexFiles(root, listed.map(({ id }) => id), options);
  const samples = listed.map((sample, i) => ({ ...sample, digest: files[i].digest }));
  return makeDataset({
    name: basename(resolve(root)),
    layout: layout.name,
    samples,
    ...(lowShot === undefined ? {} : { lowShot }),
    source: { kind: "folder", root },
    warnings: [...warnings, ...contentWarnings(root, samples, files)],
  });
}

/** Refuses a data set with what is wrong with it, the first three faults in one paragraph. */
export function layoutError(root: string, faults: readonly string[], shape: string): DataError {
  const more = faults.length > 3 ? `; and ${faults.length - 3} more faults` : "";
  return new DataError(
    `Cannot use the data set ${shownPath(root)}: ${faults.slice(0, 3).join("; ")}${more}`,
    {
      remedy: `The folder should hold ${shape}. ` +
        `"deno task data inspect ${shownPath(root)}" lists every fault.`,
    },
  );
}

/** `no folder train/good`, with the entry that was probably meant to be it. */
export function missingFolder(name: string, parent: string, there: readonly string[]): string {
  const path = parent === "" ? name : `${parent}/${name}`;
  const near = closestName(name, there);
  return `it has no folder ${shownPath(path)}${
    near === undefined
      ? ""
      : ` (is ${shownPath(parent === "" ? near : `${parent}/${near}`)} meant?)`
  }`;
}

/** Sentences about entries of a folder that are not read. */
export function ignoredWarnings(
  folder: string,
  listing: FolderListing,
  expectedFolders: readonly string[],
): string[] {
  const inside = (name: string) => shownPath(folder === "" ? name : `${folder}/${name}`);
  const warnings: string[] = [];
  for (const name of listing.folders.filter((name) => !expectedFolders.includes(name))) {
    const near = closestName(name, expectedFolders);
    warnings.push(
      `The folder ${inside(name)} is not read${
        near === undefined ? "" : ` (is ${inside(near)} meant?)`
      }.`,
    );
  }
  const stray = expectedFolders.length > 0
    ? [...listing.images, ...listing.others]
    : listing.others;
  if (stray.length > 0) {
    warnings.push(`${shownPath(folder)} holds files that are not read: ${shownList(stray)}.`);
  }
  return warnings;
}

/** What is odd about indexed samples but no obstacle, one sentence each. */
export function contentWarnings(
  root: string,
  samples: readonly Sample[],
  files: readonly IndexedFile[],
): string[] {
  const warnings: string[] = [];
  const { acrossSplits, acrossLabels } = duplicateSamples(samples);
  for (
    const [pairs, what] of [
      [acrossSplits, "in training and in test"],
      [acrossLabels, "as good and as bad"],
    ] as const
  ) {
    if (pairs.length === 0) continue;
    warnings.push(
      `${pairs.length} ${
        pairs.length === 1 ? "image is" : "images are"
      } there ${what}, with the same ` +
        `content: ${shownList(pairs.map(([a, b]) => `${shownPath(a)} = ${shownPath(b)}`))}.`,
    );
  }
  const clipped = files.filter(({ header }) => isClippedGrey(header));
  if (clipped.length > 0) {
    warnings.push(
      `${clipped.length} images are 16-bit grey, whose values above 255 all become white as in PIL: ` +
        `${shownList(clipped.map(({ id }) => join(root, id)))}. Save them with 8 bits.`,
    );
  }
  return warnings;
}

/** Whether PIL clips the image at 255 instead of scaling it. */
export function isClippedGrey(header: IndexedFile["header"]): boolean {
  return header.png?.bits === 16 && header.png.colourType === 0;
}

/** Pairs of ids with the same content: the first of a content, and each later one of another kind. */
export function duplicateSamples(samples: readonly Sample[]): {
  /** One in training, one in test. */
  readonly acrossSplits: readonly (readonly [string, string])[];
  /** In one split, one good and one bad. */
  readonly acrossLabels: readonly (readonly [string, string])[];
  /** In one split and of one label. */
  readonly within: readonly (readonly [string, string])[];
} {
  const acrossSplits: [string, string][] = [];
  const acrossLabels: [string, string][] = [];
  const within: [string, string][] = [];
  const first = new Map<string, Sample>();
  for (const sample of samples) {
    const other = first.get(sample.digest);
    if (other === undefined) {
      first.set(sample.digest, sample);
    } else {
      const pairs = other.split !== sample.split
        ? acrossSplits
        : other.label !== sample.label
        ? acrossLabels
        : within;
      pairs.push([other.id, sample.id]);
    }
  }
  return { acrossSplits, acrossLabels, within };
}
