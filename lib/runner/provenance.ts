/**
 * Provenance of a run: what `run.json` says, so that a number can be traced to the images and settings
 * that made it. No path, user or machine name is part of it.
 *
 * @module
 */
import { digestOf, type Json } from "../base/digest.ts";
import { HarnessError } from "../base/errors.ts";
import { assumptionsOf } from "./assumptions.ts";
import type { PlanOutcome } from "./run_plans.ts";

/** Version of the record's layout. */
export const provenanceSchema = 1;

/** The record of a run. Keys name entries of the store, whose records hold the whole input. */
export function provenanceOf(
  { plan, rows }: PlanOutcome,
  outputs: Readonly<Record<string, string>>,
): Json {
  const { experiment, setting } = plan;
  const { dataset, profile, weights, segmentations } = setting;
  const chosen = weights.get(setting.backbone);
  return {
    schema: provenanceSchema,
    experiment: experiment.id,
    definition: digestOf(experiment as unknown as Json),
    protocol: experiment.protocol as unknown as Json,
    profile: { name: profile.name, size: profile.size },
    seeds: setting.seeds,
    dataset: {
      name: dataset.name,
      layout: dataset.layout,
      digest: dataset.digest,
      images: dataset.samples.length,
    },
    backbone: {
      name: setting.backbone,
      weights: chosen === undefined || chosen instanceof HarnessError ? null : chosen.digest,
    },
    variants: setting.variants,
    segmentations: Object.fromEntries(
      [...segmentations].map(([name, one]) => [
        name,
        one instanceof HarnessError ? null : {
          spec: one.kind === "images" || one.spec.includes("/") ? "file" : one.spec,
          segments: one.segments,
          digest: one.digest,
        },
      ]),
    ),
    numerics: setting.numerics as unknown as Json,
    runtime: { deno: Deno.version.deno, v8: Deno.version.v8, typescript: Deno.version.typescript },
    assumptions: assumptionsOf(experiment, rows.map(({ planned }) => planned.row.method)).map((
      { id },
    ) => id),
    rows: rows.map(({ planned, evaluation }) => ({
      row: planned.row.row,
      method: planned.row.method as unknown as Json,
      evaluation: evaluation === undefined ? undefined : planned.evaluation!.key,
      cells: planned.cells.map(({ class: name, part, seed, scores }) => ({
        class: name,
        part,
        seed,
        stage: scores.input.stage,
        key: scores.key,
      })),
      obstacle: planned.obstacle?.message,
    })),
    outputs,
  };
}
