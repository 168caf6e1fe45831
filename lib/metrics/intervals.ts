/**
 * How sure a number is: DeLong's variance of one AUROC and his test of two on the same images,
 * bootstrap intervals over images and seeds, and Holm's correction for several comparisons.
 *
 * Sources: DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014 (midranks instead of all pairs);
 * Efron and Tibshirani 1993, chapters 13 and 16 (percentile interval, paired bootstrap); Holm 1979.
 *
 * @module
 */
import type { RandomState } from "../base/random.ts";
import { mean, normalQuantile, normalTail, quantileOfSorted, sum } from "../base/statistics.ts";
import { aurocOfRanking } from "./auroc.ts";
import { rank, type Ranking, type RankingMetric } from "./ranking.ts";

/** An estimate with its confidence interval. */
export interface Interval {
  /** The value for the data themselves. */
  readonly estimate: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Standard error: the square root of the variance, or the spread of the bootstrap samples. */
  readonly standardError: number;
}

/** A difference of two estimates with its two-sided test. */
export interface PairedTest extends Interval {
  /** Two-sided p value of "no difference". */
  readonly p: number;
}

/**
 * DeLong's interval of one AUROC. With m bad scores x and n good scores y, the placements are
 * V10(x) = mean over y of [x > y] + [x = y] / 2 and V01(y) likewise over x; the variance is
 * var(V10) / m + var(V01) / n with sample variances; the interval is AUROC ± z sqrt(variance), cut to
 * [0, 1].
 *
 * @param level of the interval, in (0, 1)
 * @throws {RangeError} for fewer than two images of a class
 */
export function delongInterval(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  level = 0.95,
): Interval {
  const { auroc, overBad, overGood } = placements(scores, labels);
  const variance = covariance(overBad, overBad) / overBad.length +
    covariance(overGood, overGood) / overGood.length;
  const standardError = Math.sqrt(variance);
  const reach = normalQuantile(0.5 + level / 2) * standardError;
  return {
    estimate: auroc,
    low: Math.max(0, auroc - reach),
    high: Math.min(1, auroc + reach),
    standardError,
  };
}

/**
 * DeLong's test of the difference of two AUROCs on the same images: z = (A - B) / sqrt(variance of
 * A - B), p = 2 P(Z > |z|).
 *
 * @param scoresA scores of the first row; `estimate` is its AUROC minus the other's
 * @param scoresB scores of the second row for the same images
 * @returns p 1 for rows that rank all pairs alike, 0 for a difference without variance
 */
export function delongTest(
  scoresA: ArrayLike<number>,
  scoresB: ArrayLike<number>,
  labels: ArrayLike<number>,
  level = 0.95,
): PairedTest {
  const a = placements(scoresA, labels);
  const b = placements(scoresB, labels);
  const overBad = a.overBad.map((value, i) => value - b.overBad[i]);
  const overGood = a.overGood.map((value, i) => value - b.overGood[i]);
  const variance = covariance(overBad, overBad) / overBad.length +
    covariance(overGood, overGood) / overGood.length;
  const estimate = a.auroc - b.auroc;
  const standardError = Math.sqrt(variance);
  const reach = normalQuantile(0.5 + level / 2) * standardError;
  return {
    estimate,
    low: estimate - reach,
    high: estimate + reach,
    standardError,
    p: estimate === 0 ? 1 : Math.min(1, 2 * normalTail(Math.abs(estimate) / standardError)),
  };
}

/** Scores of one run (one seed) on its test images. */
export interface ScoredRun {
  /** Score of each image; higher is more anomalous. */
  readonly scores: ArrayLike<number>;
  /** 0 good, 1 bad. */
  readonly labels: ArrayLike<number>;
}

/** Options of the bootstraps. */
export interface BootstrapOptions {
  /** Where the samples are drawn from. */
  readonly random: RandomState;
  /**
   * Number of bootstrap samples.
   * @default 1000
   */
  readonly replicates?: number;
  /**
   * Share of the samples within the interval, in (0, 1).
   *
   * @default 0.95
   */
  readonly level?: number;
  /**
   * What is drawn anew in each sample. With one seed both give the same.
   * @default "seeds and images"
   */
  readonly over?: "images" | "seeds and images";
  /**
   * Whether all seeds of a class have the same test images in the same order (VAD), so that one draw
   * of images serves them all; without it each seed draws its own (VisA, where the bad test images
   * differ by seed).
   * @default true
   */
  readonly sharedImages?: boolean;
}

/**
 * Percentile bootstrap interval of a metric: the mean over classes of the mean over seeds. Images are
 * drawn with replacement within the good and within the bad ones, so that every sample has both;
 * classes are fixed.
 *
 * @param classes runs per class, one run per seed (a single class: `[runs]`)
 * @throws {RangeError} for a class without a run, or shared images whose labels differ
 */
export function bootstrapInterval(
  classes: readonly (readonly ScoredRun[])[],
  metric: RankingMetric,
  options: BootstrapOptions,
): Interval {
  const ranked = rankAll(classes, options.sharedImages ?? true);
  const samples = bootstrapSamples([ranked], metric, options)[0];
  return percentileInterval(estimateOf(ranked, metric), samples, options.level ?? 0.95);
}

/**
 * Paired bootstrap of the difference A - B of two rows on the same seeds and images: each sample draws
 * seeds and images once for both. p is twice the smaller share of samples on one side of 0 (those at 0
 * on both), with one added to count and total, at most 1.
 */
export function pairedBootstrap(
  classesA: readonly (readonly ScoredRun[])[],
  classesB: readonly (readonly ScoredRun[])[],
  metric: RankingMetric,
  options: BootstrapOptions,
): PairedTest {
  const shared = options.sharedImages ?? true;
  const a = rankAll(classesA, shared);
  const b = rankAll(classesB, shared);
  if (a.length !== b.length || a.some((runs, c) => !sameImages(runs, b[c]))) {
    throw new RangeError("Cannot pair two rows: their classes, seeds or labels differ");
  }
  const [samplesA, samplesB] = bootstrapSamples([a, b], metric, options);
  const differences = samplesA.map((value, i) => value - samplesB[i]);
  let atMost = 0;
  let atLeast = 0;
  for (const difference of differences) {
    if (difference <= 0) atMost++;
    if (difference >= 0) atLeast++;
  }
  const p = Math.min(1, 2 * (Math.min(atMost, atLeast) + 1) / (differences.length + 1));
  const estimate = estimateOf(a, metric) - estimateOf(b, metric);
  return { ...percentileInterval(estimate, differences, options.level ?? 0.95), p };
}

/**
 * Holm's step-down correction: p values adjusted so that rejecting those at most alpha keeps the
 * chance of any false rejection at most alpha. With p sorted ascending,
 * adjusted(i) = max over j <= i of min(1, (n - j) p(j)), j from 0.
 *
 * @returns adjusted values in the order given
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(holmAdjusted([0.5, 0.125, 0.03125]), [0.5, 0.25, 0.09375]);
 * ```
 */
export function holmAdjusted(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((i, j) => pValues[i] - pValues[j] || i - j);
  const adjusted = new Array<number>(pValues.length);
  let highest = 0;
  order.forEach((i, position) => {
    highest = Math.max(highest, Math.min(1, (pValues.length - position) * pValues[i]));
    adjusted[i] = highest;
  });
  return adjusted;
}

/** AUROC, and how each image is placed among those of the other class. */
interface Placements {
  readonly auroc: number;
  /** `[bad]`: V10 of each bad image, in the order of the images. */
  readonly overBad: Float64Array;
  /** `[good]`: V01 of each good image. */
  readonly overGood: Float64Array;
}

/** Placements by midranks: a bad image's place among the good is its rank overall less that among the bad. */
function placements(scores: ArrayLike<number>, labels: ArrayLike<number>): Placements {
  const ranking = rank(scores, labels);
  const overall = new Float64Array(scores.length);
  const within = new Float64Array(scores.length);
  const { order } = ranking;
  let below = 0;
  const belowOf = [0, 0]; // good, bad
  for (let i = 0; i < order.length;) {
    const score = scores[order[i]];
    let end = i;
    const here = [0, 0];
    for (; end < order.length && scores[order[end]] === score; end++) here[labels[order[end]]]++;
    for (; i < end; i++) {
      const label = labels[order[i]];
      overall[order[i]] = below + (here[0] + here[1] + 1) / 2;
      within[order[i]] = belowOf[label] + (here[label] + 1) / 2;
    }
    below = end;
    belowOf[0] += here[0];
    belowOf[1] += here[1];
  }
  const [good, bad] = belowOf;
  if (good < 2 || bad < 2) {
    throw new RangeError(
      `Cannot compute DeLong's variance: there are ${good} good and ${bad} bad images, ` +
        `and it needs two of each`,
    );
  }
  const overBad = new Float64Array(bad);
  const overGood = new Float64Array(good);
  let b = 0;
  let g = 0;
  for (let i = 0; i < scores.length; i++) {
    const place = overall[i] - within[i]; // of the other class, below or (half) equal
    if (labels[i] === 1) overBad[b++] = place / good;
    else overGood[g++] = 1 - place / bad;
  }
  return { auroc: aurocOfRanking(ranking), overBad, overGood };
}

/** Sample covariance (over n - 1). */
function covariance(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  return sum(a.map((value, i) => (value - meanA) * (b[i] - meanB))) / (a.length - 1);
}

/** Rankings by class and seed. */
type RankedClasses = readonly (readonly Ranking[])[];

function rankAll(classes: readonly (readonly ScoredRun[])[], shared: boolean): RankedClasses {
  if (classes.length === 0 || classes.some((runs) => runs.length === 0)) {
    throw new RangeError("Cannot bootstrap: a class has no run");
  }
  const ranked = classes.map((runs) => runs.map(({ scores, labels }) => rank(scores, labels)));
  for (const runs of ranked) {
    if (shared && runs.some((run) => !sameLabels(run.labels, runs[0].labels))) {
      throw new RangeError(
        "Cannot bootstrap over shared images: the labels of two seeds differ; set sharedImages: false",
      );
    }
  }
  return ranked;
}

function sameImages(a: readonly Ranking[], b: readonly Ranking[]): boolean {
  return a.length === b.length && a.every((run, s) => sameLabels(run.labels, b[s].labels));
}

function sameLabels(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The mean over classes of the mean over seeds. */
function estimateOf(classes: RankedClasses, metric: RankingMetric): number {
  return mean(classes.map((runs) => mean(runs.map((run) => metric(run)))));
}

/** Bootstrap samples of the estimate for each row of `rows`, all from the same draws. */
function bootstrapSamples(
  rows: readonly RankedClasses[],
  metric: RankingMetric,
  options: BootstrapOptions,
): Float64Array[] {
  const { random, replicates = 1000, over = "seeds and images", sharedImages = true } = options;
  if (!Number.isInteger(replicates) || replicates < 1) {
    throw new RangeError(`Cannot bootstrap: replicates is ${replicates}, not a positive integer`);
  }
  const groups = rows[0].map((runs) => runs.map(({ labels }) => imagesByLabel(labels)));
  const samples = rows.map(() => new Float64Array(replicates));
  for (let r = 0; r < replicates; r++) {
    const totals = rows.map(() => 0);
    for (let c = 0; c < rows[0].length; c++) {
      const runs = rows[0][c];
      const sums = rows.map(() => 0);
      const common = sharedImages ? drawImages(groups[c][0], random) : undefined;
      for (let s = 0; s < runs.length; s++) {
        const seed = over === "images" ? s : random.integer(runs.length);
        const counts = common ?? drawImages(groups[c][seed], random);
        rows.forEach((row, k) => sums[k] += metric(row[c][seed], counts));
      }
      sums.forEach((value, k) => totals[k] += value / runs.length);
    }
    totals.forEach((value, k) => samples[k][r] = value / rows[0].length);
  }
  return samples;
}

/** Indices of the good and of the bad images. */
function imagesByLabel(labels: ArrayLike<number>): readonly [Uint32Array, Uint32Array] {
  const indexes = Uint32Array.from({ length: labels.length }, (_, i) => i);
  return [indexes.filter((i) => labels[i] === 0), indexes.filter((i) => labels[i] === 1)];
}

/** How often each image is drawn, with replacement among the good and among the bad. */
function drawImages(groups: readonly [Uint32Array, Uint32Array], random: RandomState): Uint32Array {
  const counts = new Uint32Array(groups[0].length + groups[1].length);
  for (const group of groups) {
    for (let k = 0; k < group.length; k++) counts[group[random.integer(group.length)]]++;
  }
  return counts;
}

function percentileInterval(estimate: number, samples: Float64Array, level: number): Interval {
  if (!(level > 0 && level < 1)) {
    throw new RangeError(`Cannot make an interval: level is ${level}, not in (0, 1)`);
  }
  const sorted = samples.slice().sort();
  const centre = mean(samples);
  return {
    estimate,
    low: quantileOfSorted(sorted, (1 - level) / 2),
    high: quantileOfSorted(sorted, (1 + level) / 2),
    standardError: Math.sqrt(sum(samples.map((value) => (value - centre) ** 2)) / samples.length),
  };
}
