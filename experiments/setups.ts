/**
 * The setups of the paper's section 4.2 as rows of a table.
 *
 * @module
 */
import type { ExperimentRow, SingleMethod } from "../lib/runner/experiment.ts";

/** The detectors of the paper by id, with their names in the tables. */
export const detectorNames = {
  patchcore: "PatchCore",
  fastflow: "FastFlow",
  rd4ad: "RD4AD",
  efficientad: "EfficientAD",
} as const;

/** Id of a detector of the paper. */
export type DetectorId = keyof typeof detectorNames;

/** The detectors of the VAD tables in the order of their rows. */
export const vadDetectors: readonly DetectorId[] = [
  "fastflow",
  "rd4ad",
  "patchcore",
  "efficientad",
];

/** The same four as "All AD" of Tables 3 and 4. */
export const allFour: readonly DetectorId[] = ["patchcore", "fastflow", "rd4ad", "efficientad"];

/** Columns of the forest: the paper's vector, or those of another implementation. */
export type FeatureSet = NonNullable<Extract<SingleMethod, { kind: "segad" }>["features"]>;

/** "One-class Anomaly Detection": a detector alone, its score the maximum of its map. */
export function detectorAlone(detector: DetectorId, table: string): ExperimentRow {
  const row = detectorNames[detector];
  return {
    group: "One-class Anomaly Detection",
    row,
    method: { kind: "detector", detector },
    paper: { table, row },
  };
}

/** "Anomaly Detector + Ours": K = 1. */
export function detectorAndOurs(
  detector: DetectorId,
  table: string,
  features?: FeatureSet,
): ExperimentRow {
  const row = `${detectorNames[detector]} + Ours`;
  return {
    group: "SegAD (Ours)",
    row,
    method: {
      kind: "segad",
      detectors: [detector],
      ...(features === undefined ? {} : { features }),
    },
    paper: { table, row },
    base: detectorNames[detector],
  };
}

/** "All AD + Ours": the maps of several detectors. */
export function allAndOurs(
  detectors: readonly DetectorId[],
  table: string,
  features?: FeatureSet,
): ExperimentRow {
  return {
    group: "SegAD (Ours)",
    row: "All AD + Ours",
    method: { kind: "segad", detectors, ...(features === undefined ? {} : { features }) },
    paper: { table, row: "All AD + Ours" },
  };
}

/** "AllAD+WRN+Ours": the four detectors and the classifier, the paper's best. */
export const allAndWrnAndOurs: ExperimentRow = {
  group: "SegAD (Ours)",
  row: "AllAD+WRN+Ours",
  method: { kind: "segad", detectors: allFour, classifier: "wrn" },
  paper: { table: "3", row: "AllAD+WRN+Ours" },
};

/** "Anomaly Detector + Supervised Classifier + Ours": K = 1 with the classifier. */
export function detectorAndWrnAndOurs(detector: DetectorId): ExperimentRow {
  return {
    group: "SegAD (Ours)",
    row: `${detectorNames[detector]} + WRN + Ours`,
    method: { kind: "segad", detectors: [detector], classifier: "wrn" },
  };
}

/** A supervised method of the paper as it stands in `table`. */
export function supervised(
  method: "wrn" | "devnet" | "dra",
  table: string,
): ExperimentRow {
  const row = { wrn: "WRN", devnet: "DevNet", dra: "DRA" }[method];
  return {
    group: method === "wrn" ? "Supervised Classifier" : "Supervised Anomaly Detection",
    row,
    method: { kind: "supervised", method },
    paper: { table, row },
  };
}

/** `row` as a table has it that the paper does not fill with it. */
export function unpublished({ paper: _, ...row }: ExperimentRow, note?: string): ExperimentRow {
  return note === undefined ? row : { ...row, note };
}
