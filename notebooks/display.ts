/**
 * What a cell shows: text, frames as tables, charts as SVG beside the Vega-Lite specification, images
 * and anomaly maps. A cell says `await showFrame(...)`, wherever in it that stands.
 *
 * The value of a cell's last line and what `console.log` prints are not shown for certain: Deno
 * 2.9.6's kernel sends them from a queue and may say that the cell is done before the queue is empty,
 * and front ends leave out what comes after (nbconvert lost 7 of 99 outputs of three executions of
 * these notebooks). The functions here wait until the queue has been sent.
 *
 * @module
 */
import type { DataFrame } from "danfojs";
import { encodePng } from "../lib/images/decode.ts";
import { resizeImage, type RgbImage } from "../lib/images/resize.ts";
import type { Chart } from "../lib/report/charts.ts";
import { escapeHtml } from "../lib/report/escape.ts";
import { renderSvg } from "../lib/report/render.ts";

/** How long a cell goes on after it has shown something, milliseconds; sending takes under 5. */
const sendingTime = 100;

/** Shows a value in forms by MIME type, of which a front end takes the richest that it knows. */
async function show(forms: Readonly<Record<string, unknown>>): Promise<void> {
  await Deno.jupyter.display({ [Symbol.for("Jupyter.display")]: () => forms });
  await new Promise((resolve) => setTimeout(resolve, sendingTime));
}

/** Text as it stands. */
export async function showText(text: string): Promise<void> {
  await show({ "text/plain": text });
}

/** A text in Markdown, such as the table that a run writes. */
export async function showMarkdown(markdown: string): Promise<void> {
  await show({ "text/markdown": markdown, "text/plain": markdown });
}

/**
 * A frame as a table; the numbers of a column have `digits` decimals, unless all are integers. At most
 * `limit` lines are shown.
 */
export async function showFrame(
  frame: DataFrame,
  { digits = 1, limit = 20 }: { readonly digits?: number; readonly limit?: number } = {},
): Promise<void> {
  const columns = frame.columns.map(String);
  const all = frame.values as (string | number)[][];
  const decimals = columns.map((_, column) =>
    all.every((line) => Number.isNaN(line[column]) || Number.isInteger(line[column])) ? 0 : digits
  );
  const cell = (value: string | number, column: number): string =>
    typeof value === "string" ? value : Number.isNaN(value) ? "" : value.toFixed(decimals[column]);
  const lines = all.slice(0, limit).map((line) => line.map(cell));
  const more = all.length > limit ? `${all.length - limit} more lines` : "";
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join("")}</tr>`;
  await show({
    "text/html": `<table><thead>${row("th", columns)}</thead><tbody>${
      lines.map((line) => row("td", line)).join("")
    }</tbody></table>${more}`,
    "text/plain": [columns, ...lines].map((line) => line.join("\t")).join("\n") +
      (more === "" ? "" : `\n${more}`),
  });
}

/**
 * A chart, drawn, and as a specification for front ends that let it be explored. It is drawn as an image of
 * a page too: nbconvert 6.5 takes the shapes out of an SVG that stands by itself.
 */
export async function showChart(chart: Chart): Promise<void> {
  const svg = await renderSvg(chart);
  const source = `data:image/svg+xml;base64,${new TextEncoder().encode(svg).toBase64()}`;
  await show({
    "text/html": `<img src="${source}" alt="${escapeHtml(chart.description)}">`,
    "image/svg+xml": svg,
    "application/vnd.vegalite.v6+json": chart.spec,
    "text/plain": `${chart.title}: ${chart.description}`,
  });
}

/** Images of one height in a row, each drawn `scale` times as large. */
export async function showImages(images: readonly RgbImage[], scale = 2): Promise<void> {
  const parts = images.map((one) => resizeImage(one, one.width * scale, one.height * scale));
  const gap = 8;
  const height = Math.max(...parts.map((one) => one.height));
  const width = parts.reduce((sum, one) => sum + one.width + gap, -gap);
  const data = new Uint8Array(width * height * 3).fill(255);
  let left = 0;
  for (const part of parts) {
    for (let y = 0; y < part.height; y++) {
      const line = part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3);
      data.set(line, (y * width + left) * 3);
    }
    left += part.width + gap;
  }
  const png = await encodePng({ width, height, data });
  await show({
    "image/png": png.toBase64(),
    "text/plain": `${images.length} images`,
  });
}

/** A map `[size, size]` as an image from black (its least value) over red to yellow (its greatest). */
export function heatImage(map: Float32Array, size: number): RgbImage {
  let [low, high] = [Infinity, -Infinity];
  for (const value of map) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const data = new Uint8Array(map.length * 3);
  const range = high > low ? high - low : 1;
  for (let i = 0; i < map.length; i++) {
    const share = (map[i] - low) / range;
    data[3 * i] = Math.round(255 * Math.min(1, 2 * share));
    data[3 * i + 1] = Math.round(255 * Math.max(0, 2 * share - 1));
  }
  return { width: size, height: size, data };
}

/** Labels `[size, size]` as colours. */
export function labelImage(labels: Uint8Array, size: number): RgbImage {
  const colours = [
    [68, 68, 68],
    [76, 120, 168],
    [245, 133, 24],
    [84, 162, 75],
    [228, 87, 86],
    [178, 121, 162],
    [238, 202, 59],
    [114, 183, 178],
  ];
  const data = new Uint8Array(labels.length * 3);
  for (let i = 0; i < labels.length; i++) data.set(colours[labels[i] % colours.length], 3 * i);
  return { width: size, height: size, data };
}
