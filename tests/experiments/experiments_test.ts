import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { contradictionsIn } from "../../lib/report/consistency.ts";
import { publishedCells } from "../../lib/report/paper_numbers.ts";
import { singleMethods } from "../../lib/runner/experiment.ts";

const byId = new Map(experiments.map((experiment) => [experiment.id, experiment]));

Deno.test("every table and figure with results of the paper is an experiment, in the paper's order", () => {
  const published = [
    "table1",
    "table2",
    "table3",
    "table3-text",
    "table4",
    "table5",
    "table6",
    "table7",
    "table8",
    "table9",
    "fig5",
    "fig6",
    "fig7",
    "fig8",
    "speed",
  ];
  assert.deepEqual([...byId.keys()].filter((id) => published.includes(id)), published);
});

Deno.test("every published row stands in the experiment of its table, with its group", () => {
  const plain = (name: string) => name.replace(/\s+/g, "").toLowerCase();
  for (const { table, row, group } of publishedCells()) {
    const id = table.includes("text") ? "table3-text" : `table${table}`;
    const found = byId.get(id)!.rows.find(({ paper }) =>
      paper !== undefined && plain(paper.row) === plain(row) && table.startsWith(paper.table)
    );
    assert.ok(found, `${row} of Table ${table}`);
    assert.equal(found.group.toLowerCase(), group.toLowerCase(), `${row} of Table ${table}`);
  }
});

Deno.test("rows of an experiment have different names, and their bases are among them", () => {
  for (const { id, rows } of experiments) {
    const names = rows.map(({ row }) => row);
    assert.equal(new Set(names).size, names.length, id);
    for (const { base } of rows) {
      assert.ok(base === undefined || names.includes(base), `${id} ${base}`);
    }
  }
});

Deno.test("All AD is what the captions say", () => {
  const detectorsOf = (id: string) => {
    const { method } = byId.get(id)!.rows.find(({ row }) => row === "All AD + Ours")!;
    assert.equal(method.kind, "segad");
    return [...singleMethods(method).flatMap((one) => one.kind === "segad" ? one.detectors : [])]
      .sort();
  };
  assert.deepEqual(detectorsOf("table2"), ["fastflow", "patchcore", "rd4ad"]);
  assert.deepEqual(detectorsOf("table4"), ["efficientad", "fastflow", "patchcore", "rd4ad"]);
  assert.deepEqual(detectorsOf("table8"), ["efficientad", "rd4ad"]);
  assert.deepEqual(detectorsOf("table9"), ["efficientad", "fastflow", "rd4ad"]);
  for (const id of ["table2", "table4", "table5", "table8", "table9"]) {
    assert.deepEqual([...byId.get(id)!.allDetectors].sort(), detectorsOf(id), id);
  }
});

Deno.test("the ten seeds and the five of VAD are the public code's, in its order", () => {
  const seeds = [333, 576, 725, 823, 831, 902, 226, 598, 874, 589];
  assert.deepEqual(byId.get("table8")!.seeds, seeds);
  assert.deepEqual(byId.get("table9")!.seeds, seeds);
  assert.deepEqual(byId.get("table3")!.seeds, seeds.slice(0, 5));
});

Deno.test("the published numbers contradict one another where they are known to", () => {
  const found = contradictionsIn(publishedCells(), experiments);
  const of = (name: string) => found.find((one) => one.of === name);
  const round = (value: number | undefined) => value?.toFixed(2);
  assert.equal(round(of("VisA, RD4AD + Ours, cl_auroc")?.difference), "0.80");
  assert.equal(round(of("VisA, RD4AD, cl_auroc")?.difference), "0.50");
  const ablation = of("VAD, An. Det., cl_auroc")!;
  assert.equal(ablation.kind, "mean of rows");
  assert.match(ablation.what, /87\.3 .* is 85\.25/);
  // Table 6's SegAD 90.1 is the mean of Table 3 but for rounding.
  assert.equal(of("VAD, SegAD, cl_auroc"), undefined);
  // "The README's All-AD row differs in 9 of 12 classes, the RD4AD row in 5, the EfficientAD row in none."
  const classes = (row: string) =>
    found.filter((one) =>
      one.kind === "printed twice" && new RegExp(`^VisA, \\w+, ${row}`).test(one.of)
    )
      .length;
  assert.equal(classes("All AD \\+ Ours"), 9);
  assert.equal(classes("RD4AD \\+ Ours"), 5);
  assert.equal(classes("EfficientAD \\+ Ours"), 0);
});

Deno.test("a mean that is not the mean of its classes is found, one within rounding is not", () => {
  const cell = (name: string, mean: number) => ({
    table: "9",
    benchmark: "b",
    dataset: "d",
    class: name,
    group: "g",
    row: "r",
    metric: "cl_auroc",
    mean,
    std: null,
    source: "paper",
  });
  const classes = [cell("a", 90), cell("b", 91), cell("c", 92)];
  assert.deepEqual(contradictionsIn([...classes, cell("Mean", 91.1)], []), []);
  const [found] = contradictionsIn([...classes, cell("Mean", 91.2)], []);
  assert.equal(found.kind, "mean of classes");
  assert.equal(found.difference.toFixed(1), "0.2");
});
