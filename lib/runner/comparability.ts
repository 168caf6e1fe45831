/**
 * Whether a run can be compared with the paper's numbers: the same data, budgets, weights, seeds.
 *
 * @module
 */
import { HarnessError } from "../base/errors.ts";
import { publishedName } from "../images/datasets.ts";
import { visaSegmentCounts } from "../maps/imported_maps.ts";
import { knownWeightsNamed } from "../weights/known_weights.ts";
import type { Plan } from "./plan.ts";

/** The data set that the paper's experiments of a layout run on. */
const paperData = { vad: "VAD", visa: "VisA", mvtec: "MVTec AD" } as const;

/** The paper's backbone (appendix B: "WideResNet-50-2 by TorchVision"). */
const paperBackbone = "wide_resnet50_2";

/** Why the numbers of a run are not the paper's to compare with; empty where they are. */
export function obstaclesToComparison({ experiment, setting }: Plan): string[] {
  if (setting.imported !== undefined) return obstaclesOfMaps({ experiment, setting });
  const { dataset, profile, backbone, weights, seeds, variants } = setting;
  const obstacles: string[] = [];
  const data = paperData[experiment.layout];
  if (dataset.layout === "synthetic") {
    obstacles.push(`other data: the embedded product instead of ${data}`);
  } else if (publishedName(dataset) !== data) {
    obstacles.push(`other data: by its numbers of images ${dataset.name} is not ${data}`);
  }
  if (profile.name !== "paper") obstacles.push(`reduced budget: profile ${profile.name}`);
  const planned = weights.get(backbone);
  if (backbone !== paperBackbone) {
    obstacles.push(`other weights: backbone ${backbone} instead of ${paperBackbone}`);
  } else if (planned !== undefined && !(planned instanceof HarnessError)) {
    const { sha256 } = knownWeightsNamed(paperBackbone);
    if (!planned.digest.startsWith(sha256)) {
      obstacles.push("other weights: not those of TorchVision");
    }
  }
  if (seeds.length < experiment.seeds.length) {
    obstacles.push(`${seeds.length} of ${experiment.seeds.length} seeds`);
  }
  for (const [id, variant] of Object.entries(variants)) {
    if (variant !== "paper") obstacles.push(`variant ${variant} of ${id}`);
  }
  return obstacles;
}

/** Imported maps are VisA's by their classes; who made them from what is not known, and is noted. */
function obstaclesOfMaps({ experiment, setting }: Pick<Plan, "experiment" | "setting">): string[] {
  const classes = new Set(setting.dataset.samples.map((sample) => sample.class));
  const missing = Object.keys(visaSegmentCounts).filter((name) => !classes.has(name));
  const obstacles: string[] = [];
  if (experiment.layout !== "visa") {
    obstacles.push(`other data: maps instead of ${experiment.layout}`);
  } else if (missing.length > 0) obstacles.push(`other data: no maps of ${missing.join(", ")}`);
  else if (classes.size > Object.keys(visaSegmentCounts).length) {
    obstacles.push("other data: classes that VisA does not have");
  }
  if (setting.seeds.length < experiment.seeds.length) {
    obstacles.push(`${setting.seeds.length} of ${experiment.seeds.length} seeds`);
  }
  return obstacles;
}
