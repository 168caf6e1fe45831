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
  /** Everything that shapes model and scores, with defaults written out: part of the key. */
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
  /** The plan that is fitted. */
  readonly plan: SupervisedPlan;
  /** uint8 RGB `[n, height, width, 3]`. */
  readonly images: NdArray<Uint8Array>;
  /** `[n]`: 0 good, 1 bad. */
  readonly labels: Uint8Array;
  /** Weights of the backbone that the training starts from. */
  readonly weights: TensorMap;
  /** Seed of everything random in the training. */
  readonly seed: number;
  /** Told how far it is: `done` of `of`, with a remark. */
  readonly progress: (done: number, of: number, remark?: string) => void;
  /** Saved states, from which a killed training goes on. */
  readonly checkpoints: Checkpoints;
}

/** A trained method, ready to score images. */
export interface OpenSupervised {
  /**
   * Scores images.
   *
   * @returns `[n]` scores, higher for bad images
   */
  scores(images: NdArray<Uint8Array>): Promise<Float64Array>;
  /** Frees what the model holds. */
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
  /** Writes out what a setting means for this method. */
  plan(setting: DetectorSetting): SupervisedPlan;
  /** Trains on good and bad images; the files that it gives are the model. */
  fit(input: SupervisedFitInput): Promise<DetectorModel>;
  /**
   * What a training takes, for plans.
   *
   * @param images that it is trained on
   */
  fitCost(plan: SupervisedPlan, images: number): FitCost;
  /** Opens a model for images. */
  open(plan: SupervisedPlan, model: DetectorModel): Promise<OpenSupervised>;
}
