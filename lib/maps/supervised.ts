/**
 * What a supervised method is to the planner and the worker: it is trained on good and bad images and
 * gives a score per image. The classifier g of SegAD is one of them. A new one is one file with a value
 * of this type and one line in `supervised_methods.ts`.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import type { NdArray } from "../base/npy.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { DetectorModel, DetectorSetting, FitCost } from "./detector.ts";

/** A method's settings written out, as they go into keys. */
export interface SupervisedPlan {
  readonly parameters: { readonly [name: string]: Json };
  /** Edge length in pixels of the images that the method sees. */
  readonly size: number;
  /** Backbone whose weights the training begins with. */
  readonly backbone: string;
  /** Share of the training images that the method is trained on, in (0, 1]. */
  readonly share: number;
  /**
   * Number of models, each trained without one of that many parts of the training images. A training
   * image is scored by the model that was not trained on it, a test image by the mean of all models.
   * Left out: one model, trained on `share`.
   */
  readonly folds?: number;
}

/** What `fit` gets: all training images at once, uint8 `[n, size, size, 3]`, with their labels. */
export interface SupervisedFitInput {
  readonly plan: SupervisedPlan;
  readonly images: NdArray<Uint8Array>;
  /** `[n]`: 0 good, 1 bad. */
  readonly labels: Uint8Array;
  readonly weights: TensorMap;
  readonly seed: number;
  readonly progress: (done: number, of: number, remark?: string) => void;
  readonly checkpoints: Checkpoints;
}

/** A trained method, ready to score images. */
export interface OpenSupervised {
  /** @returns `[n]` scores, higher for bad images */
  scores(images: NdArray<Uint8Array>): Promise<Float64Array>;
  close(): Promise<void>;
}

/** A supervised method. */
export interface SupervisedMethod {
  /** As in commands and keys: "wrn". */
  readonly id: string;
  /** As in the paper's tables: "WRN". */
  readonly name: string;
  /** Rises when training or scores change their result. */
  readonly revision: number;
  /** Names of the variants; the first is the default. */
  readonly variants: readonly string[];
  plan(setting: DetectorSetting): SupervisedPlan;
  fit(input: SupervisedFitInput): Promise<DetectorModel>;
  /** @param images that it is trained on */
  fitCost(plan: SupervisedPlan, images: number): FitCost;
  open(plan: SupervisedPlan, model: DetectorModel): Promise<OpenSupervised>;
}
