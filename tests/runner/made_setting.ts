/**
 * A setting for plans that are looked at and never run: images that are nowhere, weights without a file.
 *
 * @module
 */
import { makeDataset, type Sample } from "../../lib/images/sample.ts";
import { numericsClass } from "../../lib/onnx/session.ts";
import { type Plan, planExperiment, type RunSetting } from "../../lib/runner/plan.ts";
import type { PlannedMap } from "../../lib/runner/planned_segmentation.ts";
import { profiles } from "../../lib/runner/profile.ts";
import type { Experiment } from "../../lib/runner/experiment.ts";
import type { Stage } from "../../lib/runner/stage.ts";

/** Numbers of images of a class. */
export interface MadeCounts {
  readonly trainGood: number;
  readonly trainBad: number;
  readonly testGood: number;
  readonly testBad: number;
}

/** Images of some classes; the class is the head of the id where there are several. */
export function madeSamples(classes: readonly string[], counts: MadeCounts): Sample[] {
  const parts = [
    ["train", 0, counts.trainGood],
    ["train", 1, counts.trainBad],
    ["test", 0, counts.testGood],
    ["test", 1, counts.testBad],
  ] as const;
  return classes.flatMap((name) =>
    parts.flatMap(([split, label, count]) =>
      Array.from({ length: count }, (_, i): Sample => {
        const folder = `${split}/${label === 0 ? "good" : "bad"}`;
        const id = `${classes.length > 1 ? `${name}/` : ""}${folder}/${i}.png`;
        return { id, class: name, split, label, unseen: false, digest: `digest of ${id}` };
      })
    )
  );
}

const map: PlannedMap = { kind: "map", spec: "whole", segments: ["a", "b"], digest: "0" };

/** A setting over `samples`. */
export function madeSetting(
  samples: readonly Sample[],
  changes: Partial<RunSetting> = {},
): Omit<RunSetting, "seeds"> {
  const classes = new Set(samples.map((sample) => sample.class));
  const names = ["small", "resnet18", "efficientad_teacher_small", "efficientad_teacher_medium"];
  return {
    dataset: makeDataset({
      name: "made",
      layout: classes.size > 1 ? "visa" : "vad",
      samples,
      source: { kind: "folder", root: "nowhere" },
    }),
    profile: profiles.demo,
    variants: {},
    backbone: "small",
    weights: new Map(
      names.map((backbone) => [backbone, { backbone, file: "nowhere", digest: backbone }]),
    ),
    segmentations: new Map([...classes].map((name) => [name, map])),
    wholeImage: { ...map, digest: "1" },
    numerics: numericsClass("cpu"),
    ...changes,
  };
}

/** The plan of all rows for all seeds. */
export function madePlan(experiment: Experiment, setting: Omit<RunSetting, "seeds">): Plan {
  return planExperiment(experiment, experiment.rows, { ...setting, seeds: experiment.seeds });
}

/** Every stage that some plans need, by kind and key. */
export function stagesOf(plans: readonly Plan[]): ReadonlyMap<string, ReadonlyMap<string, Stage>> {
  const found = new Map<string, Map<string, Stage>>();
  const visit = (stage: Stage): void => {
    const kind = stage.input.stage;
    if (!found.has(kind)) found.set(kind, new Map());
    if (found.get(kind)!.has(stage.key)) return;
    found.get(kind)!.set(stage.key, stage);
    stage.needs.forEach(visit);
  };
  for (const { rows, extras } of plans) {
    for (const { evaluation } of rows) if (evaluation !== undefined) visit(evaluation);
    for (const { stage } of extras) visit(stage);
  }
  return found;
}
