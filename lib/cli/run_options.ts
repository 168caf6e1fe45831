/**
 * The options that `reproduce` and `plan` share, from the words of the command line to a setting.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { HarnessError, unknownName, UsageError } from "../base/errors.ts";
import { openDataset } from "../images/datasets.ts";
import { describeImage } from "../images/decode.ts";
import { readImageHeader } from "../images/image_header.ts";
import type { Dataset } from "../images/sample.ts";
import { detectors } from "../maps/detectors.ts";
import { numericsClass } from "../onnx/session.ts";
import type { Experiment, ExperimentRow } from "../runner/experiment.ts";
import { chooseRows, type Plan, planExperiment, type RunSetting } from "../runner/plan.ts";
import { planSegmentation } from "../runner/planned_segmentation.ts";
import { type PlannedWeights, planWeights } from "../runner/planned_weights.ts";
import { profileNamed } from "../runner/profile.ts";
import { backboneNamed } from "../weights/backbones.ts";
import type { OptionSpecs, OptionValues } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";

/** Options of the commands that plan. */
export const runOptionSpecs = {
  data: {
    type: "string",
    value: "DIR",
    description: "images in VAD's layout; without it the embedded product",
  },
  profile: {
    type: "string",
    value: "NAME",
    description:
      "demo, cpu or paper: budgets and image size (demo for the embedded product, else cpu)",
  },
  seeds: { type: "integer", value: "N", description: "only the first N seeds of the experiment" },
  rows: { type: "string", value: "A,B", description: "only these rows, as named in the table" },
  detectors: {
    type: "string",
    value: "A,B",
    description: "only rows whose detectors are among these",
  },
  backbone: {
    type: "string",
    value: "NAME",
    description: "backbone of the detectors, instead of the profile's",
  },
  weights: {
    type: "string",
    value: "NAME=FILE",
    repeatable: true,
    description: "weights of a backbone: a .pth or .safetensors file",
  },
  segmap: {
    type: "string",
    value: "MAP",
    description: "segmentation map: vad, whole, rings:N or a label PNG",
  },
  variant: {
    type: "string",
    value: "DETECTOR=NAME",
    repeatable: true,
    description: "whose implementation a detector follows: paper, official, anomalib-2023-10",
  },
  ...cacheOption,
} as const satisfies OptionSpecs;

/** The words of the command line, checked for their types only. */
export type RunOptions = OptionValues<typeof runOptionSpecs>;

/** The experiments called `names`, or all for "all". */
export function experimentsNamed(
  names: readonly string[],
  experiments: readonly Experiment[],
): readonly Experiment[] {
  if (names.length === 0) {
    throw new UsageError("Cannot run: no experiment is named", {
      remedy: `Known: ${experiments.map(({ id }) => id).join(", ")}, all.`,
    });
  }
  if (names.includes("all")) return experiments;
  return [...new Set(names)].map((name) => {
    const experiment = experiments.find(({ id }) => id === name);
    if (experiment === undefined) {
      throw unknownName("experiment", name, [...experiments.map(({ id }) => id), "all"]);
    }
    return experiment;
  });
}

/** Plans the experiments under the options. */
export async function planRuns(
  experiments: readonly Experiment[],
  options: RunOptions,
): Promise<Plan[]> {
  const rows = experiments.map((experiment) => chosenRows(experiment, options));
  const dataset = await openDataset(options.data ?? "synthetic");
  const setting = await commonSetting(dataset, options);
  return experiments.map((experiment, i) =>
    planExperiment(experiment, rows[i], {
      ...setting,
      seeds: chosenSeeds(experiment, options.seeds),
    })
  );
}

/** Folders and files beside store and project that a run of the plans reads. */
export function readFolders(plans: readonly Plan[]): string[] {
  const paths = plans.flatMap(({ setting: { dataset, weights, segmentation } }) => [
    ...(dataset.source.kind === "folder" ? [dataset.source.root] : []),
    ...[...weights.values()].flatMap((planned) =>
      planned instanceof HarnessError ? [] : [planned.file]
    ),
    ...(segmentation.spec.includes("/") || segmentation.spec.endsWith(".png")
      ? [segmentation.spec, segmentation.spec.replace(/\.png$/i, ".json")]
      : []),
  ]);
  return [...new Set(paths.map((path) => resolve(path)))];
}

function chosenRows(experiment: Experiment, options: RunOptions): ExperimentRow[] {
  const ids = list(options.detectors)?.map((name) => {
    const found = [...detectors.values()].find((detector) =>
      detector.id === name || detector.name === name
    );
    if (found === undefined) throw unknownName("detector", name, detectors.keys());
    return found.id;
  });
  return chooseRows(experiment, list(options.rows), ids);
}

function chosenSeeds({ id, seeds }: Experiment, count: number | undefined): readonly number[] {
  if (count === undefined) return seeds;
  if (count < 1 || count > seeds.length) {
    throw new UsageError(`Cannot run ${count} seeds: ${id} has ${seeds.length}`, {
      remedy: `Give --seeds a number from 1 to ${seeds.length}.`,
    });
  }
  return seeds.slice(0, count);
}

async function commonSetting(
  dataset: Dataset,
  options: RunOptions,
): Promise<Omit<RunSetting, "seeds">> {
  const embedded = dataset.layout === "synthetic";
  const profile = profileNamed(options.profile ?? (embedded ? "demo" : "cpu"));
  const backbone = backboneNamed(options.backbone ?? profile.backbone).name;
  const weightFiles = new Map(assignments("weights", options.weights));
  for (const name of weightFiles.keys()) backboneNamed(name);
  const variants = Object.fromEntries(assignments("variant", options.variant));
  for (const [id, variant] of Object.entries(variants)) {
    const detector = detectors.get(id);
    if (detector === undefined) throw unknownName("detector", id, detectors.keys());
    if (!detector.variants.includes(variant)) {
      throw unknownName(`variant of ${id}`, variant, detector.variants);
    }
  }
  const images = await imageSizeOf(dataset);
  const segmentation = await planSegmentation(segmapSpec(dataset, options), profile.size, images);
  return {
    dataset,
    profile,
    backbone,
    weights: new Map(
      await Promise.all(
        backbonesOf(profile.name, backbone).map(async (name) =>
          [name, await weightsOrReason(name, weightFiles.get(name), options.cache)] as const
        ),
      ),
    ),
    segmentation,
    wholeImage: await planSegmentation("whole", profile.size, images),
    variants,
    numerics: numericsClass("cpu"),
  };
}

/** Backbones that a run may need: the chosen one, and ResNet-18 of DevNet and DRA with the paper's budgets. */
function backbonesOf(profile: string, chosen: string): string[] {
  return [...new Set(profile === "paper" ? [chosen, "resnet18"] : [chosen])];
}

/** Rows that need no weights run without them, so that their absence is told row by row. */
async function weightsOrReason(
  backbone: string,
  file: string | undefined,
  cache: string,
): Promise<PlannedWeights | HarnessError> {
  try {
    return await planWeights(backbone, file === undefined ? undefined : resolve(file), cache);
  } catch (error) {
    if (error instanceof HarnessError && file === undefined) return error;
    throw error;
  }
}

/** Width and height of the first image, which stands for all. */
async function imageSizeOf(
  { source, samples }: Dataset,
): Promise<{ width: number; height: number }> {
  if (source.kind === "synthetic") {
    return { width: source.product.size, height: source.product.size };
  }
  const bytes = await Deno.readFile(join(source.root, samples[0].id));
  return readImageHeader(bytes)?.size ?? await describeImage(bytes, samples[0].id);
}

/** The map of the embedded product and of VAD is known; another product needs its own. */
function segmapSpec(dataset: Dataset, { segmap, data }: RunOptions): string {
  if (segmap !== undefined) return segmap;
  if (data === undefined || isVad(dataset)) return "vad";
  throw new UsageError(`Cannot choose a segmentation map for ${data}: only VAD's is known`, {
    remedy:
      "Add --segmap: whole, rings:N (concentric rings), or a label PNG drawn for the product.",
  });
}

/** VAD by its published counts. */
function isVad({ samples }: Dataset): boolean {
  const count = (split: string, label: number) =>
    samples.filter((sample) => sample.split === split && sample.label === label).length;
  return count("train", 0) === 2000 && count("train", 1) === 1000 && count("test", 0) === 1000 &&
    count("test", 1) === 1000;
}

function list(words: string | undefined): string[] | undefined {
  return words?.split(",").map((word) => word.trim()).filter((word) => word !== "");
}

/** NAME=VALUE pairs. */
function assignments(option: string, words: readonly string[] = []): [string, string][] {
  return words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1 || at === word.length - 1) {
      throw new UsageError(
        `Cannot read --${option} ${JSON.stringify(word)}: it is not NAME=VALUE`,
        {
          remedy: `For example --${option} ${
            option === "weights" ? "resnet18=resnet18-f37072fd.pth" : "patchcore=official"
          }.`,
        },
      );
    }
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

/** Worker processes when `--workers` does not say. */
export function defaultWorkers(): number {
  return availableParallelism();
}

/** Memory that the running stages may use together, MiB: four fifths of what is free. */
export function memoryBudget(): number {
  return Deno.systemMemoryInfo().available / 2 ** 20 * 0.8;
}
