/**
 * Debian's chromium, for tests that look at pages.
 *
 * @module
 */
import { type Browser, chromium } from "playwright-core";

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
