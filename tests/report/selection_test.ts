import assert from "node:assert/strict";
import { chooseImages, filters, outcomeOf, ranksOf } from "../../lib/report/page/selection.js";

const part = {
  ids: ["good/0.png", "good/1.png", "bad/0.png", "bad/1.png", "unseen/0.png"],
  kinds: "ggbbu",
  rows: [
    { name: "A", threshold: 3, scores: [1, 4, 3, 2, 9] },
    { name: "B", threshold: 3, scores: [5, 0, 3, 3, 3] },
    { name: "C", threshold: null, scores: [1, 1, 1, 1, 1] },
  ],
};
const all = { row: 0, other: 1, filter: "all", order: "name", find: "", range: undefined };
const chosen = (choice: Partial<Record<keyof typeof all, unknown>>) =>
  chooseImages(part, { ...all, ...choice });

Deno.test("an image is called bad from the threshold on", () => {
  const outcomes = part.ids.map((_, image) => outcomeOf(part, part.rows[0], image));
  assert.deepEqual(outcomes, ["right", "false positive", "right", "false negative", "right"]);
  assert.equal(outcomeOf(part, part.rows[2], 0), "");
});

Deno.test("filters leave false positives, false negatives, unseen defects, disagreement", () => {
  assert.deepEqual(chosen({}), [0, 1, 2, 3, 4]);
  assert.deepEqual(chosen({ filter: "false positives" }), [1]);
  assert.deepEqual(chosen({ filter: "false negatives" }), [3]);
  assert.deepEqual(chosen({ filter: "disagreement" }), [0, 1, 3]);
  assert.deepEqual(chosen({ filter: "unseen" }), [4]);
  assert.deepEqual(chosen({ filter: "bad" }), [2, 3, 4]);
  assert.deepEqual(chosen({ filter: "good" }), [0, 1]);
  assert.deepEqual(chosen({ row: 2, filter: "false positives" }), []);
  assert.equal(Object.keys(filters).length, 7);
});

Deno.test("images are ordered by score, by nearness to the threshold, or left alone", () => {
  assert.deepEqual(chosen({ order: "highest" }), [4, 1, 2, 3, 0]);
  assert.deepEqual(chosen({ order: "lowest" }), [0, 3, 2, 1, 4]);
  assert.deepEqual(chosen({ order: "threshold" }), [2, 1, 3, 0, 4]);
  assert.deepEqual(chosen({ find: " BAD/", order: "highest" }), [2, 3]);
  assert.deepEqual(chosen({ range: [2, 4] }), [1, 2, 3]);
});

Deno.test("equal scores share the best rank", () => {
  assert.deepEqual([...ranksOf(part.rows[1].scores)], [1, 5, 2, 2, 2]);
});
