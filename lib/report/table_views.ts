/**
 * Tables that are not a line per row with a column per metric: Cl. AUROC by class (Tables 8 and 9),
 * detection rates by type of defect (Table 7), counts of data sets (Table 1).
 *
 * @module
 */
import { defectTypes } from "../images/synthetic_product.ts";
import {
  bestText,
  formatNumber,
  oneDecimal,
  type PaperTable,
  subtitle,
  type TableCell,
  type TableColumn,
  tableFootnotes,
  type TableGroup,
  type TableRow,
} from "./table_parts.ts";
import type { ExperimentResult, MetricSummary, PublishedNumber, ResultRow } from "./results.ts";

/**
 * A column per class and one for their mean, Cl. AUROC without deviations as in the paper. Below a row
 * that has published numbers of our classes stands a line with them.
 */
export function classTable(result: ExperimentResult): PaperTable {
  const names = [...new Set(result.rows.flatMap((row) => Object.keys(row.classes ?? {})))];
  const byClass = result.rows.some((row) => names.some((name) => publishedOf(row, name)));
  const columns: TableColumn[] = [...names, "Mean"].map((name) => ({
    heading: name,
    short: name,
    better: "higher",
    gains: false,
    published: name === "Mean" && !byClass &&
      result.rows.some((row) => publishedOf(row, undefined) !== undefined),
  }));
  const summaries = (row: ResultRow) => [
    ...names.map((name) => row.classes?.[name]?.cl_auroc),
    row.metrics.cl_auroc,
  ];
  const best = columns.map((column, i) =>
    bestText(result.rows.map((row) => summaries(row)[i]), column)
  );
  const groups: { name: string; rows: TableRow[] }[] = [];
  for (const row of result.rows) {
    if (groups.at(-1)?.name !== row.group) groups.push({ name: row.group, rows: [] });
    const mean = publishedOf(row, undefined);
    groups.at(-1)!.rows.push({
      name: row.row,
      result: row,
      cells: summaries(row).map((summary, i) => ({
        ...plainCell(summary, best[i]),
        published: columns[i].published && mean !== undefined ? [mean] : [],
      })),
      verdict: row.verdict,
      ...(row.error === undefined ? {} : { error: row.error }),
      ...(row.note === undefined ? {} : { note: row.note }),
    });
    if (byClass) {
      const numbers = [...names.map((name) => publishedOf(row, name)), mean];
      groups.at(-1)!.rows.push({
        name: `${row.row}, paper`,
        below: true,
        cells: numbers.map((number) => textCell(number === undefined ? "" : formatNumber(number))),
        verdict: row.verdict,
      });
    }
  }
  return {
    title: result.title,
    subtitle: subtitle(result),
    columns,
    groups,
    footnotes: tableFootnotes(result, columns, groups),
  };
}

/** A line per type of defect, a column per row of the result. */
export function defectTable(result: ExperimentResult): PaperTable {
  const rows = result.rows.filter((row) => row.defects !== undefined);
  const columns: TableColumn[] = [
    { heading: "Images", short: "n", better: "none", gains: false, published: false },
    ...rows.map((row): TableColumn => ({
      heading: row.row,
      short: row.row,
      better: "higher",
      gains: false,
      published: false,
    })),
  ];
  const found = new Set(rows.flatMap((row) => Object.keys(row.defects!)));
  const known = defectTypes.filter(({ id }) => found.has(id));
  const others = [...found].filter((id) => !known.some((type) => type.id === id)).sort();
  const line = (id: string, name: string): TableRow => {
    const summaries = rows.map((row) => row.defects![id]);
    const best = bestText(summaries, { better: "higher" });
    const images = summaries.find((summary) => summary !== undefined)?.images;
    return {
      name,
      cells: [textCell(String(images ?? "")), ...summaries.map((one) => plainCell(one, best))],
      verdict: "not testable",
    };
  };
  const groups: TableGroup[] = [
    {
      name: "Logical",
      rows: known.filter(({ kind, unseen }) => kind === "logical" && !unseen)
        .map(({ id, description }) => line(id, description)),
    },
    {
      name: "Structural",
      rows: known.filter(({ kind, unseen }) => kind === "structural" && !unseen)
        .map(({ id, description }) => line(id, description)),
    },
    {
      name: "Not seen in training",
      rows: known.filter(({ unseen }) => unseen).map(({ id, description }) =>
        line(id, description)
      ),
    },
    { name: "Types of this data set", rows: others.map((id) => line(id, id)) },
  ].filter((group) => group.rows.length > 0);
  const missing = result.rows.filter((row) => row.defects === undefined).map((row) =>
    `${row.row}: ${row.error ?? "the types of its defects are not known"}.`
  );
  const footnotes = tableFootnotes(result, columns, groups);
  return {
    title: result.title,
    subtitle: subtitle(result),
    columns,
    groups,
    footnotes: [
      "Percentage of the images of a type with a score at or above the threshold at which 95 % of all " +
      "bad images are found; mean over the seeds.",
      ...missing,
      ...footnotes,
    ],
  };
}

/** The lines of `result.grid` as they are, and the pictures of a figure. */
export function gridTable(result: ExperimentResult): PaperTable {
  const { columns, rows } = result.grid ?? { columns: [], rows: [] };
  const cells = columns.slice(1).map((heading): TableColumn => ({
    heading,
    short: heading,
    better: "none",
    gains: false,
    published: false,
  }));
  const groups: TableGroup[] = rows.length === 0 ? [] : [{
    name: "",
    rows: rows.map(([name, ...texts]) => ({
      name,
      cells: texts.map(textCell),
      verdict: "not testable",
    })),
  }];
  return {
    title: result.title,
    subtitle: subtitle(result),
    columns: cells,
    ...(columns[0] === undefined ? {} : { head: columns[0] }),
    groups,
    footnotes: tableFootnotes(result, cells, groups),
    ...(result.figures === undefined ? {} : { figures: result.figures }),
  };
}

/** The first published Cl. AUROC of a row for a class, or for the mean. */
function publishedOf(row: ResultRow, name: string | undefined): PublishedNumber | undefined {
  const numbers = name === undefined ? row.paper : row.paperClasses?.[name] ?? [];
  return numbers.find(({ metric }) => metric === "cl_auroc");
}

/** A number without its deviation. */
function plainCell(summary: MetricSummary | undefined, best: string | undefined): TableCell {
  return {
    ...noExtras,
    summary: summary === undefined ? undefined : { ...summary, std: null },
    best: summary !== undefined && oneDecimal(summary.mean) === best,
  };
}

function textCell(text: string): TableCell {
  return { ...noExtras, text, summary: undefined, best: false };
}

const noExtras = { gain: undefined, published: [], difference: undefined } as const;
