/**
 * Draws `docs/overview.svg`, the picture of the README, from a finished run of Table 3 and its store: an
 * image with a defect, its anomaly maps, the segments, and what raised its score.
 *
 *     deno task picture results/table3/demo
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../lib/base/errors.ts";
import { type Command, defineCommand } from "../lib/cli/arguments.ts";
import { cacheOption } from "../lib/cli/cache_option.ts";
import { runDeveloperTask } from "../lib/cli/developer_task.ts";
import { readRun, readRunText } from "../lib/cli/run_folder.ts";
import { encodeWebp } from "../lib/images/decode.ts";
import type { RgbImage } from "../lib/images/resize.ts";
import { readAnomalyMap } from "../lib/maps/anomaly_map.ts";
import { thresholdAtTpr } from "../lib/metrics/fpr_at_tpr.ts";
import { rank } from "../lib/metrics/ranking.ts";
import { escapeHtml } from "../lib/report/escape.ts";
import { explainForest, type Explanations } from "../lib/report/inspector_explanations.ts";
import { svgPath } from "../lib/report/inspector_page.ts";
import {
  imageReader,
  type InspectedPart,
  inspectedParts,
  type InspectedRow,
} from "../lib/report/inspector_parts.ts";
import { keptSegmentation } from "../lib/report/inspector_segments.ts";
import { mapSheets } from "../lib/report/inspector_sheets.ts";
import { colourPixels } from "../lib/report/page/map_colours.js";
import { parseRunRecord } from "../lib/report/run_record.ts";
import { segmentOutlines } from "../lib/segments/segment_outlines.ts";
import { openStore, type Store } from "../lib/store/store.ts";

/** What the picture shows. */
interface Shown {
  readonly photo: RgbImage;
  readonly maps: readonly { readonly name: string; readonly picture: RgbImage }[];
  /** SVG path of each segment, and the size that they are drawn for. */
  readonly outlines: readonly string[];
  readonly size: number;
  readonly raised: readonly { readonly name: string; readonly value: number }[];
  readonly score: number;
  readonly threshold: number;
}

/** Contributions that are shown. */
const shownContributions = 6;

/**
 * The image of the first seed whose score the forest raises most, among those that a detector alone
 * misses: what the segments are for.
 */
function chooseImage(part: InspectedPart, ours: InspectedRow): number {
  const labels = part.images.map(({ label }) => label);
  const missed = (row: InspectedRow, image: number) =>
    row.scores[image] < thresholdAtTpr(rank(row.scores, labels));
  const alone = part.rows.filter(({ forest, detectors }) =>
    forest === undefined && detectors.length === 1
  );
  const images = part.images.flatMap(({ label }, image) =>
    label === 1 && !missed(ours, image) && alone.some((row) => missed(row, image)) ? [image] : []
  );
  if (images.length === 0) {
    throw new DataError(`Cannot choose an image: ${ours.name} finds none that a detector misses`, {
      remedy: "Name another row of several detectors with --row.",
    });
  }
  return images.sort((a, b) => ours.scores[b] - ours.scores[a])[0];
}

/** Gathers what is shown from the store. */
async function gather(store: Store, folder: string, rowName: string): Promise<Shown> {
  const recordPath = join(folder, "run.json");
  const run = parseRunRecord(await readRunText(recordPath), recordPath);
  const { scores } = await readRun(folder);
  const [part] = await inspectedParts(store, run, scores);
  const ours = part.rows.find(({ name }) => name === rowName);
  if (ours?.forest === undefined) {
    throw new DataError(`Cannot draw ${folder}: the run has no forest of ${rowName}`, {
      remedy: "Name a row of several detectors with --row.",
    });
  }
  const image = chooseImage(part, ours);
  const explained = await explainForest(store, ours.forest);
  const segmentation = await keptSegmentation(store, part.segmentation!);
  if (explained === undefined || segmentation === undefined) {
    throw new DataError(`Cannot draw ${folder}: the store has lost a part of the run`, {
      remedy: "Run the same reproduce again.",
    });
  }
  const photo = await imageReader(store, "pixels.npy")(part.pixels![image]);
  const [height, width] = photo!.shape;
  const readMap = imageReader(store, "maps.npy");
  const maps: { name: string; picture: RgbImage }[] = [];
  for (const { id, name, maps: stored, reading } of part.detectors) {
    if (!ours.detectors.includes(id)) continue;
    // The scale of the detector over all test images, as in the report.
    const { low, high } = (await mapSheets(store, stored, reading, run.size, 96))!;
    const native = (await readMap(stored[image]))!;
    const map = readAnomalyMap(
      native.data as Float32Array,
      native.shape[0],
      native.shape[1],
      run.size,
      reading,
    );
    maps.push({ name, picture: heat(map, run.size, low, high) });
  }
  const labels = part.images.map(({ label }) => label);
  return {
    photo: { width, height, data: photo!.data as Uint8Array },
    maps,
    outlines: segmentOutlines(segmentation).map(({ loops }) => svgPath(loops)),
    size: segmentation.width,
    raised: largest(explained, image),
    score: ours.scores[image],
    threshold: thresholdAtTpr(rank(ours.scores, labels)),
  };
}

function heat(map: Float32Array, size: number, low: number, high: number): RgbImage {
  const levels = Uint8ClampedArray.from(map, (value) => 255 * (value - low) / (high - low));
  const rgba: Uint8ClampedArray = colourPixels(levels, 1);
  return {
    width: size,
    height: size,
    data: Uint8Array.from(
      { length: 3 * map.length },
      (_, i) => rgba[4 * Math.floor(i / 3) + i % 3],
    ),
  };
}

/** The largest contributions to the score of `image`, the largest first. */
function largest({ groups, values }: Explanations, image: number): Shown["raised"] {
  return groups.map(({ source, segment }, i) => ({
    name: segment === null ? source : `${segment}, ${source}`,
    value: values[image * groups.length + i],
  })).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, shownContributions);
}

const edge = 200;
const top = 34;

async function draw(shown: Shown): Promise<string> {
  const photo = await webp(shown.photo);
  const parts: string[] = [];
  const heading = (x: number, number: number, text: string) =>
    parts.push(`<text x="${x}" y="18"><tspan class="n">${number}</tspan> ${text}</text>`);
  const arrow = (x: number) =>
    parts.push(`<path class="arrow" d="M${x} ${top + edge / 2}h22m-7-6l7 6l-7 6"/>`);

  heading(0, 1, "an image with a defect");
  parts.push(picture(photo, 0, top, edge));
  arrow(edge + 9);

  const [left, small, gap] = [edge + 40, (edge - 8) / 2, 8];
  heading(left, 2, "anomaly maps");
  for (const [i, { name, picture: map }] of shown.maps.slice(0, 4).entries()) {
    const [x, y] = [left + i % 2 * (small + gap), top + Math.floor(i / 2) * (small + gap)];
    parts.push(picture(await webp(map), x, y, small));
    parts.push(`<text class="on" x="${x + 5}" y="${y + 13}">${escapeHtml(name)}</text>`);
  }
  arrow(left + edge + 9);

  const third = left + edge + 40;
  heading(third, 3, "cut into segments");
  parts.push(
    picture(photo, third, top, edge),
    `<svg class="outlines" x="${third}" y="${top}" width="${edge}" height="${edge}" viewBox="0 0 ` +
      `${shown.size} ${shown.size}">${
        shown.outlines.map((path) => `<path d="${path}"/>`).join("")
      }</svg>`,
  );
  arrow(third + edge + 9);

  const fourth = third + edge + 44;
  heading(fourth, 4, "the forest's score, and what raised it");
  const most = Math.max(...shown.raised.map(({ value }) => Math.abs(value)));
  for (const [i, { name, value }] of shown.raised.entries()) {
    const y = top + 14 + i * 25;
    const width = 88 * Math.abs(value) / most;
    parts.push(
      `<text class="name" x="${fourth}" y="${y}">${escapeHtml(name)}</text>`,
      `<rect class="${value > 0 ? "up" : "down"}" x="${fourth + 186}" y="${y - 10}" width="${
        width.toFixed(1)
      }" height="12" rx="2"/>`,
      `<text class="name" x="${(fourth + 192 + width).toFixed(1)}" y="${y}">${
        value > 0 ? "+" : "−"
      }${Math.abs(value).toFixed(2)}</text>`,
    );
  }
  const [score, threshold] = [shown.score, shown.threshold].map((one) =>
    one.toFixed(2).replace("-", "−")
  );
  parts.push(
    `<text class="verdict" x="${fourth}" y="${top + edge - 14}">score ${score}: bad</text>`,
    `<text class="name" x="${fourth}" y="${
      top + edge + 4
    }">95 % of the bad images are found from ${threshold} on</text>`,
  );
  const width = fourth + 330;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${
    top + edge + 12
  }" width="${width}" height="${top + edge + 12}" role="img">
<title>From an image to its score: anomaly maps, segments, and a forest that says what raised it</title>
<style>
text { font: 14px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #24292f; }
.n { font-weight: 700; fill: #2f6db3; }
.name { font-size: 12.5px; }
.on { font-size: 11px; fill: #fff; }
.verdict { font-size: 16px; font-weight: 700; }
.arrow { fill: none; stroke: #6e7781; stroke-width: 2; }
.outlines path { fill: none; stroke: #fff; stroke-width: 1.2px; vector-effect: non-scaling-stroke; }
.up { fill: #c4483c; }
.down { fill: #3a9d6b; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .n { fill: #7fb0ea; }
  .on { fill: #fff; }
  .arrow { stroke: #9198a1; }
}
</style>
${parts.join("\n")}
</svg>
`;
}

function picture(data: string, x: number, y: number, size: number): string {
  return `<image x="${x}" y="${y}" width="${size}" height="${size}" href="${data}"/>`;
}

async function webp(image: RgbImage): Promise<string> {
  return `data:image/webp;base64,${(await encodeWebp(image, 88)).toBase64()}`;
}

const pictureCommand: Command = defineCommand({
  name: "picture",
  summary: "Draw the picture of the README from a finished run of Table 3.",
  examples: [{ command: "picture results/table3/demo", description: "of the embedded product" }],
  options: {
    ...cacheOption,
    row: {
      type: "string",
      value: "NAME",
      default: "All AD + Ours",
      description: "row of several detectors whose forest is explained",
    },
  },
  positionals: [{ name: "folder", description: "results of the run" }],
  async run({ output }, { options: { cache, row }, positionals: [folder] }) {
    const store = await openStore(cache);
    try {
      const svg = await draw(await gather(store, folder, row));
      await Deno.writeTextFile(new URL("overview.svg", import.meta.url), svg);
      const kilobytes = Math.round(svg.length / 1000);
      output.result(
        { file: "docs/overview.svg", kilobytes },
        () => `docs/overview.svg, ${kilobytes} kB\n`,
      );
      return 0;
    } finally {
      store.close();
    }
  },
});

if (import.meta.main) Deno.exit(await runDeveloperTask(pictureCommand));
