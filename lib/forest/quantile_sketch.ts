/**
 * Weighted quantile summary of one column, as XGBoost 2.0.3 makes it for `tree_method="hist"` (its
 * `WQuantileSketch`; Chen and Guestrin 2016, appendix A): values are queued, sorted, and pruned into
 * summaries of bounded size that are merged in a binary counter. Ranks are float32, as there. With at
 * most `limit` different values nothing is pruned and the summary is exact.
 *
 * @module
 */
import { sortFloats } from "./sort_floats.ts";

/** Sorted distinct values with the least and greatest rank that each can have. */
interface QuantileSummary {
  readonly size: number;
  /** Distinct values, ascending. */
  readonly value: Float32Array;
  /** Least possible weight below the value. */
  readonly rankLow: Float32Array;
  /** Greatest possible weight up to and including the value. */
  readonly rankHigh: Float32Array;
  /** Least weight of the value itself. */
  readonly weight: Float32Array;
}

/** Summaries hold this many times more entries than there will be bins. */
const sketchFactor = 8;

/**
 * The cut points of a column: ascending float32 numbers; bin `i` holds the values below cut `i` and not
 * below cut `i - 1`. The last cut lies above every value. A column without values has one cut.
 *
 * @param values the column's values without NaN, in row order (the order matters once more values come
 *   than a summary holds)
 * @param maxBin most bins of a column
 */
export function quantileCuts(values: Float32Array, maxBin: number): Float32Array {
  const f32 = Math.fround;
  if (values.length === 0) return Float32Array.of(3 * f32(1e-5));
  const intermediate = Math.min(values.length, maxBin * sketchFactor);
  const bins = Math.min(intermediate, maxBin);
  const summary = prune(prune(sketchColumn(values, maxBin), intermediate), bins + 1);
  const cuts: number[] = [];
  for (let i = 1; i < Math.min(summary.size, bins); i++) {
    if (i === 1 || summary.value[i] > cuts[cuts.length - 1]) cuts.push(summary.value[i]);
  }
  const last = summary.value[summary.size - 1];
  cuts.push(f32(last + (Math.abs(last) + f32(1e-5))));
  return Float32Array.from(cuts);
}

/** The summary of a whole column. */
function sketchColumn(values: Float32Array, maxBin: number): QuantileSummary {
  const bins = Math.max(1, Math.min(maxBin, values.length));
  const limit = summaryLimit(values.length, 1 / (bins * sketchFactor));
  const levels: (QuantileSummary | undefined)[] = [];
  // A run of equal neighbours takes one place in the queue, so the queue is counted in runs.
  let start = 0;
  let runs = 0;
  for (let i = 0; i < values.length; i++) {
    if (i > start && values[i] === values[i - 1]) continue;
    if (runs === 2 * limit) {
      pushSummary(levels, prune(exactSummary(values.slice(start, i)), limit), limit);
      start = i;
      runs = 0;
    }
    runs++;
  }
  const rest = exactSummary(values.slice(start));
  if (levels.length === 0 && rest.size <= limit) return rest;
  let total = prune(rest, limit);
  for (const level of levels) {
    if (level !== undefined) total = prune(merge(total, level), limit);
  }
  return total;
}

/** Entries that a summary may hold so that the merged error stays below `epsilon`. */
function summaryLimit(count: number, epsilon: number): number {
  for (let levels = 1;; levels++) {
    const limit = Math.min(count, Math.ceil(levels / epsilon) + 1);
    if (2 ** levels * limit >= count) return limit;
  }
}

/** Adds a summary to the binary counter of summaries. */
function pushSummary(
  levels: (QuantileSummary | undefined)[],
  summary: QuantileSummary,
  limit: number,
): void {
  let carried = summary;
  for (let level = 0;; level++) {
    const there = levels[level];
    if (there === undefined) {
      levels[level] = prune(carried, limit);
      return;
    }
    carried = merge(prune(carried, limit), there);
    if (carried.size <= limit) {
      levels[level] = carried;
      return;
    }
    levels[level] = undefined;
  }
}

/** The exact summary of `values`, which are sorted in place. */
function exactSummary(values: Float32Array): QuantileSummary {
  sortFloats(values);
  const { value, rankLow, rankHigh, weight } = emptySummary(values.length);
  let size = 0;
  for (let i = 0; i < values.length; size++) {
    let j = i + 1;
    while (j < values.length && values[j] === values[i]) j++;
    value[size] = values[i];
    rankLow[size] = i;
    rankHigh[size] = j;
    weight[size] = j - i;
    i = j;
  }
  return { size, value, rankLow, rankHigh, weight };
}

/** At most `most` entries at evenly spaced ranks; first and last stay. */
function prune(source: QuantileSummary, most: number): QuantileSummary {
  if (source.size <= most) return source;
  const f32 = Math.fround;
  const { value, rankLow, rankHigh, weight } = source;
  const last = source.size - 1;
  const begin = rankHigh[0];
  const range = f32(rankLow[last] - rankHigh[0]);
  const steps = most - 1;
  const kept = new Int32Array(most); // the first is entry 0
  let size = 1;
  let i = 1;
  for (let k = 1; k < steps; k++) {
    const twiceRank = f32(2 * f32(f32(f32(k * range) / steps) + begin));
    while (i < last && twiceRank >= f32(rankHigh[i + 1] + rankLow[i + 1])) i++;
    if (i === last) break;
    const middle = f32(f32(rankLow[i] + weight[i]) + f32(rankHigh[i + 1] - weight[i + 1]));
    const chosen = i + Number(twiceRank >= middle); // no branch: it would be guessed wrongly
    if (chosen !== kept[size - 1]) kept[size++] = chosen;
  }
  if (kept[size - 1] !== last) kept[size++] = last;
  const summary = emptySummary(size);
  for (let to = 0; to < size; to++) {
    const from = kept[to];
    summary.value[to] = value[from];
    summary.rankLow[to] = rankLow[from];
    summary.rankHigh[to] = rankHigh[from];
    summary.weight[to] = weight[from];
  }
  return summary;
}

/** The summary of two columns' values together. */
function merge(a: QuantileSummary, b: QuantileSummary): QuantileSummary {
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const f32 = Math.fround;
  const { value, rankLow, rankHigh, weight } = emptySummary(a.size + b.size);
  const { size: sizeA, value: valueA, rankLow: lowA, rankHigh: highA, weight: weightA } = a;
  const { size: sizeB, value: valueB, rankLow: lowB, rankHigh: highB, weight: weightB } = b;
  let size = 0;
  let i = 0;
  let j = 0;
  let nextLowA = 0; // rank of the next value of a, as far as a knows
  let nextLowB = 0;
  while (i < sizeA || j < sizeB) {
    const takeA = j === sizeB || (i < sizeA && valueA[i] <= valueB[j]);
    const takeB = i === sizeA || (j < sizeB && valueB[j] <= valueA[i]);
    if (takeA && takeB) {
      value[size] = valueA[i];
      rankLow[size] = lowA[i] + lowB[j];
      rankHigh[size] = highA[i] + highB[j];
      weight[size] = weightA[i] + weightB[j];
    } else if (takeA) {
      value[size] = valueA[i];
      rankLow[size] = lowA[i] + nextLowB;
      rankHigh[size] = highA[i] + (j === sizeB ? highB[j - 1] : f32(highB[j] - weightB[j]));
      weight[size] = weightA[i];
    } else {
      value[size] = valueB[j];
      rankLow[size] = lowB[j] + nextLowA;
      rankHigh[size] = highB[j] + (i === sizeA ? highA[i - 1] : f32(highA[i] - weightA[i]));
      weight[size] = weightB[j];
    }
    size++;
    if (takeA) nextLowA = f32(lowA[i] + weightA[i++]);
    if (takeB) nextLowB = f32(lowB[j] + weightB[j++]);
  }
  const merged = { size, value, rankLow, rankHigh, weight };
  keepRanksAscending(merged);
  return merged;
}

/** Mends ranks that rounding or pruning has put out of order. */
function keepRanksAscending({ size, rankLow, rankHigh, weight }: QuantileSummary): void {
  let low = 0;
  let high = 0;
  for (let i = 0; i < size; i++) {
    if (rankLow[i] < low) rankLow[i] = low;
    else low = rankLow[i];
    if (rankHigh[i] < high) rankHigh[i] = high;
    const next = Math.fround(rankLow[i] + weight[i]);
    if (rankHigh[i] < next) rankHigh[i] = next;
    high = rankHigh[i];
  }
}

function emptySummary(capacity: number): QuantileSummary {
  return {
    size: capacity,
    value: new Float32Array(capacity),
    rankLow: new Float32Array(capacity),
    rankHigh: new Float32Array(capacity),
    weight: new Float32Array(capacity),
  };
}
