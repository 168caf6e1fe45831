/**
 * What the paper leaves open and the harness decides, by id. Each is listed under every table that
 * depends on it.
 *
 * @module
 */
import type { RowMethod } from "./experiment.ts";

/** A decision that the paper does not state. */
export interface Assumption {
  readonly id: string;
  readonly text: string;
  /** Whether a row's numbers depend on it. */
  readonly concerns: (method: RowMethod) => boolean;
}

const uses = (...detectors: string[]) => (method: RowMethod): boolean =>
  method.kind === "detector"
    ? detectors.includes(method.detector)
    : method.kind === "segad" && method.detectors.some((id) => detectors.includes(id));
const usesForest = (method: RowMethod): boolean => method.kind === "segad";
const always = (): boolean => true;

/** All assumptions. */
export const assumptions: readonly Assumption[] = [
  {
    id: "vad-seeds",
    text:
      "The five seeds of the VAD tables are not published; the first five of the public code's " +
      "list for VisA are used.",
    concerns: always,
  },
  {
    id: "vad-halves",
    text: "How the good training images are halved is not published; the first half of NumPy's " +
      "RandomState(seed).permutation trains the detectors, the rest the forest.",
    concerns: always,
  },
  {
    id: "std-sample",
    text: "± is the sample standard deviation over seeds (n - 1); the paper does not say which.",
    concerns: always,
  },
  {
    id: "patchcore-start",
    text: "The random first centre of the coreset is not part of the memory bank, as in anomalib " +
      "until 2026.",
    concerns: uses("patchcore"),
  },
  {
    id: "patchcore-projection",
    text:
      "The random projection of the coreset is left out where it would not lower the number of " +
      "dimensions.",
    concerns: uses("patchcore"),
  },
  {
    id: "forest-scale-pos-weight",
    text:
      "scale_pos_weight is the number of good by the number of bad training images, as in the " +
      "public code for VisA.",
    concerns: usesForest,
  },
  {
    id: "forest-columns",
    text:
      "The forest's columns are the paper's vector: statistic, then detector, then segment; the " +
      "public code orders them otherwise and adds each map's maximum.",
    concerns: usesForest,
  },
];

/** The assumptions that some of the methods depend on. */
export function assumptionsOf(methods: readonly RowMethod[]): Assumption[] {
  return assumptions.filter(({ concerns }) => methods.some(concerns));
}
