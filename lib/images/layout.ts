/**
 * What a layout of a data set is: how it is recognized, and how its samples are read.
 *
 * @module
 */
import { join } from "node:path";
import { closestName, DataError } from "../base/errors.ts";
import type { FolderListing, IndexedFile, IndexOptions } from "./image_folder.ts";
import type { Dataset, LayoutName, Sample } from "./sample.ts";
import { shownList, shownPath } from "./shown_path.ts";

/** A layout: one file, and one line in the table of `datasets.ts`. */
export interface Layout {
  readonly name: Exclude<LayoutName, "synthetic">;
  /** One line that shows the shape of the folder. */
  readonly shape: string;
  /** Whether a folder is meant to have this layout; it may still have faults. */
  readonly recognizes: (root: string, listing: FolderListing) => Promise<boolean> | boolean;
  /** Reads the samples; throws a `DataError` for a folder with faults. */
  readonly open: (root: string, options: IndexOptions) => Promise<Dataset>;
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
