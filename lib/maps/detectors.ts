/**
 * The table of detectors: a new one is one file and one line here.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import type { Detector } from "./detector.ts";
import { efficientAd } from "./efficientad_detector.ts";
import { fastFlow } from "./fastflow_detector.ts";
import { patchCore } from "./patchcore_detector.ts";
import { rd4ad } from "./rd4ad_detector.ts";

/** All detectors by id. */
export const detectors: ReadonlyMap<string, Detector> = new Map(
  [patchCore, fastFlow, rd4ad, efficientAd].map((detector) => [detector.id, detector]),
);

/**
 * The detector with this id.
 *
 * @throws {UsageError} for an unknown id
 */
export function detectorNamed(id: string): Detector {
  const detector = detectors.get(id);
  if (detector === undefined) throw unknownName("detector", id, detectors.keys());
  return detector;
}
