import assert from "node:assert/strict";
import type { RgbImage } from "../../lib/images/resize.ts";
import { colourMap, medianImage, thresholdMap } from "../../lib/segments/made_maps.ts";

/** An image of grey or coloured pixels. */
function image(
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x, y), (y * width + x) * 3);
  }
  return { width, height, data };
}

const isDisc = (x: number, y: number) => (x - 20) ** 2 + (y - 20) ** 2 <= 12 ** 2;

Deno.test("the threshold finds a bright or dark part, closes its holes and drops specks", () => {
  for (const [part, ground] of [[200, 40], [40, 200]]) {
    const map = thresholdMap(image(40, 40, (x, y) => {
      const isHole = Math.abs(x - 20) < 3 && Math.abs(y - 20) < 3;
      const isSpeck = x === 2 && y === 2;
      const grey = (isDisc(x, y) && !isHole) || isSpeck ? part : ground;
      return [grey, grey, grey];
    }));
    assert.deepEqual(map.segments, ["background", "part"]);
    for (let i = 0; i < map.labels.length; i++) {
      assert.equal(map.labels[i], Number(isDisc(i % 40, Math.floor(i / 40))), `pixel ${i}`);
    }
  }
});

Deno.test("regions of like colour are found, the largest first, the same each time", () => {
  const stripes = image(
    60,
    30,
    (x) => x < 10 ? [220, 30, 30] : x < 30 ? [30, 200, 40] : [20, 40, 220],
  );
  const map = colourMap(stripes, 3);
  assert.deepEqual(map.segments, ["region 1", "region 2", "region 3"]);
  assert.deepEqual([...map.labels.subarray(0, 60)].filter((_, x) => x % 10 === 5), [
    2,
    1,
    1,
    0,
    0,
    0,
  ]);
  assert.deepEqual(colourMap(stripes, 3), map);
  assert.throws(() => colourMap(stripes, 1), /Cannot make 1 segments by colour/);
});

Deno.test("what is on few images only is gone from their median", () => {
  const plain = image(8, 8, () => [10, 20, 30]);
  const spot = image(8, 8, (x, y) => x === 3 && y === 3 ? [255, 255, 255] : [10, 20, 30]);
  assert.deepEqual(medianImage([plain, spot, plain]), plain);
  assert.throws(
    () => medianImage([plain, image(9, 8, () => [0, 0, 0])]),
    /one image has 9 x 8 pixels, the first one 8 x 8/,
  );
});
