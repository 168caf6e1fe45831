import assert from "node:assert/strict";
import fc from "fast-check";
import { RandomState } from "../../lib/base/random.ts";
import { segmentStatisticNames, segmentStatistics } from "../../lib/features/segment_statistics.ts";
import { segmentIndex, wholeMap } from "../../lib/segments/segmentation_map.ts";

type Kind = "uniform" | "squared" | "far" | "tail" | "rounded";
type Numbers = readonly (number | "nan")[];
interface Fixture {
  readonly segments: readonly {
    kind: Kind;
    n: number;
    float64: Numbers;
    float32: Numbers;
    float32_as_float64: Numbers;
  }[];
  readonly constants: readonly {
    value: number;
    n: number;
    skew: number | "nan";
    skew_of_float32: number | "nan";
    kurtosis_of_float32: number | "nan";
  }[];
}
const fixture: Fixture = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/scipy/segment_statistics.json", import.meta.url)),
);

/** The values of tests/fixtures/scipy/generate.py. */
function drawn(kind: Kind, seed: number, n: number): Float64Array {
  const random = new RandomState(seed);
  const u = Float64Array.from({ length: n }, () => random.random());
  if (kind === "squared") return u.map((one) => one * one);
  if (kind === "far") return u.map((one) => 1000 + one);
  if (kind === "tail") return u.map((one) => 1 / (0.01 + one));
  return kind === "rounded" ? u.map((one) => Math.floor(one * 7)) : u;
}

/** Statistics of all values as one segment. */
function describe(values: Float32Array | Float64Array): Float64Array {
  const map = { ...wholeMap(1), width: values.length, labels: new Uint8Array(values.length) };
  return segmentStatistics(values, segmentIndex(map));
}

function assertStatistics(
  actual: Float64Array,
  expected: Numbers,
  tolerance: number,
  what: string,
) {
  expected.forEach((value, i) => {
    const name = `${segmentStatisticNames[i]} of ${what}: ${actual[i]}, not ${value}`;
    if (value === "nan") assert.ok(Number.isNaN(actual[i]), name);
    else assert.ok(Math.abs(actual[i] - value) <= tolerance * Math.max(1, Math.abs(value)), name);
  });
}

Deno.test("segmentStatistics() equals NumPy and SciPy to 1e-12 on float64 maps", () => {
  for (const { kind, n, float64 } of fixture.segments) {
    const values = drawn(kind, n, n);
    assertStatistics(describe(values), float64, 1e-12, `${n} ${kind} values`);
  }
});

Deno.test("segmentStatistics() equals SciPy on float32 maps, most closely in float64", () => {
  for (const { kind, n, float32, float32_as_float64 } of fixture.segments) {
    const values = Float32Array.from(drawn(kind, n, n));
    const what = `${n} ${kind} values`;
    assertStatistics(describe(values), float32_as_float64, 1e-12, what);
    // SciPy's own float32 sums are off by more where the mean is far from 0.
    if (kind !== "far") assertStatistics(describe(values), float32, 1e-4, what);
  }
});

Deno.test("segmentStatistics() of a constant float32 segment has NaN as SciPy has", () => {
  for (const { value, n, skew_of_float32, kurtosis_of_float32 } of fixture.constants) {
    assert.deepEqual([skew_of_float32, kurtosis_of_float32], ["nan", "nan"]);
    const single = Math.fround(value);
    const expected = [single, NaN, NaN, single, single];
    assert.deepEqual([...describe(new Float32Array(n).fill(value))], expected);
    assert.deepEqual([...describe(new Float64Array(n).fill(single))], expected);
  }
});

Deno.test("segmentStatistics() finds constant float64 segments also where SciPy's mean is off", () => {
  assert.ok(fixture.constants.some(({ skew }) => skew !== "nan"));
  for (const { value, n } of fixture.constants) {
    const statistics = describe(new Float64Array(n).fill(value));
    assert.deepEqual([...statistics], [value, NaN, NaN, value, value]);
  }
});

Deno.test("segmentStatistics() calls a segment constant below SciPy 1.10's resolution", () => {
  const skewOf = (spread: number, type: Float32ArrayConstructor | Float64ArrayConstructor) =>
    describe(type.of(1, 1 + spread, 1, 1 + spread))[1];
  assert.ok(Number.isNaN(skewOf(1e-6, Float32Array)));
  assert.ok(!Number.isNaN(skewOf(4e-6, Float32Array)));
  assert.ok(Number.isNaN(skewOf(1e-15, Float64Array)));
  assert.ok(!Number.isNaN(skewOf(4e-15, Float64Array)));
});

Deno.test("segmentStatistics() of an empty segment is 0 throughout", () => {
  const labels = Uint8Array.of(0, 0, 2, 2);
  const segments = ["a", "b", "c"];
  const index = segmentIndex({ name: "gap", height: 2, width: 2, labels, segments });
  const statistics = segmentStatistics(Float64Array.of(1, 2, 3, 4), index);
  assert.deepEqual([...statistics.subarray(5, 10)], [0, 0, 0, 0, 0]);
  assert.equal(statistics[13], 3.5);
});

Deno.test("segmentStatistics() of each segment is that of its pixels alone", () => {
  const pixel = fc.tuple(fc.float({ noNaN: true, min: -5, max: 5 }), fc.nat(4));
  fc.assert(fc.property(fc.array(pixel, { minLength: 1, maxLength: 400 }), (pixels) => {
    const map = Float32Array.from(pixels, ([value]) => value);
    const labels = Uint8Array.from(pixels, ([, label]) => label);
    const segments = ["a", "b", "c", "d"]; // label 4 belongs to none
    const index = segmentIndex({ name: "any", height: 1, width: map.length, labels, segments });
    const statistics = segmentStatistics(map, index);
    assert.equal(statistics.length, 20);
    segments.forEach((_, s) => {
      const own = map.filter((_, i) => labels[i] === s);
      const expected = own.length === 0 ? new Float64Array(5) : describe(own);
      assert.deepEqual(statistics.subarray(5 * s, 5 * s + 5), expected);
    });
  }));
});

Deno.test("segmentStatistics() keeps NaN and infinities visible", () => {
  assert.deepEqual([...describe(Float32Array.of(1, NaN, 2))], [NaN, NaN, NaN, NaN, NaN]);
  const [, skew, , mean, max] = describe(Float32Array.of(1, Infinity, 2));
  assert.deepEqual([skew, mean, max], [NaN, Infinity, Infinity]);
});

Deno.test("segmentStatistics() refuses a map of another size", () => {
  assert.throws(() => segmentStatistics(new Float32Array(9), segmentIndex(wholeMap(4))), {
    name: "RangeError",
    message: /the anomaly map has 9 values, the segmentation map 4 x 4/,
  });
});
