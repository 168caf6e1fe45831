/**
 * The setups of the paper's section 4.2 as rows of a table.
 *
 * @module
 */
import type { ExperimentRow } from "../lib/runner/experiment.ts";

/** The detectors of the paper by id, with their names in the tables. */
export const detectorNames = {
  patchcore: "PatchCore",
  fastflow: "FastFlow",
  rd4ad: "RD4AD",
  efficientad: "EfficientAD",
} as const;

export type DetectorId = keyof typeof detectorNames;

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
export function detectorAndOurs(detector: DetectorId, table: string): ExperimentRow {
  const row = `${detectorNames[detector]} + Ours`;
  return {
    group: "SegAD (Ours)",
    row,
    method: { kind: "segad", detectors: [detector] },
    paper: { table, row },
    base: detectorNames[detector],
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
