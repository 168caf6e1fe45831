/**
 * What describes an embedded product: the few numbers from which every image of it is drawn.
 *
 * @module
 */

/** How many images each folder of the data set has. */
export interface ProductCounts {
  /** good parts in `train/good` */
  readonly train_good: number;
  /** defective parts in `train/bad`, of the defect types that a training set shows */
  readonly train_bad: number;
  /** good parts in `test/good` */
  readonly test_good: number;
  /** defective parts in `test/bad`, of the same types as `train/bad` */
  readonly test_bad: number;
  /** defective parts in `test/bad_unseen_defects`, of types that no training image shows */
  readonly test_bad_unseen: number;
}

/** An embedded product: plain JSON, the whole identity of its images. */
export interface SyntheticProduct {
  /** class name of its samples, e.g. "vad" */
  readonly name: string;
  /** seed of everything that varies from part to part, in [0, 2^32) */
  readonly seed: number;
  /** seed of where the components lie and what colours they have; `null` = VAD's own layout, which `segmaps/vad.png` fits */
  readonly layout_seed: number | null;
  /** width and height of the drawn images in pixels, 32 … 2048 */
  readonly size: number;
  /** revision of the drawing: another one means other pixels for the same seed */
  readonly revision: number;
  /** images to draw for each part of VAD's layout */
  readonly counts: ProductCounts;
  /** strength of the harmless variety among parts: 0 = all parts alike, 1 = as designed */
  readonly nuisance: number;
  /** least and greatest severity of a defect, within [0, 1]: 0 = hardly to be seen, 1 = obvious */
  readonly severity: readonly [number, number];
}
