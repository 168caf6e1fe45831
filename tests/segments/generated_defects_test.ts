import assert from "node:assert/strict";
import { UsageError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import { gaussianKernel } from "../../lib/base/statistics.ts";
import {
  type GeneratedDefectKind,
  generatedDefectKinds,
  generateDefect,
} from "../../lib/segments/generated_defects.ts";
import { ringsMap, type SegmentationMap } from "../../lib/segments/segmentation_map.ts";

const size = 96;
const map = ringsMap(3, size);

/** Noise, which every disturbance changes. */
function noise(seed: number): Uint8Array {
  const random = new RandomState(seed);
  return Uint8Array.from({ length: size * size * 3 }, () => random.integer(256));
}

/** Extent of the changed pixels. */
function boxOf(mask: Uint8Array): { height: number; width: number; count: number } {
  const changed = [...mask.keys()].filter((i) => mask[i] === 1);
  const rows = changed.map((i) => Math.floor(i / size));
  const columns = changed.map((i) => i % size);
  const extent = (values: number[]) => Math.max(...values) - Math.min(...values) + 1;
  return { height: extent(rows), width: extent(columns), count: changed.length };
}

Deno.test("generateDefect() is repeated by its seed and leaves the good image alone", () => {
  const good = noise(1);
  const copy = good.slice();
  for (let seed = 0; seed < 20; seed++) {
    const first = generateDefect(good, map, new RandomState(seed));
    assert.deepEqual(generateDefect(good, map, new RandomState(seed)), first);
  }
  assert.deepEqual(good, copy);
});

Deno.test("generateDefect() draws every kind and every segment", () => {
  const random = new RandomState(3);
  const good = noise(1);
  const kinds = new Map<string, number>();
  const segments = new Map<string, number>();
  for (let i = 0; i < 240; i++) {
    const { kind, segment } = generateDefect(good, map, random);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    segments.set(segment, (segments.get(segment) ?? 0) + 1);
  }
  assert.deepEqual([...kinds.keys()].sort(), [...generatedDefectKinds].sort());
  assert.deepEqual([...segments.keys()].sort(), ["ring 1", "ring 2", "ring 3"]);
  for (const count of kinds.values()) assert.ok(count > 35);
  for (const count of segments.values()) assert.ok(count > 55);
});

Deno.test("generateDefect() marks exactly the changed pixels", () => {
  const good = noise(2);
  for (let seed = 0; seed < 20; seed++) {
    const { pixels, mask } = generateDefect(good, map, new RandomState(seed));
    for (let i = 0; i < size * size; i++) {
      const changed = [0, 1, 2].some((c) => pixels[3 * i + c] !== good[3 * i + c]);
      assert.equal(mask[i], changed ? 1 : 0);
    }
  }
});

Deno.test("blur stays inside its segment; a part is smaller than the whole", () => {
  const good = noise(3);
  const areas = { "blurred segment": 0, "blurred part": 0 };
  for (const kind of ["blurred segment", "blurred part"] as const) {
    for (let seed = 0; seed < 15; seed++) {
      const { mask, segment } = generateDefect(good, map, new RandomState(seed), { kinds: [kind] });
      const label = map.segments.indexOf(segment);
      mask.forEach((changed, i) => assert.ok(changed === 0 || map.labels[i] === label));
      areas[kind] += boxOf(mask).count;
    }
  }
  assert.ok(areas["blurred part"] < areas["blurred segment"] / 2);
});

Deno.test("blur takes the values of a Gaussian over the whole image", () => {
  const good = noise(4);
  const one = ringsMap(1, size);
  const { pixels } = generateDefect(good, one, new RandomState(5), { kinds: ["blurred segment"] });
  const random = new RandomState(5);
  random.integer(1); // kind
  random.integer(1); // segment
  random.integer(size * size); // place
  const sigma = random.uniform(0.008, 0.02) * size;
  const radius = Math.ceil(3 * sigma);
  const kernel = gaussianKernel(sigma, radius);
  const inside = (i: number) => Math.min(size - 1, Math.max(0, i));
  for (const [y, x] of [[0, 0], [10, 50], [95, 95], [48, 1], [94, 3]]) {
    for (let c = 0; c < 3; c++) {
      let total = 0;
      for (let dy = -radius; dy <= radius; dy++) {
        for (let dx = -radius; dx <= radius; dx++) {
          total += kernel[dy + radius] * kernel[dx + radius] *
            good[(inside(y + dy) * size + inside(x + dx)) * 3 + c];
        }
      }
      assert.ok(Math.abs(pixels[(y * size + x) * 3 + c] - total) <= 0.5 + 1e-9);
    }
  }
});

Deno.test("rectangles are of one grey, thin or small", () => {
  const good = noise(5);
  const thinnest = (kind: GeneratedDefectKind) => {
    let largest = 0;
    for (let seed = 0; seed < 30; seed++) {
      const random = new RandomState(seed);
      const { pixels, mask } = generateDefect(good, map, random, { kinds: [kind] });
      const painted = [...mask.keys()].filter((i) => mask[i] === 1);
      const grey = pixels[3 * painted[0]];
      for (const i of painted) {
        assert.deepEqual([...pixels.subarray(3 * i, 3 * i + 3)], [grey, grey, grey]);
      }
      const { height, width, count } = boxOf(mask);
      largest = Math.max(largest, height, width);
      if (kind === "small rectangle") {
        assert.ok(height <= 0.08 * size + 1 && width <= 0.08 * size + 1);
        assert.ok(count > 0.9 * height * width, "fills its box");
      } else {
        // Length times thickness, whatever the angle.
        assert.ok(count <= (0.4 * size + 2) * (0.02 * size + 2));
      }
    }
    return largest;
  };
  assert.ok(thinnest("thin rectangle") > 2 * thinnest("small rectangle"));
});

Deno.test("generateDefect() passes over segments without a pixel", () => {
  const labels = new Uint8Array(size * size).fill(1);
  const gap: SegmentationMap = { ...map, labels, segments: ["none", "all", "neither"] };
  for (let seed = 0; seed < 10; seed++) {
    assert.equal(generateDefect(noise(1), gap, new RandomState(seed)).segment, "all");
  }
});

Deno.test("generateDefect() draws anew where nothing shows, and gives up where nothing can", () => {
  const even = new Uint8Array(size * size * 3).fill(90);
  const { kind } = generateDefect(even, map, new RandomState(1), {
    kinds: ["blurred segment", "small rectangle"],
  });
  assert.equal(kind, "small rectangle");
  assert.throws(
    () => generateDefect(even, map, new RandomState(1), { kinds: ["blurred part"] }),
    { name: "RangeError", message: /100 drawings of blurred part change no pixel/ },
  );
});

Deno.test("generateDefect() refuses an image of another size and an unknown kind", () => {
  assert.throws(() => generateDefect(new Uint8Array(12), map, new RandomState(1)), {
    name: "RangeError",
    message: /the image has 12 values, and segmentation map rings:3 has 96 x 96 pixels/,
  });
  assert.throws(
    () =>
      generateDefect(noise(1), map, new RandomState(1), {
        kinds: ["thin rectangel" as GeneratedDefectKind],
      }),
    (error) => error instanceof UsageError && /did you mean "thin rectangle"/.test(error.message),
  );
});
