import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { type LabelledPoint, type LabelPlace, labelPlaces } from "../../lib/report/label_places.ts";

/** Left, top, right, bottom of a label, a little smaller than it is drawn. */
function boxOf({ x, y, text }: LabelledPoint, { align, dx, dy }: LabelPlace): number[] {
  const width = 6 * text.length;
  const left = x + dx - (align === "left" ? 0 : align === "right" ? width : width / 2);
  return [left, y + dy - 5, left + width, y + dy + 5];
}

function overlaps(points: readonly LabelledPoint[], places: readonly LabelPlace[]): number {
  const boxes = points.map((point, i) => boxOf(point, places[i]));
  let count = 0;
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) {
      if (a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]) count++;
    }
    points.forEach(({ x, y }, j) => {
      if (j !== i && a[0] < x + 4 && x - 4 < a[2] && a[1] < y + 4 && y - 4 < a[3]) count++;
    });
  }
  return count;
}

Deno.test("a label that has room stands to the right of its point", () => {
  const points = [{ x: 10, y: 20, text: "a" }, { x: 200, y: 200, text: "a long name of a row" }];
  assert.deepEqual(labelPlaces(points, 260), [
    { align: "left", dx: 8, dy: 0 },
    { align: "left", dx: 8, dy: 0 },
  ]);
});

Deno.test("labels of points side by side, and below one another, keep off each other", () => {
  const names = ["EfficientAD + Ours", "FastFlow + Ours", "RD4AD + Ours"];
  const beside = names.map((text, i) => ({ x: 150 + 12 * i, y: 100 + i, text }));
  const below = names.map((text, i) => ({ x: 150 + i, y: 100 + 8 * i, text }));
  const right = { align: "left", dx: 8, dy: 0 } as const;
  for (const points of [beside, below]) {
    assert.ok(overlaps(points, points.map(() => right)) > 0);
    assert.equal(overlaps(points, labelPlaces(points, 260)), 0);
  }
});

Deno.test("no label leaves the plot on the left, above or below", () => {
  const corners = [[0, 0], [0, 260], [380, 0], [380, 260]];
  const points = corners.map(([x, y], i) => ({ x, y, text: `row ${i}` }));
  for (const [i, place] of labelPlaces(points, 260).entries()) {
    const [left, top, , bottom] = boxOf(points[i], place);
    assert.ok(left >= 0 && top >= 0 && bottom <= 260, `${[left, top, bottom]}`);
  }
});

Deno.test("of a crowd fewer labels overlap than to the right of all points", () => {
  const random = new RandomState(7);
  let [before, after] = [0, 0];
  for (let i = 0; i < 50; i++) {
    const points = Array.from({ length: 13 }, (_, j) => ({
      x: random.uniform(0, 380),
      y: random.uniform(0, 260),
      text: `row number ${j}`,
    }));
    before += overlaps(points, points.map(() => ({ align: "left", dx: 8, dy: 0 })));
    after += overlaps(points, labelPlaces(points, 260));
  }
  assert.ok(before > 100 && after < before / 20, `${before} before, ${after} after`);
});
