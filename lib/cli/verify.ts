/**
 * `verify`: every number of a finished run computed anew from its stored per-image scores, its tables
 * written anew from these numbers; with `--deep` its scores from the anomaly maps in the store.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { sha256 } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import { openDataset } from "../images/datasets.ts";
import { visible } from "../report/escape.ts";
import { paperTable } from "../report/paper_table.ts";
import { recompute } from "../report/recomputed.ts";
import type { ExperimentResult } from "../report/results.ts";
import { toCsv } from "../report/to_csv.ts";
import { toLatex } from "../report/to_latex.ts";
import { toMarkdown } from "../report/to_markdown.ts";
import { wrap } from "../report/to_text.ts";
import {
  type PlannedMap,
  planProductSegmentation,
  planSegmentation,
} from "../runner/planned_segmentation.ts";
import { profileNamed } from "../runner/profile.ts";
import { recheckEntries } from "../runner/recheck.ts";
import { openStore } from "../store/store.ts";
import { defineCommand, type OptionSpecs } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import type { Output } from "./output.ts";
import { readRun, readRunText } from "./run_folder.ts";

const optionSpecs = {
  deep: {
    type: "boolean",
    description: "also compute features, forests and scores anew from the maps in the store",
  },
  segmap: {
    type: "string",
    value: "MAP",
    description: "with --deep: the run's segmentation map, where it is a file",
  },
  ...cacheOption,
} as const satisfies OptionSpecs;

/** What was found of one run, as `verify --json` prints it. */
export interface Verification {
  readonly run: string;
  /** Numbers computed anew. */
  readonly numbers: number;
  /** Stages computed anew, with `--deep`. */
  readonly stages?: number;
  /** What is not as it was written, one sentence each. */
  readonly faults: readonly string[];
  /** What could not be computed anew. */
  readonly skipped: readonly string[];
}

export const verifyCommand = defineCommand({
  name: "verify",
  summary: "Compute every number of a finished run anew from its stored scores.",
  description:
    "Reads scores.csv, computes metrics, intervals, tests and tables anew and compares them with " +
    "result.json, table.md, table.tex and table.csv, to the last bit. Exit code 1 where one differs.",
  examples: [
    { command: "verify results/table3/demo", description: "from the scores" },
    { command: "verify results/table3/demo --deep", description: "from the maps in the store" },
  ],
  options: optionSpecs,
  positionals: [{ name: "run", description: "folder of a run", repeatable: true }],
  async run({ output }, { options, positionals }) {
    const verifications: Verification[] = [];
    for (const folder of positionals) {
      verifications.push(await verifyRun(folder, options, output));
    }
    output.progress.clear();
    output.result(
      verifications,
      ({ width }) => verifications.map((one) => verificationText(one, width)).join("\n"),
    );
    return verifications.some(({ faults }) => faults.length > 0) ? 1 : 0;
  },
});

async function verifyRun(
  folder: string,
  options: { readonly deep: boolean; readonly segmap?: string; readonly cache: string },
  output: Output,
): Promise<Verification> {
  const { result, scores } = await readRun(folder);
  const { result: anew, skipped } = recompute(result, scores);
  const { count, differences } = compareNumbers(result, anew);
  // A file that was changed says more than the numbers that follow from it.
  const faults = [...await compareFiles(folder, anew), ...differences];
  if (!options.deep) return { run: folder, numbers: count, faults, skipped };
  const deep = await verifyDeep(folder, result, options, output);
  return {
    run: folder,
    numbers: count,
    stages: deep.stages,
    faults: [...faults, ...deep.faults],
    skipped,
  };
}

/** Every number of `written` against the same one of `anew`. */
function compareNumbers(
  written: ExperimentResult,
  anew: ExperimentResult,
): { readonly count: number; readonly differences: string[] } {
  const differences: string[] = [];
  let count = 0;
  const compare = (a: unknown, b: unknown, place: string): void => {
    if (typeof a === "object" && a !== null && typeof b === "object" && b !== null) {
      const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
      for (const key of keys) {
        compare(
          (a as Record<string, unknown>)[key],
          (b as Record<string, unknown>)[key],
          `${place}, ${key}`,
        );
      }
      return;
    }
    if (typeof a === "number" || typeof b === "number") count++;
    if (!Object.is(a, b)) differences.push(`${place}: written ${a}, computed ${b}.`);
  };
  for (const [i, row] of written.rows.entries()) {
    const other = anew.rows[i];
    for (const part of ["metrics", "classes", "defects"] as const) {
      compare(row[part] ?? {}, other[part] ?? {}, `row ${visible(row.row)}, ${part}`);
    }
  }
  compare(written.comparisons ?? [], anew.comparisons ?? [], "comparisons");
  return { count, differences };
}

/** The tables and scores as files, against what the numbers give. */
async function compareFiles(folder: string, anew: ExperimentResult): Promise<string[]> {
  const table = paperTable(anew);
  const texts = {
    "table.md": toMarkdown(table),
    "table.tex": toLatex(table),
    "table.csv": toCsv(anew),
  };
  const faults: string[] = [];
  const { outputs } = await readRecord(folder);
  for (const [name, digest] of Object.entries(outputs)) {
    if (sha256(await readRunText(join(folder, name))) !== digest) {
      faults.push(`${name} is not the file that run.json names.`);
    }
  }
  for (const [name, text] of Object.entries(texts)) {
    if (await readRunText(join(folder, name)) !== text) {
      faults.push(`${name} is not the table of these numbers.`);
    }
  }
  return faults;
}

/** What `verify` reads of `run.json`. */
interface RunFile {
  readonly outputs: Readonly<Record<string, string>>;
  readonly rows: readonly {
    readonly row: string;
    readonly cells: readonly { readonly stage: string; readonly key: string }[];
  }[];
  readonly segmentations: Readonly<Record<string, { readonly spec: string } | null>>;
  readonly profile: { readonly size: number };
}

async function readRecord(folder: string): Promise<RunFile> {
  const path = join(folder, "run.json");
  const text = await readRunText(path);
  try {
    const record = JSON.parse(text) as RunFile;
    if (typeof record.outputs === "object" && Array.isArray(record.rows)) return record;
  } catch (cause) {
    throw new DataError(`Cannot read ${path}: it is not JSON`, { cause });
  }
  throw new DataError(`Cannot read ${path}: it is not the record of a run`, {
    remedy: "Run `deno task reproduce` again: it writes the file from what is cached.",
  });
}

async function verifyDeep(
  folder: string,
  result: ExperimentResult,
  { cache, segmap }: { readonly segmap?: string; readonly cache: string },
  output: Output,
): Promise<{ readonly stages: number; readonly faults: string[] }> {
  const record = await readRecord(folder);
  const done = new Set(
    result.rows.filter(({ error }) => error === undefined).map(({ row }) => row),
  );
  const cells = record.rows.filter(({ row }) => done.has(row)).flatMap((row) => row.cells);
  const segmentations = await segmentationsOf(record, result, segmap);
  const damaged: string[] = [];
  const store = await openStore(resolve(cache), ({ stage, key, reason }) => {
    damaged.push(`${stage} ${key.slice(0, 12)} was damaged: ${reason}.`);
  });
  try {
    const { computed, mismatches } = await recheckEntries(
      store,
      cells,
      segmentations,
      (done, of) => output.progress.update({ done, of, label: "computing from maps" }),
    );
    const faults = mismatches.map(({ stage, key, file }) =>
      `${file} of ${stage} ${key.slice(0, 12)} is not what its maps give.`
    );
    return { stages: computed, faults: [...faults, ...damaged] };
  } finally {
    store.close();
  }
}

/** Every segmentation map that the run can have used, by digest. */
async function segmentationsOf(
  { segmentations, profile }: RunFile,
  { profile: name, dataset }: ExperimentResult,
  segmap: string | undefined,
): Promise<Map<string, PlannedMap>> {
  const size = profile.size ?? profileNamed(name).size;
  const specs = new Set([
    "whole",
    ...Object.values(segmentations).flatMap((one) => one?.spec ?? []),
  ]);
  if (segmap !== undefined) specs.add(segmap);
  const planned: PlannedMap[] = [];
  for (const spec of specs) {
    if (spec === "file") continue;
    if (spec !== "product") {
      planned.push(await planSegmentation(spec, size));
      continue;
    }
    const { source } = await openDataset(dataset.name);
    if (source.kind === "products") {
      planned.push(...source.products.map((product) => planProductSegmentation(product, size)));
    }
  }
  return new Map(planned.map((map) => [map.digest, map]));
}

const shownFaults = 20;

function verificationText({ run, numbers, stages, faults, skipped }: Verification, width: number) {
  const deep = stages === undefined ? "" : `, ${stages} stages from the maps`;
  const head = faults.length === 0
    ? `${run}: ok, ${numbers} numbers computed anew${deep}`
    : `${run}: ${faults.length} differences among ${numbers} numbers${deep}`;
  const more = faults.length - shownFaults;
  return [
    head,
    ...faults.slice(0, shownFaults),
    ...(more > 0 ? [`… and ${more} more; --json lists all.`] : []),
    ...skipped,
  ].flatMap((line, i) => wrap(line, width, i === 0 ? "" : "  ").map((text) => `${text}\n`)).join(
    "",
  );
}
