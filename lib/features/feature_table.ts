/**
 * The feature table: a row per image and a column per feature, as the forest reads it. Which columns
 * there are, and in which order, is a declared feature set, because trees that sample columns depend
 * on the order.
 *
 * - `"paper"`: f = [g, q, z, c, m] of section 4. First the classifier's score, when there is one; then
 *   per statistic (0.995 quantile, skew, kurtosis, mean) the detectors in the order of the setup, and
 *   per detector the segments in the order of their labels: K L 4 (+ 1) columns.
 * - `"public_code"`: what the public SegAD code feeds its forest (method details 3.0): per segment the
 *   detectors, and per detector the four statistics; then the maximum of each detector's whole map:
 *   K (4 L + 1) columns. That code has no classifier; a score comes last.
 * - `"max_per_segment"`: the row "Max." of Table 6: per detector the maximum of each segment; a
 *   classifier's score comes first.
 *
 * The row "One Seg." of Table 6 is `"paper"` with the segmentation map `whole`.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { type SegmentStatistic, segmentStatisticNames } from "./segment_statistics.ts";

/** The declared sets of features. */
export const featureSets = ["paper", "public_code", "max_per_segment"] as const;
/** Name of one of the feature sets. */
export type FeatureSet = typeof featureSets[number];

/** What a column is, for importances per segment and per detector. */
export interface FeatureColumn {
  /** E.g. "PatchCore/piezo border/q99.5", "PatchCore/max", "WRN/score". */
  readonly name: string;
  /** Name of the detector, or of the classifier. */
  readonly source: string;
  /** Name of the segment; null for the whole image. */
  readonly segment: string | null;
  /** Which statistic of the segment, or the score of a whole image. */
  readonly statistic: SegmentStatistic | "score";
}

/** Features of images: `values[i * columns.length + j]` is column j of image i. NaN is missing. */
export interface FeatureTable {
  /** Ids of the images. */
  readonly rows: readonly string[];
  /** What each column holds. */
  readonly columns: readonly FeatureColumn[];
  /** `[rows, columns]`, row-major. */
  readonly values: Float64Array;
}

/** The statistics of one detector's maps, image by image. */
export interface DetectorStatistics {
  /** Name of the detector. */
  readonly detector: string;
  /** `[images, segments, 5]`: `segmentStatistics` of each image. */
  readonly segments: Float64Array;
  /** `[images]`: maximum of each whole map (`mapMaximum`). */
  readonly maxima: Float64Array;
}

/** A classifier's score per image. */
export interface ClassifierScores {
  /** Name of the classifier. */
  readonly classifier: string;
  /** `[images]`. */
  readonly scores: Float64Array;
}

/** What a feature table is made of. */
export interface FeatureInput {
  /** Ids of the images. */
  readonly rows: readonly string[];
  /** Names of the segments in the order of their labels. */
  readonly segments: readonly string[];
  /** In the order of the setup, at least one. */
  readonly detectors: readonly DetectorStatistics[];
  /** Scores of a classifier, the last column. */
  readonly classifier?: ClassifierScores;
}

/**
 * The feature table of `set`.
 *
 * @throws {RangeError} for no detector, for two sources of one name, for arrays that do not fit the rows
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const table = featureTable("paper", {
 *   rows: ["test/bad/1.png"],
 *   segments: ["part"],
 *   detectors: [{
 *     detector: "PatchCore",
 *     segments: Float64Array.of(0.9, 1.5, 4, 0.2, 1),
 *     maxima: Float64Array.of(1),
 *   }],
 *   classifier: { classifier: "WRN", scores: Float64Array.of(0.7) },
 * });
 * assert.deepEqual(table.columns.map((column) => column.name), [
 *   "WRN/score",
 *   "PatchCore/part/q99.5",
 *   "PatchCore/part/skew",
 *   "PatchCore/part/kurtosis",
 *   "PatchCore/part/mean",
 * ]);
 * assert.deepEqual([...table.values], [0.7, 0.9, 1.5, 4, 0.2]);
 * ```
 */
export function featureTable(set: FeatureSet, input: FeatureInput): FeatureTable {
  checkInput(input);
  const { rows, segments, detectors, classifier } = input;
  const columns = featureColumns(
    set,
    detectors.map(({ detector }) => detector),
    segments,
    classifier?.classifier,
  );
  const readers = columns.map((column) => columnReader(column, input));
  const values = new Float64Array(rows.length * columns.length);
  for (let j = 0; j < columns.length; j++) {
    const { data, stride, offset } = readers[j];
    for (let i = 0; i < rows.length; i++) {
      values[i * columns.length + j] = data[i * stride + offset];
    }
  }
  return { rows, columns, values };
}

/** The columns of a feature set, in order. */
export function featureColumns(
  set: FeatureSet,
  detectors: readonly string[],
  segments: readonly string[],
  classifier?: string,
): FeatureColumn[] {
  const columns: FeatureColumn[] = [];
  const ofSegment = (source: string, segment: string, statistic: SegmentStatistic) =>
    columns.push({ name: `${source}/${segment}/${statistic}`, source, segment, statistic });
  const ofImage = (source: string, statistic: "score" | "max") =>
    columns.push({ name: `${source}/${statistic}`, source, segment: null, statistic });

  if (set === "paper") {
    if (classifier !== undefined) ofImage(classifier, "score");
    for (const statistic of paperStatistics) {
      for (const detector of detectors) {
        for (const segment of segments) ofSegment(detector, segment, statistic);
      }
    }
  } else if (set === "public_code") {
    for (const segment of segments) {
      for (const detector of detectors) {
        for (const statistic of paperStatistics) ofSegment(detector, segment, statistic);
      }
    }
    for (const detector of detectors) ofImage(detector, "max");
    if (classifier !== undefined) ofImage(classifier, "score");
  } else if (set === "max_per_segment") {
    if (classifier !== undefined) ofImage(classifier, "score");
    for (const detector of detectors) {
      for (const segment of segments) ofSegment(detector, segment, "max");
    }
  } else {
    throw unknownName("feature set", set, featureSets);
  }
  return columns;
}

/** The rows `indexes` of a table, in that order (a copy). */
export function takeRows(table: FeatureTable, indexes: ArrayLike<number>): FeatureTable {
  const width = table.columns.length;
  const rows: string[] = [];
  const values = new Float64Array(indexes.length * width);
  for (let i = 0; i < indexes.length; i++) {
    const from = indexes[i];
    if (!(from in table.rows)) {
      throw new RangeError(`Cannot take row ${from} of a feature table with ${table.rows.length}`);
    }
    rows.push(table.rows[from]);
    values.set(table.values.subarray(from * width, (from + 1) * width), i * width);
  }
  return { rows, columns: table.columns, values };
}

/**
 * Adds up one number per column (an importance) over the columns that share `field`; columns of the
 * whole image have the segment "image".
 *
 * @returns sums by value of the field, in the order of first appearance
 */
export function sumOverColumns(
  columns: readonly FeatureColumn[],
  numbers: ArrayLike<number>,
  field: "source" | "segment" | "statistic",
): Map<string, number> {
  if (numbers.length !== columns.length) {
    throw new RangeError(`Cannot add up ${numbers.length} numbers over ${columns.length} columns`);
  }
  const sums = new Map<string, number>();
  columns.forEach((column, j) => {
    const value = column[field] ?? "image";
    sums.set(value, (sums.get(value) ?? 0) + numbers[j]);
  });
  return sums;
}

/** The paper's four statistics, in the order of its feature vector. */
const paperStatistics = ["q99.5", "skew", "kurtosis", "mean"] as const;

/** Where column values lie: image i has `data[i * stride + offset]`. */
interface ColumnReader {
  readonly data: Float64Array;
  readonly stride: number;
  readonly offset: number;
}

function columnReader(column: FeatureColumn, input: FeatureInput): ColumnReader {
  const { source, segment, statistic } = column;
  if (statistic === "score") return { data: input.classifier!.scores, stride: 1, offset: 0 };
  const detector = input.detectors.find((one) => one.detector === source)!;
  if (segment === null) return { data: detector.maxima, stride: 1, offset: 0 };
  const width = segmentStatisticNames.length;
  return {
    data: detector.segments,
    stride: input.segments.length * width,
    offset: input.segments.indexOf(segment) * width + segmentStatisticNames.indexOf(statistic),
  };
}

function checkInput({ rows, segments, detectors, classifier }: FeatureInput): void {
  const fail = (reason: string) => new RangeError(`Cannot make a feature table: ${reason}`);
  if (detectors.length === 0) throw fail("there is no detector");
  const sources = detectors.map(({ detector }) => detector);
  if (classifier !== undefined) sources.push(classifier.classifier);
  for (const [kind, names] of [["sources", sources], ["segments", segments]] as const) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw fail(`two ${kind} are named ${JSON.stringify(twice)}`);
  }
  const perImage = segments.length * segmentStatisticNames.length;
  for (const { detector, segments: values, maxima } of detectors) {
    if (values.length !== rows.length * perImage || maxima.length !== rows.length) {
      throw fail(
        `${detector} has ${values.length} statistics and ${maxima.length} maxima ` +
          `for ${rows.length} images of ${segments.length} segments`,
      );
    }
  }
  if (classifier !== undefined && classifier.scores.length !== rows.length) {
    throw fail(
      `${classifier.classifier} has ${classifier.scores.length} scores for ${rows.length} images`,
    );
  }
}
