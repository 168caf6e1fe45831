import assert from "node:assert/strict";
import {
  fillEllipse,
  fillPolygon,
  fillRegion,
  LabelImage,
  removeLabel,
  strokeLine,
} from "../../lib/report/page/label_drawing.js";

/** What `draw` leaves in an image of `width` x `height`, a line for each row. */
function drawn(width: number, height: number, draw: (image: LabelImage) => void): string[] {
  const image = new LabelImage(width, height, new Uint8Array(width * height));
  draw(image);
  const rows = Array.from(
    { length: height },
    (_, y) => image.labels.slice(y * width, (y + 1) * width),
  );
  return rows.map((row) => Array.from(row, (label: number) => ".123456789"[label]).join(""));
}

Deno.test("a polygon has the pixels whose centres lie inside, even-odd", () => {
  assert.deepEqual(
    drawn(5, 4, (image) => fillPolygon(image, [[1, 1], [4, 1], [4, 3], [1, 3]], 1)),
    [".....", ".111.", ".111.", "....."],
  );
  assert.deepEqual(
    drawn(5, 3, (image) => fillPolygon(image, [[0, 0], [5, 0], [0, 5]], 2)),
    ["2222.", "222..", "22..."],
  );
  assert.deepEqual(
    drawn(6, 4, (image) => fillPolygon(image, [[0, 0], [6, 4], [6, 0], [0, 4]], 1)),
    ["1....1", "11..11", "11..11", "1....1"],
  );
  assert.deepEqual(
    drawn(3, 3, (image) => fillPolygon(image, [[-9, -9], [9, -9], [9, 9], [-9, 9]], 3)),
    ["333", "333", "333"],
  );
});

Deno.test("an ellipse fills its box round, a ring leaves its middle", () => {
  assert.deepEqual(
    drawn(5, 5, (image) => fillEllipse(image, [0, 0], [5, 5], 1)),
    [".111.", "11111", "11111", "11111", ".111."],
  );
  assert.deepEqual(
    drawn(5, 5, (image) => fillEllipse(image, [5, 5], [0, 0], 1, 0.5)),
    [".111.", "11.11", "1...1", "11.11", ".111."],
  );
  assert.deepEqual(drawn(2, 2, (image) => fillEllipse(image, [1, 1], [1, 2], 1)), ["..", ".."]);
});

Deno.test("a stroke is a line with round ends", () => {
  assert.deepEqual(
    drawn(6, 3, (image) => strokeLine(image, [1.5, 1.5], [4.5, 1.5], 0.5, 4)),
    ["......", ".4444.", "......"],
  );
  assert.deepEqual(
    drawn(4, 4, (image) => strokeLine(image, [0.5, 0.5], [3.5, 3.5], 0.1, 1)),
    ["1...", ".1..", "..1.", "...1"],
  );
});

Deno.test("a region is filled up to other labels, along edges only", () => {
  const fill = (x: number, y: number) =>
    drawn(4, 4, (image) => {
      strokeLine(image, [0.5, 3.5], [3.5, 0.5], 0.1, 1);
      fillRegion(image, [x, y], 2);
    });
  assert.deepEqual(fill(0.2, 0.9), ["2221", "221.", "21..", "1..."]);
  assert.deepEqual(fill(3.5, 3.5), ["...1", "..12", ".122", "1222"]);
  assert.deepEqual(fill(-1, 0), ["...1", "..1.", ".1..", "1..."]);
});

Deno.test("a removed label leaves its pixels to the first, and the others move down", () => {
  assert.deepEqual(
    drawn(4, 1, (image) => {
      image.labels.set([0, 1, 2, 3]);
      removeLabel(image, 1);
    }),
    ["..12"],
  );
});
