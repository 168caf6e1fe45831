/**
 * How far the switches of a method's variants move its AUROC: one row for each switch that is moved
 * alone, one for each variant as a whole, all against one variant on the same seeds and test images.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import type { SwitchMove } from "../maps/variants.ts";
import { holmAdjusted } from "../metrics/intervals.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import type { MetricComparison } from "../runner/stages/comparison.ts";
import type { PaperTable, TableCell, TableRow } from "./table_parts.ts";
import { formatChange, formatNumber, formatP, oneDecimal } from "./table_parts.ts";

/** The differences between the variants of a method. */
export interface VariantDifferences {
  /** Id: "rd4ad". */
  readonly method: string;
  /** As in the tables: "RD4AD". */
  readonly name: string;
  /** The variant that all others are compared with. */
  readonly base: string;
  /** Id of the experiment. */
  readonly experiment: string;
  /** "demo", "cpu" or "paper". */
  readonly profile: string;
  /** Backbone of all runs. */
  readonly backbone: string;
  /** The data set of all runs. */
  readonly dataset: {
    readonly name: string;
    readonly digest: string;
    readonly images: number;
  };
  /** Seeds of all runs. */
  readonly seeds: readonly number[];
  /** The experiment's rows that the method is in. */
  readonly rows: readonly VariedRow[];
  /** Variants that set nothing otherwise than the base. */
  readonly same: readonly string[];
  /** What a reader must know to judge the numbers. */
  readonly notes: readonly string[];
}

/** A row of the experiment under the variants. */
export interface VariedRow {
  /** As the table prints it: "PatchCore + Ours". */
  readonly row: string;
  /** Cl. AUROC in percent with the base. */
  readonly base: Summary;
  /** In the order of the variants. */
  readonly moves: readonly VariedMove[];
}

/** A row under another variant. */
export interface VariedMove {
  /** As `--variant` takes it: "paper:loss=official", or "official". */
  readonly variant: string;
  /** The variant that the moved switches are of. */
  readonly of: string;
  /** What is set otherwise than in the base. */
  readonly switches: readonly SwitchMove[];
  /** Whether every stage is the base's: the switches mean nothing under this profile and backbone. */
  readonly same: boolean;
  /** Cl. AUROC in percent; none where it could not be computed. */
  readonly auroc?: Summary;
  /** Cl. AUROC minus the base's, seed by seed, in percentage points. */
  readonly difference?: Summary;
  /** 95 % interval and p value of the difference by the paired bootstrap over seeds and images. */
  readonly interval?: readonly [low: number, high: number];
  /** Two-sided. */
  readonly p?: number;
  /** p corrected by Holm's method over all moves that change something. */
  readonly holm?: number;
  /** Why there are no numbers. */
  readonly error?: string;
}

/** A move and what was measured with it. */
export interface MeasuredMove {
  /** As `--variant` takes it: "paper:loss=official", or "official". */
  readonly variant: string;
  /** The variant that the moved switches are of. */
  readonly of: string;
  /** What is set otherwise than in the base. */
  readonly switches: readonly SwitchMove[];
  /** Whether every stage is the base's: nothing needs to be measured. */
  readonly same: boolean;
  /** Cl. AUROC in percent by seed. */
  readonly auroc?: readonly number[];
  /** With the base, on the same images. */
  readonly comparison?: MetricComparison;
  /** Why there are no numbers. */
  readonly error?: string;
}

/** Rows from measurements: differences by seed, and Holm's correction over all of them. */
export function variedRows(
  measured: readonly {
    readonly row: string;
    /** Cl. AUROC in percent by seed. */
    readonly base: readonly number[];
    readonly moves: readonly MeasuredMove[];
  }[],
): VariedRow[] {
  const compared = measured.flatMap(({ moves }) => moves).filter((move) => move.comparison);
  const corrected = holmAdjusted(compared.map(({ comparison }) => comparison!.p));
  return measured.map(({ row, base, moves }) => ({
    row,
    base: summarize(base),
    moves: moves.map(({ auroc, comparison, ...move }): VariedMove => ({
      ...move,
      ...(auroc === undefined ? {} : {
        auroc: summarize(auroc),
        difference: summarize(auroc.map((value, seed) => value - base[seed])),
      }),
      ...(comparison === undefined ? {} : {
        interval: comparison.interval,
        p: comparison.p,
        holm: corrected[compared.findIndex((one) => one.comparison === comparison)],
      }),
    })),
  }));
}

/** The differences as a table that the writers of tables write out. */
export function variantTable(differences: VariantDifferences): PaperTable {
  const { name, base, experiment, profile, backbone, dataset, seeds, rows, same, notes } =
    differences;
  const column = (heading: string, short = heading) => ({
    heading,
    short,
    better: "none" as const,
    gains: false,
    published: false,
  });
  return {
    title: `${name}: how far each switch moves the AUROC from variant ${base}`,
    subtitle: [
      `${experiment}, profile ${profile}, backbone ${backbone}`,
      `${dataset.name}, ${dataset.images.toLocaleString("en")} images`,
      seeds.length === 1
        ? `seed ${seeds[0]}`
        : `mean ± standard deviation over ${seeds.length} seeds`,
    ].join("; "),
    head: "Variant",
    columns: [
      column("Cl. AUROC", "AUROC"),
      column("Change"),
      column("95 % interval", "95 %"),
      column("p (Holm)"),
    ],
    groups: rows.map(({ row, base: summary, moves }) => ({
      name: row,
      rows: [
        tableRow(base, [formatNumber(summary), "", "", ""]),
        ...moves.map(moveRow),
      ],
    })),
    footnotes: [
      "Change: the AUROC minus that of variant " + base +
      ", paired by seed, in percentage points; intervals and p values are of the paired bootstrap " +
      "over seeds and test images, p corrected by Holm's method.",
      ...(rows.some(({ moves }) => moves.some((move) => move.same))
        ? [
          `"the same": the switch means nothing under profile ${profile} and backbone ${backbone}.`,
        ]
        : []),
      ...same.map((variant) => `${variant} sets nothing otherwise than ${base}.`),
      ...notes,
    ],
  };
}

function moveRow(move: VariedMove): TableRow {
  const { of, switches, auroc, difference, interval, holm, same, error } = move;
  const title = switches.length === 1
    ? `${switches[0].name}: ${shown(switches[0].before)} → ${shown(switches[0].after)} (${of})`
    : switches.length === 0
    ? of
    : `${of}, all ${switches.length} switches`;
  if (error !== undefined) return { ...tableRow(title, ["", "", "", ""]), error };
  return tableRow(title, [
    auroc === undefined ? "" : formatNumber(auroc),
    same ? "the same" : difference === undefined ? "" : changeText(difference),
    interval === undefined ? "" : interval.map(formatChange).join(" to "),
    holm === undefined ? "" : formatP(holm),
  ]);
}

function tableRow(name: string, texts: readonly string[]): TableRow {
  const cells = texts.map((text): TableCell => ({
    text,
    summary: undefined,
    best: false,
    gain: undefined,
    published: [],
    difference: undefined,
  }));
  return { name, cells, verdict: "not testable" };
}

/** "+1.2 ± 0.3" */
function changeText({ mean, std }: Summary): string {
  return formatChange(mean) + (std === null ? "" : ` ± ${oneDecimal(std)}`);
}

/** A switch's value as short as it can be read: texts without quotes, records by their values. */
function shown(value: Json): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(shown).join(" ");
  if (value !== null && typeof value === "object") {
    return Object.values(value).map((part) => shown(part as Json)).join(" ");
  }
  return String(value);
}
