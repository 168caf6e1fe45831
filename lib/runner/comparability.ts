/**
 * Whether a run can be compared with the paper's numbers: the same data, budgets, weights, seeds.
 *
 * @module
 */
import { HarnessError } from "../base/errors.ts";
import { publishedName } from "../images/datasets.ts";
import { knownWeightsNamed } from "../weights/known_weights.ts";
import type { Plan } from "./plan.ts";

/** The data set that the paper's experiments of a layout run on. */
const paperData = { vad: "VAD", visa: "VisA", mvtec: "MVTec AD" } as const;

/** The paper's backbone (appendix B: "WideResNet-50-2 by TorchVision"). */
const paperBackbone = "wide_resnet50_2";

/** Why the numbers of a run are not the paper's to compare with; empty where they are. */
export function obstaclesToComparison({ experiment, setting }: Plan): string[] {
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
