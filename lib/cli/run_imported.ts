/**
 * `--maps DIR`: a run on anomaly maps that other tools made, without images and without training.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { digestOf } from "../base/digest.ts";
import { DataError, UsageError } from "../base/errors.ts";
import type { Dataset, Sample } from "../images/sample.ts";
import { shownPath } from "../images/shown_path.ts";
import {
  type ImportedImage,
  type ImportedMaps,
  type ImportedModel,
  listImportedMaps,
  visaSegmentCounts,
} from "../maps/imported_maps.ts";
import { numericsClass } from "../onnx/session.ts";
import type { Experiment } from "../runner/experiment.ts";
import type { RunSetting } from "../runner/plan.ts";
import { planSegmentation } from "../runner/planned_segmentation.ts";
import { profiles } from "../runner/profile.ts";
import { planSegmentations } from "./run_segmentations.ts";

/** Imported maps as a data set: which classes are whole, and what keeps the others out. */
export interface ImportedDataset {
  /** The classes that are whole. */
  readonly dataset: Dataset;
  /** By detector and id of the image. */
  readonly maps: NonNullable<RunSetting["imported"]>;
  /** Models that are used: those of known detectors. */
  readonly models: readonly ImportedModel[];
  /** Classes that are left out, each with the reason. */
  readonly missing: readonly { readonly class: string; readonly reason: string }[];
}

/**
 * The setting of a run on imported maps.
 *
 * @throws {DataError} when no class is whole
 * @throws {UsageError} for an experiment that needs images
 */
export async function importedSetting(
  folder: string,
  experiments: readonly Experiment[],
  segmap: string | undefined,
): Promise<Omit<RunSetting, "seeds">> {
  const unfit = experiments.find(({ protocol, rows }) =>
    protocol.bad !== "from_test" || rows.length === 0
  );
  if (unfit !== undefined) {
    throw new UsageError(`Cannot run ${unfit.id} on imported maps: its protocol needs the images`, {
      remedy: "Maps do for table5, table8 and table9.",
    });
  }
  const { dataset, maps, models, missing } = importedDataset(await listImportedMaps(folder));
  const profile = profiles.paper;
  const segmentationFolder = segmap ?? join(folder, "visa_segm");
  return {
    dataset,
    profile,
    variants: {},
    backbone: profile.backbone,
    weights: new Map(),
    segmentations: await planSegmentations(dataset, segmentationFolder, profile.size),
    wholeImage: await planSegmentation("whole", profile.size),
    numerics: numericsClass("cpu"),
    imported: maps,
    notes: [
      `Maps of other tools (${
        models.map((model) => model.folder).join(", ")
      }); nothing is trained ` +
      "but the forest. Which images those tools were trained on is unknown.",
      ...missing.map((one) => `Class ${one.class} is missing: ${one.reason}.`),
    ],
  };
}

/**
 * The data set that maps are of. A class counts where every known model has it whole; the first model's
 * tables decide its images and their order.
 *
 * @throws {DataError} when there is no such class
 */
export function importedDataset({ root, models, classes }: ImportedMaps): ImportedDataset {
  const used = models.filter(({ detector }) => detector !== undefined);
  const missing: { class: string; reason: string }[] = [];
  const samples: Sample[] = [];
  const maps = new Map(used.map(({ detector }) => [detector!, new Map<string, ImportedImage>()]));
  for (const name of classes) {
    const images = used.map((model) => imagesOf(model, name));
    const fault = images.find((one) => typeof one === "string");
    if (fault !== undefined || used.length === 0) {
      missing.push({ class: name, reason: String(fault ?? "no model is known") });
      continue;
    }
    const [first, ...others] = images as ImportedImage[][];
    const byPlace = others.map((list) => new Map(list.map((image) => [placeOf(image), image])));
    const lost = first.find((image) => byPlace.some((map) => !map.has(placeOf(image))));
    if (lost !== undefined) {
      missing.push({ class: name, reason: `not every model has a map of ${placeOf(lost)}` });
      continue;
    }
    for (const image of first) {
      const all = [image, ...byPlace.map((map) => map.get(placeOf(image))!)];
      const id = `${name}/${image.split}/${placeOf(image)}.npy`;
      samples.push({
        id,
        class: name,
        split: image.split,
        label: image.label,
        unseen: false,
        digest: digestOf([id, ...all.map(({ digest }) => digest)]),
      });
      used.forEach(({ detector }, i) => maps.get(detector!)!.set(id, all[i]));
    }
  }
  if (samples.length === 0) {
    const reasons = missing.slice(0, 3).map((one) => `${one.class}: ${one.reason}`).join("; ");
    throw new DataError(
      `Cannot use the maps in ${shownPath(root)}: no class is whole (${reasons})`,
      {
        remedy: `\`deno task maps import ${shownPath(root)}\` lists every fault.`,
      },
    );
  }
  for (const name of Object.keys(visaSegmentCounts)) {
    const visa = classes.some((one) => Object.hasOwn(visaSegmentCounts, one));
    if (visa && !classes.includes(name)) {
      missing.push({ class: name, reason: "there are no maps of it" });
    }
  }
  const dataset: Dataset = {
    name: basename(resolve(root)),
    layout: "maps",
    samples,
    digest: digestOf(samples as unknown as Parameters<typeof digestOf>[0]),
    source: { kind: "folder", root },
  };
  return { dataset, maps, models: used, missing };
}

/** The maps of a class by one model, good before bad within a split; or why it cannot be used. */
function imagesOf({ folder, classes }: ImportedModel, name: string): ImportedImage[] | string {
  const found = classes.get(name);
  if (found === undefined) return `there are no maps of ${folder}`;
  if (found.faults.length > 0) return `${folder}: ${found.faults[0]}`;
  const order = ({ split, label }: ImportedImage) => (split === "test" ? 2 : 0) + label;
  // Sorting is stable: the order of the tables is kept, in which bad images are drawn for training.
  return [...found.images].sort((a, b) => order(a) - order(b));
}

function placeOf({ label, name }: ImportedImage): string {
  return `${label === 0 ? "good" : "bad"}/${name}`;
}
