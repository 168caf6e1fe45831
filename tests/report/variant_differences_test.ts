import assert from "node:assert/strict";
import { toMarkdown } from "../../lib/report/to_markdown.ts";
import {
  type MeasuredMove,
  variantTable,
  variedRows,
} from "../../lib/report/variant_differences.ts";

const move = (variant: string, changes: Partial<MeasuredMove> = {}): MeasuredMove => ({
  variant,
  of: "official",
  switches: [{ name: "loss", before: "flattened", after: "per-place" }],
  same: false,
  ...changes,
});

const rows = variedRows([
  {
    row: "RD4AD",
    base: [80, 82, 84],
    moves: [
      move("paper:loss=official", {
        auroc: [81, 84, 84],
        comparison: { difference: 1, interval: [-0.5, 2.5], p: 0.02 },
      }),
      move("official", {
        switches: [
          { name: "loss", before: "flattened", after: "per-place" },
          { name: "width", before: 64, after: 128 },
        ],
        auroc: [80, 81, 82],
        comparison: { difference: -1, interval: [-2, 0], p: 0.03 },
      }),
      move("paper:width=official", { same: true, auroc: [80, 82, 84] }),
      move("broken", { error: "no weights" }),
    ],
  },
]);

Deno.test("differences are taken seed by seed, p values corrected over all moves", () => {
  const [{ base, moves: [first, second, third, fourth] }] = rows;
  assert.deepEqual(base, { mean: 82, std: 2, values: [80, 82, 84] });
  assert.deepEqual(first.difference, { mean: 1, std: 1, values: [1, 2, 0] });
  assert.deepEqual(second.difference!.values, [0, -1, -2]);
  // Holm: twice the smaller, the larger at least as large.
  assert.deepEqual([first.holm, second.holm], [0.04, 0.04]);
  assert.deepEqual(third.difference!.mean, 0);
  assert.equal(third.holm, undefined);
  assert.deepEqual([fourth.auroc, fourth.difference], [undefined, undefined]);
});

Deno.test("a single seed has differences without a deviation", () => {
  const [{ moves: [only] }] = variedRows([
    { row: "RD4AD", base: [80], moves: [move("official", { auroc: [79.5] })] },
  ]);
  assert.deepEqual(only.difference, { mean: -0.5, std: null, values: [-0.5] });
});

Deno.test("the table names switch, values and variant of each move", () => {
  const table = variantTable({
    method: "rd4ad",
    name: "RD4AD",
    base: "paper",
    experiment: "table3",
    profile: "demo",
    backbone: "small",
    dataset: { name: "made", digest: "0", images: 40 },
    seeds: [1, 2, 3],
    rows,
    same: ["anomalib-2023-10"],
    notes: ["A note."],
  });
  const text = toMarkdown(table);
  assert.match(text, /RD4AD: how far each switch moves the AUROC from variant paper/);
  const cells = (name: RegExp) =>
    text.split("\n").find((line) => name.test(line))!.split("|").slice(2, -1).map((cell) =>
      cell.trim()
    );
  assert.deepEqual(cells(/^\| paper /), ["82.0 ± 2.0", "", "", ""]);
  assert.deepEqual(cells(/loss: flattened → per-place \(official\)/), [
    "83.0 ± 1.7",
    "+1.0 ± 1.0",
    "−0.5 to +2.5",
    "0.040",
  ]);
  assert.deepEqual(cells(/official, all 2 switches/).slice(0, 2), ["81.0 ± 1.0", "−1.0 ± 1.0"]);
  assert.match(text, /\| the same \|/);
  assert.match(text, /no weights/);
  assert.match(text, /anomalib-2023-10 sets nothing otherwise than paper\./);
  assert.match(text, /A note\./);
});
