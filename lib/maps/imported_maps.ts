/**
 * Anomaly maps of other tools, in the folder that the public SegAD code reads (method details 3.0).
 *
 * @module
 */

/** Number of segments by class of VisA in the public code; labels at or above it are ignored. */
export const visaSegmentCounts: Readonly<Record<string, number>> = {
  candle: 2,
  capsules: 2,
  cashew: 2,
  chewinggum: 2,
  fryum: 2,
  macaroni1: 2,
  macaroni2: 2,
  pcb1: 6,
  pcb2: 8,
  pcb3: 8,
  pcb4: 6,
  pipe_fryum: 2,
};
