/**
 * The penalty images of a run, as the planner names them and the worker opens them.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import {
  openKnownPenaltyImages,
  openPenaltyImages,
  type PenaltyImages,
} from "../images/penalty_images.ts";

/** Which penalty images the trainings that take some get. */
export interface PlannedPenalty {
  /** The folder that holds them. */
  readonly folder: string;
  /** Of names and contents; checked again when a worker opens the folder. */
  readonly digest: string;
  /** SHA-256 of each file. */
  readonly files: readonly string[];
}

/** What a worker needs to open them. */
export type PenaltyLocation = Pick<PlannedPenalty, "folder" | "digest">;

/**
 * Reads and hashes the images below `folder`.
 *
 * @throws {DataError} if there is no such folder, no image in it, or a file that is no image
 */
export async function planPenalty(folder: string): Promise<PlannedPenalty> {
  const { digest, files } = await openPenaltyImages(folder);
  return { folder: resolve(folder), digest, files };
}

/** The planned images. @throws {DataError} if they have changed since */
export function readPenalty({ folder, digest }: PenaltyLocation): Promise<PenaltyImages> {
  return openKnownPenaltyImages(folder, digest);
}

/** For people: "3 images from photographs". */
export function penaltyText({ folder, files }: PlannedPenalty): string {
  return `${files.length} ${files.length === 1 ? "image" : "images"} from ${basename(folder)}`;
}
