/**
 * Contradictions among the published numbers, found by comparing them with one another: a number that
 * is printed twice with two values, a mean that is not the mean of its classes, a row that is said to be
 * the mean of other rows and is not. Nothing is listed by hand.
 *
 * @module
 */
import type { Experiment, ExperimentRow, SingleMethod } from "../runner/experiment.ts";
import { canonicalJson, type Json } from "../base/digest.ts";
import { mean } from "../base/statistics.ts";
import type { PublishedCell } from "./paper_numbers.ts";

/** Two published statements that cannot both be right. */
export interface Contradiction {
  /** One value at two places, or a mean that is not that of the values beside it. */
  readonly kind: "printed twice" | "mean of classes" | "mean of rows";
  /** Of what: "VisA, RD4AD + Ours, cl_auroc". */
  readonly of: string;
  /** In words, with the values and their places. */
  readonly what: string;
  /** In percentage points. */
  readonly difference: number;
}

/**
 * Half of the last printed digit. A mean of rounded values may be off by as much, and so may the printed
 * mean.
 */
const halfDigit = 0.05;
const epsilon = 1e-9;

/** All contradictions among `cells`; `experiments` say which rows are means of which others. */
export function contradictionsIn(
  cells: readonly PublishedCell[],
  experiments: readonly Experiment[],
): Contradiction[] {
  return [...printedTwice(cells), ...meansOfClasses(cells), ...meansOfRows(cells, experiments)];
}

/** The same row, class and metric of one benchmark with different values. */
function printedTwice(cells: readonly PublishedCell[]): Contradiction[] {
  const groups = Map.groupBy(
    cells,
    (cell) =>
      JSON.stringify([
        cell.dataset,
        cell.benchmark,
        plainName(cell.row),
        className(cell),
        cell.metric,
      ]),
  );
  return [...groups.values()].flatMap((group): Contradiction[] => {
    const values = group.map((cell) => cell.mean);
    const difference = Math.max(...values) - Math.min(...values);
    if (difference <= epsilon) return [];
    const places = group.map((cell) => `${cell.mean} (Table ${cell.table}, ${cell.source})`);
    return [{
      kind: "printed twice",
      of: nameOf(group[0]),
      what: `is published as ${places.join(" and ")}`,
      difference,
    }];
  });
}

/** Printed means over classes against the mean of the printed classes. */
function meansOfClasses(cells: readonly PublishedCell[]): Contradiction[] {
  const groups = Map.groupBy(
    cells.filter((cell) => cell.class !== ""),
    (cell) => JSON.stringify([cell.table, cell.source, cell.row, cell.metric]),
  );
  return [...groups.values()].flatMap((group): Contradiction[] => {
    const printed = group.find((cell) => cell.class === "Mean");
    const classes = group.filter((cell) => cell.class !== "Mean");
    if (printed === undefined || classes.length < 2) return [];
    const computed = mean(classes.map((cell) => cell.mean));
    const difference = Math.abs(computed - printed.mean);
    if (difference <= 2 * halfDigit + epsilon) return [];
    return [{
      kind: "mean of classes",
      of: nameOf(printed),
      what:
        `is printed as ${printed.mean} in Table ${printed.table} (${printed.source}), and the mean ` +
        `of its ${classes.length} printed classes is ${computed.toFixed(2)}`,
      difference,
    }];
  });
}

/**
 * Rows that an experiment declares as the mean of several methods, against the mean of what is printed
 * for these methods in the other tables of the same data set and images. A detector alone sees no bad
 * image, so its row of another protocol counts too.
 */
function meansOfRows(
  cells: readonly PublishedCell[],
  experiments: readonly Experiment[],
): Contradiction[] {
  const rows = experiments.flatMap((experiment) =>
    experiment.rows.map((row) => ({ experiment, row }))
  );
  return rows.flatMap(({ experiment, row }): Contradiction[] => {
    if (row.method.kind !== "mean" || row.paper === undefined) return [];
    const parts = row.method.of.map((method) =>
      rows.find((other) =>
        isPublishedRow(other.row, method) && sameImages(other, experiment, method)
      )
        ?.row.paper
    );
    if (parts.includes(undefined)) return [];
    return [...cellsAt(cells, row.paper).values()].flatMap((printed): Contradiction[] => {
      const values = parts.map((part) => cellsAt(cells, part!).get(printed.metric)?.mean);
      if (values.includes(undefined)) return [];
      const computed = mean(values as number[]);
      const difference = Math.abs(computed - printed.mean);
      if (difference <= 2 * halfDigit + epsilon) return [];
      const tables = [...new Set(parts.map((part) => part!.table))].join(", ");
      return [{
        kind: "mean of rows",
        of: nameOf(printed),
        what: `is printed as ${printed.mean} in Table ${printed.table}, and the mean of the ` +
          `${values.length} rows of Table ${tables} that it stands for (${values.join(", ")}) is ` +
          `${computed.toFixed(2)}`,
        difference,
      }];
    });
  });
}

function isPublishedRow({ method, paper }: ExperimentRow, wanted: SingleMethod): boolean {
  return paper !== undefined &&
    canonicalJson(method as unknown as Json) === canonicalJson(wanted as unknown as Json);
}

function sameImages(
  other: { readonly experiment: Experiment },
  { layout, protocol }: Experiment,
  method: SingleMethod,
): boolean {
  return other.experiment.layout === layout &&
    (method.kind === "detector" || other.experiment.protocol.id === protocol.id);
}

/** The paper's own numbers at a place, by metric. */
function cellsAt(
  cells: readonly PublishedCell[],
  { table, row }: { readonly table: string; readonly row: string },
): ReadonlyMap<string, PublishedCell> {
  return new Map(
    cells.filter((cell) =>
      cell.table === table && plainName(cell.row) === plainName(row) && cell.source === "paper" &&
      (cell.class === "" || cell.class === "Mean")
    ).map((cell) => [cell.metric, cell]),
  );
}

function nameOf(cell: PublishedCell): string {
  const where = className(cell) === "" ? "" : `, ${cell.class}`;
  return `${cell.dataset}${where}, ${cell.row}, ${cell.metric}`;
}

/** The mean over classes is what a table without classes prints. */
function className({ class: name }: PublishedCell): string {
  return name === "Mean" ? "" : name;
}

function plainName(name: string): string {
  return name.replace(/\s+/g, "").toLowerCase();
}
