/**
 * The pictures of a run's charts in its folder, `charts/*.svg` and `charts/*.png`. What is there
 * already and still right is not drawn again: a run that changed nothing loads no drawing library.
 *
 * @module
 */
import { join } from "node:path";
import { type Json, sha256 } from "../base/digest.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { giveTurn } from "../base/turn.ts";
import type { Chart, ChartSpec } from "./charts.ts";
import { compileChart, renderPng, renderSvg } from "./render.ts";

/** A chart and its pictures. */
export interface DrawnChart {
  /** What was drawn. */
  readonly chart: Chart;
  /** From `renderSvg`: its texts are escaped, its ids begin with the chart's name. */
  readonly svg: string;
  /** What a page shows of it: its panels, or the chart itself. */
  readonly panels: readonly DrawnPanel[];
}

/** A panel as a picture, and compiled for `vegaRuntime`. */
export interface DrawnPanel {
  /** Id within a page. */
  readonly name: string;
  /** The row whose scores can be chosen in it. */
  readonly row?: string;
  /** From `renderSvg`, like the whole chart's. */
  readonly svg: string;
  /** A compiled Vega specification. */
  readonly vega: Json;
}

/** Draws a chart without keeping it. */
export async function drawChart(chart: Chart): Promise<DrawnChart> {
  const svg = await renderSvg(chart);
  return { chart, svg, panels: await drawPanels(chart, svg) };
}

/**
 * Draws `charts` into `folder` as `<name>.svg` and `<name>.png`, beside `page.json` with what the page
 * shows of them, and `drawn.json`, which says from what each was drawn.
 *
 * @throws {InterruptedError} between two charts, when `signal` is aborted
 */
export async function drawCharts(
  folder: string,
  charts: readonly Chart[],
  signal?: AbortSignal,
): Promise<DrawnChart[]> {
  const before = await readJson<Record<string, DrawnRecord>>(join(folder, "drawn.json"));
  const panelsBefore = await readJson<Record<string, DrawnPanel[]>>(join(folder, "page.json"));
  const record: Record<string, DrawnRecord> = {};
  const drawn: DrawnChart[] = [];
  for (const chart of charts) {
    await giveTurn(signal);
    const from = sha256(JSON.stringify({ revision: drawingRevision, ...chart }));
    const known = before[chart.name];
    const kept = known?.from === from
      ? await readDrawn(folder, chart, known, panelsBefore[chart.name])
      : undefined;
    const fresh = kept ?? await drawChart(chart);
    if (kept === undefined) {
      const png = await renderPng(fresh.svg);
      await writeFileAtomic(join(folder, `${chart.name}.svg`), fresh.svg);
      await writeFileAtomic(join(folder, `${chart.name}.png`), png);
      const panels = sha256(JSON.stringify(fresh.panels));
      record[chart.name] = { from, svg: sha256(fresh.svg), png: sha256(png), panels };
    } else record[chart.name] = known!;
    drawn.push(fresh);
  }
  const panels = Object.fromEntries(drawn.map(({ chart, panels }) => [chart.name, panels]));
  for (
    const [name, value, old] of [["page", panels, panelsBefore], ["drawn", record, before]] as const
  ) {
    const text = JSON.stringify(value, null, name === "drawn" ? 2 : 0) + "\n";
    if (JSON.stringify(value) === JSON.stringify(old)) continue;
    await writeFileAtomic(join(folder, `${name}.json`), text);
  }
  return drawn;
}

/** Of `renderSvg` and `renderPng`: raised when the same chart comes out with other bytes. */
const drawingRevision = 2;

/** SHA-256 of the chart, of its files and of its panels. */
interface DrawnRecord {
  readonly from: string;
  readonly svg: string;
  readonly png: string;
  readonly panels: string;
}

async function drawPanels(chart: Chart, svg: string): Promise<DrawnPanel[]> {
  if (chart.panels === undefined) {
    return [{ name: chart.name, svg, vega: await compileChart(chart) }];
  }
  const drawn: DrawnPanel[] = [];
  for (const { row, ...panel } of chart.panels) {
    const { title, description } = chart;
    drawn.push({
      name: panel.name,
      ...(row === undefined ? {} : { row }),
      svg: await renderSvg({
        name: panel.name,
        spec: withoutChoices(panel.spec),
        title,
        description,
      }),
      vega: await compileChart(panel),
    });
  }
  return drawn;
}

/** Outside a page nothing can be chosen. */
function withoutChoices({ params: _, ...spec }: ChartSpec): ChartSpec {
  return spec;
}

/** The object in a file; an empty one where it is missing or not ours. */
async function readJson<T extends object>(path: string): Promise<Partial<T>> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) return {};
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The pictures of `chart` if all its files are as they were written. */
async function readDrawn(
  folder: string,
  chart: Chart,
  record: DrawnRecord,
  panels: DrawnPanel[] | undefined,
): Promise<DrawnChart | undefined> {
  const [svg, png] = await Promise.all(
    ["svg", "png"].map((ending) => readFileIfThere(join(folder, `${chart.name}.${ending}`))),
  );
  if (svg === undefined || png === undefined || panels === undefined) return undefined;
  if (sha256(svg) !== record.svg || sha256(png) !== record.png) return undefined;
  if (sha256(JSON.stringify(panels)) !== record.panels) return undefined;
  return { chart, svg: new TextDecoder().decode(svg), panels };
}
