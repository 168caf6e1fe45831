import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/digest.ts";
import { resizeImage } from "../../lib/images/resize.ts";

interface Resize {
  readonly from: [number, number];
  readonly to: [number, number];
  readonly sha256: string;
}

const resizes: Resize[] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/pillow/resize.json", import.meta.url)),
);

/** The image that `pattern` of the fixture's generator makes. */
function pattern(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    data[i] = Number((BigInt(i) * BigInt(i) * 31n + BigInt(Math.floor(i / 7))) & 255n);
  }
  return data;
}

for (const { from: [width, height], to, sha256: expected } of resizes) {
  Deno.test(`resizeImage() gives Pillow's bytes, ${width} x ${height} to ${to[0]} x ${to[1]}`, () => {
    const data = pattern(width, height);
    const result = resizeImage({ width, height, data }, ...to);
    assert.deepEqual([result.width, result.height], to);
    assert.equal(sha256(result.data), expected);
  });
}

Deno.test("resizeImage() keeps a white image white, however many pixels are averaged", () => {
  // At 614,808 the rounded weights sum to 256.3 / 255 of one: without clamping it would come out black.
  for (const width of [2, 3, 1000, 40_000, 614_808]) {
    const data = new Uint8Array(width * 3).fill(255);
    const result = resizeImage({ width, height: 1, data }, 1);
    assert.deepEqual([...result.data], [255, 255, 255], `${width}`);
  }
});

Deno.test("resizeImage() returns the image itself where the size is right already", () => {
  const image = { width: 5, height: 4, data: pattern(5, 4) };
  assert.equal(resizeImage(image, 5, 4), image);
});

Deno.test("resizeImage() refuses sizes and data that do not fit", () => {
  const image = { width: 2, height: 2, data: new Uint8Array(12) };
  for (const size of [0, -1, 1.5, NaN]) {
    assert.throws(() => resizeImage(image, size), RangeError);
  }
  assert.throws(() => resizeImage({ ...image, width: 3 }, 2), RangeError);
});
