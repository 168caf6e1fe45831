/**
 * The metrics of a row, in percent as in the paper. Defined by the files of lib/metrics.
 *
 * @module
 */

/** Names of the metrics in tables and JSON. */
export type MetricName =
  | "cl_auroc"
  | "fpr95"
  | "cl_auroc_seen"
  | "cl_auroc_unseen"
  /** Pixel-level, of a detector's maps where there are masks. */
  | "aupro"
  /** Milliseconds, not percent: inference time of one image on this machine. */
  | "ms_per_image";

/** A metric over the seeds. */
export interface MetricSummary {
  /** Mean of the values, percent. */
  readonly mean: number;
  /** Standard deviation over the seeds; null where one seed was run. */
  readonly std: number | null;
  /** One value per seed, in the order of the seeds. */
  readonly values: readonly number[];
  /** 95 % interval of the mean (bootstrap over seeds and images), or null where none was computed. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** The metrics of a row that apply to its test set. */
export type Metrics = Readonly<Partial<Record<MetricName, MetricSummary>>>;
