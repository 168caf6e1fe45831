/**
 * `compare`: two finished runs side by side, with paired tests on the images that both scored; or, with
 * `--variants`, the variants of a method (`compare_variants.ts`).
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { visible } from "../report/escape.ts";
import { correctedComparisons } from "../report/result_of_run.ts";
import type { Comparison, ExperimentResult, ResultRow } from "../report/results.ts";
import {
  labelledRuns,
  recordsByRow,
  type ScoredRow,
  scoredRow,
  sharesImages,
} from "../report/scored_rows.ts";
import type { ScoreRecord } from "../report/scores_csv.ts";
import { formatChange, formatNumber, formatP, metricColumns } from "../report/table_parts.ts";
import { wrap } from "../report/to_text.ts";
import { compareRows } from "../runner/stages/comparison.ts";
import { type Command, defineCommand } from "./arguments.ts";
import { compareVariants, type VariantOptions, variantOptionSpecs } from "./compare_variants.ts";
import { alignedLines } from "./output.ts";
import { readRun } from "./run_folder.ts";

/** What `compare --json` prints. */
interface RunComparison {
  readonly a: string;
  readonly b: string;
  /** Rows of both runs; differences are B minus A. */
  readonly rows: readonly ComparedRow[];
  /** Rows of one run only, and rows that cannot be paired, with the reason. */
  readonly left: readonly { readonly row: string; readonly reason: string }[];
}

/** A row of both runs. */
interface ComparedRow {
  readonly row: string;
  readonly metrics: readonly ComparedMetric[];
}

/** A metric of both runs, with the test of the difference. */
interface ComparedMetric extends Omit<Comparison, "row" | "base"> {
  readonly a: number;
  readonly b: number;
}

/** `compare`: two finished runs, or the variants of a method. */
export const compareCommand: Command = defineCommand({
  name: "compare",
  summary: "Two finished runs side by side, or a method's variants, with paired tests.",
  description:
    "Rows of one name are paired where both runs scored the same test images under the same number " +
    "of seeds. Intervals and p values are of the paired bootstrap over seeds and images, corrected " +
    "for the number of rows by Holm's method; DeLong's test is made for each seed. " +
    "With --variants, the switches in which the implementations of a method differ are moved one at " +
    "a time, from variant paper or the one that --variant names, and the AUROC of the method's rows " +
    "is compared; the other options are those of `reproduce`, and what it computed is not computed " +
    "again.",
  examples: [
    {
      command: "compare results/table3/demo other/table3/demo",
      description: "the same table from two places",
    },
    {
      command: "compare --variants rd4ad",
      description: "which difference between RD4AD's implementations moves its AUROC, and how far",
    },
    {
      command: "compare --variants patchcore --rows PatchCore --seeds 2 --markdown",
      description: "one row, two seeds, as Markdown",
    },
  ],
  options: {
    variants: {
      type: "string",
      value: "METHOD",
      description: "compare the variants of this method instead of two runs",
    },
    ...variantOptionSpecs,
  },
  positionals: [
    { name: "a", description: "folder of a run", optional: true },
    { name: "b", description: "folder of another run", optional: true },
  ],
  async run(context, { options, positionals }) {
    const { variants, ...others } = options;
    if (variants !== undefined) {
      if (positionals.length > 0) {
        throw new UsageError(`Cannot compare ${positionals[0]} with variants of ${variants}`, {
          remedy: "Give two folders, or --variants and no folder.",
        });
      }
      return await compareVariants(variants, others, context);
    }
    checkFolders(positionals, others);
    const { output } = context;
    const [a, b] = positionals;
    const [runA, runB] = [await readRun(a), await readRun(b)];
    const comparison = { a, b, ...compareRuns(runA, runB) };
    if (comparison.rows.length === 0) {
      const reasons = comparison.left.map(({ row, reason }) => `${row}: ${reason}`);
      throw new UsageError(`Cannot compare ${a} with ${b}: they have no row to pair`, {
        remedy: reasons.length === 0 ? "Give runs of one experiment." : `${reasons.join("; ")}.`,
      });
    }
    output.result(comparison, ({ width }) => comparisonText(comparison, width));
    return 0;
  },
});

/** Two folders, and no option that only `--variants` reads. */
function checkFolders(folders: readonly string[], options: VariantOptions): void {
  if (folders.length < 2) {
    throw new UsageError(
      `Cannot run compare: ${folders.length === 0 ? "a and b are" : "b is"} missing`,
      { remedy: "Give the folders of two runs, or --variants with a method." },
    );
  }
  const everyCommands = ["cache", "json", "quiet", "help"];
  const name = Object.entries(options).find(([name, value]) =>
    !everyCommands.includes(name) &&
    (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false)
  )?.[0];
  if (name !== undefined) {
    throw new UsageError(`Cannot compare two runs with --${name}: it belongs to --variants`, {
      remedy: "Leave it out; finished runs are compared as they are.",
    });
  }
}

interface FinishedRun {
  readonly result: ExperimentResult;
  readonly scores: readonly ScoreRecord[];
}

/** The rows of both runs, B minus A. */
function compareRuns(
  a: FinishedRun,
  b: FinishedRun,
): Pick<RunComparison, "rows" | "left"> {
  const [recordsA, recordsB] = [recordsByRow(a.scores), recordsByRow(b.scores)];
  const left: { row: string; reason: string }[] = [];
  const paired: { a: ResultRow; b: ResultRow; found: ReturnType<typeof compareRows> }[] = [];
  for (const rowA of a.result.rows) {
    const leave = (reason: string) => left.push({ row: rowA.row, reason });
    const rowB = b.result.rows.find(({ row }) => row === rowA.row);
    if (rowB === undefined) leave("only in the first run");
    else if (rowA.error !== undefined) leave(`first run: ${rowA.error}`);
    else if (rowB.error !== undefined) leave(`second run: ${rowB.error}`);
    else {
      const scoredA = scoredRow(rowA, recordsA, a.result.seeds);
      const scoredB = scoredRow(rowB, recordsB, b.result.seeds);
      if (!sameTests(scoredA, scoredB)) {
        leave("the runs have other test images or another number of seeds");
        continue;
      }
      const found = compareRows(
        labelledRuns(scoredB),
        labelledRuns(scoredA),
        sharesImages(scoredA),
      );
      paired.push({ a: rowA, b: rowB, found });
    }
  }
  for (const { row } of b.result.rows) {
    if (!a.result.rows.some((one) => one.row === row)) {
      left.push({ row, reason: "only in the second run" });
    }
  }
  const tests = correctedComparisons(
    paired.map(({ a: { row }, found }) => ({ row, base: row, found })),
  );
  const rows = paired.map(({ a: rowA, b: rowB }): ComparedRow => ({
    row: rowA.row,
    metrics: tests.filter(({ row }) => row === rowA.row).map(({ row: _, base: __, ...test }) => ({
      ...test,
      a: rowA.metrics[test.metric]!.mean,
      b: rowB.metrics[test.metric]!.mean,
    })),
  }));
  return { rows, left };
}

/** Whether both rows scored the same images, class by class and seed by seed. */
function sameTests(a: ScoredRow, b: ScoredRow): boolean {
  const images = ({ classes, runs }: ScoredRow) =>
    JSON.stringify([classes, runs.map((bySeed) => bySeed.map((run) => [run.images, run.kinds]))]);
  return images(a) === images(b);
}

function comparisonText({ a, b, rows, left }: RunComparison, width: number): string {
  const lines = alignedLines([
    ["row", "metric", "A", "B", "B - A", "95 % interval", "p", "Holm", "DeLong, largest p"],
    ...rows.flatMap(({ row, metrics }) =>
      metrics.map((one) => [
        visible(row),
        metricColumns.find(({ metric }) => metric === one.metric)!.short,
        formatNumber({ mean: one.a, std: null }),
        formatNumber({ mean: one.b, std: null }),
        formatChange(one.difference),
        one.interval.map(formatChange).join(" to "),
        formatP(one.p),
        formatP(one.holm),
        one.delong === null ? "" : formatP(Math.max(...one.delong)),
      ])
    ),
  ]);
  return [
    `A: ${visible(a)}`,
    `B: ${visible(b)}`,
    "",
    ...lines,
    ...left.flatMap(({ row, reason }) => wrap(`${visible(row)}: ${visible(reason)}.`, width)),
    "",
  ].join("\n");
}
