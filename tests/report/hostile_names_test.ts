import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { serveEditor } from "../../lib/cli/segmap_editor.ts";
import { encodeWebp } from "../../lib/images/decode.ts";
import { resultCharts } from "../../lib/report/charts.ts";
import { drawChart, type DrawnChart } from "../../lib/report/drawn_charts.ts";
import { visible } from "../../lib/report/escape.ts";
import type { PagePart } from "../../lib/report/inspector_page.ts";
import type { RowImportance } from "../../lib/report/row_importance.ts";
import { toHtml } from "../../lib/report/to_html.ts";
import { browserTest, lookAt, lookAtHtml } from "../browser.ts";
import { hostileNames, hostileResult, hostileScores, sampleImportance } from "./sample_result.ts";

/** The names as a browser shows them: escapes instead of what cannot be seen, single spaces. */
const shownNames = hostileNames.map((name) => visible(name).replaceAll(/\s+/g, " ").trim());

const tile = 8;

/** A part of a run in which images, rows, detectors, units and segments have the names. */
async function hostilePart(): Promise<PagePart> {
  const names = hostileNames.map(visible);
  const edge = 8 * tile;
  const pixels = { width: edge, height: edge, data: new Uint8Array(edge * edge * 3).fill(90) };
  const sheet = await encodeWebp(pixels, 80);
  const scores = Float64Array.from(names, (_, i) => i % 7);
  const groups = names.map((name, i) => ({ source: name, segment: i % 3 === 0 ? null : name }));
  const contributions = new Int16Array(names.length * groups.length)
    .map((_, i) => (i * 31) % 200 - 100);
  return {
    data: {
      class: names[0],
      seed: 1,
      ids: names,
      kinds: names.map((_, i) => "gbu"[i % 3]).join(""),
      rows: names.map((name, i) => ({
        name,
        scores: new Uint8Array(scores.buffer).toBase64(),
        threshold: 3,
        detectors: [name],
        explained: i === names.length - 1
          ? { groups, mean: 0.5, block: "explained-0-0", scale: 0.01 }
          : null,
      })),
      detectors: names.map((name) => ({
        id: name,
        name,
        unit: name,
        low: 0,
        high: 1,
        sheets: { tile, blocks: ["maps-0-0-0"] },
      })),
      photos: { tile, blocks: ["photos-0-0"] },
      segments: {
        width: 8,
        height: 8,
        names,
        paths: names.map((_, i) => `M${i % 8} ${Math.floor(i / 8)}h1v1h-1z`),
      },
    },
    blocks: new Map([
      ["maps-0-0-0", { type: "image/webp", bytes: sheet }],
      ["photos-0-0", { type: "image/webp", bytes: sheet }],
      ["explained-0-0", {
        type: "application/octet-stream",
        bytes: new Uint8Array(contributions.buffer),
      }],
    ]),
  };
}

/** Importances in which rows, segments and detectors have the names. */
const importances: readonly RowImportance[] = hostileNames.slice(0, 4).map((row, i) => ({
  ...sampleImportance,
  row,
  shares: hostileNames.slice(0, 2).map((segment) => ({
    segment,
    share: 0.3,
    sources: [{ source: hostileNames[i + 4], share: 0.3 }],
  })),
  outlines: sampleImportance.outlines.map((outline, k) => ({
    ...outline,
    segment: hostileNames[k],
  })),
  rest: [{ source: hostileNames[i + 8], share: 0.4 }],
}));

/** How many there are of each kind of element that no name may add one of. */
async function countElements(page: Page): Promise<Record<string, number>> {
  const kinds = ["script", "style", "iframe", "object", "embed", "img", "h1", "meta", "link"];
  const counts = await Promise.all(kinds.map((kind) => page.locator(kind).count()));
  return Object.fromEntries(kinds.map((kind, i) => [kind, counts[i]]));
}

browserTest(
  `${hostileNames.length} hostile names run nothing in report and inspector`,
  async (browser) => {
    const charts: DrawnChart[] = [];
    for (const chart of resultCharts(hostileResult(), hostileScores(), importances)) {
      charts.push(await drawChart(chart));
    }
    const evidence = { pages: [await hostilePart()], importances, costs: [] };
    const html = await toHtml(hostileResult(), { charts, evidence });
    await lookAtHtml(browser, html, {}, async (page) => {
      const elements = await countElements(page);
      assert.deepEqual(
        (await page.locator("#inspect-row option").allInnerTexts()).map((text) =>
          text.replaceAll(/\s+/g, " ").trim()
        ),
        shownNames,
      );
      for (const panel of (await page.locator("[data-panel]").all()).slice(0, 8)) {
        await panel.scrollIntoViewIfNeeded();
      }
      await page.selectOption("#inspect-order", "name");
      for (const filter of ["false positives", "false negatives", "disagreement", "all"]) {
        await page.selectOption("#inspect-filter", filter);
      }
      for (const [i, name] of hostileNames.slice(0, 8).entries()) {
        await page.selectOption("#inspect-map", String(i));
        await page.fill("#inspect-find", name.slice(0, 20).replaceAll(/[\n\r]/g, ""));
      }
      await page.fill("#inspect-find", "");
      const titles = await page.locator("#inspect-grid [role=option]:not([hidden])")
        .evaluateAll((all) => all.map((one) => (one as unknown as Titled).title));
      assert.ok(titles.length > 20);
      assert.deepEqual(titles.filter((title) => !hostileNames.map(visible).includes(title)), []);
      await page.locator("#image-0").click();
      const dialog = page.locator("#inspect-image");
      for (const name of shownNames.slice(0, 5)) {
        const head = (await dialog.locator("h3").innerText()).replaceAll(/\s+/g, " ").trim();
        assert.equal(head, name);
        await dialog.locator(".raised li").first().hover();
        await page.keyboard.press("ArrowRight");
      }
      assert.equal(await dialog.locator(".maps button").count(), hostileNames.length);
      await dialog.locator(".maps button").last().click();
      await dialog.locator(".viewer").hover();
      await dialog.locator(".readout", { hasText: /./ }).waitFor();
      assert.deepEqual(await countElements(page), elements);
    });
  },
);

browserTest(
  "hostile names run nothing in the editor, and are saved as they are",
  async (browser) => {
    const width = 64;
    const segments = hostileNames.map((name) => visible(name).slice(0, 60).trim());
    const labels = Uint8Array.from({ length: width * width }, (_, i) => i % segments.length);
    const out = await Deno.makeTempFile({ suffix: ".png" });
    const stop = new AbortController();
    const page = serveEditor({
      image: { width, height: width, data: new Uint8Array(width * width * 3).fill(200) },
      name: hostileNames[0],
      map: { name: "hostile", width, height: width, labels, segments },
      out,
      port: 0,
      signal: stop.signal,
    });
    try {
      await lookAt(browser, page.address, {}, async (page) => {
        const names = page.locator("#segments input[type=text]");
        assert.deepEqual(
          await names.evaluateAll((all) => all.map((one) => (one as unknown as Named).value)),
          segments,
        );
        assert.equal(await page.locator("h1").innerText(), `Segments of ${hostileNames[0]}`);
        const elements = await countElements(page);
        for (
          const remove of (await page.locator("#segments button:first-child").all()).slice(0, 5)
        ) {
          await remove.click();
        }
        await page.keyboard.press("Control+s");
        await page.locator("#status", { hasText: /^Saved/ }).waitFor();
        assert.deepEqual(await countElements(page), elements);
      });
      assert.deepEqual(
        JSON.parse(await Deno.readTextFile(out.replace(/\.png$/, ".json"))).segments,
        segments,
      );
    } finally {
      stop.abort();
      await page.finished;
      await Deno.remove(out);
      await Deno.remove(out.replace(/\.png$/, ".json"));
    }
  },
);

/** What a cell of the grid has for this test. */
interface Titled {
  readonly title: string;
}

/** What a text field of the page has for this test. */
interface Named {
  readonly value: string;
}
