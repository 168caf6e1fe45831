import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { resultCharts } from "../../lib/report/charts.ts";
import { drawChart, type DrawnChart } from "../../lib/report/drawn_charts.ts";
import type { ExperimentResult } from "../../lib/report/results.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";
import { toHtml } from "../../lib/report/to_html.ts";
import { browserTest } from "../browser.ts";
import { hostileResult, hostileScores, sampleResult, sampleScores } from "./sample_result.ts";

async function pageOf(result: ExperimentResult, scores: readonly ScoreRecord[]): Promise<string> {
  const charts: DrawnChart[] = [];
  for (const chart of resultCharts(result, scores)) charts.push(await drawChart(chart));
  return await toHtml(result, { charts });
}

/** Opens `html` from a file and hands over the page with all that went wrong or left the file. */
async function look(
  browser: Browser,
  html: string,
  options: BrowserContextOptions,
  test: (page: Page) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".html" });
  const context = await browser.newContext(options);
  const trouble: string[] = [];
  try {
    await Deno.writeTextFile(file, html);
    const page = await context.newPage();
    const address = pathToFileURL(file).href;
    page.on("console", (message) => trouble.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      trouble.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      if (request.url() !== address && request.url() !== "data:,") trouble.push(request.url());
    });
    await page.goto(address);
    await test(page);
    assert.deepEqual(trouble, []);
  } finally {
    await context.close();
    await Deno.remove(file);
  }
}

const methods = (page: Page) => page.locator("tbody tr.row > th").allInnerTexts();

Deno.test("the page is the same bytes each time and names nothing outside itself", async () => {
  const html = await pageOf(sampleResult, sampleScores);
  assert.equal(await pageOf(sampleResult, sampleScores), html);
  assert.doesNotMatch(html.replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, ""), /https?:\/\//);
  assert.doesNotMatch(html, /41\.5|cached/); // times and cache use of one run
});

browserTest("a reader sorts the table and opens a row", async (browser) => {
  await look(browser, await pageOf(sampleResult, sampleScores), {}, async (page) => {
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
  });
});

browserTest("the page fits a phone, in light and in dark, and paper", async (browser) => {
  const html = await pageOf(sampleResult, sampleScores);
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 360, height: 740 };
    await look(browser, html, { viewport, colorScheme }, async (page) => {
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(Number(wide) <= 360, `${wide} wide`);
      const [ink, paper] = await page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]",
      ) as [string, string];
      const light = (colour: string) => Number(/\d+/.exec(colour)![0]);
      assert.equal(light(ink) < light(paper), colorScheme === "light");
    });
  }
  await look(browser, html, {}, async (page) => {
    await page.emulateMedia({ media: "print" });
    const overflow = "getComputedStyle(document.querySelector('.scroll')).overflowX";
    assert.equal(await page.evaluate(overflow), "visible");
  });
});

browserTest("hostile names run nothing, load nothing and add no element", async (browser) => {
  const html = await pageOf(hostileResult(), hostileScores());
  await look(browser, html, {}, async (page) => {
    assert.equal(await page.locator("script").count(), 1);
    assert.equal(await page.locator("style").count(), 1);
    assert.equal(await page.locator("img, iframe, object, embed, form, input").count(), 0);
    assert.equal(await page.locator("h1").count(), 1);
    assert.equal(await page.locator("a").count(), 5);
    for (const head of await page.locator("thead button").all()) await head.click();
    for (const row of (await page.locator("tbody th button").all()).slice(0, 8)) {
      await row.click();
      await row.hover();
    }
    assert.match(await page.locator("h1").innerText(), /^<script>alert\(1\)<\/script>$/);
  });
});
