/**
 * Cuts and bins of a table, its columns shared out among threads. Nobody waits for a worker to start: it
 * finds no column left if it is too late.
 *
 * @module
 */
import type { Arena } from "./arena.ts";
import {
  binColumn,
  binFeatures,
  type BinnedMatrix,
  binnedMatrix,
  type FeatureCuts,
  type FeatureMatrix,
  fitColumnCuts,
  fitCuts,
  joinCuts,
  readColumn,
} from "./binning.ts";
import type { WorkerThread } from "./worker_threads.ts";

/** From this many cells on workers pay. */
const manyCells = 2 ** 16;

/** Asks a worker to take columns. */
export interface BinningTask {
  /** Names the task. */
  readonly kind: "bin";
  /** Shared by all threads. */
  readonly work: BinningWork;
}

/** What the threads share. All arrays are in shared memory. */
export interface BinningWork {
  /** The table that is binned. */
  readonly features: FeatureMatrix;
  /** Most cuts of a column. */
  readonly maxBin: number;
  /** What the threads fill, column by column. */
  readonly binned: BinnedMatrix;
  /** Of each column the first `binCounts[column]` are set. */
  readonly cuts: Float32Array; // [columns, maxBin]
  /** As in `FeatureCuts`. */
  readonly floors: Float32Array; // [columns]
  /** Counters that the threads change atomically. */
  readonly words: Int32Array; // next column, columns done, whether a worker has failed
}

const [nextColumn, done, failed] = [0, 1, 2];

/**
 * `fitCuts` and `binFeatures`, the same for any number of threads.
 *
 * @param workers help this thread
 * @param arena of shared memory if there are any
 */
export function cutAndBin(
  features: FeatureMatrix,
  maxBin: number,
  workers: readonly WorkerThread[],
  arena: Arena,
): { readonly cuts: FeatureCuts; readonly binned: BinnedMatrix } {
  const { rows, columns, values } = features;
  if (workers.length === 0 || rows * columns < manyCells) {
    const cuts = fitCuts(features, maxBin);
    return { cuts, binned: binFeatures(features, cuts, arena) };
  }
  const shared = { ...features, values: sharedFloats(values.length) };
  shared.values.set(values);
  const work: BinningWork = {
    features: shared,
    maxBin,
    binned: binnedMatrix(rows, columns, arena),
    cuts: sharedFloats(columns * maxBin),
    floors: sharedFloats(columns),
    words: new Int32Array(new SharedArrayBuffer(12)),
  };
  const task: BinningTask = { kind: "bin", work };
  for (const worker of workers) worker.post(task);
  takeColumns(work);
  for (;;) { // the last columns of the workers; one that has not begun yet has none
    const count = Atomics.load(work.words, done);
    if (count === columns) break;
    Atomics.wait(work.words, done, count);
  }
  if (Atomics.load(work.words, failed) !== 0) {
    throw new Error("Cannot bin the features: a worker has failed; its error is above");
  }
  const { binned, cuts, floors } = work;
  return {
    binned,
    cuts: joinCuts(Array.from(floors, (floor, j) => ({
      floor,
      cuts: cuts.subarray(j * maxBin, j * maxBin + binned.binCounts[j]),
    }))),
  };
}

/** Cuts and bins columns until none is left. */
export function takeColumns({ features, maxBin, binned, cuts, floors, words }: BinningWork): void {
  const column = new Float32Array(features.rows);
  for (;;) {
    const j = Atomics.add(words, nextColumn, 1);
    if (j >= features.columns) return;
    try {
      readColumn(features, j, column);
      const own = fitColumnCuts(column, maxBin);
      cuts.set(own.cuts, j * maxBin);
      floors[j] = own.floor;
      binColumn(binned, j, column, own.cuts);
    } catch (error) {
      Atomics.store(words, failed, 1); // the other side waits, and must not for ever
      throw error;
    } finally {
      Atomics.add(words, done, 1);
      Atomics.notify(words, done);
    }
  }
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(4 * length));
}
