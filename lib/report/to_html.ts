/**
 * A result as a page, `report.html`: one file that needs nothing else and asks for nothing else. The
 * table as in the paper with the published numbers beside ours, the charts, notes and assumptions.
 *
 * Its content policy allows the page's own style and script by their hashes and nothing else; every
 * name is escaped all the same.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { DrawnChart } from "./drawn_charts.ts";
import { escapeHtml } from "./escape.ts";
import script from "./page/report.js" with { type: "text" };
import style from "./page/report.css" with { type: "text" };
import { paperTable } from "./paper_table.ts";
import { arrow, formatChange, formatNumber, metricColumns } from "./table_parts.ts";
import type { Change, PaperTable, TableCell, TableRow } from "./table_parts.ts";
import type { ExperimentResult, Figure, Metrics, ResultRow, Verdict } from "./results.ts";

/** The page of `result`. The same result and charts give the same bytes. */
export function toHtml(
  result: ExperimentResult,
  charts: readonly DrawnChart[],
  pictures: ReadonlyMap<string, Uint8Array> = new Map(),
): string {
  const table = paperTable(result);
  const small = table.columns.some((column) => column.published)
    ? ["Small, below a published number: ours minus that number. Green is better, red is worse."]
    : [];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${
    policyHash(style)
  }'; script-src '${policyHash(script)}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(result.title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header>
<p class="kicker">${escapeHtml(result.experiment)} · profile ${escapeHtml(result.profile)}</p>
<h1>${escapeHtml(table.title)}</h1>
<p class="lead">${escapeHtml(table.subtitle)}</p>
${facts(result)}
</header>
<main>
<h2 id="results">Results</h2>
${table.columns.length === 0 ? "" : resultTable(result, table)}
${(result.figures ?? []).map((one, i) => picture(one, pictures.get(one.file), i)).join("\n")}
${list([...small, ...table.footnotes])}
${charts.length === 0 ? "" : `<h2 id="charts">Charts</h2>\n${charts.map(figure).join("\n")}`}
</main>
<footer>
<p>Beside this page: <a href="table.md">table.md</a>, <a href="table.tex">table.tex</a>, <a
href="table.csv">table.csv</a>, <a href="scores.csv">scores.csv</a> (the score of every image), <a
href="run.json">run.json</a> (what was run, on what).</p>
<p>The paper: A. Baitieva, D. Hurych, V. Besnier, O. Bernard. <cite>Supervised Anomaly Detection for
Complex Industrial Images</cite>. CVPR 2024.</p>
</footer>
<script>${script}</script>
</body>
</html>
`;
}

/** Signs that tell the verdicts apart without their colour. */
const verdictSigns: Readonly<Record<Verdict, string>> = {
  "reproduced": "✓",
  "within noise": "≈",
  "differs": "✗",
  "not testable": "–",
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
    ...(verdicts ? [`<th scope="col">Verdict</th>`] : []),
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
      lines.push(tableRow(row, table, verdicts, i));
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

function tableRow(row: TableRow, table: PaperTable, verdicts: boolean, i: number): string {
  const name = escapeHtml(row.name);
  const cells = [
    row.result === undefined
      ? `<th scope="row" data-value="${name}">${name}</th>`
      : `<th scope="row" data-value="${name}"><button type="button" aria-expanded="false" ` +
        `aria-controls="more-${i}">${name}</button></th>`,
  ];
  row.cells.forEach((cell, column) => {
    const missing = column === 0 && row.error !== undefined;
    cells.push(missing ? `<td class="error">${escapeHtml(row.error!)}</td>` : ours(cell));
    if (table.columns[column].published) cells.push(published(cell));
  });
  if (verdicts) {
    cells.push(`<td>${verdictSigns[row.verdict]} ${escapeHtml(row.verdict)}</td>`);
  }
  return `<tr class="${row.below ? "below" : "row"}">${cells.join("")}</tr>`;
}

function ours({ text, summary, best, gain }: TableCell): string {
  if (text !== undefined) return `<td>${escapeHtml(text)}</td>`;
  if (summary === undefined) return `<td class="none">–</td>`;
  const label = best ? ` class="number best"` : ` class="number"`;
  const spoken = best ? `<span class="hidden"> best</span>` : "";
  const change = gain === undefined ? "" : ` ${coloured("gain", gain)}`;
  return `<td${label} data-value="${summary.mean}">${formatNumber(summary)}${spoken}${change}</td>`;
}

function published({ published, difference }: TableCell): string {
  if (published.length === 0) return `<td class="none">–</td>`;
  const change = difference === undefined ? "" : ` ${coloured("difference", difference)}`;
  return `<td class="published">${formatNumber(published[0])}${change}</td>`;
}

/** A change in points: its sign is text, its colour says whether it is for the better. */
function coloured(kind: "gain" | "difference", { points, better }: Change): string {
  const text = formatChange(points);
  const colour = text === "±0.0" ? "" : better ? " better" : " worse";
  const title = kind === "gain" ? "against the detector alone" : "ours minus the published number";
  const shown = kind === "gain" ? `(${text})` : text;
  return `<span class="${kind}${colour}" title="${title}">${shown}</span>`;
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
        : `; 95 % interval ${summary.interval.map((value) => value.toFixed(1)).join(" to ")}`;
      entries.push([heading, `${values.join(", ")}${interval}`]);
    }
    for (const number of row.paper.filter((number) => number.metric === metric)) {
      const place = `Table ${number.table}, ${number.source}`;
      entries.push([`${heading}, published`, `${formatNumber(number)} (${place})`]);
    }
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

function list(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `<ul class="notes">${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>`;
}

/** A picture inside the page, so that the page is one file. */
function picture({ file, caption }: Figure, png: Uint8Array | undefined, i: number): string {
  if (png === undefined) return `<p>${escapeHtml(`${file}: ${caption}`)}</p>`;
  return `<figure id="picture-${i + 1}">
<img alt="${escapeHtml(caption)}" src="data:image/png;base64,${
    Buffer.from(png).toString("base64")
  }">
<figcaption>${escapeHtml(caption)}.</figcaption>
</figure>`;
}

function figure({ chart, svg }: DrawnChart, i: number): string {
  return `<figure id="figure-${chart.name}">
<div class="scroll" role="region" aria-label="${escapeHtml(chart.title)}" tabindex="0">${svg}</div>
<figcaption><b>Figure ${i + 1}.</b> ${escapeHtml(chart.title)}.</figcaption>
<details><summary>In words</summary><p>${escapeHtml(chart.description)}</p></details>
</figure>`;
}

/** A source of the content policy: the text of an element as the browser sees it. */
function policyHash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
