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
import { indexFiles, listFolder, readError } from "./image_folder.ts";
import { resizeImage } from "./resize.ts";
import { shownPath } from "./shown_path.ts";

/** Images to draw from. */
export interface PenaltyImages {
  /** Of names and contents, as it goes into keys. */
  readonly digest: string;
  /** SHA-256 of each file, at least one, in the order that they are numbered. */
  readonly files: readonly string[];
  /** One image, uint8 `[size, size, 3]`. */
  draw(size: number, random: RandomState): Promise<Uint8Array>;
}

/**
 * The images below `root`. Every file is read once for its digest, and again when it is drawn.
 *
 * @throws {DataError} if there is no such folder, no image in it, or a file that is no image; from
 * `draw`, if a file has changed meanwhile or cannot be decoded
 */
export async function openPenaltyImages(root: string): Promise<PenaltyImages> {
  const paths = await imagesBelow(root);
  if (paths === undefined || paths.length === 0) {
    const reason = paths === undefined ? "there is no such folder" : "it holds no image";
    throw new DataError(`Cannot use ${shownPath(root)} for penalty images: ${reason}`, {
      remedy: "Name a folder of photographs, such as ImageNet's train folder, or leave it out.",
    });
  }
  const files = (await indexFiles(root, paths)).map(({ digest }) => digest);
  return {
    digest: digestOf(paths.map((path, i) => [path, files[i]])),
    files,
    draw: async (size, random) => {
      const index = random.integer(paths.length);
      const path = join(root, paths[index]);
      const bytes = await Deno.readFile(path).catch((error) =>
        Promise.reject(readError(path, error))
      );
      if (sha256(bytes) !== files[index]) throw changed(path);
      const resized = resizeImage(await decodeImage(bytes, shownPath(path)), 2 * size).data;
      return penaltyImage(resized, size, random.random() < 0.3);
    },
  };
}

/**
 * `openPenaltyImages`, for a folder whose digest is known.
 *
 * @throws {DataError} also if the images have another digest now
 */
export async function openKnownPenaltyImages(root: string, digest: string): Promise<PenaltyImages> {
  const images = await openPenaltyImages(root);
  if (images.digest !== digest) throw changed(root);
  return images;
}

function changed(path: string): DataError {
  return new DataError(
    `Cannot use ${shownPath(path)} for penalty images: it has changed since the run was planned`,
    { remedy: "Run the command again." },
  );
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

/** Paths of the images below a folder, "/" between the parts, in canonical order; none without a folder. */
async function imagesBelow(root: string, folder = ""): Promise<string[] | undefined> {
  const listing = await listFolder(join(root, folder));
  if (listing === undefined) return undefined;
  const paths = listing.images.map((name) => folder + name);
  for (const name of listing.folders) {
    for (const path of await imagesBelow(root, `${folder}${name}/`) ?? []) paths.push(path);
  }
  return paths;
}
