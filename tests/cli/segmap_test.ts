import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { decodeImage } from "../../lib/images/decode.ts";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { readLabelMap } from "../../lib/segments/segmentation_map.ts";
import { assertAccessible, browserTest, keepScreenshot, lookAt } from "../browser.ts";
import { hostileNames } from "../report/sample_result.ts";
import { runProgram, synthesize, withFolder, withServedPage } from "./harness.ts";

Deno.test("segmap make drafts maps from images, and show paints them", () =>
  withFolder(async (folder) => {
    await synthesize(join(folder, "product"));
    const images = ["--images", join("product", "train", "good")];
    for (const [by, segments] of [["threshold", 2], ["colours:4", 4], ["rings:3", 3]] as const) {
      const out = join(folder, "part.png");
      const make = await runProgram(
        ["segmap", "make", "part.png", ...images, "--by", by, "--json"],
        folder,
      );
      assert.equal(make.code, 0, make.stderr);
      assert.equal(JSON.parse(make.stdout).segments.length, segments);
      const { map } = await readLabelMap(out);
      assert.deepEqual([map.width, map.height, map.segments.length], [256, 256, segments]);
      const picture = ["product/test/good/0000.png", "--out", "picture.png"];
      const show = await runProgram(["segmap", "show", "part.png", ...picture], folder);
      assert.equal(show.code, 0, show.stderr);
      assert.match(show.stdout, new RegExp(`picture.png: part.png, ${segments} segments`));
      const painted = await decodeImage(
        await Deno.readFile(join(folder, "picture.png")),
        "picture",
      );
      assert.deepEqual([painted.width, painted.height], [256, 256]);
    }
  }));

Deno.test("segmap show paints a named map over an image, half and half", () =>
  withFolder(async (folder) => {
    await synthesize(join(folder, "product"));
    const image = join(folder, "product", "test", "good", "0000.png");
    const out = join(folder, "picture.png");
    const words = ["segmap", "show", "vad", image, "--out", out, "--opacity", "0.5"];
    assert.equal((await runProgram(words)).code, 0);
    const [before, after] = await Promise.all(
      [image, out].map(async (path) => await decodeImage(await Deno.readFile(path), path)),
    );
    // The corner is background, whose colour is grey (128).
    for (let c = 0; c < 3; c++) {
      assert.equal(after.data[c], Math.round(0.5 * before.data[c] + 0.5 * 128));
    }
  }));

Deno.test("segmap says what is wrong with its words and files", () =>
  withFolder(async (folder) => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [["make", "part.png"], 2, /no image is given/],
      [["make", "part.jpg", "--images", "x"], 2, /it is a PNG/],
      [["make", "part.png", "--images", "x.png"], 3, /x\.png: there is no such file/],
      [["show", "nonsense"], 2, /Unknown segmentation map "?nonsense/],
      [["show", "vad", "--opacity", "2"], 2, /opacity 2/],
      [["edit", "x.png"], 3, /x\.png: there is no such file/],
    ];
    for (const [words, code, message] of cases) {
      const run = await runProgram(["segmap", ...words], folder);
      assert.equal(run.code, code, run.stderr);
      assert.match(run.stderr.replaceAll(/\s+/g, " "), message);
    }
  }));

browserTest(
  "a map is drawn with mouse and keyboard, saved, and taken by --segmap",
  async (browser) => {
    await withFolder(async (folder) => {
      await synthesize(join(folder, "product"));
      await renameImages(join(folder, "product", "test"));
      const image = join("product", "train", "good", "0000.png");
      const words = ["segmap", "edit", image, "--out", "drawn.png"];
      const served = await withServedPage(words, folder, async (address) => {
        for (const colorScheme of ["dark", "light"] as const) {
          const viewport = { width: 1300, height: 850 };
          await lookAt(browser, address, { colorScheme, viewport }, async (page) => {
            await assertAccessible(page);
            if (colorScheme === "dark") return await keepScreenshot(page, "editor-dark");
            const status = page.locator("#status");
            const names = page.locator("#segments input[type=text]");
            const box = (await page.locator("#stage").boundingBox())!;
            const scale = box.width / 256;
            const at = (x: number, y: number) => [box.x + x * scale, box.y + y * scale] as const;
            const isStill = async () =>
              assert.deepEqual(await page.locator("#stage").boundingBox(), box);

            // A polygon with the mouse: (20, 20) to (100, 60).
            await page.locator("#add").click();
            await page.keyboard.type("plate");
            await page.keyboard.press("Tab");
            for (const [x, y] of [[20, 20], [100, 20], [100, 60], [20, 60]]) {
              await page.mouse.click(...at(x, y));
            }
            await page.keyboard.press("Enter");

            // An ellipse by dragging, undone, done again.
            await page.locator("#add").click();
            await page.keyboard.type("</script><b>dot");
            await page.keyboard.press("Tab");
            await page.locator("#stage").focus();
            await page.keyboard.press("e");
            await page.mouse.move(...at(150, 100));
            await page.mouse.down();
            await page.mouse.move(...at(190, 140), { steps: 3 });
            await page.mouse.up();
            const shares = page.locator("#segments span");
            const dot = await shares.nth(2).innerText();
            assert.match(dot, /^1\.9 %$/);
            await page.keyboard.press("Control+z");
            assert.equal(await shares.nth(2).innerText(), "empty");
            await page.keyboard.press("Control+s");
            await status.filter({ hasText: /no pixel is of segment.*Draw it/ }).waitFor();
            await page.keyboard.press("Control+y");
            assert.equal(await shares.nth(2).innerText(), dot);

            // A ring, a stroke and a fill with the keyboard alone.
            await page.keyboard.press("n");
            await page.keyboard.type("ring");
            await page.keyboard.press("Tab");
            await page.locator("#stage").focus();
            await isStill();
            await page.mouse.move(...at(128.5, 128.5));
            await page.keyboard.press("r");
            await goTo(page.keyboard, 200.5, 200.5);
            await page.keyboard.press("Space");
            await goTo(page.keyboard, 240.5, 240.5, [200.5, 200.5]);
            await page.keyboard.press("Space");
            await page.keyboard.press("b");
            await page.keyboard.press("2");
            await goTo(page.keyboard, 30.5, 200.5, [240.5, 240.5]);
            await page.keyboard.press("Space");
            await goTo(page.keyboard, 60.5, 200.5, [30.5, 200.5]);
            await page.keyboard.press("Space");
            await page.keyboard.press("f");
            await page.keyboard.press("4");
            await goTo(page.keyboard, 220.5, 220.5, [60.5, 200.5]);
            await page.keyboard.press("Space");

            assert.deepEqual(
              await names.evaluateAll((all) =>
                all.map((one) => (one as unknown as { value: string }).value)
              ),
              ["whole", "plate", "</script><b>dot", "ring"],
            );
            await page.fill("#segments li:first-child input[type=text]", "ground");
            await page.keyboard.press("Tab");
            await page.locator("#zoom-in").click();
            await page.locator("#zoom-fit").click();
            await page.locator("#opacity").fill("60");
            await page.keyboard.press("Control+s");
            await status.filter({ hasText: /^Saved to drawn\.png with 4 segments/ }).waitFor();
            await assertAccessible(page);
            await keepScreenshot(page, "editor-light");

            // A colour is a step that can be taken back; a map that is opened again has its colours.
            const colour = page.locator("#segments input[type=color]").first();
            const before = await colour.inputValue();
            await colour.fill("#123456");
            await page.locator("#undo").click();
            assert.equal(await colour.inputValue(), before);
            await page.locator("#redo").click();
            await page.keyboard.press("Control+s");
            await status.filter({ hasText: /^Saved/ }).waitFor();

            // A label image of another size is refused, a fitting one taken.
            const labels = async (size: number) => {
              const data = Uint8Array.from({ length: size * size }, (_, i) => i < size ? 4 : 0);
              const path = join(folder, "labels.png");
              await Deno.writeFile(path, labelPngBytes({ width: size, height: size, data }));
              return path;
            };
            await page.setInputFiles("#file", await labels(16));
            await status.filter({ hasText: /16 x 16 pixels, and the image 256 x 256/ }).waitFor();
            await page.setInputFiles("#file", await labels(256));
            await status.filter({ hasText: /Imported labels\.png: 5 labels/ }).waitFor();
            assert.equal(await names.count(), 5);
            const legend = join(folder, "labels.json");
            const choose = async (segments: readonly string[], colours?: readonly string[]) => {
              await Deno.writeTextFile(legend, JSON.stringify({ segments, colours }));
              await page.setInputFiles("#file", [join(folder, "labels.png"), legend]);
            };
            await choose(["a", "b", "a"]);
            await status.filter({ hasText: /two segments are named "a"/ }).waitFor();
            await page.setInputFiles("#file", legend);
            await status.filter({ hasText: /Choose one label image/ }).waitFor();
            await choose(["pad", "rim", "lead"], ["#010203", "#040506", "#070809"]);
            await status.filter({ hasText: /5 labels, names from labels\.json/ }).waitFor();
            assert.deepEqual(
              await names.evaluateAll((fields) =>
                fields.map((field) => (field as unknown as { value: string }).value)
              ),
              ["pad", "rim", "lead", "segment 3", "segment 4"],
            );
            const colours = page.locator("#segments input[type=color]");
            assert.equal(await colours.nth(1).inputValue(), "#040506");
            for (let i = 0; i < 2; i++) await page.keyboard.press("Control+z");
            await page.keyboard.press("Control+s");
            await status.filter({ hasText: /^Saved/ }).waitFor();
          });
        }
      });
      assert.equal(served.code, 0, served.stderr);

      const again = await withServedPage(words, folder, async (address) => {
        await lookAt(browser, address, { viewport: { width: 390, height: 800 } }, async (page) => {
          const colour = page.locator("#segments input[type=color]").first();
          assert.equal(await colour.inputValue(), "#123456");
          assert.ok(Number(await page.evaluate("document.documentElement.scrollWidth")) <= 390);
          await keepScreenshot(page, "editor-phone");
        });
      });
      assert.equal(again.code, 0, again.stderr);

      const { map } = await readLabelMap(join(folder, "drawn.png"));
      assert.deepEqual(map.segments, ["ground", "plate", "</script><b>dot", "ring"]);
      const label = (x: number, y: number) => map.segments[map.labels[y * 256 + x]];
      assert.deepEqual(
        [label(60, 40), label(5, 5), label(170, 120), label(152, 102)],
        ["plate", "ground", "</script><b>dot", "ground"],
      );
      // The ring's middle was filled with it, its corner was not.
      assert.deepEqual([label(220, 202), label(220, 220), label(202, 202)], [
        "ring",
        "ring",
        "ground",
      ]);
      assert.deepEqual([label(45, 200), label(45, 210)], ["plate", "ground"]);
      const run = await runProgram([
        "reproduce",
        "table3",
        ...["--data", "product", "--profile", "demo", "--segmap", "drawn.png", "--seeds", "1"],
        ...["--rows", "PatchCore + Ours", "--cache", "cache", "--out", "out", "--json"],
      ], folder);
      assert.equal(run.code, 0, run.stderr);
      assert.match(JSON.parse(run.stdout).notes.join(" "), /\(4 segments\)/);
      const report = join(folder, "out", "table3", "demo", "report.html");
      await lookAt(browser, pathToFileURL(report).href, {}, async (page) => {
        await page.locator("#inspect-grid").scrollIntoViewIfNeeded();
        await page.locator("#image-0").click();
        const dialog = page.locator("#inspect-image");
        const seen: string[] = [];
        for (let i = 0; i < 16; i++) {
          await dialog.locator(".raised li").first().waitFor();
          seen.push(await dialog.locator("h3").innerText());
          await page.keyboard.press("ArrowRight");
        }
        assert.ok(seen.some((name) => name.includes("<script>alert(1)<")), seen.join("\n"));
        assert.equal(new Set(seen).size, 16);
        assert.equal(await dialog.locator(".viewer path").count(), 4);
        await keepScreenshot(page, "own-map");
      });
    });
  },
);

/** Gives the images below `folder` hostile names, each its own. */
async function renameImages(folder: string): Promise<void> {
  // What a file's name cannot have: a slash, nothing, half a character.
  const names = hostileNames.map((name) => name.replaceAll("/", "∕").slice(0, 80))
    .filter((name) => !/[\0\ud800]/.test(name));
  for (const kind of ["good", "bad", "bad_unseen_defects"]) {
    const files = (await Array.fromAsync(Deno.readDir(join(folder, kind)))).map(({ name }) => name);
    for (const file of files.sort()) {
      await Deno.rename(join(folder, kind, file), join(folder, kind, `${names.shift()}.png`));
    }
  }
}

/** Moves the drawing's cursor with the arrow keys, from the middle of a 256 x 256 image by default. */
async function goTo(
  keyboard: { press(key: string): Promise<void> },
  x: number,
  y: number,
  from: readonly [number, number] = [128.5, 128.5],
): Promise<void> {
  for (
    const [distance, before, after] of [
      [x - from[0], "ArrowLeft", "ArrowRight"],
      [y - from[1], "ArrowUp", "ArrowDown"],
    ] as const
  ) {
    const key = distance < 0 ? before : after;
    for (let rest = Math.abs(distance); rest > 0;) {
      const far = rest >= 10;
      await keyboard.press(far ? `Shift+${key}` : key);
      rest -= far ? 10 : 1;
    }
  }
}
