/**
 * The three classifiers of the paper's Table 6 (appendix A.1, and the public code): the boosted random
 * forest that SegAD uses, a plain random forest, and plain boosted trees. `scale_pos_weight` is left to
 * the caller: the public code sets it to the good training rows divided by the bad ones.
 *
 * @module
 */
import { type ForestParameters, forestParameters } from "./parameters.ts";

/** What the three have in common. */
const common: Partial<ForestParameters> = {
  max_depth: 5,
  learning_rate: 0.3,
  subsample: 0.6,
  colsample_bytree: 0.6,
  colsample_bynode: 0.6,
  reg_alpha: 1,
  objective: "binary:logitraw",
};

/** Names of the presets: BRF boosted random forest, RF random forest, BT boosted trees. */
export type ForestPreset = "BRF" | "RF" | "BT";

/** The paper's settings, complete with XGBoost's defaults. Each grows 2,000 trees. */
export const forestPresets: Readonly<Record<ForestPreset, ForestParameters>> = {
  BRF: forestParameters({ ...common, n_estimators: 10, num_parallel_tree: 200 }),
  RF: forestParameters({
    ...common,
    n_estimators: 1,
    num_parallel_tree: 2000,
    learning_rate: 1,
  }),
  BT: forestParameters({
    ...common,
    n_estimators: 2000,
    num_parallel_tree: 1,
    colsample_bytree: 1,
  }),
};
