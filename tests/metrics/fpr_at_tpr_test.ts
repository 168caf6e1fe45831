import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../lib/base/errors.ts";
import {
  fprAtTpr,
  fprAtTprOfRanking,
  type FprDefinition,
  fprDefinitions,
  thresholdAtTpr,
} from "../../lib/metrics/fpr_at_tpr.ts";
import { rank } from "../../lib/metrics/ranking.ts";
import { type Case, drawCase, readFixture } from "./cases.ts";

interface Expected extends Record<FprDefinition, number> {
  readonly case: Case;
  readonly threshold: number;
}
const fixture = await readFixture<Expected[]>("sklearn/ranking.json");

Deno.test("fprAtTpr() equals pandas, scikit-learn and torch in their definitions", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    for (const definition of fprDefinitions) {
      assert.equal(
        fprAtTpr(scores, labels, { definition }),
        expected[definition],
        `${definition} of ${expected.case}`,
      );
    }
  }
});

Deno.test("fprAtTpr() takes the definition of SegAD by default", () => {
  const { scores, labels } = drawCase(fixture[3].case);
  assert.equal(fprAtTpr(scores, labels), fixture[3].segad);
});

Deno.test("thresholdAtTpr() is the quantile of pandas to the last bit", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    assert.equal(thresholdAtTpr(rank(scores, labels)), expected.threshold);
  }
});

Deno.test("fprAtTpr() of equal scores is 1 in two definitions and 0 in the third", () => {
  const [scores, labels] = [[7, 7, 7, 7], [0, 1, 0, 1]];
  assert.equal(fprAtTpr(scores, labels, { definition: "segad" }), 1);
  assert.equal(fprAtTpr(scores, labels, { definition: "step_roc" }), 1);
  assert.equal(fprAtTpr(scores, labels, { definition: "pg5" }), 0);
});

Deno.test("fprAtTpr() of separated classes is 0, of exchanged ones 1", () => {
  for (const definition of fprDefinitions) {
    assert.equal(fprAtTpr([1, 2, 3, 4], [0, 0, 1, 1], { definition }), 0);
    assert.equal(fprAtTpr([1, 2, 3, 4], [1, 1, 0, 0], { definition }), 1);
  }
});

Deno.test("the three definitions part where they should", () => {
  // Bad 10 … 29: the quantile is 10.95; the step threshold lets one of 20 go and is 11.
  const bad = Array.from({ length: 20 }, (_, i) => 10 + i);
  const good = [10.5, 10.97, 11, 0];
  const scores = [...bad, ...good];
  const labels = scores.map((_, i) => i < 20 ? 1 : 0);
  assert.equal(fprAtTpr(scores, labels, { definition: "segad" }), 0.5);
  assert.equal(fprAtTpr(scores, labels, { definition: "step_roc" }), 0.25);
  // 21 bad images put the quantile on one of them, which a good one equals.
  const tied = [...bad, 30, 11, 0];
  const tiedLabels = tied.map((_, i) => i < 21 ? 1 : 0);
  assert.equal(fprAtTpr(tied, tiedLabels, { definition: "segad" }), 0.5);
  assert.equal(fprAtTpr(tied, tiedLabels, { definition: "pg5" }), 0);
});

Deno.test("fprAtTprOfRanking() with multiplicities is that of the repeated images", () => {
  const image = fc.tuple(fc.nat(5), fc.constantFrom(0, 1), fc.nat(3));
  const images = fc.array(image, { minLength: 2, maxLength: 25 });
  fc.assert(fc.property(images, fc.constantFrom(...fprDefinitions), (images, definition) => {
    const repeated = images.flatMap(([score, label, count]) => Array(count).fill([score, label]));
    const labels = repeated.map(([, label]) => label as number);
    fc.pre(labels.includes(0) && labels.includes(1));
    const ranking = rank(images.map(([score]) => score), images.map(([, label]) => label));
    const counts = Uint32Array.from(images, ([, , count]) => count);
    assert.equal(
      fprAtTprOfRanking(ranking, { definition }, counts),
      fprAtTpr(repeated.map(([score]) => score as number), labels, { definition }),
    );
  }));
});

Deno.test("fprAtTpr() refuses a single class, an unknown definition and a share outside [0, 1)", () => {
  assert.throws(() => fprAtTpr([1, 2], [1, 1]), {
    name: "RangeError",
    message: /FPR@95TPR: there are 0 good/,
  });
  assert.throws(
    () => fprAtTpr([1, 2], [0, 1], { definition: "segat" as FprDefinition }),
    (error) => error instanceof UsageError && /did you mean "segad"/.test(error.message),
  );
  assert.throws(() => fprAtTpr([1, 2], [0, 1], { missed: 1 }), RangeError);
});
