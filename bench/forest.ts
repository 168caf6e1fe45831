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
import { RandomState } from "../lib/base/random.ts";
import type { FeatureMatrix } from "../lib/forest/binning.ts";
import { fitBoostedForest } from "../lib/forest/boosted_forest.ts";
import { type BoostedForest, predictProbability } from "../lib/forest/predictor.ts";
import { forestPresets } from "../lib/forest/presets.ts";
import type { ForestParameters } from "../lib/forest/parameters.ts";
import type { BenchCase, Benchmark } from "./timing/benchmark.ts";
import { linesOf, peakMegabytes } from "./timing/timed_process.ts";

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

/** The boosted random forest. */
export const forestBenchmark: Benchmark = {
  name: "forest",
  summary: "fitting the boosted random forest, and predicting with it",
  peer: "xgboost",
  peerNeeds: "xgboost 2.0.3 and numpy",
  runs: 5,
  cases: new Map([...cases].map(([name, what]) => [name, benchCase(name, what)])),
};

function benchCase(name: string, what: Case): BenchCase {
  const { task, rows, columns, rounds, trees, threads } = what;
  return {
    title: `${task} ${rows} x ${columns}, ${rounds} rounds of ${trees} trees`,
    threads,
    async timed(threads, time) {
      const folder = await Deno.makeTempDir();
      try {
        await writeTable(folder, what);
        return await time({
          program: import.meta.filename!,
          ours: [name, folder],
          peer: [folder, String(rows), String(columns), JSON.stringify(parametersOf(what))],
          env: {},
          line: `${task} ${threads}`,
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
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

if (import.meta.main) await serve(Deno.args[0], Deno.args[1]);
