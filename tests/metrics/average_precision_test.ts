import assert from "node:assert/strict";
import {
  averagePrecision,
  averagePrecisionOfRanking,
} from "../../lib/metrics/average_precision.ts";
import { rank } from "../../lib/metrics/ranking.ts";
import { type Case, drawCase, isClose, readFixture } from "./cases.ts";

const fixture = await readFixture<{ case: Case; average_precision: number }[]>(
  "sklearn/ranking.json",
);

Deno.test("averagePrecision() agrees with scikit-learn to the last bits", () => {
  for (const expected of fixture) {
    const { scores, labels } = drawCase(expected.case);
    assert.ok(isClose(averagePrecision(scores, labels), expected.average_precision, 1e-14));
  }
});

Deno.test("averagePrecision() of equal scores is the share of bad images", () => {
  assert.equal(averagePrecision([3, 3, 3, 3], [0, 1, 0, 0]), 0.25);
});

Deno.test("averagePrecisionOfRanking() counts images with their multiplicity", () => {
  const counts = Uint32Array.of(2, 1, 0, 3);
  const ranking = rank([1, 2, 9, 2], [0, 1, 0, 0]);
  assert.equal(
    averagePrecisionOfRanking(ranking, counts),
    averagePrecision([1, 1, 2, 2, 2, 2], [0, 0, 1, 0, 0, 0]),
  );
});

Deno.test("averagePrecision() refuses a single class", () => {
  assert.throws(() => averagePrecision([1, 2], [0, 0]), RangeError);
});
