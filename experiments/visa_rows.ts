/**
 * The rows of the two VisA tables: Table 5 has their means, Table 8 the classes. The paper's numbers
 * come from the public code, so the forest reads that code's columns.
 *
 * @module
 */
import type { ExperimentRow } from "../lib/runner/experiment.ts";
import {
  allAndOurs,
  detectorAlone,
  detectorAndOurs,
  type DetectorId,
  supervised,
} from "./setups.ts";

/** "All AD means RD4AD and EfficientAD", in the order of the public code. */
export const visaDetectors: readonly DetectorId[] = ["efficientad", "rd4ad"];

/** The rows with the published numbers of `table`. */
export function visaRows(table: "5" | "8"): readonly ExperimentRow[] {
  return [
    detectorAlone("rd4ad", table),
    detectorAlone("efficientad", table),
    supervised("dra", table),
    supervised("devnet", table),
    detectorAndOurs("rd4ad", table, "public_code"),
    detectorAndOurs("efficientad", table, "public_code"),
    allAndOurs(visaDetectors, table, "public_code"),
  ];
}
