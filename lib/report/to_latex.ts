/**
 * A table as LaTeX with booktabs: `table.tex`, a document of its own whose `table` environment can be
 * copied into a paper.
 *
 * @module
 */
import { escapeLatex } from "./escape.ts";
import { formatChange, formatNumber } from "./table_parts.ts";
import type { PaperTable, TableCell, TableRow } from "./table_parts.ts";

/** The table as a complete document for pdflatex; best values in bold, as in the paper. */
export function toLatex(table: PaperTable): string {
  const heads = [escapeLatex(table.head ?? "Method")];
  for (const column of table.columns) {
    heads.push(escapeLatex(column.heading) + arrows[column.better]);
    if (column.published) heads.push("Paper");
  }
  const body: string[] = [];
  for (const group of table.groups) {
    body.push("\\midrule");
    if (group.name !== "") {
      body.push(`\\multicolumn{${heads.length}}{l}{\\textit{${escapeLatex(group.name)}}} \\\\`);
    }
    for (const row of group.rows) body.push(`${rowCells(table, row).join(" & ")} \\\\`);
  }
  const caption = `\\caption{${[table.title, table.subtitle].map(sentence).join(" ")}}`;
  const tabular = [
    "\\begin{table}",
    "\\centering",
    "\\resizebox{\\linewidth}{!}{%",
    `\\begin{tabular}{l${"r".repeat(heads.length - 1)}}`,
    "\\toprule",
    `${heads.join(" & ")} \\\\`,
    ...body,
    "\\bottomrule",
    "\\end{tabular}}",
    caption,
    "\\end{table}",
  ];
  return [
    "\\documentclass{article}",
    "\\usepackage{booktabs}",
    "\\usepackage{graphicx}",
    "\\begin{document}",
    ...(table.columns.length === 0 ? [] : tabular),
    ...(table.figures === undefined ? [] : [
      "\\begin{figure}",
      "\\centering",
      ...table.figures.flatMap((figure) => [
        `\\includegraphics[width=0.6\\linewidth]{${figure.file}}\\\\`,
        `{\\small ${sentence(figure.caption)}}\\\\[1ex]`,
      ]),
      caption,
      "\\end{figure}",
    ]),
    ...(table.footnotes.length === 0 ? [] : [
      "\\begin{itemize}",
      ...table.footnotes.map((note) => `\\item ${escapeLatex(note)}`),
      "\\end{itemize}",
    ]),
    "\\end{document}",
    "",
  ].join("\n");
}

const arrows = { higher: " $\\uparrow$", lower: " $\\downarrow$", none: "" } as const;

function rowCells(table: PaperTable, row: TableRow): string[] {
  const cells = [escapeLatex(row.name)];
  row.cells.forEach((cell, i) => {
    cells.push(
      i === 0 && row.error !== undefined
        ? `{\\scriptsize\\textit{${escapeLatex(row.error)}}}`
        : ours(cell),
    );
    if (table.columns[i].published) {
      cells.push(cell.published.length === 0 ? "" : number(cell.published[0]));
    }
  });
  return cells;
}

function ours({ text, summary, best, gain }: TableCell): string {
  if (text !== undefined) return escapeLatex(text);
  if (summary === undefined) return "";
  const mean = best ? `\\textbf{${number(summary)}}` : number(summary);
  if (gain === undefined) return mean;
  const points = formatChange(gain.points).replace("−", "$-$").replace("±", "$\\pm$");
  return `${mean} {\\scriptsize (${points})}`;
}

function number(value: { readonly mean: number; readonly std: number | null }): string {
  return formatNumber(value).replace(" ± ", "{\\scriptsize$\\pm$}");
}

function sentence(text: string): string {
  const latex = escapeLatex(text);
  return /[.!?]$/.test(latex) ? latex : `${latex}.`;
}
