/**
 * `verify`: every number of a finished run computed anew from its stored per-image scores, its tables
 * written anew from these numbers; with `--deep` its scores from the anomaly maps in the store.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { digestOf, type Json, sha256 } from "../base/digest.ts";
import { UsageError } from "../base/errors.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { openDataset } from "../images/datasets.ts";
import {
  type Certificate,
  certificateLines,
  certificateVersion,
  type CertifiedCheck,
} from "../report/certificate.ts";
import { visible } from "../report/escape.ts";
import { paperTable } from "../report/paper_table.ts";
import { type Recomputation, recompute } from "../report/recomputed.ts";
import { resultDigest } from "../report/result_digest.ts";
import type { ExperimentResult, Verdict } from "../report/results.ts";
import { parseRunFile } from "../report/run_record.ts";
import { scoreRowName } from "../report/score_row_name.ts";
import type { ScoreRecord } from "../report/scores_csv.ts";
import { toCsv } from "../report/to_csv.ts";
import { toLatex } from "../report/to_latex.ts";
import { toMarkdown } from "../report/to_markdown.ts";
import { wrap } from "../report/to_text.ts";
import { codeIdentity } from "../runner/code_identity.ts";
import {
  type PlannedMap,
  planProductSegmentation,
  planSegmentation,
} from "../runner/planned_segmentation.ts";
import { idOf, recordedMetrics, recordText, scoresDigest } from "../runner/provenance.ts";
import { recheckEntries } from "../runner/recheck.ts";
import type { RunFile } from "../runner/run_file.ts";
import { differencesOf, type FieldDifference } from "../store/difference.ts";
import { openStore } from "../store/store.ts";
import { type Command, defineCommand, type OptionSpecs } from "./arguments.ts";
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
  certificate: {
    type: "string",
    value: "FILE",
    description: "write what was found as JSON (docs/schemas/certificate.schema.json)",
  },
  against: {
    type: "string",
    value: "RUN",
    description: "also say in what run.json differs from that of another run",
  },
  ...cacheOption,
} as const satisfies OptionSpecs;

/** What was found of one run, as `verify --json` prints it. */
export interface Verification extends Certificate {
  /** The folder as given. */
  readonly run: string;
  /** Numbers computed anew. */
  readonly numbers: number;
  /** Stages computed anew, with `--deep`. */
  readonly stages?: number;
  /** What is not as it was written, of all checks. */
  readonly faults: readonly string[];
  /** In what the record differs from that of `--against`. */
  readonly differences?: readonly FieldDifference[];
}

/** `verify`: the exit code is 1 when a number is not what the stored scores give. */
export const verifyCommand: Command = defineCommand({
  name: "verify",
  summary: "Compute every number of a finished run anew from its stored scores.",
  description:
    "Checks run.json and the files it names, computes metrics, intervals, tests and tables anew from " +
    "scores.csv and compares them to the last bit. It needs the folder of the run alone: no store, no " +
    "images, no weights. Exit code 1 where anything differs.",
  examples: [
    { command: "verify results/table3/demo", description: "from the scores" },
    { command: "verify results/table3/demo --deep", description: "from the maps in the store" },
    {
      command: "verify results/table3/demo --against elsewhere/table3/demo",
      description: "and in what the two runs differ",
    },
    {
      command: "verify results/table3/demo --certificate certificate.json",
      description: "keep what was found",
    },
  ],
  options: optionSpecs,
  positionals: [{ name: "run", description: "folder of a run", repeatable: true }],
  async run({ output }, { options, positionals }) {
    if (options.certificate !== undefined && positionals.length > 1) {
      throw new UsageError("Cannot write one certificate for several runs", {
        remedy: "Verify them one by one.",
      });
    }
    const verifications: Verification[] = [];
    for (const folder of positionals) {
      const certificate = await certify(folder, options, output);
      verifications.push({
        ...verificationOf(folder, certificate),
        ...(options.against === undefined
          ? {}
          : { differences: await recordDifferences(options.against, folder) }),
      });
      if (options.certificate !== undefined) {
        await writeFileAtomic(options.certificate, JSON.stringify(certificate, null, 2) + "\n");
      }
    }
    output.progress.clear();
    output.result(
      verifications,
      ({ width }) => verifications.map((one) => verificationText(one, width)).join("\n"),
    );
    return verifications.some(({ verdict }) => verdict === "refuted") ? 1 : 0;
  },
});

function verificationOf(run: string, certificate: Certificate): Verification {
  const compared = (name: string) =>
    certificate.checks.find(({ check }) => check === name)?.compared;
  const stages = compared("maps");
  return {
    run,
    numbers: compared("numbers")!,
    ...(stages === undefined ? {} : { stages }),
    faults: certificate.checks.flatMap(({ faults }) => faults),
    ...certificate,
  };
}

/** The record of the run in `folder`, and its text. */
async function readRecord(
  folder: string,
): Promise<{ readonly record: RunFile; readonly text: string }> {
  const path = join(folder, "run.json");
  const text = await readRunText(path);
  return { record: parseRunFile(text, path), text };
}

/** The fields in which two records differ, but for what follows from the others. */
async function recordDifferences(before: string, after: string): Promise<FieldDifference[]> {
  const [a, b] = [(await readRecord(before)).record, (await readRecord(after)).record];
  return differencesOf(a as unknown as Json, b as unknown as Json)
    .filter(({ field }) => field !== "id" && !/^outputs|\.digest$/.test(field));
}

/** Makes every check of the run in `folder`. */
async function certify(
  folder: string,
  options: { readonly deep: boolean; readonly segmap?: string; readonly cache: string },
  output: Output,
): Promise<Certificate> {
  const { result, scores } = await readRun(folder);
  const { record, text } = await readRecord(folder);
  const scoresCheck = checkScores(record, scores);
  const recomputed = tryRecompute(result, scores);
  const anew = "fault" in recomputed ? result : recomputed.result;
  const numbersCheck = "fault" in recomputed
    ? { check: "numbers" as const, compared: 0, faults: [recomputed.fault] }
    : compareNumbers(result, anew);
  const checks = [
    checkRecord(record, text, result, anew),
    await checkFiles(folder, record),
    scoresCheck,
    numbersCheck,
    await checkTables(folder, anew),
    ...(options.deep ? [await checkMaps(record, result, options, output)] : []),
  ];
  const claims: Record<Verdict, number> = {
    reproduced: 0,
    "within noise": 0,
    differs: 0,
    "not testable": 0,
  };
  for (const { verdicts = {} } of result.rows) {
    for (const { verdict } of Object.values(verdicts)) claims[verdict]++;
  }
  return {
    schema: certificateVersion,
    harness: (await codeIdentity()).version,
    id: record.id,
    experiment: record.experiment,
    profile: record.profile.name,
    dataset: { name: record.dataset.name, digest: record.dataset.digest },
    verdict: checks.every(({ faults }) => faults.length === 0) ? "verified" : "refuted",
    from: options.deep ? "maps" : "scores",
    checks,
    skipped: "fault" in recomputed ? [] : recomputed.skipped,
    deviations: record.deviations,
    claims,
  };
}

/** The result anew, or why these scores give none: rows whose images are not each other's, say. */
function tryRecompute(
  result: ExperimentResult,
  scores: readonly ScoreRecord[],
): Recomputation | { readonly fault: string } {
  try {
    return recompute(result, scores);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { fault: `scores.csv gives no numbers: ${error.message}.` };
  }
}

/** Whether the record is as it was written, and says what the result says. */
function checkRecord(
  record: RunFile,
  text: string,
  result: ExperimentResult,
  anew: ExperimentResult,
): CertifiedCheck {
  const faults: string[] = [];
  let compared = 0;
  const check = (holds: boolean, fault: string): void => {
    compared++;
    if (!holds) faults.push(fault);
  };
  check(text === recordText(record), "run.json is not the text that was written.");
  check(idOf(record) === record.id, "run.json does not have the SHA-256 that it names itself by.");
  const { digest, value } = record.definition;
  check(digestOf(value as unknown as Json) === digest, "run.json names another definition.");
  check(resultDigest(result) === record.result, "result.json is not the result of run.json.");
  check(
    record.experiment === result.experiment && value.id === result.experiment,
    "run.json is of another experiment than result.json.",
  );
  check(record.profile.name === result.profile, "run.json is of another profile.");
  check(record.dataset.digest === result.dataset.digest, "run.json is of other images.");
  check(record.seeds.join() === result.seeds.join(), "run.json is of other seeds.");
  check(
    JSON.stringify(record.rows.map(({ row }) => row)) ===
      JSON.stringify(result.rows.map(({ row }) => row)),
    "run.json has other rows than result.json.",
  );
  for (const { row, metrics } of record.rows) {
    const own = anew.rows.find((one) => one.row === row);
    const expected = digestOf(recordedMetrics(own?.metrics ?? {}) as unknown as Json);
    check(
      digestOf(metrics as unknown as Json) === expected,
      `run.json has other numbers for row ${visible(row)}.`,
    );
  }
  return { check: "record", compared, faults };
}

/** Whether the files are those that the record names. */
async function checkFiles(folder: string, { outputs }: RunFile): Promise<CertifiedCheck> {
  const faults: string[] = [];
  for (const { path, sha256: digest } of outputs) {
    const bytes = await readFileIfThere(join(folder, path));
    if (bytes === undefined) faults.push(`${path} is missing.`);
    else if (sha256(bytes) !== digest) faults.push(`${path} is not the file that run.json names.`);
  }
  return { check: "files", compared: outputs.length, faults };
}

/** Whether scores.csv holds the scores of the store's entries, cell by cell. */
function checkScores({ rows }: RunFile, scores: readonly ScoreRecord[]): CertifiedCheck {
  const faults: string[] = [];
  let next = 0;
  for (const { row, cells } of rows) {
    for (const { part, seed, images, scores: digest } of cells) {
      if (digest === null) continue;
      const own = scores.slice(next, next + images);
      next += images;
      const name = scoreRowName(row, part);
      const fits = own.length === images &&
        own.every((one) => one.row === name && one.seed === seed) &&
        scoresDigest(Float64Array.from(own, ({ score }) => score)) === digest;
      if (!fits) faults.push(`scores.csv has other scores for row ${visible(name)}, seed ${seed}.`);
    }
  }
  if (next !== scores.length) {
    faults.push(`scores.csv has ${scores.length} scores, run.json ${next}.`);
  }
  return { check: "scores", compared: next, faults };
}

/** Every number of `written` against the same one of `anew`. */
function compareNumbers(
  written: ExperimentResult,
  anew: ExperimentResult,
): CertifiedCheck {
  const faults: string[] = [];
  let compared = 0;
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
    if (typeof a === "number" || typeof b === "number") compared++;
    if (!Object.is(a, b)) faults.push(`${place}: written ${a}, computed ${b}.`);
  };
  for (const [i, row] of written.rows.entries()) {
    const other = anew.rows[i];
    for (const part of ["metrics", "classes", "defects"] as const) {
      compare(row[part] ?? {}, other[part] ?? {}, `row ${visible(row.row)}, ${part}`);
    }
  }
  compare(written.comparisons ?? [], anew.comparisons ?? [], "comparisons");
  return { check: "numbers", compared, faults };
}

/** The tables as files, against what the numbers give. */
async function checkTables(folder: string, anew: ExperimentResult): Promise<CertifiedCheck> {
  const table = paperTable(anew);
  const texts = {
    "table.md": toMarkdown(table),
    "table.tex": toLatex(table),
    "table.csv": toCsv(anew),
  };
  const faults: string[] = [];
  for (const [name, text] of Object.entries(texts)) {
    if (await readRunText(join(folder, name)) !== text) {
      faults.push(`${name} is not the table of these numbers.`);
    }
  }
  return { check: "tables", compared: Object.keys(texts).length, faults };
}

/** Computes features, forests and scores anew from the maps in the store. */
async function checkMaps(
  record: RunFile,
  result: ExperimentResult,
  { cache, segmap }: { readonly segmap?: string; readonly cache: string },
  output: Output,
): Promise<CertifiedCheck> {
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
    return { check: "maps", compared: computed, faults: [...faults, ...damaged] };
  } finally {
    store.close();
  }
}

/** Every segmentation map that the run can have used, by digest. */
async function segmentationsOf(
  { segmentations, profile: { size } }: RunFile,
  { dataset }: ExperimentResult,
  segmap: string | undefined,
): Promise<Map<string, PlannedMap>> {
  const specs = new Set(["whole", ...segmentations.flatMap(({ spec }) => spec ?? [])]);
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
const shownDifferences = 20;

function verificationText(verification: Verification, width: number): string {
  const { run, verdict, numbers, stages, faults, differences = [] } = verification;
  const deep = stages === undefined ? "" : `, ${stages} stages from the maps`;
  const head = verdict === "verified"
    ? `${run}: ok, ${numbers} numbers computed anew${deep}`
    : `${run}: ${faults.length} differences among ${numbers} numbers${deep}`;
  const more = faults.length - shownFaults;
  return [
    head,
    ...faults.slice(0, shownFaults),
    ...(more > 0 ? [`… and ${more} more; --json lists all.`] : []),
    ...certificateLines(verification),
    ...differences.slice(0, shownDifferences).map(differenceText),
    ...(differences.length > shownDifferences
      ? [`… and ${differences.length - shownDifferences} more; --json lists all.`]
      : []),
  ].flatMap((line, i) => wrap(visible(line), width, i === 0 ? "" : "  ").map((text) => `${text}\n`))
    .join(
      "",
    );
}

function differenceText({ field, before, after }: FieldDifference): string {
  const [a, b] = [before, after].map((value) => {
    const text = value === undefined ? "nothing" : JSON.stringify(value);
    return text.length > 60 ? `${text.slice(0, 60)}…` : text;
  });
  return `differs: ${field}: ${a}, here ${b}`;
}
