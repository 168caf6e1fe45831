import assert from "node:assert/strict";
import { resultCharts } from "../../lib/report/charts.ts";
import { drawCharts } from "../../lib/report/drawn_charts.ts";
import { renderPng, renderSvg } from "../../lib/report/render.ts";
import { groupByRow, scoreHistogram } from "../../lib/report/score_histogram.ts";
import { assertGolden } from "../golden.ts";
import { hostileResult, hostileScores, sampleResult, sampleScores } from "./sample_result.ts";
import { sha256 } from "../../lib/base/digest.ts";

const charts = resultCharts(sampleResult, sampleScores);

Deno.test("a result has its charts, without scores those that need none", () => {
  assert.deepEqual(charts.map(({ name }) => name), ["auroc", "seeds", "scores", "roc"]);
  assert.deepEqual(resultCharts(sampleResult, []).map(({ name }) => name), ["auroc", "seeds"]);
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
  const [auroc, , , roc] = charts;
  assert.match(
    auroc.description,
    /PatchCore 81\.0 ± 1\.0 \(paper 88\.3 ± 0\.3\); WRN 92\.0 ± 0\.0/,
  );
  assert.match(roc.description, /PatchCore: \d+\.\d % false positives; PatchCore \+ Ours: \d+/);
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
  for (const chart of resultCharts(hostileResult(), hostileScores())) {
    const svg = await renderSvg(chart);
    const names = new Set([...svg.matchAll(/<\/?([a-zA-Z]+)/g)].map(([, name]) => name));
    const known = ["svg", "title", "desc", "g", "path", "text", "line", "rect", "defs", "clipPath"];
    assert.deepEqual([...names].filter((name) => !known.includes(name)), []);
    for (const [tag] of svg.matchAll(/<[^>]*>/g)) assert.doesNotMatch(tag, /\son\w+=|href=|style=/);
    assert.ok((await renderPng(svg, 1)).length > 1000);
  }
});

Deno.test("drawn charts are kept until chart or file changes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [chart] = charts;
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
