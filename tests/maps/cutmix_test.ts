/** Pseudo anomalies: pieces, colours, determinism. */
import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { cutMix, draCutMix, jitterColours } from "../../lib/maps/cutmix.ts";

const size = 64;

/** An image whose every pixel is another colour. */
function image(): Uint8Array {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 7 + (i >> 6)) & 255);
}

Deno.test("without colour changes a piece is copied as it is, the rest stays", () => {
  const random = new RandomState(5);
  for (let round = 0; round < 50; round++) {
    const before = image();
    const after = image();
    const { width, height, from, to } = cutMix(after, size, random, { ...draCutMix, jitter: 0 });
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const inside = x >= to[0] && x < to[0] + width && y >= to[1] && y < to[1] + height;
        const [sx, sy] = inside ? [x - to[0] + from[0], y - to[1] + from[1]] : [x, y];
        for (let c = 0; c < 3; c++) {
          assert.equal(after[(y * size + x) * 3 + c], before[(sy * size + sx) * 3 + c]);
        }
      }
    }
  }
});

Deno.test("area and aspect of the pieces fill their ranges", () => {
  const random = new RandomState(6);
  const pieces = Array.from({ length: 2000 }, () => cutMix(image(), size, random));
  const areas = pieces.map(({ width, height }) => width * height / size ** 2);
  const aspects = pieces.map(({ width, height }) => width / height);
  const within = (values: number[], low: number, high: number) => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    // Sides are whole pixels, so the ends are met to about a tenth.
    assert.ok(least > 0.85 * low && least < 1.15 * low, `${least} for ${low}`);
    assert.ok(most > 0.85 * high && most < 1.15 * high, `${most} for ${high}`);
  };
  within(areas, 0.02, 0.15);
  within(aspects, 0.3, 1 / 0.3);
  // On the logarithmic scale as many are upright as lie flat.
  const flat = aspects.filter((aspect) => aspect > 1).length / aspects.length;
  assert.ok(flat > 0.45 && flat < 0.55, `${flat}`);
});

Deno.test("the same stream gives the same pseudo anomaly", () => {
  const [a, b, c] = [image(), image(), image()];
  cutMix(a, size, new RandomState(7));
  cutMix(b, size, new RandomState(7));
  cutMix(c, size, new RandomState(8));
  assert.deepEqual(a, b);
  assert.notDeepEqual(a, c);
});

Deno.test("colour changes are small, keep greys grey, and are those of the colour circle", () => {
  const random = new RandomState(9);
  for (let round = 0; round < 20; round++) {
    const greys = Uint8Array.from({ length: 30 }, (_, i) => 20 * Math.floor(i / 3));
    jitterColours(greys, random, 0.1);
    for (let i = 0; i < greys.length; i += 3) {
      assert.equal(greys[i], greys[i + 1]);
      assert.equal(greys[i], greys[i + 2]);
    }
  }
  // A turn by a third of the circle makes red green: value and saturation stay, whatever the others do
  // with a factor of 1.
  const turned = Uint8Array.of(200, 40, 40);
  jitterColours(turned, steady(1 / 3), 1);
  assert.deepEqual([...turned], [40, 200, 40]);
});

/** A stream whose hue is turned by `turn` and whose factors are 1, in the order as listed. */
function steady(turn: number): RandomState {
  const random = new RandomState(0);
  let draws = 0;
  random.permutation = (n) => Uint32Array.from({ length: n }, (_, i) => i);
  random.uniform = () => draws++ === 3 ? turn : 0;
  return random;
}
