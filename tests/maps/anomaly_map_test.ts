import assert from "node:assert/strict";
import fc from "fast-check";
import { RandomState } from "../../lib/base/random.ts";
import { gaussianKernel } from "../../lib/base/statistics.ts";
import {
  gaussianBlur,
  type MapBlur,
  mapMaximum,
  type MapReading,
  readAnomalyMap,
  resizeMap,
  type Upsampling,
} from "../../lib/maps/anomaly_map.ts";

interface Expected {
  readonly height: number;
  readonly width: number;
  readonly size: number;
  readonly upsample: Upsampling;
  readonly sigma: number | null;
  readonly border: MapBlur["border"] | null;
  readonly sum: number;
  readonly corners: readonly number[];
  /** At the first 200 positions of RandomState(1).permutation. */
  readonly values: readonly number[];
}
const fixture: Expected[] = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/scipy/anomaly_map.json", import.meta.url)),
);

function drawMap(seed: number, height: number, width: number): Float32Array {
  const random = new RandomState(seed);
  return Float32Array.from({ length: height * width }, () => random.random());
}

/** The slow twin: pixel by pixel from the definition, in two dimensions. */
function readDirectly(
  native: Float32Array,
  height: number,
  width: number,
  size: number,
  { upsample, blur }: MapReading,
): Float64Array {
  const at = (y: number, x: number) =>
    native[Math.min(y, height - 1) * width + Math.min(x, width - 1)];
  const position = (i: number, input: number) =>
    upsample === "bilinear_corners"
      ? (size === 1 ? 0 : i * (input - 1) / (size - 1))
      : Math.max(0, (i + 0.5) * input / size - 0.5);
  const large = new Float64Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (upsample === "nearest") {
        large[y * size + x] = at(Math.floor(y * height / size), Math.floor(x * width / size));
        continue;
      }
      const [py, px] = [position(y, height), position(x, width)];
      const [top, left] = [Math.floor(py), Math.floor(px)];
      const [fy, fx] = [py - top, px - left];
      large[y * size + x] = (1 - fy) * ((1 - fx) * at(top, left) + fx * at(top, left + 1)) +
        fy * ((1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1));
    }
  }
  if (blur === undefined) return large;
  const kernel = gaussianKernel(blur.sigma);
  const radius = (kernel.length - 1) / 2;
  const edge = blur.border === "reflect_edge" ? 1 : 0;
  const inside = (i: number): number =>
    i < 0 ? inside(-i - edge) : i >= size ? inside(2 * size - 2 + edge - i) : i;
  const out = new Float64Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let dy = -radius; dy <= radius; dy++) {
        for (let dx = -radius; dx <= radius; dx++) {
          out[y * size + x] += kernel[dy + radius] * kernel[dx + radius] *
            large[inside(y + dy) * size + inside(x + dx)];
        }
      }
    }
  }
  return out;
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(difference <= tolerance, `value ${i} is ${actual[i]}, not ${expected[i]}`);
  }
}

Deno.test("readAnomalyMap() equals torch's interpolate with torch's or SciPy's blur", () => {
  for (const expected of fixture) {
    const { height, width, size, upsample, sigma, border } = expected;
    const native = drawMap(height * 100 + width, height, width);
    const reading: MapReading = sigma === null
      ? { upsample }
      : { upsample, blur: { sigma, border: border! } };
    const map = readAnomalyMap(native, height, width, size, reading);
    const picked = new RandomState(1).permutation(size * size).subarray(0, 200);
    assertClose(Array.from(picked, (i) => map[i]), expected.values, 1e-7);
    const corners = [map[0], map[size - 1], map[size * (size - 1)], map[size * size - 1]];
    assertClose(corners, expected.corners, 1e-7);
    assert.ok(Math.abs(map.reduce((sum, value) => sum + value, 0) - expected.sum) < 1e-3);
  }
});

Deno.test("readAnomalyMap() equals its slow twin for any sizes", () => {
  const sides = fc.integer({ min: 1, max: 12 });
  const reading = fc.record({
    upsample: fc.constantFrom<Upsampling>("nearest", "bilinear", "bilinear_corners"),
    blur: fc.option(
      fc.record({
        sigma: fc.constantFrom(0.3, 1, 1.7),
        border: fc.constantFrom<MapBlur["border"]>("reflect_no_edge", "reflect_edge"),
      }),
      { nil: undefined },
    ),
  });
  fc.assert(
    fc.property(
      sides,
      sides,
      fc.integer({ min: 8, max: 24 }),
      reading,
      (height, width, size, one) => {
        const { upsample, blur } = one;
        const declared: MapReading = blur === undefined ? { upsample } : { upsample, blur };
        const native = drawMap(height * 100 + width, height, width);
        const map = readAnomalyMap(native, height, width, size, declared);
        assertClose(map, readDirectly(native, height, width, size, declared), 1.2e-7);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("readAnomalyMap() of a constant map is that constant", () => {
  const native = new Float32Array(32 * 32).fill(0.7);
  const blur = { sigma: 4, border: "reflect_no_edge" } as const;
  const map = readAnomalyMap(native, 32, 32, 256, { upsample: "nearest", blur });
  assertClose(map, new Float32Array(256 * 256).fill(0.7), 1e-7);
});

Deno.test("readAnomalyMap() gives a new array also where there is nothing to do", () => {
  const native = drawMap(1, 5, 5);
  const map = readAnomalyMap(native, 5, 5, 5, { upsample: "bilinear" });
  assert.deepEqual(map, native);
  assert.notEqual(map.buffer, native.buffer);
});

Deno.test("gaussianBlur() and resizeMap() are the two halves of reading", () => {
  const native = drawMap(3, 6, 9);
  const blur = { sigma: 1.5, border: "reflect_edge" } as const;
  const large = resizeMap(native, 6, 9, 20, 20, "bilinear");
  const both = readAnomalyMap(native, 6, 9, 20, { upsample: "bilinear", blur });
  assertClose(gaussianBlur(large, 20, 20, blur), both, 2e-7);
  assert.equal(resizeMap(native, 6, 9, 7, 11, "nearest").length, 77);
});

Deno.test("mapMaximum() is the largest value, or NaN where there is one", () => {
  assert.equal(mapMaximum(Float32Array.of(-3, -1, -2)), -1);
  assert.ok(Number.isNaN(mapMaximum(Float32Array.of(1, NaN, 2))));
  assert.ok(Number.isNaN(mapMaximum(Float32Array.of(NaN, 1))));
  assert.throws(() => mapMaximum(new Float32Array(0)), RangeError);
});

Deno.test("readAnomalyMap() refuses a wrong shape and a blur wider than the map", () => {
  const native = new Float32Array(6);
  assert.throws(() => readAnomalyMap(native, 2, 2, 4, { upsample: "nearest" }), {
    name: "RangeError",
    message: /6 values are not a map of 2 x 2/,
  });
  const blur = { sigma: 4, border: "reflect_no_edge" } as const;
  assert.throws(() => readAnomalyMap(native, 2, 3, 16, { upsample: "nearest", blur }), {
    name: "RangeError",
    message: /sigma 4 reaches 16 pixels/,
  });
  assert.throws(() => readAnomalyMap(native, 2, 3, 0, { upsample: "nearest" }), RangeError);
});
