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
  /** A supervised method that is trained on good and bad images. */
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
  };

/** One row of a table. */
export interface ExperimentRow {
  /** Heading above the row in the paper. */
  readonly group: string;
  /** The row's name as in the paper. */
  readonly row: string;
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
  readonly id: string;
  /** In one sentence, for the head of the table. */
  readonly description: string;
  /** Bad training images for the forest: all of them, low-shot lists, or generated from good ones. */
  readonly bad: "all" | "low_shot" | "generated";
}

/** A table or figure. */
export interface Experiment {
  /** What is typed: "table3". */
  readonly id: string;
  readonly title: string;
  /** Where it stands in the paper. */
  readonly source: string;
  readonly layout: "vad" | "visa" | "mvtec";
  readonly protocol: Protocol;
  /** Seeds of the splits, the detectors and the forest, in the order in which `--seeds N` takes them. */
  readonly seeds: readonly number[];
  /** What "All AD" means here, by detector id. */
  readonly allDetectors: readonly string[];
  readonly rows: readonly ExperimentRow[];
}
