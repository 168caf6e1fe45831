/**
 * The published numbers, `results/paper.csv`: what the paper's tables say, and where the authors
 * published another value for the same cell, that too, with its source.
 *
 * @module
 */
import { parse } from "csv-parse/sync";
import type { PublishedNumber } from "./results.ts";

/**
 * The numbers published for `row` of the paper's table `table`: all metrics, the paper's own value
 * before others. Spaces and case of the row's name do not matter ("AllAD+WRN+Ours" is
 * "All AD + WRN + Ours"). Table "3" includes what the text around it adds, "3 (text)".
 *
 * @param className for tables of several classes; without it, the mean over the classes
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const [auroc, fpr] = paperNumbers("3", "PatchCore + Ours");
 * assert.deepEqual([auroc.mean, auroc.std, fpr.mean, fpr.std], [91.7, 0.3, 48, 2.9]);
 * ```
 */
export function paperNumbers(
  table: string,
  row: string,
  className?: string,
): readonly PublishedNumber[] {
  return publishedCells()
    .filter((cell) =>
      (cell.table === table || cell.table.startsWith(`${table} (`)) &&
      sameName(cell.row, row) &&
      (className === undefined
        ? cell.class === "" || cell.class === "Mean"
        : cell.class === className)
    )
    .map(({ table, metric, mean, std, source }) => ({ table, metric, mean, std, source }));
}

/** A published number with its place. */
export interface PublishedCell extends PublishedNumber {
  /** "one-class", "low-shot", "high-shot" (VAD) or "supervised" (VisA, MVTec AD). */
  readonly benchmark: string;
  /** As the paper names it: "VAD", "VisA", "MVTec AD". */
  readonly dataset: string;
  /** Empty for tables without classes, "Mean" for the mean over them. */
  readonly class: string;
  /** Heading in the table that the row stands under. */
  readonly group: string;
  /** Name of the row as the paper prints it. */
  readonly row: string;
}

/** Every published number, in the order of the file. It is read once. */
export function publishedCells(): readonly PublishedCell[] {
  cells ??= readCells();
  return cells;
}

let cells: readonly PublishedCell[] | undefined;

function readCells(): PublishedCell[] {
  const text = Deno.readTextFileSync(new URL("../../results/paper.csv", import.meta.url));
  const records = parse(text, { columns: true }) as Record<string, string>[];
  return records.map(({ mean, std, ...names }) => ({
    ...(names as Omit<PublishedCell, "mean" | "std">),
    mean: Number(mean),
    std: std === "" ? null : Number(std),
  }));
}

function sameName(a: string, b: string): boolean {
  const plain = (name: string) => name.replace(/\s+/g, "").toLowerCase();
  return plain(a) === plain(b);
}
