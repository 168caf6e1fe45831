import assert from "node:assert/strict";
import fc from "fast-check";
import { auroc, aurocOfRanking } from "../../lib/metrics/auroc.ts";
import { rank } from "../../lib/metrics/ranking.ts";
import { type Case, drawCase, isClose, readFixture } from "./cases.ts";

interface Expected {
  readonly case: Case;
  readonly auroc: number;
  readonly sklearn_auroc: number;
}
const fixture = await readFixture<Expected[]>("sklearn/ranking.json");

/** The definition over all pairs. */
function aurocOverPairs(scores: readonly number[], labels: readonly number[]): number {
  let wins = 0;
  let pairs = 0;
  for (let b = 0; b < scores.length; b++) {
    for (let g = 0; g < scores.length; g++) {
      if (labels[b] !== 1 || labels[g] !== 0) continue;
      wins += scores[b] > scores[g] ? 2 : scores[b] === scores[g] ? 1 : 0;
      pairs++;
    }
  }
  return wins / (2 * pairs);
}

Deno.test("auroc() is the exact fraction, rounded once", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    assert.equal(auroc(scores, labels), expected.auroc);
  }
});

Deno.test("auroc() agrees with scikit-learn to the last bits", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    assert.ok(isClose(auroc(scores, labels), expected.sklearn_auroc, 1e-15));
  }
});

Deno.test("auroc() is the share of pairs, whatever the ties and infinities", () => {
  const image = fc.tuple(
    fc.constantFrom(-Infinity, -1, -0, 0, 1, 1.5, Infinity),
    fc.constantFrom(0, 1),
  );
  fc.assert(fc.property(fc.array(image, { minLength: 2, maxLength: 30 }), (images) => {
    const scores = images.map(([score]) => score);
    const labels = images.map(([, label]) => label);
    fc.pre(labels.includes(0) && labels.includes(1));
    assert.equal(auroc(scores, labels), aurocOverPairs(scores, labels));
  }));
});

Deno.test("aurocOfRanking() with multiplicities is the AUROC of the repeated images", () => {
  const image = fc.tuple(fc.nat(5), fc.constantFrom(0, 1), fc.nat(3));
  fc.assert(fc.property(fc.array(image, { minLength: 2, maxLength: 25 }), (images) => {
    const repeated = images.flatMap(([score, label, count]) => Array(count).fill([score, label]));
    const labels = repeated.map(([, label]) => label as number);
    fc.pre(labels.includes(0) && labels.includes(1));
    const ranking = rank(images.map(([score]) => score), images.map(([, label]) => label));
    assert.equal(
      aurocOfRanking(ranking, Uint32Array.from(images, ([, , count]) => count)),
      auroc(repeated.map(([score]) => score as number), labels),
    );
  }));
});

Deno.test("auroc() refuses a single class, a NaN, other labels and lengths that differ", () => {
  const refused = (scores: number[], labels: number[], message: RegExp) =>
    assert.throws(() => auroc(scores, labels), { name: "RangeError", message });
  refused([1, 2], [0, 0], /Cannot compute AUROC: there are 2 good and 0 bad images/);
  refused([], [], /0 good and 0 bad/);
  refused([1, NaN], [0, 1], /score 1 is NaN/);
  refused([1, 2], [0, 2], /label 1 is 2/);
  refused([1, 2], [0], /2 scores with 1 labels/);
});
