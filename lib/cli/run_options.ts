/**
 * The options that `reproduce` and `plan` share, from the words of the command line to a setting.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { HarnessError, unknownName, UsageError } from "../base/errors.ts";
import type { Dataset } from "../images/sample.ts";
import type { Detector } from "../maps/detector.ts";
import { detectors } from "../maps/detectors.ts";
import type { SupervisedMethod } from "../maps/supervised.ts";
import { supervisedMethods } from "../maps/supervised_methods.ts";
import { checkVariant } from "../maps/variants.ts";
import { numericsClass } from "../onnx/session.ts";
import {
  type Experiment,
  type ExperimentRow,
  methodIds,
  singleMethods,
} from "../runner/experiment.ts";
import { chooseRows, type Plan, planExperiment, type RunSetting } from "../runner/plan.ts";
import { planPenalty } from "../runner/planned_penalty.ts";
import { type PlannedSegmentation, planSegmentation } from "../runner/planned_segmentation.ts";
import { type PlannedWeights, planWeights } from "../runner/planned_weights.ts";
import { type Profile, profileNamed } from "../runner/profile.ts";
import { backboneNamed } from "../weights/backbones.ts";
import type { OptionSpecs, OptionValues } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import { pairWithData } from "./run_data.ts";
import { importedSetting } from "./run_imported.ts";
import { planMasks } from "./run_masks.ts";
import { planSegmentations } from "./run_segmentations.ts";

/** Options of the commands that plan. */
export const runOptionSpecs = {
  data: {
    type: "string",
    value: "DIR",
    repeatable: true,
    description:
      "images in the layout of VAD, VisA or MVTec AD, one folder for each layout at most; " +
      "without it the embedded products",
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
    description:
      "segmentation map: vad, whole, rings:N, a label PNG, or a folder with one for each " +
      "class or image",
  },
  maps: {
    type: "string",
    value: "DIR",
    description:
      "anomaly maps of other tools in the layout of the public SegAD code, instead of images",
  },
  variant: {
    type: "string",
    value: "METHOD=NAME",
    repeatable: true,
    description:
      "whose implementation a detector follows (patchcore=official), in one switch alone " +
      "(rd4ad=paper:loss=anomalib-0.7), or another way to train (wrn=out-of-fold, " +
      "dra=clean-references)",
  },
  "penalty-images": {
    type: "string",
    value: "DIR",
    description:
      "photographs of other things, at any depth, for EfficientAD's penalty term (ImageNet in the " +
      "paper); without it the penalty is off",
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

/**
 * Plans the experiments under the options.
 *
 * @param choose whether an experiment that no `--data` folder fits is left out or an error
 */
export async function planRuns(
  experiments: readonly Experiment[],
  options: RunOptions,
  choose: "all" | "named" = "named",
): Promise<Plan[]> {
  const chosen = chosenParts(experiments, options);
  const photographs = options["penalty-images"];
  if (options.maps !== undefined) {
    if (photographs !== undefined) {
      throw new UsageError("Cannot use --penalty-images with --maps: no detector is trained", {
        remedy: "Leave one of the two out.",
      });
    }
    const setting = await importedSetting(options.maps, experiments, options.segmap);
    return experiments.map((experiment, i) =>
      planExperiment(experiment, chosen[i].rows, { ...setting, seeds: chosen[i].seeds })
    );
  }
  const paired = await pairWithData(experiments, options.data, choose);
  const penalty = photographs === undefined ? {} : { penalty: await planPenalty(photographs) };
  const settings = new Map<Dataset, Omit<RunSetting, "seeds">>();
  for (const { dataset } of paired) {
    if (settings.has(dataset)) continue;
    settings.set(dataset, { ...await commonSetting(dataset, options), ...penalty });
  }
  return paired.map(({ experiment, dataset }) => {
    const { rows, seeds } = chosen[experiments.indexOf(experiment)];
    const setting = settings.get(dataset)!;
    const variants = { ...variantsOf(setting.profile, experiment, rows), ...setting.variants };
    return planExperiment(experiment, rows, { ...setting, variants, seeds });
  });
}

/** The variants that a profile sets of the classifiers which the rows need. */
function variantsOf(
  { classifierVariants }: Profile,
  experiment: Experiment,
  rows: readonly ExperimentRow[],
): Record<string, string> {
  const needed = new Set(rows.flatMap(({ method }) => [...methodIds(method)]));
  const learnedFrom = new Set(
    experiment.rows.flatMap(({ method }) => singleMethods(method))
      .map((method) => method.kind === "segad" ? method.classifier : undefined),
  );
  return Object.fromEntries(
    Object.entries(classifierVariants).filter(([id]) => needed.has(id) && learnedFrom.has(id)),
  );
}

/** Folders and files beside store and project that a run of the plans reads. */
export function readFolders(plans: readonly Plan[]): string[] {
  const paths = plans.flatMap(({ setting: { dataset, weights, segmentations, penalty } }) => [
    ...(dataset.source.kind === "folder" ? [dataset.source.root] : []),
    ...[...weights.values()].flatMap((planned) =>
      planned instanceof HarnessError ? [] : [planned.file]
    ),
    ...[...segmentations.values()].flatMap((planned) =>
      planned instanceof HarnessError ? [] : segmentationPaths(planned)
    ),
    ...(penalty === undefined ? [] : [penalty.folder]),
  ]);
  return [...new Set(paths.map((path) => resolve(path)))];
}

function segmentationPaths({ kind, spec }: PlannedSegmentation): string[] {
  if (kind === "images") return [spec];
  return spec.includes("/") || spec.endsWith(".png")
    ? [spec, spec.replace(/\.png$/i, ".json")]
    : [];
}

/**
 * The method that a person called by its id or its name in the tables.
 *
 * @throws {UsageError} for an unknown one
 */
export function methodNamed(name: string): Detector | SupervisedMethod {
  const methods = [...detectors.values(), ...supervisedMethods.values()];
  const found = methods.find((one) => one.id === name || one.name === name);
  if (found === undefined) throw unknownName("method", name, methods.map(({ id }) => id));
  return found;
}

/** Rows and seeds that the options leave of each experiment. */
function chosenParts(
  experiments: readonly Experiment[],
  options: RunOptions,
): { readonly rows: readonly ExperimentRow[]; readonly seeds: readonly number[] }[] {
  const names = list(options.rows);
  const known = new Set(experiments.flatMap(({ rows }) => rows.map(({ row }) => row)));
  const unknown = names?.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw unknownName(`row of ${experiments.map(({ id }) => id).join(", ")}`, unknown, known);
  }
  const ids = list(options.detectors)?.map(detectorId);
  const most = Math.max(...experiments.map(({ seeds }) => seeds.length));
  const count = options.seeds ?? most;
  if (count < 1 && most > 0 || count > most) {
    throw new UsageError(
      `Cannot run ${count} seeds: ${experiments.map(({ id }) => id).join(", ")} has ${most}`,
      { remedy: `Give --seeds a number from 1 to ${most}.` },
    );
  }
  return experiments.map((experiment) => ({
    rows: chooseRows(experiment, names, ids),
    seeds: experiment.seeds.slice(0, count),
  }));
}

/** The detector that a person called by its id or its name in the tables. */
function detectorId(name: string): string {
  const found = [...detectors.values()].find((one) => one.id === name || one.name === name);
  if (found === undefined) throw unknownName("detector", name, detectors.keys());
  return found.id;
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
    const method = detectors.get(id) ?? supervisedMethods.get(id);
    if (method === undefined) {
      throw unknownName("method", id, [...detectors.keys(), ...supervisedMethods.keys()]);
    }
    checkVariant(method, variant);
  }
  const segmentations = await planSegmentations(dataset, options.segmap, profile.size);
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
    segmentations,
    masks: await planMasks(dataset),
    wholeImage: await planSegmentation("whole", profile.size),
    variants,
    numerics: numericsClass("cpu"),
  };
}

/**
 * Networks whose weights a run may need: the chosen backbone, and with the paper's budgets ResNet-18 of
 * DevNet and DRA and EfficientAD's published teacher.
 */
function backbonesOf(profile: string, chosen: string): string[] {
  const papers = ["resnet18", "efficientad_teacher_medium"];
  return [...new Set(profile === "paper" ? [chosen, ...papers] : [chosen])];
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
