/**
 * The audit of a row as results show it: over all its classes and seeds, how many test images some
 * training saw.
 *
 * @module
 */
import type { Auditor } from "../runner/audit.ts";
import type { PlannedCell } from "../runner/plan.ts";
import type { RowAudit } from "./results.ts";

/** The audit of a row with `cells`, of which there is one at least. */
export function rowAudit(auditor: Auditor, cells: readonly PlannedCell[]): RowAudit {
  const touched = new Set<string>();
  let foreign = false;
  for (const cell of cells) {
    const audit = auditor.audit(cell);
    foreign ||= audit.foreign;
    const test = new Set(audit.test);
    for (const { images } of audit.artefacts) {
      for (const image of images) if (test.has(image)) touched.add(image);
    }
  }
  const first = auditor.audit(cells[0]);
  const test = new Set(first.test);
  return {
    state: touched.size > 0 ? "touched" : foreign ? "unknown" : "clean",
    touched: touched.size,
    artefacts: first.artefacts.map(({ name, images }) => ({
      artefact: name,
      images: images.length,
      test: new Set(images.filter((image) => test.has(image))).size,
    })),
  };
}

/** What stands under the table of a row whose test images were seen; of imported maps the run says all. */
export function auditNote({ state, touched }: RowAudit): string | undefined {
  if (state === "touched") {
    return `${touched} of its test images were seen in training; its numbers are too good.`;
  }
  return undefined;
}
