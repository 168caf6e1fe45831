import assert from "node:assert/strict";
import type { Json } from "../../lib/base/digest.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { forestPresets } from "../../lib/forest/presets.ts";
import { type Dataset, makeDataset, type Sample } from "../../lib/images/sample.ts";
import { drawSample, syntheticProduct } from "../../lib/images/synthetic_product.ts";
import { detectors } from "../../lib/maps/detectors.ts";
import { resultCharts } from "../../lib/report/charts.ts";
import { drawChart, type DrawnChart } from "../../lib/report/drawn_charts.ts";
import { keepSegmentation } from "../../lib/report/inspector_segments.ts";
import { runEvidence } from "../../lib/report/run_evidence.ts";
import type { RunRecord } from "../../lib/report/run_record.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";
import { toHtml } from "../../lib/report/to_html.ts";
import { type Pack, packsOf } from "../../lib/runner/packs.ts";
import { planSegmentation } from "../../lib/runner/planned_segmentation.ts";
import { makeStage, type Stage, stageOfRole } from "../../lib/runner/stage.ts";
import { featuresStage } from "../../lib/runner/stages/features.ts";
import {
  forestKind,
  forestStage,
  type ForestStageParameters,
} from "../../lib/runner/stages/forest.ts";
import { mapsStage } from "../../lib/runner/stages/maps.ts";
import { pixelsStage } from "../../lib/runner/stages/pixels.ts";
import { openStore, type Store } from "../../lib/store/store.ts";
import { parseNpy } from "../../lib/base/npy.ts";
import { browserTest, keepScreenshot, lookAtHtml } from "../browser.ts";
import { sampleResult } from "./sample_result.ts";

const size = 128;
const seed = 333;
const testImages = 2000;
const trainImages = 64;

/** A stage whose entry was written. */
async function written(
  store: Store,
  stage: Stage,
  files: Record<string, Uint8Array<ArrayBuffer>>,
): Promise<Stage> {
  await store.write(stage.input, new Map(Object.entries(files)), 0.5);
  return stage;
}

/** The images: drawn once each 40, then with brightness, shift and noise of their own. */
async function writePixels(
  store: Store,
  dataset: Dataset,
  packs: readonly Pack[],
): Promise<Stage[]> {
  const counts = { train_good: 40, train_bad: 0, test_good: 0, test_bad: 0, test_bad_unseen: 0 };
  const product = syntheticProduct({ size, counts });
  const drawn = Array.from(
    { length: 40 },
    (_, i) => drawSample(product, { id: `train/good/${String(i).padStart(4, "0")}.png` }).data,
  );
  let noise = 12345;
  const stages: Stage[] = [];
  for (const pack of packs) {
    const data = new Uint8ClampedArray(pack.samples.length * size * size * 3);
    pack.samples.forEach((_, k) => {
      const source = drawn[(pack.index * 7 + k) % drawn.length];
      const shift = (pack.index * 31 + k * 17) % 24 - 12;
      for (let i = 0; i < source.length; i++) {
        noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
        data[k * source.length + i] = source[i] + shift + (noise >>> 29) - 4;
      }
    });
    const shape = [pack.samples.length, size, size, 3];
    const pixels = npyBytes({ shape, data: new Uint8Array(data.buffer) });
    stages.push(await written(store, pixelsStage(dataset, pack, size), { "pixels.npy": pixels }));
  }
  return stages;
}

/** Maps with a blob each over noise, and made-up statistics that tell good from bad. */
async function writeDetector(
  store: Store,
  id: string,
  packs: readonly Pack[],
  pixels: readonly Stage[],
  random: RandomState,
): Promise<Stage[]> {
  const detector = detectors.get(id)!;
  const plan = detector.plan({
    profile: "demo",
    size,
    backbone: "small",
    variant: detector.variants[0],
  });
  const fit = makeStage({
    stage: "fit",
    revision: 1,
    parameters: { detector: id },
    needs: {},
    label: id,
    seconds: 1,
    mebibytes: 1,
  });
  const segmentation = await planSegmentation("vad", size, { width: size, height: size });
  const stages: Stage[] = [];
  for (const [p, pack] of packs.entries()) {
    const rows = pack.samples.map((_, row) => row);
    const maps = mapsStage(
      detector,
      plan,
      fit,
      pixels[p],
      { pack, rows },
      seed,
      undefined,
      null as Json,
    );
    const grid = 24;
    const map = new Float32Array(rows.length * grid * grid);
    const segments = segmentation.segments.length;
    const statistics = new Float64Array(rows.length * segments * 5);
    pack.samples.forEach(({ label }, row) => {
      const [x0, y0] = [random.random() * grid, random.random() * grid];
      for (let y = 0; y < grid; y++) {
        for (let x = 0; x < grid; x++) {
          const blob = Math.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 12) * (0.4 + label);
          map[(row * grid + y) * grid + x] = 1 + 0.3 * random.random() + blob;
        }
      }
      for (let i = 0; i < segments * 5; i++) {
        statistics[row * segments * 5 + i] = random.random() + 0.25 * label;
      }
    });
    await written(store, maps, {
      "maps.npy": npyBytes({ shape: [rows.length, grid, grid], data: map }),
    });
    const features = featuresStage(
      maps,
      segmentation,
      { upsample: "bilinear" },
      size,
      { pack, rows },
      id,
    );
    const maxima = Float64Array.from(rows, (row) => statistics[row * segments * 5]);
    const scores = npyBytes({ shape: [rows.length], data: maxima });
    stages.push(
      await written(store, features, {
        "statistics.npy": npyBytes({ shape: [rows.length, segments, 5], data: statistics }),
        "map_max.npy": scores,
        "scores.npy": scores,
      }),
    );
  }
  await keepSegmentation(store, segmentation, size);
  return stages;
}

/** A run of five rows on 2,000 test images, in a store. */
async function writeRun(
  store: Store,
): Promise<{ readonly run: RunRecord; readonly scores: ScoreRecord[] }> {
  const samples = Array.from({ length: trainImages + testImages }, (_, i): Sample => {
    const isTest = i >= trainImages;
    const label = i % 2 as 0 | 1;
    const unseen = isTest && label === 1 && i % 12 === 1;
    const folder = `${isTest ? "test" : "train"}/${
      label === 0 ? "good" : unseen ? "unseen" : "bad"
    }`;
    return {
      id: `${folder}/${String(i).padStart(5, "0")}.png`,
      class: "vad",
      split: isTest ? "test" : "train",
      label,
      unseen,
      digest: i.toString(16).padStart(64, "0"),
    };
  });
  const source = { kind: "folder", root: "nowhere" } as const;
  const dataset = makeDataset({ name: "large", layout: "vad", samples, source });
  const packs = packsOf(dataset.samples);
  const pixels = await writePixels(store, dataset, packs);
  const random = new RandomState(1);
  const features = new Map<string, Stage[]>();
  for (const id of [...detectors.keys()].slice(0, 4)) {
    const { name } = detectors.get(id)!;
    features.set(name, await writeDetector(store, id, packs, pixels, random));
  }
  const places = dataset.samples.map((_, place) => place);
  const train = places.filter((place) => dataset.samples[place].split === "train");
  const test = places.filter((place) => dataset.samples[place].split === "test");
  const rows: { row: string; cells: RunRecord["rows"][number]["cells"] }[] = [];
  const scores: ScoreRecord[] = [];
  const names = [...features.keys()];
  for (const used of [...names.map((name) => [name]), names]) {
    const row = `${used.length > 1 ? "All AD" : used[0]} + Ours`;
    const stage = forestStage({
      featureSet: "paper",
      features: new Map(used.map((name) => [name, features.get(name)!])),
      segments: (await planSegmentation("vad", size, { width: size, height: size })).segments,
      forest: { ...forestPresets.BRF, num_parallel_tree: 20, n_estimators: 4 },
      seed,
      train,
      labels: train.map((place) => dataset.samples[place].label),
      test,
      label: row,
    });
    const keysOf = (role: string) => [stage.input.inputs[role] ?? []].flat();
    const files = await forestKind.run({
      parameters: stage.input.parameters as unknown as ForestStageParameters,
      locations: {},
      count: (role) => keysOf(role).length,
      read: async (role, index = 0, names) =>
        (await store.read(stageOfRole(role), keysOf(role)[index], names))!,
      progress: () => {},
      checkpoints: {
        load: () => Promise.resolve(undefined),
        save: () => Promise.resolve(),
      },
    });
    await store.write(stage.input, files, 1);
    const values = parseNpy(files.get("scores.npy")!).data as Float64Array;
    test.forEach((place, i) => {
      const { id, label, unseen } = dataset.samples[place];
      scores.push({ row, seed, image: id, label, unseen, score: values[i] });
    });
    rows.push({ row, cells: [{ class: "vad", seed, stage: "forest", key: stage.key }] });
  }
  return { run: { size, rows }, scores };
}

browserTest(
  "a page of 5 rows x 2,000 images is small, quickly there and scrolls",
  async (browser) => {
    const folder = await Deno.makeTempDir();
    const store = await openStore(folder);
    try {
      const { run, scores } = await writeRun(store);
      const evidence = await runEvidence(store, run, scores);
      const [first] = sampleResult.rows;
      const rows = run.rows.map(({ row }) => ({ ...first, row }));
      const result = { ...sampleResult, seeds: [seed], rows };
      const charts: DrawnChart[] = [];
      for (const chart of resultCharts(result, scores, evidence.importances)) {
        charts.push(await drawChart(chart));
      }
      const html = await toHtml(result, { charts, evidence });
      const megabytes = new TextEncoder().encode(html).length / 1e6;
      assert.ok(megabytes < 15, `${megabytes} MB`);
      const detectorsShown = evidence.pages[0].data.detectors.length;
      assert.equal(detectorsShown, Math.min(4, detectors.size));

      const start = performance.now();
      await lookAtHtml(browser, html, {}, async (page) => {
        const ready = performance.now() - start;
        const grid = page.locator("#inspect-grid");
        await grid.scrollIntoViewIfNeeded();
        assert.equal(await page.locator("#inspect-count").innerText(), "2000 of 2000 images");
        await page.selectOption("#inspect-map", "0");
        const frames = await page.evaluate(scrollThrough) as number[];
        assert.ok(await grid.evaluate((element) => element.scrollTop > 1000));
        assert.ok(await page.locator("#inspect-grid [role=option]").count() < 200);
        await page.locator("#image-1999").click();
        await page.locator("#inspect-image .raised li").first().waitFor();
        await page.keyboard.press("Escape");
        await keepScreenshot(page, "large-page");
        const longest = Math.max(...frames);
        console.log(
          `${megabytes.toFixed(1)} MB with ${detectorsShown} detectors, interactive after ` +
            `${Math.round(ready)} ms; ${frames.length} frames of scrolling, the longest ` +
            `${longest.toFixed(0)} ms`,
        );
      });
    } finally {
      store.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** Scrolls the grid from top to bottom, 160 pixels a frame, and gives the length of each frame. */
const scrollThrough = `new Promise((done) => {
  const grid = document.getElementById("inspect-grid");
  const frames = [];
  let last = performance.now();
  const step = (now) => {
    frames.push(now - last);
    last = now;
    grid.scrollTop += 160;
    if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) return done(frames.slice(1));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;
