/**
 * Times the boosted random forest against xgboost 2.0.3 (`hist`, the same number of threads) on the same
 * drawn data, each in a process of its own that run in turn: ours, xgboost, ours, xgboost …
 *
 * ```sh
 * PEER_PYTHON=python3 deno task bench forest [--json] [--runs 5] [case …]
 * ```
 *
 * `PEER_PYTHON` names a Python with xgboost 2.0.3; without it ours is timed alone. The first run of each
 * is not counted. `ratio` is xgboost's time by ours, medians of the runs; `ours_peak_mb` and
 * `peer_peak_mb` are the processes' largest memory.
 *
 * The trees are the paper's (`forestPresets.BRF`); the two large tables get fewer of them, as the names
 * say, since xgboost would take an hour for all.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { unknownName } from "../lib/base/errors.ts";
import { RandomState } from "../lib/base/random.ts";
import type { FeatureMatrix } from "../lib/forest/binning.ts";
import { fitBoostedForest } from "../lib/forest/boosted_forest.ts";
import { type BoostedForest, predictProbability } from "../lib/forest/predictor.ts";
import { forestPresets } from "../lib/forest/presets.ts";
import type { ForestParameters } from "../lib/forest/parameters.ts";
import {
  linesOf,
  peakMegabytes,
  TimedProcess,
  timeInTurn,
  type Timing,
} from "./timing/timed_process.ts";

/** What is timed on which table. */
interface Case {
  readonly rows: number;
  readonly columns: number;
  readonly rounds: number;
  readonly trees: number;
  readonly task: "fit" | "predict";
  readonly threads: readonly number[];
}

const cases: ReadonlyMap<string, Case> = new Map([
  [
    "vad",
    { rows: 2000, columns: 113, rounds: 10, trees: 200, task: "fit", threads: [1, 2] },
  ],
  [
    "visa",
    { rows: 200, columns: 17, rounds: 10, trees: 200, task: "fit", threads: [1, 2] },
  ],
  [
    "wide",
    { rows: 2000, columns: 1000, rounds: 10, trees: 20, task: "fit", threads: [1, 2] },
  ],
  [
    "long",
    { rows: 100_000, columns: 113, rounds: 2, trees: 20, task: "fit", threads: [1, 2] },
  ],
  [
    "predict",
    { rows: 2000, columns: 113, rounds: 10, trees: 200, task: "predict", threads: [1] },
  ],
]);

/** One line of `--json`. */
interface ForestBenchResult extends Timing {
  readonly name: string;
  readonly peer: string | null;
  readonly threads: number;
}

/** Times the named cases, all of them if none is named. */
async function benchForest(
  names: readonly string[],
  runs: number,
): Promise<ForestBenchResult[]> {
  const results: ForestBenchResult[] = [];
  for (const name of names.length > 0 ? names : cases.keys()) {
    const what = cases.get(name);
    if (what === undefined) throw unknownName("case", name, cases.keys());
    const folder = await Deno.makeTempDir();
    try {
      await writeTable(folder, what);
      for (const threads of what.threads) {
        results.push(await timeCase(name, what, threads, folder, runs));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  return results;
}

async function timeCase(
  name: string,
  what: Case,
  threads: number,
  folder: string,
  runs: number,
): Promise<ForestBenchResult> {
  const python = Deno.env.get("PEER_PYTHON");
  const here = new URL(".", import.meta.url).pathname;
  const ours = new TimedProcess(Deno.execPath(), [
    ...["run", "-A", "--quiet", "--config", `${here}../deno.json`, `${here}forest.ts`],
    ...["--serve", name, folder],
  ]);
  const peer = python === undefined ? undefined : new TimedProcess(python, [
    ...[`${here}forest_peer.py`, folder, String(what.rows), String(what.columns)],
    JSON.stringify(parametersOf(what)),
  ]);
  const { task, rows, columns, rounds, trees } = what;
  return {
    name: `${task} ${rows} x ${columns}, ${rounds} rounds of ${trees} trees`,
    peer: peer === undefined ? null : "xgboost",
    threads,
    ...await timeInTurn(ours, peer, `${task} ${threads}`, runs),
  };
}

/** The paper's parameters with the case's number of trees, as both sides take them. */
function parametersOf({ rounds, trees }: Case): Partial<ForestParameters> {
  const { base_score: _, ...parameters } = forestPresets.BRF;
  return { ...parameters, n_estimators: rounds, num_parallel_tree: trees };
}

/** Normal features of which ten carry the label, with noise; about a third of the labels are 1. */
async function writeTable(folder: string, { rows, columns }: Case): Promise<void> {
  const random = new RandomState(7);
  const values = new Float32Array(rows * columns);
  const labels = new Uint8Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 2 * random.normal();
    for (let column = 0; column < columns; column++, at++) {
      values[at] = random.normal();
      if (column < 10) sum += (column % 3 - 0.7) * values[at];
    }
    labels[row] = sum > 1.3 ? 1 : 0;
  }
  await Deno.writeFile(`${folder}/features.f32`, new Uint8Array(values.buffer));
  await Deno.writeFile(`${folder}/labels.u8`, labels);
}

/** Our process: a task for each line of the input. */
async function serve(name: string, folder: string): Promise<void> {
  const what = cases.get(name)!;
  const { rows, columns } = what;
  const values = new Float32Array((await Deno.readFile(`${folder}/features.f32`)).buffer);
  const features: FeatureMatrix = { rows, columns, values };
  const labels = await Deno.readFile(`${folder}/labels.u8`);
  let forest: BoostedForest | undefined;
  for await (const line of linesOf(Deno.stdin.readable)) {
    const [task, threads] = line.split(" ");
    let begin = performance.now();
    if (forest === undefined || task === "fit") {
      forest = fitBoostedForest(features, labels, parametersOf(what), 0, {
        workers: Number(threads),
      });
    }
    if (task === "predict") {
      begin = performance.now();
      predictProbability(forest, features);
    }
    console.log((performance.now() - begin) / 1000);
  }
  console.log(peakMegabytes());
}

function describe(result: ForestBenchResult): string {
  const { name, threads, ours_s, ours_peak_mb, peer_s, peer_peak_mb, ratio } = result;
  const ours = `${name}, ${threads} thread${threads === 1 ? "" : "s"}: ` +
    `${ours_s.toFixed(3)} s, ${ours_peak_mb.toFixed(0)} MB`;
  if (peer_s === null) return ours;
  return `${ours}; xgboost ${peer_s.toFixed(3)} s, ${peer_peak_mb!.toFixed(0)} MB; ` +
    `ratio ${ratio!.toFixed(1)}`;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      runs: { type: "string", default: "5" },
      serve: { type: "boolean", default: false },
    },
  });
  if (values.serve) {
    await serve(positionals[0], positionals[1]);
  } else {
    const results = await benchForest(positionals, Number(values.runs));
    if (values.json) console.log(JSON.stringify(results));
    else for (const result of results) console.log(describe(result));
  }
}
