import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/digest.ts";
import { InterruptedError } from "../../lib/base/errors.ts";
import { resultCharts } from "../../lib/report/charts.ts";
import { drawCharts } from "../../lib/report/drawn_charts.ts";
import { compileChart, renderPng, renderSvg, vegaRuntime } from "../../lib/report/render.ts";
import type { ExperimentResult, MetricSummary } from "../../lib/report/results.ts";
import { groupByRow, scoreHistogram } from "../../lib/report/score_histogram.ts";
import { assertGolden } from "../golden.ts";
import {
  hostileNames,
  hostileResult,
  hostileScores,
  sampleImportance,
  sampleResult,
  sampleScores,
} from "./sample_result.ts";

const timed = {
  ...sampleResult,
  rows: sampleResult.rows.map((row, i) =>
    row.error === undefined
      ? { ...row, metrics: { ...row.metrics, ms_per_image: timing(4 * (i + 1)) } }
      : row
  ),
};
const charts = resultCharts(timed, sampleScores, [sampleImportance]);
const chart = (name: string) => charts.find((one) => one.name === name)!;

function timing(mean: number): MetricSummary {
  return { mean, std: null, values: [mean], interval: null };
}

Deno.test("a result has its charts, without scores those that need none", () => {
  const names = ["auroc", "improvement", "seeds", "scores", "roc", "speed", "importance"];
  assert.deepEqual(charts.map(({ name }) => name), names);
  const few = resultCharts({ ...sampleResult, rows: sampleResult.rows.slice(0, 1) }, []);
  assert.deepEqual(few.map(({ name }) => name), ["auroc", "seeds"]);
  assert.deepEqual(resultCharts({ ...sampleResult, rows: [] }, []), []);
});

Deno.test("the histogram counts every image once, by kind, of the first seed only", () => {
  const rows = groupByRow(sampleScores);
  assert.deepEqual([...rows.keys()], ["PatchCore", "PatchCore + Ours"]);
  const records = rows.get("PatchCore")!;
  assert.equal(records.length, 60);
  const bins = scoreHistogram(records, 7);
  const count = (kind: string) =>
    bins.filter((bin) => bin.kind === kind).reduce((sum, bin) => sum + bin.count, 0);
  assert.deepEqual([count("good"), count("bad"), count("unseen")], [30, 20, 10]);
  assert.equal(scoreHistogram(records.map((one) => ({ ...one, score: 2 })), 7)[0].from, 1.5);
});

Deno.test("a text alternative tells the chart's numbers", () => {
  assert.match(
    chart("auroc").description,
    /PatchCore 81\.0 ± 1\.0 \(paper 88\.3 ± 0\.3\); WRN 92\.0 ± 0\.0/,
  );
  assert.match(
    chart("roc").description,
    /PatchCore: \d+\.\d % false positives; PatchCore \+ Ours: \d+/,
  );
  assert.match(chart("improvement").description, /PatchCore \+ Ours \+11\.0 against PatchCore\./);
  assert.match(chart("speed").description, /PatchCore 81\.0 ± 1\.0 in 4\.00 ms/);
  assert.match(
    chart("importance").description,
    /PatchCore \+ Ours: ground 20 %, part 70 %, WRN 10 %/,
  );
});

Deno.test("the improvement takes difference and interval of a paired comparison", () => {
  const compared: ExperimentResult = {
    ...sampleResult,
    comparisons: [{
      row: "PatchCore + Ours",
      base: "PatchCore",
      metric: "cl_auroc",
      difference: 10.5,
      interval: [9, 12],
      p: 0.001,
      holm: 0.002,
      delong: null,
    }],
  };
  const improvement = resultCharts(compared, [])[1];
  assert.match(improvement.description, /\+10\.5 against PatchCore \(9\.0 to 12\.0\)/);
});

Deno.test("a histogram lets choose scores in a page only", async () => {
  const { spec, panels } = chart("scores");
  assert.doesNotMatch(JSON.stringify(spec), /"range","select"/);
  assert.deepEqual(panels!.map(({ row }) => row), ["PatchCore", "PatchCore + Ours"]);
  const compiled = JSON.stringify(await compileChart(panels![0]));
  assert.match(compiled, /"name":"range"/);
  // What the page's expression interpreter needs is there: no spec asks for data or pictures.
  assert.doesNotMatch(compiled, /"url"|"href"/);
});

Deno.test("the runtime for pages defines what compiled charts need and closes no script", async () => {
  const runtime = await vegaRuntime();
  assert.doesNotMatch(runtime, /<\/script|<!--/i);
  assert.match(runtime, /const expressionInterpreter = /);
});

Deno.test("charts are drawn with the same bytes, in whatever order", async () => {
  const first = [];
  for (const chart of charts) first.push(await renderSvg(chart));
  const second = [];
  for (const chart of charts.toReversed()) second.push(await renderSvg(chart));
  assert.deepEqual(second.toReversed(), first);
  for (const [i, { name }] of charts.entries()) {
    await assertGolden(first[i], new URL(`../fixtures/golden/report/${name}.svg`, import.meta.url));
  }
  const pictures = [];
  for (const svg of first) pictures.push(sha256(await renderPng(svg)));
  await assertGolden(
    pictures.map((digest, i) => `${digest}  ${charts[i].name}.png\n`).join(""),
    new URL("../fixtures/golden/report/png.sha256", import.meta.url),
  );
});

Deno.test("hostile names are text in a chart and nothing else", async () => {
  const importances = hostileNames.slice(0, 6).map((row) => ({ ...sampleImportance, row }));
  for (const chart of resultCharts(hostileResult(), hostileScores(), importances)) {
    const svg = await renderSvg(chart);
    const names = new Set([...svg.matchAll(/<\/?([a-zA-Z]+)/g)].map(([, name]) => name));
    const known = "svg title desc g path text line rect defs clipPath linearGradient stop".split(
      " ",
    );
    assert.deepEqual([...names].filter((name) => !known.includes(name)), []);
    for (const [tag] of svg.matchAll(/<[^>]*>/g)) assert.doesNotMatch(tag, /\son\w+=|href=|style=/);
    assert.ok((await renderPng(svg, 1)).length > 1000);
  }
});

Deno.test("drawn charts are kept until chart or file changes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const chart = charts[0];
    const file = `${folder}/auroc.svg`;
    const inode = async () => (await Deno.stat(file)).ino;
    const [{ svg }] = await drawCharts(folder, [chart]);
    const before = await inode();
    assert.equal((await drawCharts(folder, [chart]))[0].svg, svg);
    assert.equal(await inode(), before);
    await Deno.writeTextFile(file, svg.replace("PatchCore", "Patchwork"));
    assert.equal((await drawCharts(folder, [chart]))[0].svg, svg);
    assert.equal(await Deno.readTextFile(file), svg);
    await Deno.remove(`${folder}/auroc.png`);
    await drawCharts(folder, [chart]);
    assert.ok((await Deno.stat(`${folder}/auroc.png`)).size > 0);
    await Deno.writeTextFile(`${folder}/drawn.json`, "null");
    assert.equal((await drawCharts(folder, [chart]))[0].svg, svg);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an interrupt ends the drawing before the next chart, and the next run draws all", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const interrupt = new AbortController();
    const drawing = drawCharts(folder, charts.slice(0, 2), interrupt.signal);
    setTimeout(() => interrupt.abort()); // heard in the turn before the second chart
    await assert.rejects(drawing, InterruptedError);
    const files = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert.ok(files.every((name) => name.startsWith(charts[0].name)), String(files));
    assert.equal((await drawCharts(folder, charts.slice(0, 2))).length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("rows whose colour comes again in the ROC chart have dashed lines and triangles", () => {
  const names = Array.from({ length: 12 }, (_, i) => `row ${i}`);
  const rows = names.map((row) => ({ ...sampleResult.rows[0], row }));
  const scores = names.flatMap((row) =>
    sampleScores.filter((one) => one.row === "PatchCore").map((one) => ({ ...one, row }))
  );
  const roc = resultCharts({ ...sampleResult, rows }, scores).find(({ name }) => name === "roc")!;
  const [, lines, , points] = roc.spec.layer as {
    readonly encoding: Record<string, { readonly scale: { readonly range: readonly unknown[] } }>;
  }[];
  assert.deepEqual(lines.encoding.strokeDash.scale.range.slice(8), [
    [1, 0],
    [1, 0],
    [5, 2],
    [5, 2],
  ]);
  const last = points.encoding.shape.scale.range.slice(9);
  assert.deepEqual(last, ["circle", "triangle-up", "triangle-up"]);
  const colours = points.encoding.color.scale.range;
  assert.equal(colours[10], colours[0]);
  assert.equal(JSON.stringify(chart("roc").spec).includes("triangle"), false);
});
