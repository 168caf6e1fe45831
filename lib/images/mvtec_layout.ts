/**
 * The layout of MVTec AD, one folder a class, also that of VisA after its own preparation script:
 *
 * ```text
 * <class>/train/good    <class>/test/good    <class>/test/<defect>
 * <class>/ground_truth/<defect>/<name>_mask.png       optional
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { type FolderListing, listFolder } from "./image_folder.ts";
import {
  ignoredWarnings,
  type Layout,
  type LayoutListing,
  type ListedSample,
  missingFolder,
} from "./layout.ts";
import { compareText } from "./sample.ts";
import { shownList, shownPath } from "./shown_path.ts";

const shape =
  "one folder a class, each with train/good, test/good and test/<defect> for each type of " +
  "defect, and as it likes ground_truth/<defect>";

/** The MVTec AD layout. */
export const mvtecLayout: Layout = {
  name: "mvtec",
  shape,
  recognizes: async (root, { folders }) => {
    for (const name of folders) {
      const train = await listFolder(join(root, name, "train"));
      if (train === undefined) continue;
      const inner = (await listFolder(join(root, name)))!;
      if (inner.folders.includes("ground_truth")) return true;
      // A folder of VAD in another folder has bad training images.
      if (inner.folders.includes("test") && !train.folders.includes("bad")) return true;
    }
    return false;
  },
  list: listMvtecFolder,
  published: { name: "MVTec AD", counts: { "train/good": 3629, "test": 1725 } },
  partOf: ({ split }) => split === "train" ? "train/good" : "test",
};

async function listMvtecFolder(root: string): Promise<LayoutListing> {
  const samples: ListedSample[] = [];
  const faults: string[] = [];
  const warnings: string[] = [];
  const top = await listFolder(root);
  for (const name of top?.folders ?? []) {
    const inner = await listFolder(join(root, name));
    const parts = inner?.folders ?? [];
    if (!parts.includes("train") && !parts.includes("test")) {
      warnings.push(`The folder ${shownPath(name)} is no class and is not read.`);
    } else {
      await listClass(root, name, inner!, { samples, faults, warnings });
    }
  }
  if (samples.length === 0 && faults.length === 0) faults.push("it holds no class folder");
  warnings.push(...maskWarnings(samples));
  return { samples, faults, warnings };
}

/** Adds the images of one class folder, and what is wrong or odd with it. */
async function listClass(
  root: string,
  name: string,
  inner: FolderListing,
  found: { samples: ListedSample[]; faults: string[]; warnings: string[] },
): Promise<void> {
  const { samples, faults, warnings } = found;
  for (const split of ["train", "test"] as const) {
    const folder = `${name}/${split}`;
    const listing = await listFolder(join(root, folder));
    if (listing === undefined) {
      faults.push(missingFolder(split, name, inner.folders));
      continue;
    }
    if (split === "train") warnings.push(...ignoredWarnings(folder, listing, ["good"]));
    if (!listing.folders.includes("good")) {
      faults.push(missingFolder("good", folder, listing.folders));
    }
    const defects = split === "train" ? [] : listing.folders.filter((one) => one !== "good");
    if (split === "test" && defects.length === 0) {
      faults.push(`its folder ${shownPath(folder)} has no folder of a type of defect`);
    }
    for (const kind of ["good", ...defects]) {
      const images = await listFolder(join(root, folder, kind));
      if (images === undefined) continue;
      const place = `${folder}/${kind}`;
      if (images.images.length === 0) faults.push(`its folder ${shownPath(place)} holds no image`);
      const masks = kind === "good" ? [] : await masksOf(root, name, kind);
      const label = kind === "good" ? 0 : 1;
      for (const file of images.images) {
        const mask = maskOf(file, masks);
        samples.push({
          id: `${place}/${file}`,
          class: name,
          split,
          label,
          unseen: false,
          ...(label === 1 ? { defect: kind } : {}),
          ...(mask === undefined ? {} : { mask: `${name}/ground_truth/${kind}/${mask}` }),
        });
      }
    }
  }
}

/** Bad images without a mask, which keep the whole data set from having an AUPRO. */
function maskWarnings(samples: readonly ListedSample[]): string[] {
  const bad = samples.filter(({ label }) => label === 1);
  const maskless = bad.filter(({ mask }) => mask === undefined).map(({ id }) => id);
  if (maskless.length === 0) return [];
  return maskless.length === bad.length
    ? ["No bad image has a mask in <class>/ground_truth/<defect>, without which there is no AUPRO."]
    : [
      `${maskless.length} of ${bad.length} bad images have no mask in ground_truth, without ` +
      `which there is no AUPRO: ${shownList(maskless)}.`,
    ];
}

async function masksOf(root: string, name: string, defect: string): Promise<readonly string[]> {
  const listing = await listFolder(join(root, name, "ground_truth", defect));
  return [...listing?.images ?? []].sort(compareText);
}

/** `000.png` has the mask `000_mask.png` in MVTec AD, `000.png` in a prepared VisA. */
function maskOf(file: string, masks: readonly string[]): string | undefined {
  const stem = file.slice(0, file.lastIndexOf("."));
  return masks.find((mask) => mask === `${stem}_mask.png` || mask === `${stem}.png`);
}
