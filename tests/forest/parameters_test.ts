import assert from "node:assert/strict";
import { forestParameters } from "../../lib/forest/parameters.ts";

Deno.test("defaults are xgboost's", () => {
  const { n_estimators, max_depth, learning_rate, reg_lambda, max_bin } = forestParameters();
  assert.deepEqual(
    [n_estimators, max_depth, learning_rate, reg_lambda, max_bin],
    [100, 6, 0.3, 1, 256],
  );
});

Deno.test("an unknown name is an error with the nearest known one", () => {
  assert.throws(
    () => forestParameters({ num_paralel_tree: 3 } as Record<string, number>),
    { name: "TypeError", message: /num_paralel_tree .* did you mean num_parallel_tree\?/ },
  );
});

for (
  const [name, value, words] of [
    ["n_estimators", 0, "an integer of at least 1"],
    ["num_parallel_tree", 1.5, "an integer of at least 1"],
    ["max_depth", -1, "an integer in [0, 30] (0: no limit)"],
    ["learning_rate", 0, "in (0, 1]"],
    ["subsample", 1.1, "in (0, 1]"],
    ["colsample_bytree", NaN, "in (0, 1]"],
    ["colsample_bynode", -0.5, "in (0, 1]"],
    ["reg_alpha", -1, "finite and at least 0"],
    ["reg_lambda", Infinity, "finite and at least 0"],
    ["min_child_weight", -1, "finite and at least 0"],
    ["gamma", NaN, "finite and at least 0"],
    ["max_bin", 1, "an integer in [2, 32767]"],
    ["scale_pos_weight", 0, "finite and above 0"],
    ["base_score", 1, "null or in (0, 1)"],
    ["objective", "reg:squarederror", "binary:logistic or binary:logitraw"],
  ] as [string, unknown, string][]
) {
  Deno.test(`${name}=${value} is refused`, () => {
    assert.throws(() => forestParameters({ [name]: value }), {
      name: "RangeError",
      message: `${name}=${value} must be ${words}`,
    });
  });
}

Deno.test("a base score of logitraw may be any finite margin", () => {
  const given = { objective: "binary:logitraw", base_score: -3 } as const;
  assert.equal(forestParameters(given).base_score, -3);
  assert.throws(() => forestParameters({ ...given, base_score: Infinity }), /null or finite/);
});
