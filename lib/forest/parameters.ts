/**
 * The forest's parameters, with XGBoost's names, meanings and defaults, so that settings of the paper
 * and of other people's scripts can be read across. Every default is written out here; an unknown name
 * or a value outside its range is an error, never ignored.
 *
 * @module
 */
import { closestName } from "../base/errors.ts";

/**
 * `binary:logistic` outputs probabilities, `binary:logitraw` raw margins (what the paper's code uses as
 * score). The trees differ only by the rounding of the base score.
 */
export type ForestObjective = "binary:logistic" | "binary:logitraw";

/** XGBoost's parameters of a boosted random forest. */
export interface ForestParameters {
  /** Boosting rounds; integer, at least 1. */
  readonly n_estimators: number;
  /** Trees grown side by side in a round, which share the learning rate; integer, at least 1. */
  readonly num_parallel_tree: number;
  /** Greatest depth of a tree; 0 means no limit. */
  readonly max_depth: number;
  /** Shrinkage of a round (`eta`), in (0, 1]; each of its trees gets `learning_rate / num_parallel_tree`. */
  readonly learning_rate: number;
  /** Probability of a row to be used by a tree, drawn per tree and row, in (0, 1]. */
  readonly subsample: number;
  /** Share of the columns drawn per tree, without replacement, rounded down, at least one; (0, 1]. */
  readonly colsample_bytree: number;
  /** Share of the tree's columns drawn per node, likewise; (0, 1]. */
  readonly colsample_bynode: number;
  /** L1 penalty on leaf weights, at least 0. */
  readonly reg_alpha: number;
  /** L2 penalty on leaf weights, at least 0. */
  readonly reg_lambda: number;
  /** Least sum of hessians in a child, at least 0. */
  readonly min_child_weight: number;
  /** Least loss reduction of a split (`min_split_loss`), at least 0. */
  readonly gamma: number;
  /** Most histogram bins of a column; integer in [2, 32767]. */
  readonly max_bin: number;
  /** Weight of the rows with label 1, above 0. */
  readonly scale_pos_weight: number;
  /**
   * Starting prediction: a probability for `binary:logistic`, a margin for `binary:logitraw`; `null`
   * estimates it from the labels as XGBoost 2 does (one Newton step from margin 0).
   */
  readonly base_score: number | null;
  /** What the trees are fitted to, and whether a prediction is a probability or a margin. */
  readonly objective: ForestObjective;
}

/** XGBoost's defaults (2.0.3, scikit-learn interface). */
const defaultForestParameters: ForestParameters = {
  n_estimators: 100,
  num_parallel_tree: 1,
  max_depth: 6,
  learning_rate: 0.3,
  subsample: 1,
  colsample_bytree: 1,
  colsample_bynode: 1,
  reg_alpha: 0,
  reg_lambda: 1,
  min_child_weight: 1,
  gamma: 0,
  max_bin: 256,
  scale_pos_weight: 1,
  base_score: null,
  objective: "binary:logistic",
};

/**
 * `given` completed with XGBoost's defaults, and checked.
 *
 * @throws {TypeError} for a name that is not a parameter
 * @throws {RangeError} for a value outside its range
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const parameters = forestParameters({ num_parallel_tree: 200, max_depth: 5 });
 * assert.equal(parameters.reg_lambda, 1);
 * assert.throws(() => forestParameters({ subsample: 0 }), /subsample=0 must be in \(0, 1\]/);
 * ```
 */
export function forestParameters(given: Partial<ForestParameters> = {}): ForestParameters {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(defaultForestParameters, name)) continue;
    const guess = closestName(name, Object.keys(defaultForestParameters));
    throw new TypeError(
      `${name} is not a forest parameter${guess === undefined ? "" : `: did you mean ${guess}?`}`,
    );
  }
  const parameters = { ...defaultForestParameters, ...given };
  for (const [name, check] of Object.entries(ranges) as [keyof ForestParameters, Range][]) {
    const value = parameters[name];
    if (typeof value !== "number" || !check.holds(value)) {
      throw new RangeError(`${name}=${value} must be ${check.words}`);
    }
  }
  const { base_score, objective } = parameters;
  if (objective !== "binary:logistic" && objective !== "binary:logitraw") {
    throw new RangeError(`objective=${objective} must be binary:logistic or binary:logitraw`);
  }
  const score = objective === "binary:logistic" ? openUnit : finite;
  if (base_score !== null && !score.holds(base_score)) {
    throw new RangeError(`base_score=${base_score} must be null or ${score.words}`);
  }
  return parameters;
}

interface Range {
  readonly words: string;
  readonly holds: (value: number) => boolean;
}

const positiveInteger: Range = {
  words: "an integer of at least 1",
  holds: (value) => Number.isInteger(value) && value >= 1,
};
const unit: Range = { words: "in (0, 1]", holds: (value) => value > 0 && value <= 1 };
const openUnit: Range = { words: "in (0, 1)", holds: (value) => value > 0 && value < 1 };
const finite: Range = { words: "finite", holds: Number.isFinite };
const notNegative: Range = {
  words: "finite and at least 0",
  holds: (value) => Number.isFinite(value) && value >= 0,
};

const ranges: Partial<Record<keyof ForestParameters, Range>> = {
  n_estimators: positiveInteger,
  num_parallel_tree: positiveInteger,
  max_depth: {
    words: "an integer in [0, 30] (0: no limit)",
    holds: (value) => Number.isInteger(value) && value >= 0 && value <= 30,
  },
  learning_rate: unit,
  subsample: unit,
  colsample_bytree: unit,
  colsample_bynode: unit,
  reg_alpha: notNegative,
  reg_lambda: notNegative,
  min_child_weight: notNegative,
  gamma: notNegative,
  max_bin: {
    words: "an integer in [2, 32767]",
    holds: (value) => Number.isInteger(value) && value >= 2 && value <= 32767,
  },
  scale_pos_weight: {
    words: "finite and above 0",
    holds: (value) => Number.isFinite(value) && value > 0,
  },
};
