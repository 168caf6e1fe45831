/**
 * The pictures of a run's charts in its folder, `charts/*.svg` and `charts/*.png`. What is there
 * already and still right is not drawn again: a run that changed nothing loads no drawing library.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/digest.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import type { Chart } from "./charts.ts";
import { renderPng, renderSvg } from "./render.ts";

/** A chart and its picture. */
export interface DrawnChart {
  readonly chart: Chart;
  /** From `renderSvg`: its texts are escaped, its ids begin with the chart's name. */
  readonly svg: string;
}

/**
 * Draws `charts` into `folder` as `<name>.svg` and `<name>.png`, beside `drawn.json`, which says from
 * what each was drawn.
 */
export async function drawCharts(folder: string, charts: readonly Chart[]): Promise<DrawnChart[]> {
  const before = await readRecord(folder);
  const record: Record<string, DrawnRecord> = {};
  const drawn: DrawnChart[] = [];
  for (const chart of charts) {
    const from = sha256(JSON.stringify({ revision: drawingRevision, ...chart }));
    const kept = before[chart.name]?.from === from
      ? await readPicture(folder, chart, before[chart.name])
      : undefined;
    const svg = kept ?? await renderSvg(chart);
    if (kept === undefined) {
      const png = await renderPng(svg);
      await writeFileAtomic(join(folder, `${chart.name}.svg`), svg);
      await writeFileAtomic(join(folder, `${chart.name}.png`), png);
      record[chart.name] = { from, svg: sha256(svg), png: sha256(png) };
    } else record[chart.name] = before[chart.name];
    drawn.push({ chart, svg });
  }
  const text = JSON.stringify(record, null, 2) + "\n";
  if (text !== JSON.stringify(before, null, 2) + "\n") {
    await writeFileAtomic(join(folder, "drawn.json"), text);
  }
  return drawn;
}

/** Of `renderSvg` and `renderPng`: raised when the same chart comes out with other bytes. */
const drawingRevision = 1;

/** SHA-256 of the chart and of its files. */
interface DrawnRecord {
  readonly from: string;
  readonly svg: string;
  readonly png: string;
}

/** What `drawn.json` says; nothing where it is missing or not ours. */
async function readRecord(folder: string): Promise<Record<string, DrawnRecord>> {
  const bytes = await readFileIfThere(join(folder, "drawn.json"));
  if (bytes === undefined) return {};
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The SVG of `chart` if both its files are as they were written. */
async function readPicture(
  folder: string,
  chart: Chart,
  record: DrawnRecord,
): Promise<string | undefined> {
  const [svg, png] = await Promise.all(
    ["svg", "png"].map((ending) => readFileIfThere(join(folder, `${chart.name}.${ending}`))),
  );
  if (svg === undefined || png === undefined) return undefined;
  if (sha256(svg) !== record.svg || sha256(png) !== record.png) return undefined;
  return new TextDecoder().decode(svg);
}
