import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import {
  aupro,
  auproPerImage,
  connectedRegions,
  type PixelTruth,
} from "../../lib/metrics/aupro.ts";
import { isClose, readFixture } from "./cases.ts";

interface Expected {
  readonly seed: number;
  readonly count: number;
  readonly size: number;
  readonly steps: number;
  readonly pooled: number;
  readonly pooled_005: number;
  readonly per_image: number | "nan";
}
const fixture = await readFixture<Expected[]>("sklearn/aupro.json");

/** The maps and masks of tests/fixtures/sklearn/generate.py. */
function drawImages({ seed, count, size, steps }: Expected): PixelTruth[] {
  const random = new RandomState(seed);
  return Array.from({ length: count }, (_, i) => {
    const values = Float64Array.from({ length: size * size }, () => random.random());
    const mask = new Uint8Array(size * size);
    if (i % 3 !== 0) {
      for (let region = 0; region < 1 + i % 2; region++) {
        const [top, left] = [random.integer(size - 6), random.integer(size - 6)];
        for (let y = top; y < top + 3 + i % 3; y++) {
          mask.fill(1, y * size + left, y * size + left + 4);
        }
      }
    }
    const map = Float32Array.from(values, (value, pixel) => {
      const raised = value + 0.5 * mask[pixel];
      return steps > 0 ? Math.floor(raised * steps) / steps : raised;
    });
    return { map, mask: i % 3 === 0 ? null : mask, height: size, width: size };
  });
}

Deno.test("aupro() is the pooled curve of the definition", () => {
  for (const expected of fixture) {
    const images = drawImages(expected);
    assert.ok(isClose(aupro(images), expected.pooled, 1e-12), `seed ${expected.seed}`);
    assert.ok(isClose(aupro(images, 0.05), expected.pooled_005, 1e-12), `seed ${expected.seed}`);
  }
});

Deno.test("auproPerImage() is the mean of the curves of single images", () => {
  for (const expected of fixture) {
    if (expected.per_image === "nan") continue;
    const { mean, measured, unmeasured } = auproPerImage(drawImages(expected));
    assert.ok(isClose(mean, expected.per_image, 1e-12), `seed ${expected.seed}`);
    assert.deepEqual([measured, unmeasured], [Math.floor(expected.count * 2 / 3), 0]);
  }
});

Deno.test("auproPerImage() counts images whose curve has no extent, and refuses only such", () => {
  const truth = (map: number[]): PixelTruth => ({
    map: Float32Array.from(map),
    mask: Uint8Array.of(1, 0, 0, 0),
    height: 2,
    width: 2,
  });
  const constant = truth([1, 1, 1, 1]);
  assert.throws(() => auproPerImage([constant]), /none of 1 bad images can be measured/);
  // Of the three other pixels one alone exceeds the limit of 0.3, but not a limit of 0.4.
  const { measured, unmeasured } = auproPerImage([constant, truth([3, 2, 1, 0])], 0.4);
  assert.deepEqual([measured, unmeasured], [1, 1]);
});

Deno.test("aupro() is 1 for perfect maps and half the limit for constant ones", () => {
  const mask = Uint8Array.of(0, 0, 1, 1, 0, 0, 0, 0, 0);
  const perfect = { map: Float32Array.from(mask), mask, height: 3, width: 3 };
  assert.equal(aupro([perfect]), 1);
  // One threshold: a straight line from (0, 0) to (1, 1).
  assert.ok(isClose(aupro([{ ...perfect, map: new Float32Array(9) }]), 0.15, 1e-15));
});

Deno.test("connectedRegions() joins diagonal neighbours and parts what does not touch", () => {
  // deno-fmt-ignore
  const mask = Uint8Array.of(
    1, 0, 0, 0, 9,
    0, 1, 0, 0, 9,
    0, 0, 0, 0, 0,
    1, 1, 0, 1, 0,
  );
  const { labels, sizes } = connectedRegions(mask, 4, 5);
  assert.deepEqual(sizes, [2, 2, 2, 1]);
  // deno-fmt-ignore
  assert.deepEqual([...labels], [
    1, 0, 0, 0, 2,
    0, 1, 0, 0, 2,
    0, 0, 0, 0, 0,
    3, 3, 0, 4, 0,
  ]);
});

Deno.test("connectedRegions() follows a region back up", () => {
  // deno-fmt-ignore
  const mask = Uint8Array.of(
    1, 0, 1, 0, 1,
    1, 0, 1, 0, 1,
    0, 1, 0, 1, 0,
  );
  assert.deepEqual(connectedRegions(mask, 3, 5).sizes, [8]);
});

Deno.test("aupro() refuses what it cannot measure", () => {
  const image = { map: new Float32Array(4), mask: new Uint8Array(4), height: 2, width: 2 };
  const refused = (one: PixelTruth, message: RegExp) =>
    assert.throws(() => aupro([one]), { name: "RangeError", message });
  refused(image, /no mask has a defective pixel/);
  refused({ ...image, mask: Uint8Array.of(1, 1, 1, 1) }, /no pixel lies outside/);
  refused({ ...image, mask: new Uint8Array(3) }, /a mask of 3 values/);
  refused({ ...image, map: Float32Array.of(0, NaN, 0, 0) }, /map value 1 is NaN/);
  assert.throws(() => aupro([image], 0), /limit is 0/);
});
