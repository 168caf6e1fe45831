import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { paperNumbers, publishedCells } from "../../lib/report/paper_numbers.ts";

const reported = new URL("../../../shared/paper/reported.csv", import.meta.url);
const there = await Deno.stat(reported).then(() => true, () => false);
if (!there) console.log("skipped: install ../shared/paper/reported.csv");

Deno.test({
  name: "results/paper.csv holds every reported cell, in order",
  ignore: !there,
  async fn() {
    const records = parse(await Deno.readTextFile(reported), { columns: true }) as Record<
      string,
      string
    >[];
    const ours = publishedCells().filter(({ source }) => source === "paper");
    assert.deepEqual(
      ours.map(({ source: _, mean, std, ...cell }) => ({ ...cell, mean, std })),
      records.map((record) => ({
        ...record,
        mean: Number(record.mean),
        std: record.std === "" ? null : Number(record.std),
      })),
    );
  },
});

Deno.test("rows are found whatever the spaces, and with what the text says of them", () => {
  const numbers = [{ table: "3", metric: "cl_auroc", mean: 96.5, std: 0.3, source: "paper" }, {
    table: "3",
    metric: "fpr95",
    mean: 16.4,
    std: 1.9,
    source: "paper",
  }];
  assert.deepEqual(paperNumbers("3", "All AD + WRN + Ours"), numbers);
  assert.deepEqual(paperNumbers("3", "AllAD+WRN+Ours"), numbers);
  assert.equal(paperNumbers("3", "EfficientAD + WRN + Ours")[0].table, "3 (text)");
  assert.deepEqual(paperNumbers("3", "No such row"), []);
});

Deno.test("a table of several classes gives the mean, or one class, with every source", () => {
  assert.deepEqual(
    paperNumbers("8", "All AD + Ours").map(({ mean, source }) => [mean, source]),
    [[98.4, "paper"], [98.4, "public code README"]],
  );
  assert.deepEqual(
    paperNumbers("8", "All AD + Ours", "capsules").map(({ mean, source }) => [mean, source]),
    [[90.1, "paper"], [90.7, "public code README"]],
  );
});

Deno.test("the public code's README differs from Table 8 where it is known to", () => {
  const differing = (row: string) => {
    const classes = new Set(
      publishedCells().filter((cell) => cell.table === "8" && cell.class !== "Mean")
        .map((cell) => cell.class),
    );
    return [...classes].filter((name) => {
      const [paper, readme] = paperNumbers("8", row, name);
      assert.equal(readme.source, "public code README");
      return paper.mean !== readme.mean;
    }).length;
  };
  assert.equal(differing("All AD + Ours"), 9);
  assert.equal(differing("RD4AD + Ours"), 5);
  assert.equal(differing("EfficientAD + Ours"), 0);
});
