import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { fillPolygon, LabelImage } from "../../lib/report/page/label_drawing.js";
import { segmentOutlines } from "../../lib/segments/segment_outlines.ts";

Deno.test("outlines of any label image, filled again, are that label image", () => {
  const random = new RandomState(5);
  for (const [width, height, segments] of [[1, 1, 1], [7, 5, 3], [16, 16, 2], [40, 30, 6]]) {
    const labels = Uint8Array.from(
      { length: width * height },
      () => Math.floor(random.random() * segments),
    );
    const map = {
      name: "drawn",
      width,
      height,
      labels,
      segments: Array.from({ length: segments }, (_, i) => `segment ${i}`),
    };
    const again = new LabelImage(width, height, new Uint8Array(labels.length).fill(99));
    segmentOutlines(map).forEach(({ loops }, label) => {
      // Even-odd over all loops at once: what lies in a hole's loop is counted twice.
      const inside = new LabelImage(width, height, new Uint8Array(labels.length));
      for (const loop of loops) {
        const one = new LabelImage(width, height, new Uint8Array(labels.length));
        fillPolygon(one, loop, 1);
        one.labels.forEach((value: number, i: number) => inside.labels[i] ^= value);
      }
      inside.labels.forEach((value: number, i: number) => {
        if (value === 1) again.labels[i] = label;
      });
    });
    assert.deepEqual(again.labels, labels);
  }
});

Deno.test("a loop has corners only, and a hole has a loop of its own", () => {
  const rows = ["11111", "10001", "10001", "11111"];
  const labels = Uint8Array.from(rows.join(""), Number);
  const [hole, frame] = segmentOutlines({
    name: "frame",
    width: 5,
    height: 4,
    labels,
    segments: ["hole", "frame"],
  });
  assert.deepEqual(hole.loops, [[[1, 1], [4, 1], [4, 3], [1, 3]]]);
  assert.deepEqual(frame.loops.map((loop) => loop.length), [4, 4]);
  const area = (loop: readonly (readonly [number, number])[]) =>
    loop.reduce((sum, [x, y], i) => {
      const [nextX, nextY] = loop[(i + 1) % loop.length];
      return sum + (x * nextY - nextX * y) / 2;
    }, 0);
  assert.deepEqual(frame.loops.map(area), [20, -6]);
});

Deno.test("the anchor lies inside where there is most room; a segment without pixels has none", () => {
  const rows = ["0000000", "0111110", "0111110", "0111110", "0000000"];
  const [ground, part, none] = segmentOutlines({
    name: "part",
    width: 7,
    height: 5,
    labels: Uint8Array.from(rows.join(""), Number),
    segments: ["ground", "part", "none"],
  });
  assert.deepEqual([part.anchor?.[1], part.room], [2.5, 2]);
  assert.equal(ground.room, 1);
  assert.deepEqual(none, { segment: "none", loops: [], room: 0 });
});
