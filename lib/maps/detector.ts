/**
 * What an anomaly detector is to the planner and the worker. A new detector is one file with a value
 * of this type and one line in `detectors.ts`.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import type { NdArray } from "../base/npy.ts";
import type { PenaltyImages } from "../images/penalty_images.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import type { MapReading } from "./anomaly_map.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { EmbeddingSpec } from "./embedding.ts";
import type { VariantTable } from "./variants.ts";

/** What a run chooses for all its detectors. */
export interface DetectorSetting {
  /** Name of the profile, which sets budgets such as the number of training steps. */
  readonly profile: string;
  /** Edge length of the images in pixels. */
  readonly size: number;
  /** Name of the backbone. */
  readonly backbone: string;
  /** Which implementation's details: "paper", "official", "anomalib-2023-10". */
  readonly variant: string;
  /** Digest of the penalty images, where some are given (EfficientAD). */
  readonly penalty?: string;
}

/** A detector's settings written out: everything that shapes its maps, as it goes into keys. */
export interface DetectorPlan {
  /** Everything that shapes model and maps, with defaults written out: part of the key. */
  readonly parameters: { readonly [name: string]: Json };
  /** Parameters that shape the maps and not the fit, so that a fit serves all of them. */
  readonly mapParameters?: { readonly [name: string]: Json };
  /** What decides the result of `prepare` beside the weights, for a detector that has it. */
  readonly preparation?: Json;
  /** Embeddings that the detector works on; a detector without reads the pixels. */
  readonly embedding?: EmbeddingSpec;
  /**
   * Backbone, or name of other known weights, whose weights `prepare` gets, or `fit` and `open` of a
   * detector without `prepare`; for a detector that reads the pixels.
   */
  readonly backbone?: string;
  /** Height and width of the native map. */
  readonly grid: readonly [number, number];
  /** How the native map becomes a map of image size. */
  readonly reading: MapReading;
}

/** What shapes a fit. */
export type FitPlan = Omit<DetectorPlan, "mapParameters" | "reading">;

/** What shapes native maps. */
export type MapPlan = Omit<DetectorPlan, "reading">;

/** Payload files of a fitted detector, by name. */
export type DetectorModel = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Blocks of images: `[n, h, w, c]`, embeddings (float32) or pixels (uint8). */
export type ImageBlock = NdArray<Float32Array> | NdArray<Uint8Array>;

/** What `prepare` gets. */
export interface PrepareInput {
  /** The plan that the preparation belongs to. */
  readonly plan: FitPlan;
  /** Weights of `plan.backbone`. */
  readonly weights: TensorMap;
  /** Told how far it is: `done` of `of`, with a remark. */
  readonly progress: (done: number, of: number, remark?: string) => void;
  /** Saved states, from which a killed computation goes on. */
  readonly checkpoints: Checkpoints;
}

/** What `fit` gets. */
export interface FitInput {
  /** The plan that is fitted. */
  readonly plan: FitPlan;
  /** The training images in order; each block may be dropped once it is read. */
  readonly blocks: AsyncIterable<ImageBlock>;
  /** How many images the blocks hold together. */
  readonly images: number;
  /** Weights of `plan.backbone`. */
  readonly weights: TensorMap | undefined;
  /** What `prepare` made; without it, a fit that needs it makes it itself. */
  readonly prepared?: DetectorModel;
  /** The images whose digest the setting named. */
  readonly penalty?: PenaltyImages;
  /** Seed of everything random in the training. */
  readonly seed: number;
  /** Told how far it is: `done` of `of`, with a remark. */
  readonly progress: (done: number, of: number, remark?: string) => void;
  /** Saved states, from which a killed training goes on. */
  readonly checkpoints: Checkpoints;
}

/** What a fit takes, roughly: it decides how many stages run at once, and the time that is said to be left. */
export interface FitCost {
  /** Seconds of one worker on a machine of two cores. */
  readonly seconds: number;
  /** Most memory at a time. */
  readonly mebibytes: number;
}

/** Native maps of a block of images. */
export interface DetectorMaps {
  /** `[n, h, w]` at the detector's native resolution. */
  readonly maps: NdArray<Float32Array>;
  /** `[n]`: image scores of a variant that has its own; otherwise the maximum of the read map counts. */
  readonly scores: Float64Array | undefined;
}

/** A fitted detector, ready to make maps. */
export interface OpenDetector {
  /** The maps of a block of images, and their scores where the method has its own. */
  maps(block: ImageBlock): Promise<DetectorMaps>;
  /** Frees what the detector holds. */
  close(): Promise<void>;
}

/** An anomaly detector. */
export interface Detector {
  /** As in commands and keys: "patchcore". */
  readonly id: string;
  /** As in the paper's tables: "PatchCore". */
  readonly name: string;
  /** Rises when fit or maps change their result. */
  readonly revision: number;
  /** Names of the variants; the first is the default. */
  readonly variants: readonly string[];
  /** What each variant sets; where it is given, `plan` takes mixed variants too (see variants.ts). */
  readonly switches?: VariantTable<object>;
  /** Whether its training takes penalty images where some are given. @default {false} */
  readonly takesPenaltyImages?: boolean;
  /** Writes out what a setting means for this detector. */
  plan(setting: DetectorSetting): DetectorPlan;
  /** What depends on no image and no seed, such as a teacher: made once for all fits. */
  prepare?(input: PrepareInput): Promise<DetectorModel>;
  /** Trains on good images; the files that it gives are the model. */
  fit(input: FitInput): Promise<DetectorModel>;
  /** Left out, the cost follows from the number of places of all native maps. */
  fitCost?(plan: FitPlan, images: number): FitCost;
  /**
   * Opens a model for images.
   *
   * @param weights those of `plan.backbone`
   */
  open(
    plan: MapPlan,
    model: DetectorModel,
    weights: TensorMap | undefined,
  ): Promise<OpenDetector>;
}
