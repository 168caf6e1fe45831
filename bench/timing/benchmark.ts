/**
 * What a benchmark is: a program of this folder's parent with cases, each timed against a peer.
 *
 * @module
 */
import type { TimingPlan } from "./timed_process.ts";

/** A program's cases and their peer. */
export interface Benchmark {
  /** As it is typed: "train_detectors". */
  readonly name: string;
  /** What is timed, for the help: a phrase. */
  readonly summary: string;
  /** The library that ours is timed against: "xgboost". */
  readonly peer: string;
  /** What the peer's Python needs, for messages. */
  readonly peerNeeds: string;
  /** Counted runs of a case where no number is asked for. */
  readonly runs: number;
  /** By name, in the order in which they are timed. */
  readonly cases: ReadonlyMap<string, BenchCase>;
}

/** Something to time. */
export interface BenchCase {
  /** What is done, on what: `name` in the results. */
  readonly title: string;
  /** It is timed with each of these numbers of threads. */
  readonly threads: readonly number[];
  /** Readies its two processes, has them timed, and tidies up. */
  readonly timed: <Result>(
    threads: number,
    time: (plan: TimingPlan) => Promise<Result>,
  ) => Promise<Result>;
}
