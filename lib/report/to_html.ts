/**
 * A result as a page, `report.html`: one file that needs nothing else and asks for nothing else. The
 * table as in the paper with the published numbers beside ours, charts that answer, the test images
 * with their anomaly maps, notes and assumptions, what the run took.
 *
 * @module
 */
import { drawChart, type DrawnChart, type DrawnPanel } from "./drawn_charts.ts";
import { escapeHtml, escapeJson } from "./escape.ts";
import { htmlPage } from "./html_page.ts";
import { inlineInspection, inspectorSection, servedInspection } from "./inspector_section.ts";
import charts from "./page/charts.js" with { type: "text" };
import imageDetails from "./page/image_details.js" with { type: "text" };
import imageGrid from "./page/image_grid.js" with { type: "text" };
import inspectorStyle from "./page/inspector.css" with { type: "text" };
import inspector from "./page/inspector.js" with { type: "text" };
import mapColours from "./page/map_colours.js" with { type: "text" };
import packed from "./page/packed.js" with { type: "text" };
import style from "./page/report.css" with { type: "text" };
import report from "./page/report.js" with { type: "text" };
import selection from "./page/selection.js" with { type: "text" };
import sheets from "./page/sheets.js" with { type: "text" };
import tableScript from "./page/table.js" with { type: "text" };
import tooltip from "./page/tooltip.js" with { type: "text" };
import { paperTable } from "./paper_table.ts";
import { vegaRuntime } from "./render.ts";
import { costsChart, formatBytes, formatSeconds } from "./run_costs.ts";
import type { RunEvidence } from "./run_evidence.ts";
import { arrow, formatChange, formatNumber, metricColumns } from "./table_parts.ts";
import type { Change, PaperTable, TableCell, TableColumn, TableRow } from "./table_parts.ts";
import type { ExperimentResult, Figure, Metrics, ResultRow, Verdict } from "./results.ts";

/** What a page shows beside the result. */
export interface PageParts {
  /** In the order in which they are shown. */
  readonly charts: readonly DrawnChart[];
  /** Pictures of figures, PNG by file. */
  readonly pictures?: ReadonlyMap<string, Uint8Array>;
  /** Inspector, importances and costs; left out, the page is without them. */
  readonly evidence?: RunEvidence;
  /** Parts that the program behind the page can give, for a page that is served by `inspect`. */
  readonly served?: readonly { readonly class: string; readonly seed: number }[];
}

/** The scripts of a page of a run, each after those that it imports. */
export const pageModules: readonly string[] = [
  tooltip,
  tableScript,
  charts,
  packed,
  selection,
  mapColours,
  sheets,
  imageGrid,
  imageDetails,
  inspector,
  report,
];

/** The page of `result`. The same result and parts give the same bytes. */
export async function toHtml(result: ExperimentResult, parts: PageParts): Promise<string> {
  const { evidence, served, pictures } = parts;
  const table = paperTable(result);
  const small = table.columns.some((column) => column.published)
    ? ["Small, below a published number: ours minus that number. Green is better, red is worse."]
    : [];
  const hasImages = served !== undefined || (evidence?.pages.length ?? 0) > 0;
  const costs = evidence === undefined || evidence.costs.length === 0
    ? undefined
    : await drawChart(costsChart(evidence.costs));
  const figures = costs === undefined ? parts.charts : [...parts.charts, costs];
  const places = [
    ["results", "Results"],
    ...(parts.charts.length > 0 ? [["charts", "Charts"]] : []),
    ...(hasImages ? [["images", "Images"]] : []),
    ["run", "Run"],
  ];
  const body = `<header>
<p class="kicker">${escapeHtml(result.experiment)} · profile ${escapeHtml(result.profile)}</p>
<h1>${escapeHtml(table.title)}</h1>
<p class="lead">${escapeHtml(table.subtitle)}</p>
<nav aria-label="Parts of the page">${
    places.map(([id, text]) => `<a href="#${id}">${text}</a>`).join(" ")
  }</nav>
${facts(result)}
</header>
<main>
<h2 id="results">Results</h2>
${table.columns.length === 0 ? "" : resultTable(result, table)}
${(result.figures ?? []).map((one, i) => picture(one, pictures?.get(one.file), i)).join("\n")}
${notes([...small, ...table.footnotes], result)}
${
    parts.charts.length === 0
      ? ""
      : `<h2 id="charts">Charts</h2>\n<div class="figures">${
        parts.charts.map(figure).join("\n")
      }</div>`
  }
${hasImages ? inspectorSection() : ""}
${runSection(result, evidence, costs, parts.charts.length)}
</main>
<footer>
<p>Beside this page: <a href="table.md">table.md</a>, <a href="table.tex">table.tex</a>, <a
href="table.csv">table.csv</a>, <a href="scores.csv">scores.csv</a> (the score of every image), <a
href="run.json">run.json</a> (what was run, on what).</p>
<p>The paper: A. Baitieva, D. Hurych, V. Besnier, O. Bernard. <cite>Supervised Anomaly Detection for
Complex Industrial Images</cite>. CVPR 2024.</p>
</footer>`;
  const specs = figures.flatMap(({ panels }) =>
    panels.map(({ name, vega }): [string, string] => [`spec-${name}`, escapeJson(vega)])
  );
  const inspection = served !== undefined
    ? servedInspection(served)
    : inlineInspection(evidence?.pages ?? []);
  return htmlPage({
    title: result.title,
    body,
    styles: [style, inspectorStyle],
    libraries: figures.length === 0 ? [] : [await vegaRuntime()],
    modules: pageModules,
    data: new Map([...specs, ...(hasImages ? inspection : [])]),
    ...(served === undefined ? {} : { served: true }),
  });
}

/** Signs that tell the verdicts apart without their colour. */
const verdictSigns: Readonly<Record<Verdict, string>> = {
  "reproduced": "✓",
  "within noise": "≈",
  "differs": "✗",
  "not testable": "–",
};

/** Order of the verdicts when the table is sorted by them. */
const verdictOrder: Readonly<Record<Verdict, number>> = {
  "reproduced": 3,
  "within noise": 2,
  "differs": 1,
  "not testable": 0,
};

function facts({ dataset, seeds, rows }: ExperimentResult): string {
  const facts = [
    ["Data", `${dataset.name}, ${dataset.images.toLocaleString("en")} images`],
    ["Fingerprint of the data", dataset.digest.slice(0, 12)],
    [seeds.length === 1 ? "Seed" : "Seeds", seeds.join(", ")],
    ["Rows", `${rows.filter((row) => row.error === undefined).length} of ${rows.length} run`],
  ];
  return `<dl class="facts">${
    facts.map(([term, text]) => `<div><dt>${term}</dt><dd>${escapeHtml(text)}</dd></div>`).join("")
  }</dl>`;
}

function resultTable(result: ExperimentResult, table: PaperTable): string {
  const verdicts = result.rows.some(({ verdict }) => verdict !== "not testable");
  const heads = [
    head(escapeHtml(table.head ?? "Method"), "ascending"),
    ...table.columns.flatMap((column) => [
      head(
        `${escapeHtml(column.heading)}${arrow(column)}`,
        column.better === "higher" ? "descending" : "ascending",
      ),
      ...(column.published ? [`<th scope="col">Paper</th>`] : []),
    ]),
    ...(verdicts ? [head("Verdict", "descending")] : []),
  ];
  const lines: string[] = [];
  let i = 0;
  for (const group of table.groups) {
    if (group.name !== "") {
      lines.push(
        `<tr class="group"><th scope="rowgroup" colspan="${heads.length}">${
          escapeHtml(group.name)
        }</th></tr>`,
      );
    }
    for (const row of group.rows) {
      lines.push(tableRow(result, row, table, verdicts, i));
      if (row.result !== undefined) {
        lines.push(
          `<tr class="more" id="more-${i}" hidden><td colspan="${heads.length}">${
            details(result, row.result)
          }</td></tr>`,
        );
      }
      i++;
    }
  }
  return `<div class="scroll" role="region" aria-labelledby="results" tabindex="0">
<table class="sortable">
<caption class="hidden">${escapeHtml(table.title)}: our numbers and the published ones</caption>
<thead><tr>${heads.join("")}</tr></thead>
<tbody>
${lines.join("\n")}
</tbody>
</table>
</div>`;
}

function head(html: string, first: "ascending" | "descending"): string {
  return `<th scope="col" aria-sort="none" data-first="${first}"><button type="button">${html}</button></th>`;
}

function tableRow(
  result: ExperimentResult,
  row: TableRow,
  table: PaperTable,
  verdicts: boolean,
  i: number,
): string {
  const name = escapeHtml(row.name);
  const cells = [
    row.result === undefined
      ? `<th scope="row" data-value="${name}">${name}</th>`
      : `<th scope="row" data-value="${name}"><button type="button" aria-expanded="false" ` +
        `aria-controls="more-${i}">${name}</button></th>`,
  ];
  row.cells.forEach((cell, column) => {
    const missing = column === 0 && row.error !== undefined;
    cells.push(
      missing
        ? `<td class="error">${escapeHtml(row.error!)}</td>`
        : ours(cell, table.columns[column], row, result),
    );
    if (table.columns[column].published) cells.push(published(cell, row));
  });
  if (verdicts) cells.push(verdictCell(row));
  return `<tr class="${row.below ? "below" : "row"}">${cells.join("")}</tr>`;
}

function ours(
  { text, summary, best, gain }: TableCell,
  { heading }: TableColumn,
  row: TableRow,
  { seeds, assumptions }: ExperimentResult,
): string {
  if (text !== undefined) return `<td>${escapeHtml(text)}</td>`;
  if (summary === undefined) return `<td class="none">–</td>`;
  const label = best ? ` class="number best"` : ` class="number"`;
  const spoken = best ? `<span class="hidden"> best</span>` : "";
  const change = gain === undefined ? "" : ` ${coloured("gain", gain)}`;
  const tip = tipAttribute([
    [heading, row.name],
    ...summary.values.map((value, i): Pair => [
      seeds.length === summary.values.length ? `seed ${seeds[i]}` : `value ${i + 1}`,
      value.toFixed(2),
    ]),
    ["95 % interval", formatInterval(summary.interval)],
    ...(gain === undefined || row.result?.base === undefined
      ? []
      : [[`against ${row.result.base}`, formatChange(gain.points)] as Pair]),
    ...(assumptions.length === 0
      ? []
      : [["assumptions", assumptions.map(({ id }) => id).join(", ")] as Pair]),
  ]);
  return `<td${label} data-value="${summary.mean}"${tip}>${
    formatNumber(summary)
  }${spoken}${change}</td>`;
}

function published({ published, difference }: TableCell, row: TableRow): string {
  if (published.length === 0) return `<td class="none">–</td>`;
  const change = difference === undefined ? "" : ` ${coloured("difference", difference)}`;
  const tip = tipAttribute([
    ["published", row.name],
    ...published.map((number): Pair => [
      `Table ${number.table}, ${number.source}`,
      formatNumber(number),
    ]),
    ...(difference === undefined
      ? []
      : [["ours minus that", formatChange(difference.points)] as Pair]),
  ]);
  return `<td class="published"${tip}>${formatNumber(published[0])}${change}</td>`;
}

/** The verdict by sign, word and colour, with the reason for each number. */
function verdictCell({ verdict, result }: TableRow): string {
  const reasons = Object.entries(result?.verdicts ?? {}).map(([metric, one]): Pair => [
    metricColumns.find((column) => column.metric === metric)?.heading ?? metric,
    `${one.verdict}, ${one.reason}`,
  ]);
  const tip = reasons.length === 0 ? "" : tipAttribute(reasons);
  return `<td class="verdict" data-verdict="${verdict}" data-value="${
    verdictOrder[verdict]
  }"${tip}><span aria-hidden="true">${verdictSigns[verdict]}</span> ${escapeHtml(verdict)}</td>`;
}

type Pair = readonly [name: string, text: string];

/** The attribute that the script shows as a tooltip: lines of "name: text". */
function tipAttribute(pairs: readonly Pair[]): string {
  const lines = pairs.map(([name, text]) => escapeHtml(`${name.replaceAll(": ", ":")}: ${text}`));
  return ` data-tip="${lines.join("&#10;")}"`;
}

function formatInterval(interval: readonly [number, number] | null): string {
  return interval === null ? "–" : interval.map((value) => value.toFixed(1)).join(" to ");
}

/** A change in points: its sign is text, its colour says whether it is for the better. */
function coloured(kind: "gain" | "difference", { points, better }: Change): string {
  const text = formatChange(points);
  const colour = text === "±0.0" ? "" : better ? " better" : " worse";
  const shown = kind === "gain" ? `(${text})` : text;
  return `<span class="${kind}${colour}">${shown}</span>`;
}

/** What opens below a row: its seeds, intervals, published numbers and classes. */
function details({ seeds }: ExperimentResult, row: ResultRow): string {
  const entries: [string, string][] = [];
  for (const { metric, heading } of metricColumns) {
    const summary = row.metrics[metric];
    if (summary !== undefined) {
      const values = summary.values.map((value, i) =>
        `${value.toFixed(1)}${
          seeds.length > 1 && seeds[i] !== undefined ? ` (seed ${seeds[i]})` : ""
        }`
      );
      const interval = summary.interval === null
        ? ""
        : `; 95 % interval ${formatInterval(summary.interval)}`;
      entries.push([heading, `${values.join(", ")}${interval}`]);
    }
    for (const number of row.paper.filter((number) => number.metric === metric)) {
      const place = `Table ${number.table}, ${number.source}`;
      entries.push([`${heading}, published`, `${formatNumber(number)} (${place})`]);
    }
  }
  for (const [metric, one] of Object.entries(row.verdicts ?? {})) {
    entries.push([`Verdict on ${metric}`, `${one.verdict}, ${one.reason}`]);
  }
  if (row.base !== undefined) entries.push(["Compared with", row.base]);
  if (row.note !== undefined) entries.push(["Note", row.note]);
  if (row.error !== undefined) entries.push(["Not run", row.error]);
  const terms = entries.map(([term, text]) =>
    `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd>`
  );
  return `<dl>${terms.join("")}</dl>${classTable(row.classes ?? {})}`;
}

function classTable(classes: Readonly<Record<string, Metrics>>): string {
  const names = Object.keys(classes);
  if (names.length === 0) return "";
  const columns = metricColumns.filter(({ metric }) => names.some((name) => classes[name][metric]));
  const lines = names.map((name) =>
    `<tr><th scope="row">${escapeHtml(name)}</th>${
      columns.map(({ metric }) => {
        const summary = classes[name][metric];
        return `<td>${summary === undefined ? "–" : formatNumber(summary)}</td>`;
      }).join("")
    }</tr>`
  );
  return `<table><thead><tr><th scope="col">Class</th>${
    columns.map(({ heading }) => `<th scope="col">${heading}</th>`).join("")
  }</tr></thead><tbody>${lines.join("")}</tbody></table>`;
}

/** Notes below the table; what the paper leaves open can be unfolded. */
function notes(lines: readonly string[], { assumptions }: ExperimentResult): string {
  const texts = new Set(assumptions.map(({ id, text }) => `${id}: ${text}`));
  const others = list(lines.filter((line) => !texts.has(line)));
  if (texts.size === 0) return others;
  const terms = assumptions.map(({ id, text }) =>
    `<dt>${escapeHtml(id)}</dt><dd>${escapeHtml(text)}</dd>`
  );
  return `${others}
<details class="assumptions"><summary>What the paper leaves open, and what was done here (${texts.size})</summary>
<dl>${terms.join("")}</dl></details>`;
}

function list(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `<ul class="notes">${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>`;
}

/** A picture inside the page, so that the page is one file. */
function picture({ file, caption }: Figure, png: Uint8Array | undefined, i: number): string {
  if (png === undefined) return `<p>${escapeHtml(`${file}: ${caption}`)}</p>`;
  return `<figure id="picture-${i + 1}">
<img alt="${escapeHtml(caption)}" src="data:image/png;base64,${png.toBase64()}">
<figcaption>${escapeHtml(caption)}.</figcaption>
</figure>`;
}

function figure({ chart, panels }: DrawnChart, i: number): string {
  return `<figure id="figure-${chart.name}"${panels.length > 1 ? ` class="wide"` : ""}>
<div class="panels">${panels.map((panel) => livePanel(panel, chart.title)).join("\n")}</div>
<figcaption><b>Figure ${i + 1}.</b> ${escapeHtml(chart.title)}.</figcaption>
<details><summary>In words</summary><p>${escapeHtml(chart.description)}</p></details>
</figure>`;
}

/** A picture that the script turns into a chart that answers. */
function livePanel({ name, row, svg }: DrawnPanel, title: string): string {
  const label = escapeHtml(row === undefined ? title : `${title}: ${row}`);
  const attribute = row === undefined ? "" : ` data-row="${escapeHtml(row)}"`;
  return `<div class="scroll" role="group" aria-label="${label}" tabindex="0" data-panel="${name}"${attribute}>${svg}</div>`;
}

/** What the run took. */
function runSection(
  { stages, seconds }: ExperimentResult,
  evidence: RunEvidence | undefined,
  costs: DrawnChart | undefined,
  before: number,
): string {
  const total = (evidence?.costs ?? []).reduce((sum, cost) => sum + cost.seconds, 0);
  const bytes = (evidence?.costs ?? []).reduce((sum, cost) => sum + cost.bytes, 0);
  const facts = [
    ["This run", formatSeconds(seconds)],
    ["Stages computed", String(stages.run)],
    ["Stages from the store", String(stages.cached)],
    ...(costs === undefined ? [] : [
      ["Computing time behind the results", `${formatSeconds(total)} of one worker`],
      ["Room in the store", formatBytes(bytes)],
    ]),
  ];
  return `<h2 id="run">Run</h2>
<dl class="facts">${
    facts.map(([term, text]) => `<div><dt>${term}</dt><dd>${escapeHtml(text)}</dd></div>`).join("")
  }</dl>
${costs === undefined ? "" : figure(costs, before)}`;
}
