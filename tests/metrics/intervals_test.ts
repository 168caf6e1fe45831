import assert from "node:assert/strict";
import fc from "fast-check";
import { RandomState } from "../../lib/base/random.ts";
import { auroc, aurocOfRanking } from "../../lib/metrics/auroc.ts";
import { fprAtTprOfRanking } from "../../lib/metrics/fpr_at_tpr.ts";
import {
  bootstrapInterval,
  delongInterval,
  delongTest,
  holmAdjusted,
  pairedBootstrap,
  type ScoredRun,
} from "../../lib/metrics/intervals.ts";
import { type Case, drawCase, isClose, readFixture } from "./cases.ts";

interface Fixture {
  readonly single: readonly {
    case: Case;
    auroc: number;
    error: number;
    low: number;
    high: number;
  }[];
  readonly paired: readonly {
    case: Case;
    weight: number;
    difference: number;
    error: number;
    p: number;
  }[];
  readonly holm: { readonly p: readonly number[]; readonly adjusted: readonly number[] };
}
const fixture = await readFixture<Fixture>("sklearn/intervals.json");

/** Normal scores of a run: bad images lie `shift` higher. */
function normalRun(seed: number, good: number, bad: number, shift: number): ScoredRun {
  const random = new RandomState(seed);
  const labels = Uint8Array.from({ length: good + bad }, (_, i) => i < good ? 0 : 1);
  return { labels, scores: Float64Array.from(labels, (label) => random.normal() + shift * label) };
}

Deno.test("delongInterval() equals the definition over all pairs to 1e-9", () => {
  for (const expected of fixture.single) {
    const { scores, labels } = drawCase(expected.case);
    const { estimate, low, high, standardError } = delongInterval(scores, labels);
    assert.ok(isClose(estimate, expected.auroc, 1e-12));
    assert.ok(isClose(standardError, expected.error, 1e-9));
    assert.ok(isClose(low, expected.low, 1e-9) && isClose(high, expected.high, 1e-9));
  }
});

Deno.test("delongTest() equals the definition over all pairs to 1e-9", () => {
  assert.ok(fixture.paired.length >= 15);
  for (const expected of fixture.paired) {
    const { scores, labels } = drawCase(expected.case);
    const noise = new RandomState(99);
    const other = scores.map((score) => score + expected.weight * noise.random());
    const { estimate, standardError, p, low, high } = delongTest(scores, other, labels);
    assert.ok(isClose(estimate, expected.difference, 1e-12));
    assert.ok(isClose(standardError, expected.error, 1e-9));
    assert.ok(isClose(p, expected.p, 1e-9), `p is ${p}, not ${expected.p}`);
    assert.ok(isClose(high - low, 2 * 1.959963984540054 * expected.error, 1e-9));
  }
});

Deno.test("delongTest() of a row with itself finds no difference", () => {
  const { scores, labels } = drawCase([4, 50, 20, 0.3, 5]);
  const { estimate, standardError, p } = delongTest(scores, scores, labels);
  assert.deepEqual([estimate, standardError, p], [0, 0, 1]);
});

Deno.test("delongTest() is sure of a difference without variance", () => {
  const labels = [0, 0, 1, 1];
  assert.equal(delongTest([1, 2, 3, 4], [4, 3, 2, 1], labels).p, 0);
});

Deno.test("delongInterval() needs two images of each class", () => {
  assert.throws(() => delongInterval([1, 2, 3], [0, 0, 1]), {
    name: "RangeError",
    message: /2 good and 1 bad images, and it needs two of each/,
  });
});

Deno.test("bootstrapInterval() over images agrees with DeLong's", () => {
  const run = normalRun(1, 300, 200, 1);
  const bootstrap = bootstrapInterval([[run]], aurocOfRanking, {
    random: new RandomState(7),
    replicates: 4000,
  });
  const delong = delongInterval(run.scores, run.labels);
  assert.equal(bootstrap.estimate, auroc(run.scores, run.labels));
  assert.ok(Math.abs(bootstrap.standardError / delong.standardError - 1) < 0.05);
  assert.ok(Math.abs(bootstrap.low - delong.low) < 0.005);
  assert.ok(Math.abs(bootstrap.high - delong.high) < 0.005);
});

Deno.test("bootstrapInterval() is repeated by its seed", () => {
  const runs = [normalRun(1, 40, 30, 1), normalRun(2, 40, 30, 1)];
  const interval = (seed: number) =>
    bootstrapInterval([runs], (ranking, counts) => fprAtTprOfRanking(ranking, {}, counts), {
      random: new RandomState(seed),
      replicates: 200,
    });
  assert.deepEqual(interval(5), interval(5));
  assert.notDeepEqual(interval(5), interval(6));
});

Deno.test("bootstrapInterval() over seeds and images is wider where seeds differ", () => {
  const runs = [0, 0.5, 1, 1.5, 2].map((shift, seed) => normalRun(seed, 200, 200, shift));
  const width = (over: "images" | "seeds and images") => {
    const { low, high } = bootstrapInterval([runs], aurocOfRanking, {
      random: new RandomState(3),
      over,
    });
    return high - low;
  };
  assert.ok(width("seeds and images") > 2 * width("images"));
});

Deno.test("bootstrapInterval() averages seeds, then classes", () => {
  const classes = [
    [normalRun(1, 20, 20, 0), normalRun(2, 20, 20, 0)],
    [normalRun(3, 30, 10, 2)],
  ];
  const values = classes.map((runs) => runs.map(({ scores, labels }) => auroc(scores, labels)));
  const { estimate } = bootstrapInterval(classes, aurocOfRanking, {
    random: new RandomState(1),
    replicates: 10,
  });
  assert.ok(isClose(estimate, ((values[0][0] + values[0][1]) / 2 + values[1][0]) / 2, 1e-15));
});

Deno.test("bootstrapInterval() draws images per seed where they are not shared", () => {
  const runs = [normalRun(1, 20, 10, 1), normalRun(2, 15, 12, 1)];
  const options = { random: new RandomState(1), replicates: 50 };
  assert.throws(
    () => bootstrapInterval([runs], aurocOfRanking, options),
    /set sharedImages: false/,
  );
  const { low, high } = bootstrapInterval([runs], aurocOfRanking, {
    ...options,
    sharedImages: false,
  });
  assert.ok(low < high);
});

Deno.test("pairedBootstrap() sees a small difference that unpaired intervals do not", () => {
  const better = normalRun(1, 200, 200, 1);
  const noise = new RandomState(2);
  const worse = {
    labels: better.labels,
    scores: Float64Array.from(better.scores, (score) => score + 0.7 * noise.normal()),
  };
  const options = () => ({ random: new RandomState(4), replicates: 2000 });
  const test = pairedBootstrap([[better]], [[worse]], aurocOfRanking, options());
  const a = bootstrapInterval([[better]], aurocOfRanking, options());
  const b = bootstrapInterval([[worse]], aurocOfRanking, options());
  assert.ok(b.high > a.low, "the intervals overlap");
  assert.ok(test.low > 0 && test.p < 0.05);
  const delong = delongTest(better.scores, worse.scores, better.labels);
  assert.ok(Math.abs(test.standardError / delong.standardError - 1) < 0.1);
});

Deno.test("pairedBootstrap() of a row with itself has p 1", () => {
  const run = normalRun(1, 30, 30, 1);
  const { estimate, low, high, p } = pairedBootstrap([[run]], [[run]], aurocOfRanking, {
    random: new RandomState(1),
    replicates: 100,
  });
  assert.deepEqual([estimate, low, high, p], [0, 0, 0, 1]);
});

Deno.test("pairedBootstrap() refuses rows of other images", () => {
  const options = { random: new RandomState(1), replicates: 10 };
  const [a, b] = [normalRun(1, 30, 30, 1), normalRun(1, 31, 29, 1)];
  assert.throws(
    () => pairedBootstrap([[a]], [[b]], aurocOfRanking, options),
    /Cannot pair two rows/,
  );
});

Deno.test("holmAdjusted() equals the step-down procedure", () => {
  const adjusted = holmAdjusted(fixture.holm.p);
  fixture.holm.adjusted.forEach((value, i) => assert.ok(isClose(adjusted[i], value, 1e-15)));
});

Deno.test("holmAdjusted() keeps the order, never lowers a p value, and stays below Bonferroni", () => {
  const p = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(fc.array(p, { maxLength: 12 }), (values) => {
    const adjusted = holmAdjusted(values);
    values.forEach((value, i) => {
      assert.ok(adjusted[i] >= value && adjusted[i] <= Math.min(1, values.length * value));
      values.forEach((other, j) => assert.ok(value > other || adjusted[i] <= adjusted[j]));
    });
  }));
});
