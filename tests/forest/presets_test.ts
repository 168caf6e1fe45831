import assert from "node:assert/strict";
import { forestPresets } from "../../lib/forest/presets.ts";

Deno.test("presets have the settings of appendix A.1", () => {
  const { BRF, RF, BT } = forestPresets;
  for (const preset of [BRF, RF, BT]) {
    assert.equal(preset.n_estimators * preset.num_parallel_tree, 2000);
    assert.equal(preset.max_depth, 5);
    assert.equal(preset.reg_alpha, 1);
    assert.equal(preset.objective, "binary:logitraw");
    assert.deepEqual([preset.subsample, preset.colsample_bynode], [0.6, 0.6]);
  }
  assert.deepEqual([BRF.n_estimators, BRF.learning_rate], [10, 0.3]);
  assert.deepEqual([RF.n_estimators, RF.learning_rate], [1, 1]);
  assert.deepEqual([BT.num_parallel_tree, BT.learning_rate], [1, 0.3]);
  assert.deepEqual([BRF, RF, BT].map((preset) => preset.colsample_bytree), [0.6, 0.6, 1]);
});
