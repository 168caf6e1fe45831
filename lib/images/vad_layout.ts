/**
 * The layout of the Valeo Anomaly Dataset, which a user's own product can have too (paper section 3):
 *
 * ```text
 * train/good  train/bad  test/good  test/bad
 * test/bad_unseen_defects     optional: bad images with types of defects that train/bad does not show
 * low_shot_train.json         optional: {"<key>": [file names in train/bad], …}
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { closestName } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { listFolder } from "./image_folder.ts";
import {
  ignoredWarnings,
  type Layout,
  type LayoutListing,
  type ListedSample,
  missingFolder,
} from "./layout.ts";
import { shownList, shownPath } from "./shown_path.ts";

const shape = "train/good, train/bad, test/good and test/bad, each with images, and as it likes " +
  "test/bad_unseen_defects and low_shot_train.json";

/** The VAD layout. The class of its samples is "vad": names and places are no part of an identity. */
export const vadLayout: Layout = {
  name: "vad",
  shape,
  recognizes: (_root, { folders }) =>
    folders.some((name) => ["train", "test"].includes(name.toLowerCase())),
  list: listVadFolder,
  published: {
    name: "VAD",
    counts: {
      "train/good": 2000,
      "train/bad": 1000,
      "test/good": 1000,
      "test/bad": 835,
      "test/bad_unseen_defects": 165,
    },
  },
  partOf: ({ id }) => id.split("/").slice(0, 2).join("/"),
};

/** A class folder of the layout. */
interface VadFolder {
  readonly split: "train" | "test";
  readonly name: string;
  readonly label: 0 | 1;
  readonly unseen: boolean;
  readonly optional: boolean;
}

/** The class folders of the layout, in canonical order. */
const vadFolders: readonly VadFolder[] = [
  { split: "train", name: "good", label: 0, unseen: false, optional: false },
  { split: "train", name: "bad", label: 1, unseen: false, optional: false },
  { split: "test", name: "good", label: 0, unseen: false, optional: false },
  { split: "test", name: "bad", label: 1, unseen: false, optional: false },
  { split: "test", name: "bad_unseen_defects", label: 1, unseen: true, optional: true },
];

/** Name of the file with the low-shot lists. */
const lowShotFile = "low_shot_train.json";

/** The samples of a folder, its low-shot lists, and what is wrong or odd with it. */
async function listVadFolder(root: string): Promise<LayoutListing> {
  const samples: ListedSample[] = [];
  const faults: string[] = [];
  const warnings: string[] = [];
  const top = await listFolder(root);
  for (const split of ["train", "test"] as const) {
    const listing = await listFolder(join(root, split));
    if (listing === undefined) {
      faults.push(missingFolder(split, "", top?.folders ?? []));
      continue;
    }
    const classes = vadFolders.filter((folder) => folder.split === split);
    warnings.push(...ignoredWarnings(split, listing, classes.map(({ name }) => name)));
    for (const { name, label, unseen, optional } of classes) {
      const folder = `${split}/${name}`;
      const images = await listFolder(join(root, folder));
      if (images === undefined) {
        if (!optional) faults.push(missingFolder(name, split, listing.folders));
        continue;
      }
      if (images.images.length === 0) faults.push(`its folder ${folder} holds no image`);
      warnings.push(...ignoredWarnings(folder, images, []));
      for (const file of images.images) {
        samples.push({ id: `${folder}/${file}`, class: "vad", split, label, unseen });
      }
    }
  }
  if (top?.folders.includes("ground_truth")) {
    faults.unshift("it looks like one class of MVTec AD (give the folder that holds the classes)");
  }
  const lowShot = await readLowShotLists(root, samples, faults);
  return { samples, ...(lowShot === undefined ? {} : { lowShot }), faults, warnings };
}

/** The low-shot lists, or undefined where there is no such file; faults are added to `faults`. */
async function readLowShotLists(
  root: string,
  samples: readonly ListedSample[],
  faults: string[],
): Promise<Readonly<Record<string, readonly string[]>> | undefined> {
  const bytes = await readFileIfThere(join(root, lowShotFile));
  if (bytes === undefined) return undefined;
  const bad = new Set<string>();
  for (const { id } of samples) {
    if (id.startsWith("train/bad/")) bad.add(id.slice("train/bad/".length));
  }
  return parseLowShotLists(new TextDecoder().decode(bytes), bad, faults);
}

/**
 * Reads the text of `low_shot_train.json`. What is wrong is added to `faults`; the result is of use
 * only where nothing was.
 */
export function parseLowShotLists(
  text: string,
  trainBad: ReadonlySet<string>,
  faults: string[],
): Readonly<Record<string, readonly string[]>> | undefined {
  let lists: unknown;
  try {
    lists = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    faults.push(`its ${lowShotFile} is not JSON: ${shownPath(reason.slice(0, 120))}`);
    return undefined;
  }
  if (typeof lists !== "object" || lists === null || Array.isArray(lists)) {
    faults.push(`its ${lowShotFile} is not an object of lists`);
    return undefined;
  }
  const entries: [string, readonly string[]][] = [];
  for (const [key, names] of Object.entries(lists)) {
    const where = `list ${JSON.stringify(key)} of its ${lowShotFile}`;
    if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
      faults.push(`${where} is not a list of file names`);
      continue;
    }
    if (names.length === 0) faults.push(`${where} is empty`);
    const missing = names.filter((name) => !trainBad.has(name));
    if (missing.length > 0) {
      const near = closestName(missing[0], trainBad);
      faults.push(
        `${where} names ${shownList(missing)}, which ${
          missing.length === 1 ? "is" : "are"
        } not in train/bad${near === undefined ? "" : ` (is ${shownPath(near)} meant?)`}`,
      );
    }
    const repeated = names.find((name, i) => names.indexOf(name) !== i);
    if (repeated !== undefined) faults.push(`${where} names ${shownPath(repeated)} twice`);
    entries.push([key, names]);
  }
  if (entries.length === 0 && faults.length === 0) faults.push(`its ${lowShotFile} has no list`);
  return Object.fromEntries(entries);
}
