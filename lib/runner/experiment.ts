/**
 * An experiment as a value: what a reader of the paper finds in a table's caption and rows. Expansion
 * into stages is the planner's work (`plan.ts`).
 *
 * @module
 */

/** How the score of a row is made. */
export type RowMethod =
  /** The maximum of one detector's anomaly map (paper section 5.5). */
  | { readonly kind: "detector"; readonly detector: string }
  /**
   * A supervised method that is trained on good and bad images. `size` is the edge length of its images
   * where the paper gives it one of its own (DRA: 448); a profile with smaller images than the paper's
   * 256 pixels scales it alike.
   */
  | { readonly kind: "supervised"; readonly method: string; readonly size?: number }
  /** SegAD (section 4): segment statistics of the detectors' maps, the classifier's score, a forest. */
  | {
    readonly kind: "segad";
    readonly detectors: readonly string[];
    readonly classifier?: string;
    /** Features per segment: the paper's four statistics, or only the maximum (Table 6, "Max."). */
    readonly features?: "paper" | "public_code" | "max_per_segment";
    /** "one": the whole image is one segment (Table 6, "One Seg."). */
    readonly segments?: "map" | "one";
    readonly forest?: "BRF" | "RF" | "BT";
  }
  /** The mean of the metrics of several methods (Table 6: over the four detectors). */
  | { readonly kind: "mean"; readonly of: readonly SingleMethod[] };

/** A method that gives one score per image. */
export type SingleMethod = Exclude<RowMethod, { kind: "mean" }>;

/** One row of a table. */
export interface ExperimentRow {
  /** Heading above the row in the paper. */
  readonly group: string;
  /** The row's name as in the paper. */
  readonly row: string;
  /** What gives the row its scores. */
  readonly method: RowMethod;
  /** The paper's table and row with the published numbers; none for rows the paper does not have. */
  readonly paper?: { readonly table: string; readonly row: string };
  /** The row that this one improves on; the difference is shown. */
  readonly base?: string;
  /** Shown under the table. */
  readonly note?: string;
}

/** Which images train what (DESIGN section 3). */
export interface Protocol {
  /** Stands in keys and records. */
  readonly id: string;
  /** In one sentence, for the head of the table. */
  readonly description: string;
  /**
   * How the good training images are divided: halved per seed (VAD, section 5), or a tenth for the
   * forest and the rest for the detectors, the same for every seed (VisA and MVTec AD, section 5.4).
   */
  readonly good: "halves" | "tenth";
  /**
   * Bad images for the forest: all training ones, those of the seed's low-shot list, made from the
   * forest's good images, or `moved` images of the test set.
   */
  readonly bad: "all" | "low_shot" | "generated" | "from_test";
  /** With `from_test`: how many bad test images of each class move to training per seed. */
  readonly moved?: number;
  /** Seed of every detector, where the detectors are trained once and not per seed (VisA, MVTec AD). */
  readonly detectorSeed?: number;
}

/**
 * What an experiment shows, one of `experimentViews`:
 *
 * - `metrics`: Cl. AUROC and FPR@95TPR of each row;
 * - `classes`: Cl. AUROC of each row by class (Tables 8 and 9);
 * - `defects`: the share of each type of defect that each row finds (Table 7);
 * - `datasets`: counts of data sets (Table 1);
 * - `segmentation`: segmentation maps over images (Figures 5 and 7);
 * - `generated`: generated defects (Figure 8);
 * - `speed`: milliseconds per image of each row.
 */
export type ExperimentView = typeof experimentViews[number];

/** All views. */
export const experimentViews = [
  "metrics",
  "classes",
  "defects",
  "datasets",
  "segmentation",
  "generated",
  "speed",
] as const;

/** A table or figure. */
export interface Experiment {
  /** What is typed: "table3". */
  readonly id: string;
  /** Heading of the table. */
  readonly title: string;
  /** Where it stands in the paper. */
  readonly source: string;
  /** `metrics` where it is not given. */
  readonly shows?: ExperimentView;
  /** The layout of the data sets that it can be run on. */
  readonly layout: "vad" | "visa" | "mvtec";
  /** Which images train what. */
  readonly protocol: Protocol;
  /** Seeds of the splits, the detectors and the forest, in the order in which `--seeds N` takes them. */
  readonly seeds: readonly number[];
  /** What "All AD" means here, by detector id. */
  readonly allDetectors: readonly string[];
  /** Rows in the order of the table. */
  readonly rows: readonly ExperimentRow[];
  /** Table 1: the data sets that the paper counts, before the one that is counted here. */
  readonly datasets?: readonly CountedDataset[];
}

/** A line of Table 1. */
export interface CountedDataset {
  /** Name of the data set. */
  readonly dataset: string;
  /** Year of its publication. */
  readonly year: number | null;
  /** Number of classes. */
  readonly classes: number;
  /** Number of images. */
  readonly images: number;
  /** Texture, object. */
  readonly types: string;
  /** "synthetic", "simulated", "real-world". */
  readonly defects: string;
  /** Mean numbers of good and bad training images of a class. */
  readonly trainGood: number;
  /** Bad training images. */
  readonly trainBad: number;
  /** Whether it has logical defects; null where that is not said. */
  readonly logicalDefects: boolean | null;
  /** "yes", "no", "weakly labelled". */
  readonly pixelLabels: string;
}

/** The methods that a row is made of: itself, or those whose mean it is. */
export function singleMethods(method: RowMethod): readonly SingleMethod[] {
  return method.kind === "mean" ? method.of : [method];
}

/** Ids of the detectors and supervised methods that a row needs. */
export function methodIds(method: RowMethod): ReadonlySet<string> {
  return new Set(
    singleMethods(method).flatMap((one) => {
      switch (one.kind) {
        case "detector":
          return [one.detector];
        case "supervised":
          return [one.method];
        case "segad":
          return [...one.detectors, ...(one.classifier === undefined ? [] : [one.classifier])];
      }
    }),
  );
}
