import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { syntheticProduct } from "../../lib/images/synthetic_product.ts";
import { assertAccessible, browserTest, keepScreenshot, lookAt } from "../browser.ts";
import { runProgram, withServedPage } from "./harness.ts";

const rows = ["PatchCore", "FastFlow + Ours", "PatchCore + Ours"];

/**
 * A folder with the store `cache` and the finished run `out/table3/demo`, made once for all tests: Table 3
 * on the embedded product, with one seed of three of its rows.
 */
let made: Promise<string> | undefined;

function finishedRun(): Promise<string> {
  made ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "segad" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const run = await runProgram([
      "reproduce",
      "table3",
      ...["--seeds", "1", "--rows", rows.join(",")],
      ...["--cache", join(folder, "cache"), "--out", join(folder, "out"), "--quiet"],
    ]);
    assert.equal(run.code, 0, run.stderr);
    return folder;
  })();
  return made;
}

/** Test images of the embedded product. */
const { test_good, test_bad, test_bad_unseen } = syntheticProduct().counts;
const images = test_good + test_bad + test_bad_unseen;

// Before any browser is started: it would wait for minutes on a busy machine.
Deno.test("Table 3 of the embedded product is run for the tests below", async () => {
  const run = join(await finishedRun(), "out", "table3", "demo");
  assert.ok((await Deno.stat(join(run, "report.html"))).size > 1e6);
});

const count = (page: Page) => page.locator("#inspect-count").innerText();
const dialog = (page: Page) => page.locator("#inspect-image");
const cells = (page: Page) => page.locator("#inspect-grid [role=option]:not([hidden])");

/** Waits until the grid shows as many images as its words say. */
async function shown(page: Page, expected: RegExp): Promise<void> {
  await page.locator("#inspect-count", { hasText: expected }).waitFor();
}

/** What a reader does with the images of a page, from a file or served. */
async function inspectImages(page: Page): Promise<void> {
  await page.locator("#inspect-grid").scrollIntoViewIfNeeded();
  await page.selectOption("#inspect-row", { label: "FastFlow + Ours" });
  assert.equal(await count(page), `${images} of ${images} images`);
  assert.ok(await cells(page).count() > 10);
  await page.selectOption("#inspect-filter", "false positives");
  const outcomes = await cells(page).evaluateAll((all) =>
    all.map((cell) => (cell as unknown as { dataset: Record<string, string> }).dataset.outcome)
  );
  assert.ok(outcomes.length > 0 && outcomes.every((outcome) => outcome === "false positive"));
  const [found] = (await count(page)).split(" ");
  assert.ok(Number(found) >= outcomes.length && Number(found) < test_good, found);
  await page.selectOption("#inspect-filter", "unseen");
  await shown(page, new RegExp(`^${test_bad_unseen} of ${images} images$`));
  await page.selectOption("#inspect-map", { label: "map of FastFlow" });
  assert.match(await page.locator("#inspect-legend").innerText(), /FastFlow: .*\d/s);
  await assertAccessible(page);

  await page.locator("#inspect-grid").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  assert.match(
    await dialog(page).locator("h3").innerText(),
    /^test\/bad_unseen_defects\/\d+\.png$/,
  );
  assert.equal(await dialog(page).locator(".place").innerText(), `2 of ${test_bad_unseen}`);
  assert.equal(await dialog(page).locator(".scores tbody tr").count(), rows.length);
  const raised = dialog(page).locator(".raised");
  await raised.locator("li").first().waitFor();
  assert.match(await raised.innerText(), /What raised the score of FastFlow \+ Ours/);
  assert.match(await raised.innerText(), /(Raised most by|Nothing raised).* in FastFlow/s);
  const maps = dialog(page).locator(".maps button");
  assert.deepEqual(await maps.locator("b").allInnerTexts(), ["PatchCore", "FastFlow"]);
  await maps.nth(1).click();
  assert.equal(await maps.nth(1).getAttribute("aria-pressed"), "true");
  assert.equal(await maps.nth(0).getAttribute("aria-pressed"), "false");
  const viewer = dialog(page).locator(".viewer");
  assert.equal(await viewer.locator("path").count(), 7);
  await viewer.hover();
  await dialog(page).locator(".readout", { hasText: /FastFlow .*-?\d.* · \w+/ }).waitFor();
  await assertAccessible(page);
  await page.keyboard.press("ArrowLeft");
  assert.equal(await dialog(page).locator(".place").innerText(), `1 of ${test_bad_unseen}`);
  await page.keyboard.press("Escape");
  assert.ok(await dialog(page).isHidden());

  await page.selectOption("#inspect-filter", "disagreement");
  await page.selectOption("#inspect-other", { label: "PatchCore" });
  await shown(page, new RegExp(`^\\d+ of ${images} images$`));
  await page.selectOption("#inspect-filter", "all");
  await page.fill("#inspect-find", "good/0003");
  await shown(page, new RegExp(`^1 of ${images} images$`));
  await page.fill("#inspect-find", "");
}

browserTest("the page of a run shows images, maps and what raised scores", async (browser) => {
  const run = join(await finishedRun(), "out", "table3", "demo");
  const address = pathToFileURL(join(run, "report.html")).href;
  for (const colorScheme of ["light", "dark"] as const) {
    await lookAt(browser, address, { colorScheme }, async (page) => {
      await page.getByRole("button", { name: /^Cl\. AUROC/ }).click();
      assert.equal(await page.locator("th[aria-sort=descending]").count(), 1);
      await page.locator("#figure-auroc").scrollIntoViewIfNeeded();
      await page.locator("#figure-auroc [data-live] .mark-rect path").first().hover();
      assert.match(await page.locator("#tip").innerText(), /^row\nPatchCore\nCl\. AUROC\n/);
      await inspectImages(page);
      await keepScreenshot(page, `inspector-${colorScheme}`);
      await cells(page).first().click();
      await dialog(page).locator(".raised li").first().waitFor();
      await keepScreenshot(page, `image-${colorScheme}`);
    });
  }
  await lookAt(browser, address, { viewport: { width: 360, height: 740 } }, async (page) => {
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    assert.ok(Number(wide) <= 360, `${wide} wide`);
    await page.locator("#inspect-grid").scrollIntoViewIfNeeded();
    await cells(page).first().click();
    await dialog(page).locator(".raised li").first().waitFor();
    await keepScreenshot(page, "image-phone");
  });
});

browserTest("a range of scores is chosen in a histogram", async (browser) => {
  const run = join(await finishedRun(), "out", "table3", "demo");
  await lookAt(browser, pathToFileURL(join(run, "report.html")).href, {}, async (page) => {
    const panel = page.locator('[data-row="FastFlow + Ours"]').first();
    await panel.scrollIntoViewIfNeeded();
    await page.locator('[data-row="FastFlow + Ours"][data-live]').first().waitFor();
    const box = (await panel.locator("svg .background").first().boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, y, { steps: 4 });
    await page.mouse.up();
    await page.locator("#inspect-range", { hasText: /^scores .* to .* ✕$/ }).waitFor();
    const [some] = (await count(page)).split(" ");
    assert.ok(Number(some) > 0 && Number(some) < images, some);
    // The same with two numbers, for those who do not drag.
    const [low, high] = [page.locator("#inspect-low"), page.locator("#inspect-high")];
    const from = await low.inputValue();
    assert.match(from, /\d/);
    await high.fill("");
    await page.locator("#inspect-range", { hasText: /^scores from .* ✕$/ }).waitFor();
    await low.fill("");
    assert.equal(await count(page), `${images} of ${images} images`);
    await low.fill(from);
    await page.locator("#inspect-range", { hasText: /^scores from/ }).waitFor();
    const row = page.locator("#inspect-row option:checked");
    assert.equal(await row.innerText(), "FastFlow + Ours");
    await page.locator("#inspect-range").click();
    assert.equal(await count(page), `${images} of ${images} images`);
    assert.equal(await low.inputValue(), "");
  });
});

Deno.test("report writes the same page from the store again, without it one without images", async () => {
  const folder = await finishedRun();
  const run = join(folder, "out", "table3", "demo");
  const html = await Deno.readTextFile(join(run, "report.html"));
  const report = async (cache: string) => {
    const { code, stderr } = await runProgram(["report", run, "--cache", cache, "--quiet"]);
    assert.equal(code, 0, stderr);
    return await Deno.readTextFile(join(run, "report.html"));
  };
  const gone = join(folder, "gone");
  assert.doesNotMatch(await report(gone), /id="inspector"/);
  await assert.rejects(Deno.stat(gone), Deno.errors.NotFound);
  assert.equal(await report(join(folder, "cache")), html);
});

browserTest("inspect serves the page with exact maps, to this machine only", async (browser) => {
  const folder = await finishedRun();
  const run = join(folder, "out", "table3", "demo");
  const words = ["inspect", run, "--cache", join(folder, "cache")];
  const served = await withServedPage(words, run, async (address) => {
    await lookAt(browser, address, {}, async (page) => {
      await inspectImages(page);
      await keepScreenshot(page, "inspect-served");
    });
    const { origin, host, pathname } = new URL(address);
    assert.match(origin, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.ok(pathname.length > 20);
    const status = async (path: string, options: RequestInit = {}) => {
      const response = await fetch(`${origin}${path}`, options);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await status(pathname), 200);
    assert.equal(await status(`${pathname}scores.csv`), 200);
    assert.equal(await status("/"), 404);
    assert.equal(await status(`/${"A".repeat(24)}/`), 404);
    assert.equal(await status(`${pathname}%2e%2e%2fdemo%2fresult.json`), 404);
    assert.equal(await status(`${pathname}part/99`), 404);
    assert.equal(await status(pathname, { method: "POST" }), 404);
    assert.equal(await rawStatus(address, `Host: ${host}`), 200);
    assert.equal(await rawStatus(address, "Host: attacker.example"), 404);
  });
  assert.equal(served.code, 0, served.stderr);
});

Deno.test("inspect says what is missing of a run or its store", async () => {
  const folder = await finishedRun();
  const run = await runProgram(["inspect", join(folder, "nothing")]);
  assert.equal(run.code, 3);
  assert.match(oneLine(run.stderr), /there is no .*result\.json\. Give the folder of a run/);
  const finished = join(folder, "out", "table3", "demo");
  const port = await runProgram(["inspect", finished, "--port", "99999"], folder);
  assert.equal(port.code, 2);
  assert.match(port.stderr, /99999 is not a port/);
  const words = ["inspect", finished, "--cache", join(folder, "empty")];
  const { stderr } = await withServedPage(words, folder, async (address) => {
    const { parts, stubs } = inspectionOf(await (await fetch(address)).text());
    assert.deepEqual([parts, stubs.length], [undefined, 1]);
    const part = await (await fetch(`${address}part/0`)).json();
    assert.equal(part.ids.length, images);
    assert.deepEqual([part.photos, part.detectors], [null, []]);
  });
  assert.match(oneLine(stderr), /no images and maps of this run.* --cache/);
});

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function inspectionOf(html: string) {
  return JSON.parse(/id="inspection">([^<]*)</.exec(html)![1]);
}

/** The status of a request with a header line of our choice. */
async function rawStatus(address: string, header: string): Promise<number> {
  const { port, pathname } = new URL(address);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const request = `GET ${pathname} HTTP/1.1\r\n${header}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const answer = await new Response(connection.readable).text();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)![1]);
}
