import assert from "node:assert/strict";
import { auroc } from "../../lib/metrics/auroc.ts";
import { rocCurve } from "../../lib/metrics/roc_curve.ts";
import { type Case, drawCase, isClose, readFixture } from "./cases.ts";

interface Expected {
  readonly case: Case;
  /** The first 60 of FPR, TPR and thresholds. */
  readonly curve: readonly (readonly (number | "inf")[])[];
  readonly points: number;
}
const fixture = await readFixture<Expected[]>("sklearn/ranking.json");

Deno.test("rocCurve() has the points of scikit-learn", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    const { fpr, tpr, thresholds } = rocCurve(scores, labels);
    assert.equal(fpr.length, expected.points);
    [fpr, tpr, thresholds].forEach((values, part) => {
      const reference = expected.curve[part].map((one) => one === "inf" ? Infinity : one);
      assert.deepEqual([...values.subarray(0, 60)], reference);
    });
  }
});

Deno.test("rocCurve() encloses the AUROC between (0, 0) and (1, 1)", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    const { fpr, tpr } = rocCurve(scores, labels);
    let area = 0;
    for (let i = 1; i < fpr.length; i++) {
      area += (fpr[i] - fpr[i - 1]) * (tpr[i] + tpr[i - 1]) / 2;
    }
    assert.ok(isClose(area, auroc(scores, labels), 1e-13));
    assert.deepEqual([fpr[0], tpr[0], fpr.at(-1), tpr.at(-1)], [0, 0, 1, 1]);
  }
});

Deno.test("rocCurve() refuses a single class", () => {
  assert.throws(() => rocCurve([1], [1]), { name: "RangeError", message: /a ROC curve/ });
});
