import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { resultCharts } from "../../lib/report/charts.ts";
import { drawChart, type DrawnChart } from "../../lib/report/drawn_charts.ts";
import { joinModules } from "../../lib/report/html_page.ts";
import type { ExperimentResult } from "../../lib/report/results.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";
import { pageModules, toHtml } from "../../lib/report/to_html.ts";
import { assertAccessible, browserTest, keepScreenshot, lookAtHtml } from "../browser.ts";
import {
  hostileResult,
  hostileScores,
  sampleImportance,
  sampleResult,
  sampleScores,
} from "./sample_result.ts";

async function pageOf(result: ExperimentResult, scores: readonly ScoreRecord[]): Promise<string> {
  const charts: DrawnChart[] = [];
  for (const chart of resultCharts(result, scores, [sampleImportance])) {
    charts.push(await drawChart(chart));
  }
  return await toHtml(result, { charts });
}

const methods = (page: Page) => page.locator("tbody tr.row > th").allInnerTexts();
const tip = (page: Page) => page.locator("#tip").innerText();

Deno.test("the page is the same bytes each time and names nothing outside itself", async () => {
  const html = await pageOf(sampleResult, sampleScores);
  assert.equal(await pageOf(sampleResult, sampleScores), html);
  // The chart library's own text aside.
  const own = html.replaceAll(/<script>[^]*?<\/script>/g, "")
    .replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, "");
  assert.doesNotMatch(
    own.replaceAll("https://vega.github.io/schema/vega/v6.json", ""),
    /https?:\/\//,
  );
});

Deno.test("the modules of a page join to one script; a form that would be lost is refused", () => {
  // Names that two modules share would be a syntax error.
  assert.doesNotThrow(() => new Function(`async () => {${joinModules(pageModules)}}`));
  assert.equal(
    joinModules(['import { a } from "./b.js";\nexport function c() {}\n']),
    "function c() {}\n",
  );
  assert.throws(() => joinModules(['import a from "./b.js";\n']), /it has import a from/);
});

browserTest("a reader sorts the table, opens a row and points at a number", async (browser) => {
  const judged: ExperimentResult = {
    ...sampleResult,
    rows: sampleResult.rows.map((row, i) =>
      i === 0
        ? {
          ...row,
          verdict: "differs",
          verdicts: { cl_auroc: { verdict: "differs", reason: "7.3 points below, 95 % interval" } },
        }
        : row
    ),
  };
  await lookAtHtml(browser, await pageOf(judged, sampleScores), {}, async (page) => {
    const inOrder = ["PatchCore", "RD4AD", "WRN", "PatchCore + Ours"];
    assert.deepEqual(await methods(page), inOrder);
    const head = page.getByRole("button", { name: /^FPR@95TPR/ });
    await head.click();
    assert.deepEqual(await methods(page), ["PatchCore + Ours", "WRN", "PatchCore", "RD4AD"]);
    assert.equal(await page.locator("tr.group").count(), 0);
    await head.press("Enter");
    assert.deepEqual(await methods(page), ["PatchCore", "WRN", "PatchCore + Ours", "RD4AD"]);
    await head.click();
    assert.deepEqual(await methods(page), inOrder);
    assert.equal(await page.locator("tr.group").count(), 3);
    const row = page.getByRole("button", { name: "PatchCore + Ours" });
    const more = page.locator("tr.more:not([hidden])");
    assert.equal(await more.count(), 0);
    await row.click();
    assert.match(await more.innerText(), /91\.5 \(Table 3, public code README\)/);
    assert.equal(await row.getAttribute("aria-expanded"), "true");
    await row.press("Space");
    assert.equal(await more.count(), 0);
    await page.locator("td.number").first().hover();
    assert.match(await tip(page), /seed 2\n82\.00\n.*95 % interval\n79\.0 to 83\.0\n.*A1/s);
    await page.locator("td.published").first().hover();
    assert.match(await tip(page), /Table 2, paper\n88\.3 ± 0\.3\nours minus that\n−7\.3/);
    await page.locator("td.verdict").first().hover();
    assert.match(await tip(page), /Cl\. AUROC\ndiffers, 7\.3 points below/);
    assert.match(await page.locator("td.verdict").first().innerText(), /^✗ differs$/);
    await page.keyboard.press("Escape");
    assert.ok(await page.locator("#tip").isHidden());
  });
});

browserTest(
  "charts answer where they are pointed at, and have words without that",
  async (browser) => {
    await lookAtHtml(browser, await pageOf(sampleResult, sampleScores), {}, async (page) => {
      const figure = page.locator("#figure-auroc");
      assert.equal(await figure.locator("svg").count(), 1);
      await figure.scrollIntoViewIfNeeded();
      await figure.locator("[data-live]").waitFor();
      assert.equal(await figure.locator("[role=img]").count(), 1);
      await figure.locator("path[aria-roledescription=bar], .mark-rect path").first().hover();
      assert.match(await tip(page), /row\nPatchCore\nCl\. AUROC\n81\.0 ± 1\.0/);
      await figure.locator("summary").press("Enter");
      assert.match(await figure.locator("details").innerText(), /PatchCore 81\.0 ± 1\.0 \(paper/);
      for (const panel of await page.locator("[data-panel]").all()) {
        await panel.scrollIntoViewIfNeeded();
        const name = await panel.getAttribute("data-panel");
        await page.locator(`[data-panel=${name}][data-live]`).waitFor();
      }
    });
  },
);

browserTest("the page fits a phone, in light and in dark, and paper", async (browser) => {
  const html = await pageOf(sampleResult, sampleScores);
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 360, height: 740 };
    await lookAtHtml(browser, html, { viewport, colorScheme }, async (page) => {
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(Number(wide) <= 360, `${wide} wide`);
      const [ink, paper] = await page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]",
      ) as [string, string];
      const light = (colour: string) => Number(/\d+/.exec(colour)![0]);
      assert.equal(light(ink) < light(paper), colorScheme === "light");
      await assertAccessible(page);
      await keepScreenshot(page, `page-phone-${colorScheme}`);
    });
  }
  await lookAtHtml(browser, html, {}, async (page) => {
    await page.emulateMedia({ media: "print" });
    const overflow = "getComputedStyle(document.querySelector('.scroll')).overflowX";
    assert.equal(await page.evaluate(overflow), "visible");
  });
});

browserTest("hostile names run nothing, load nothing and add no element", async (browser) => {
  const html = await pageOf(hostileResult(), hostileScores());
  const sample = await pageOf(sampleResult, sampleScores);
  const scripts = (text: string) => text.match(/<script(?! type="text\/plain")/g)?.length;
  assert.equal(scripts(html), scripts(sample));
  await lookAtHtml(browser, html, {}, async (page) => {
    assert.equal(await page.locator("style").count(), 2);
    assert.equal(await page.locator("img, iframe, object, embed, form, input").count(), 0);
    assert.equal(await page.locator("h1").count(), 1);
    const links = await page.locator("a").evaluateAll((all) =>
      all.map((a) => a.getAttribute("href"))
    );
    assert.deepEqual(links.filter((link) => !/^#\w+$|^[\w.]+$/.test(link ?? "")), []);
    for (const head of await page.locator("thead button").all()) await head.click();
    for (const row of (await page.locator("tbody th button").all()).slice(0, 8)) {
      await row.click();
      await row.hover();
    }
    for (const cell of (await page.locator("[data-tip]").all()).slice(0, 12)) await cell.hover();
    for (const panel of await page.locator("[data-panel]").all()) {
      await panel.scrollIntoViewIfNeeded();
    }
    await page.locator("#figure-auroc [data-live] .mark-rect path").first().hover();
    assert.match(await page.locator("h1").innerText(), /^<script>alert\(1\)<\/script>$/);
  });
});
