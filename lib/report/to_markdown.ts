/**
 * A table as GitHub-flavoured Markdown: `table.md`.
 *
 * @module
 */
import { escapeMarkdown } from "./escape.ts";
import { arrow, formatChange, formatNumber } from "./table_parts.ts";
import type { PaperTable, TableCell, TableRow } from "./table_parts.ts";

/** The table with its title, head line and footnotes; best values in bold. */
export function toMarkdown(table: PaperTable): string {
  const heads = [escapeMarkdown(table.head ?? "Method")];
  const rules = [":---"];
  for (const column of table.columns) {
    heads.push(`${escapeMarkdown(column.heading)}${arrow(column)}`);
    rules.push("---:");
    if (column.published) {
      heads.push("Paper");
      rules.push("---:");
    }
  }
  const lines = [
    `### ${escapeMarkdown(table.title)}`,
    "",
    escapeMarkdown(table.subtitle),
    "",
    ...(table.columns.length === 0 ? [] : [line(heads), line(rules)]),
  ];
  for (const group of table.groups) {
    if (group.name !== "") {
      lines.push(line([`*${escapeMarkdown(group.name)}*`, ...heads.slice(1).map(() => "")]));
    }
    for (const row of group.rows) lines.push(line(rowCells(table, row)));
  }
  for (const { file, caption } of table.figures ?? []) {
    lines.push(`![${escapeMarkdown(caption)}](${file})`, "", escapeMarkdown(caption), "");
  }
  if (table.footnotes.length > 0) lines.push("");
  for (const note of table.footnotes) lines.push(`- ${escapeMarkdown(note)}`);
  return lines.join("\n") + "\n";
}

function rowCells(table: PaperTable, row: TableRow): string[] {
  const cells = [escapeMarkdown(row.name)];
  row.cells.forEach((cell, i) => {
    cells.push(i === 0 && row.error !== undefined ? escapeMarkdown(row.error) : ours(cell));
    if (table.columns[i].published) {
      cells.push(cell.published.length === 0 ? "" : formatNumber(cell.published[0]));
    }
  });
  return cells;
}

function ours({ text, summary, best, gain }: TableCell): string {
  if (text !== undefined) return escapeMarkdown(text);
  if (summary === undefined) return "";
  const number = best ? `**${formatNumber(summary)}**` : formatNumber(summary);
  return gain === undefined ? number : `${number} (${formatChange(gain.points)})`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`.replace(/ {2,}/g, " ");
}
