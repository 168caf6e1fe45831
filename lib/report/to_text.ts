/**
 * A table for the terminal: aligned columns, the best value of each marked with `*` and in bold where
 * the terminal shows it.
 *
 * @module
 */
import { styleText } from "node:util";
import { visible } from "./escape.ts";
import { arrow, formatChange, formatNumber, metricColumns } from "./table_parts.ts";
import type { PaperTable, TableCell, TableRow } from "./table_parts.ts";
import type { ResultRow } from "./results.ts";

/** How the text may look. */
export interface TextOptions {
  /** Whether to write terminal escapes for bold and dim text. @default false */
  readonly colour?: boolean;
  /** Columns of the terminal, for wrapping the footnotes. @default 100 */
  readonly width?: number;
}

/** The table as lines of text with a line break at the end of each. */
export function toText(table: PaperTable, options: TextOptions = {}): string {
  const { colour = false, width = 100 } = options;
  const style = (format: "bold" | "dim", text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  const heads = [visible(table.head ?? "Method")];
  for (const column of table.columns) {
    heads.push(`${visible(column.short)}${arrow(column)}`);
    if (column.published) heads.push("paper");
  }
  const rows: TextRow[] = table.groups.flatMap((group): TextRow[] => [
    ...(group.name === "" ? [] : [{ heading: visible(group.name), cells: [], best: [] }]),
    ...group.rows.map((row) => textRow(row, table)),
  ]);
  const widths = heads.map((head, i) =>
    Math.max(textWidth(head), ...rows.map(({ cells }) => textWidth(cells[i] ?? "")))
  );
  const lines = [
    style("bold", visible(table.title)),
    ...wrap(visible(table.subtitle), width),
    "",
    ...(table.columns.length === 0 ? [] : [
      heads.map((head, i) => pad(head, widths[i], i)).join("  ").trimEnd(),
      "-".repeat(widths.reduce((sum, w) => sum + w + 2, -2)),
    ]),
    ...(table.figures ?? []).flatMap(({ file, caption }) =>
      wrap(`${visible(file)}: ${visible(caption)}`, width)
    ),
  ];
  for (const { heading, cells, best, error } of rows) {
    if (heading !== undefined) lines.push(style("dim", heading));
    else if (error !== undefined) {
      lines.push(`${pad(cells[0], widths[0], 0)}  ${style("dim", error)}`);
    } else {
      const padded = cells.map((cell, i) => pad(cell, widths[i], i));
      lines.push(
        padded.map((cell, i) => best[i] ? style("bold", cell) : cell).join("  ").trimEnd(),
      );
    }
  }
  const notes = [
    ...(rows.some(({ best }) => best.includes(true)) ? ["* best of the column"] : []),
    ...table.footnotes.map(visible),
  ];
  if (notes.length > 0) lines.push("", ...notes.flatMap((note) => wrap(note, width)));
  return lines.join("\n") + "\n";
}

/**
 * One row as a line of its own, for showing it while the others still run:
 * `PatchCore + Ours: Cl. AUROC 91.3 ± 0.4, FPR@95TPR 47.0 ± 2.1`.
 */
export function rowLine(row: ResultRow): string {
  if (row.error !== undefined) return `${visible(row.row)}: ${visible(row.error)}`;
  const numbers = metricColumns.flatMap(({ metric, heading }) => {
    const summary = row.metrics[metric];
    return summary === undefined ? [] : `${heading} ${formatNumber(summary)}`;
  });
  return `${visible(row.row)}: ${numbers.join(", ")}`;
}

/**
 * The number of terminal columns that `text` takes: combining marks none, East Asian wide characters
 * and pictographs two.
 */
export function textWidth(text: string): number {
  let width = 0;
  for (const c of text) {
    if (/\p{M}/u.test(c)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
          .test(c)
        ? 2
        : 1;
  }
  return width;
}

/** `text` broken at spaces into lines of at most `width` columns; a longer word has a line of its own. */
export function wrap(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth(indent) + textWidth(longer) > width) {
      lines.push(indent + line);
      line = word;
    } else line = longer;
  }
  return [...lines, indent + line];
}

/** A line of the table: a heading, or cells (a row with `error` has its name only). */
interface TextRow {
  readonly heading?: string;
  readonly cells: readonly string[];
  readonly best: readonly boolean[];
  readonly error?: string;
}

function textRow(row: TableRow, table: PaperTable): TextRow {
  const cells = [`  ${visible(row.name)}`];
  const best = [false];
  if (row.error !== undefined) return { cells, best, error: visible(row.error) };
  row.cells.forEach((cell, i) => {
    cells.push(ours(cell));
    best.push(cell.best);
    if (table.columns[i].published) {
      cells.push(cell.published.length === 0 ? "" : tight(cell.published[0]));
      best.push(false);
    }
  });
  return { cells, best };
}

function ours({ text, summary, best, gain }: TableCell): string {
  if (text !== undefined) return visible(text);
  if (summary === undefined) return "";
  const change = gain === undefined ? "" : ` (${formatChange(gain.points)})`;
  return `${tight(summary)}${change}${best ? "*" : " "}`;
}

/** `91.3±0.4`: without the spaces of the other formats, so that a table fits 100 columns. */
function tight(value: { readonly mean: number; readonly std: number | null }): string {
  return formatNumber(value).replace(" ± ", "±");
}

function pad(text: string, width: number, column: number): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return column === 0 ? text + space : space + text;
}
