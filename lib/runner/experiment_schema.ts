/**
 * The schema of a declared experiment: what `run.json` holds of it, and what an editor can check a
 * definition in JSON against.
 *
 * @module
 */
import { z } from "zod";
import {
  type CountedDataset,
  type Experiment,
  type ExperimentRow,
  experimentViews,
  type Protocol,
  type RowMethod,
  type SingleMethod,
} from "./experiment.ts";

const name = z.string().min(1);
const count = z.int().nonnegative();

const singleMethod: z.ZodType<SingleMethod> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("detector"), detector: name }),
  z.strictObject({
    kind: z.literal("supervised"),
    method: name,
    size: z.int().positive().exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("segad"),
    detectors: z.array(name).min(1),
    classifier: name.exactOptional(),
    features: z.enum(["paper", "public_code", "max_per_segment"]).exactOptional(),
    segments: z.enum(["map", "one"]).exactOptional(),
    forest: z.enum(["BRF", "RF", "BT"]).exactOptional(),
  }),
]);

const rowMethod: z.ZodType<RowMethod> = z.union([
  singleMethod,
  z.strictObject({ kind: z.literal("mean"), of: z.array(singleMethod).min(1) }),
]);

const experimentRow: z.ZodType<ExperimentRow> = z.strictObject({
  group: z.string(),
  row: name,
  method: rowMethod,
  paper: z.strictObject({ table: name, row: name }).exactOptional(),
  base: name.exactOptional(),
  note: name.exactOptional(),
});

const protocol: z.ZodType<Protocol> = z.strictObject({
  id: name,
  description: name,
  good: z.enum(["halves", "tenth"]),
  bad: z.enum(["all", "low_shot", "generated", "from_test"]),
  moved: count.exactOptional(),
  detectorSeed: count.exactOptional(),
});

const countedDataset: z.ZodType<CountedDataset> = z.strictObject({
  dataset: name,
  year: z.int().nullable(),
  classes: count,
  images: count,
  types: z.string(),
  defects: z.string(),
  trainGood: count,
  trainBad: count,
  logicalDefects: z.boolean().nullable(),
  pixelLabels: z.string(),
});

/** The schema of {@linkcode Experiment}: unknown fields are refused, not dropped. */
export const experimentSchema: z.ZodType<Experiment> = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9_-]*$/),
  title: name,
  source: name,
  shows: z.enum(experimentViews).exactOptional(),
  layout: z.enum(["vad", "visa", "mvtec"]),
  protocol,
  seeds: z.array(count),
  allDetectors: z.array(name),
  rows: z.array(experimentRow),
  datasets: z.array(countedDataset).exactOptional(),
});
