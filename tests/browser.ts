/**
 * Debian's chromium, for tests that look at pages. Screenshots are kept in the folder that the variable
 * SCREENSHOTS names, by default `.cache/screenshots`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Path of chromium, or undefined where it is not installed. */
export const chromiumPath: string | undefined = (Deno.env.get("PATH") ?? "").split(":")
  .flatMap((folder) => ["chromium", "chromium-browser"].map((name) => `${folder}/${name}`))
  .find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });

/** A test with a browser; it is skipped, and says so, where chromium is not installed. */
export function browserTest(name: string, fn: (browser: Browser) => Promise<void>): void {
  if (chromiumPath === undefined) console.log("skipped: install chromium");
  Deno.test({
    name,
    ignore: chromiumPath === undefined,
    // The driver keeps pipes and timers of its own.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const browser = await chromium.launch({
        executablePath: chromiumPath!,
        args: ["--no-sandbox", "--disable-gpu"],
      });
      try {
        await fn(browser);
      } finally {
        await browser.close();
      }
    },
  });
}

/**
 * Opens `address` and hands over the page. Everything that the console says, every error, dialog and
 * request to another place than `address` (a file) or below it (a served page) fails the test.
 */
export async function lookAt(
  browser: Browser,
  address: string,
  options: BrowserContextOptions,
  test: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const trouble: string[] = [];
  try {
    const page = await context.newPage();
    page.on("console", (message) => trouble.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      trouble.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      const url = request.url();
      const isOwn = address.endsWith("/") ? url.startsWith(address) : url === address;
      if (!isOwn && !/^(data|blob):/.test(url)) trouble.push(`request: ${url.slice(0, 200)}`);
    });
    await page.goto(address);
    await page.waitForSelector("html[data-ready]", { state: "attached" });
    await test(page);
    assert.deepEqual(trouble, []);
  } finally {
    await context.close();
  }
}

/** Opens `html` as a file. */
export async function lookAtHtml(
  browser: Browser,
  html: string,
  options: BrowserContextOptions,
  test: (page: Page) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".html" });
  try {
    await Deno.writeTextFile(file, html);
    await lookAt(browser, pathToFileURL(file).href, options, test);
  } finally {
    await Deno.remove(file);
  }
}

/** Fails for findings of axe-core that are serious or critical. */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await page.evaluate(`${axe.source}; axe.run(document)`) as {
    readonly violations: readonly {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }[];
  };
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) =>
      `${id}: ${nodes[0].html.slice(0, 200)} (${nodes.length}): ${nodes[0].failureSummary}`
    );
  assert.deepEqual(serious, []);
}

/** Keeps a picture of the window. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = Deno.env.get("SCREENSHOTS") ||
    join(fileURLToPath(new URL("../", import.meta.url)), ".cache", "screenshots");
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
