import assert from "node:assert/strict";
import fc from "fast-check";
import { RandomState } from "../../lib/base/random.ts";
import {
  gaussianKernel,
  mean,
  normalQuantile,
  normalTail,
  quantile,
  quantileInPlace,
  quantileOfSorted,
  standardDeviation,
  sum,
} from "../../lib/base/statistics.ts";

interface Fixture {
  readonly quantiles: readonly { n: number; q: number; value: number }[];
  readonly std: readonly { n: number; population: number; sample: number }[];
  readonly normal_tail: readonly (readonly [number, number])[];
  readonly normal_quantile: readonly (readonly [number, number])[];
}
const fixture: Fixture = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/scipy/statistics.json", import.meta.url)),
);

function drawn(seed: number, n: number): Float64Array {
  const random = new RandomState(seed);
  return Float64Array.from({ length: n }, () => random.random());
}

Deno.test("quantile() equals NumPy's to the last bit", () => {
  for (const { n, q, value } of fixture.quantiles) {
    const values = drawn(7 * n, n).map((u) => 1 / (0.01 + u));
    assert.equal(quantile(values, q), value, `n ${n}, q ${q}`);
    assert.equal(quantileOfSorted(values.slice().sort(), q), value);
  }
});

Deno.test("quantileInPlace() of a prefix equals that of the sorted prefix, ties and all", () => {
  const sizes = fc.integer({ min: 1, max: 3000 });
  const level = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(sizes, fc.integer({ min: 1, max: 2000 }), level, (n, distinct, q) => {
    const values = drawn(n, n).map((u) => Math.floor(u * distinct));
    const buffer = new Float64Array(n + 5).fill(1e9);
    buffer.set(values);
    assert.equal(quantileInPlace(buffer, q, n), quantileOfSorted(values.sort(), q));
    assert.deepEqual(buffer.subarray(0, n).sort(), values);
    assert.deepEqual(buffer.subarray(n), new Float64Array(5).fill(1e9));
  }));
});

Deno.test("quantileInPlace() is right on sorted, reversed and constant values", () => {
  const ascending = Float64Array.from({ length: 5000 }, (_, i) => i);
  for (const values of [ascending, ascending.toReversed(), new Float64Array(5000).fill(3)]) {
    for (const q of [0, 0.05, 0.5, 0.995, 1]) {
      const expected = quantileOfSorted(values.slice().sort(), q);
      assert.equal(quantileInPlace(values.slice(), q), expected);
    }
  }
});

Deno.test("quantile() gives NaN for NaN and refuses nothing and levels outside [0, 1]", () => {
  assert.ok(Number.isNaN(quantile([1, NaN, 3], 0)));
  assert.throws(() => quantile([], 0.5), RangeError);
  assert.throws(() => quantile([1], 1.1), { name: "RangeError", message: /q is 1.1/ });
});

Deno.test("standardDeviation() equals NumPy's to 1e-12", () => {
  for (const { n, population, sample } of fixture.std) {
    const values = drawn(n, n).map((u) => 1000 + u);
    assert.ok(Math.abs(standardDeviation(values, "population") - population) < 1e-12);
    assert.ok(Math.abs(standardDeviation(values, "sample") - sample) < 1e-12);
  }
  assert.ok(Number.isNaN(standardDeviation([1], "sample")));
  assert.equal(standardDeviation(new Array(1000).fill(0.1), "sample"), 0);
});

Deno.test("sum() keeps small terms that a running sum loses", () => {
  const values = new Float64Array(1_000_000).fill(0.1);
  let running = 0;
  for (const value of values) running += value;
  assert.ok(Math.abs(running - 100_000) > 1e-6);
  assert.ok(Math.abs(sum(values) - 100_000) < 1e-7);
  assert.equal(sum([1, 2, 4, 8], 1, 3), 6);
  assert.throws(() => mean([]), RangeError);
});

Deno.test("normalTail() and normalQuantile() equal SciPy's", () => {
  for (const [z, tail] of fixture.normal_tail) {
    assert.ok(Math.abs(normalTail(z) / tail - 1) < 1e-12, `z ${z}: ${normalTail(z)}, not ${tail}`);
  }
  for (const [p, z] of fixture.normal_quantile) {
    assert.ok(Math.abs(normalQuantile(p) - z) < 1e-11, `p ${p}: ${normalQuantile(p)}, not ${z}`);
  }
  assert.throws(() => normalQuantile(1), RangeError);
});

Deno.test("gaussianKernel() reaches four sigma and sums to 1", () => {
  const kernel = gaussianKernel(4);
  assert.equal(kernel.length, 33);
  assert.ok(Math.abs(sum(kernel) - 1) < 1e-15);
  assert.ok(Math.abs(kernel[16] / kernel[20] - Math.exp(0.5)) < 1e-14);
  assert.throws(() => gaussianKernel(0), RangeError);
});
