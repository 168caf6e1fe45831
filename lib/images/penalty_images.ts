/**
 * Penalty images: photographs of anything but the product, on which EfficientAD's student is kept from
 * repeating the teacher (publication, section 3.2: ImageNet). From a folder of images, at any depth.
 *
 * @module
 */
import { join } from "node:path";
import { digestOf, sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import type { RandomState } from "../base/random.ts";
import { decodeImage } from "./decode.ts";
import { listFolder } from "./image_folder.ts";
import { resizeImage } from "./resize.ts";
import { shownPath } from "./shown_path.ts";

/** Images to draw from. */
export interface PenaltyImages {
  /** Of names and contents, as it goes into keys. */
  readonly digest: string;
  /** How many there are, at least 1. */
  readonly images: number;
  /** One image, uint8 `[size, size, 3]`. */
  draw(size: number, random: RandomState): Promise<Uint8Array>;
}

/**
 * The images below `root`. Every file is read once for the digest, and again when it is drawn.
 *
 * @throws {DataError} if there is no image
 */
export async function openPenaltyImages(root: string): Promise<PenaltyImages> {
  const paths = await imagesBelow(root, "");
  if (paths.length === 0) {
    throw new DataError(`Cannot use ${shownPath(root)} for penalty images: it holds no image`, {
      remedy: "Name a folder of photographs, such as ImageNet's train folder, or leave it out.",
    });
  }
  const digests: string[] = [];
  for (const path of paths) digests.push(sha256(await Deno.readFile(join(root, path))));
  return {
    digest: digestOf(paths.map((path, i) => [path, digests[i]])),
    images: paths.length,
    draw: async (size, random) => {
      const path = join(root, paths[random.integer(paths.length)]);
      const image = await decodeImage(await Deno.readFile(path), shownPath(path));
      const resized = resizeImage(image, 2 * size).data;
      return penaltyImage(resized, size, random.random() < 0.3);
    },
  };
}

/**
 * The middle of an image, grey or as it is (torchvision's CenterCrop after RandomGrayscale).
 *
 * @param pixels `[2 size, 2 size, 3]`
 * @returns `[size, size, 3]`
 */
export function penaltyImage(pixels: Uint8Array, size: number, grey: boolean): Uint8Array {
  const image = new Uint8Array(size * size * 3);
  const first = Math.round(size / 2);
  for (let row = 0; row < size; row++) {
    const from = ((first + row) * 2 * size + first) * 3;
    image.set(pixels.subarray(from, from + size * 3), row * size * 3);
  }
  if (!grey) return image;
  for (let i = 0; i < image.length; i += 3) {
    const luma = (19595 * image[i] + 38470 * image[i + 1] + 7471 * image[i + 2] + 0x8000) >> 16;
    image.fill(luma, i, i + 3);
  }
  return image;
}

/** Paths of the images below a folder, in canonical order. */
async function imagesBelow(root: string, folder: string): Promise<string[]> {
  const listing = await listFolder(join(root, folder));
  if (listing === undefined) return [];
  const paths = listing.images.map((name) => join(folder, name));
  for (const name of listing.folders) paths.push(...await imagesBelow(root, join(folder, name)));
  return paths;
}
