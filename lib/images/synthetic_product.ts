/**
 * The embedded product: the part that the Valeo Anomaly Dataset shows, drawn from a seed, so that every
 * experiment runs without a download. Paper section 3, Figures 2 to 5 and 9, Table 7.
 *
 * Every image is drawn from its own child seed with + - * / and square roots only: the same bytes on
 * every machine, alone or within a set.
 *
 * @module
 */
import type { Sample } from "./sample.ts";
import type { ProductCounts, SyntheticProduct } from "./product/product.ts";

export type { ProductCounts, SyntheticProduct } from "./product/product.ts";

/** Revision of the drawing; part of every sample's digest. */
export const drawingRevision = 1;

/** A drawn image: `data` is uint8 RGB, row-major `[height, width, 3]`, owned by the caller. */
export interface DrawnImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One type of defect. */
export interface DefectType {
  readonly id: string;
  /** row of the paper's Table 7 */
  readonly description: string;
  /** components misplaced or misshapen, or damage and pollution (paper section 3) */
  readonly kind: "logical" | "structural";
  /** true: only in `test/bad_unseen_defects` */
  readonly unseen: boolean;
}

/** The demo's product, or one that differs from it in some fields. */
export declare function syntheticProduct(options?: Partial<SyntheticProduct>): SyntheticProduct;

/** Extra products drawn from other seeds: other layouts, colours and textures, one class each. */
export declare function siblingProducts(
  count: number,
  options?: { readonly seed?: number; readonly size?: number; readonly counts?: ProductCounts },
): SyntheticProduct[];

/** Every image of the product, in canonical order (class, split, label, unseen, id). */
export declare function productSamples(product: SyntheticProduct): Sample[];

/** Draws one image. */
export declare function drawSample(
  product: SyntheticProduct,
  sample: Pick<Sample, "id">,
): DrawnImage;
