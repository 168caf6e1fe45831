/**
 * `deno task bench [benchmark [case …]]`: times us and the peers in turn.
 *
 * @module
 */
import { unknownName, UsageError } from "../lib/base/errors.ts";
import { type Command, defineCommand } from "../lib/cli/arguments.ts";
import { resultList, runDeveloperTask } from "../lib/cli/developer_task.ts";
import { forestBenchmark } from "./forest.ts";
import type { BenchCase, Benchmark } from "./timing/benchmark.ts";
import { timeInTurn, type Timing } from "./timing/timed_process.ts";
import { trainBenchmark } from "./train.ts";
import { detectorsBenchmark } from "./train_detectors.ts";
import { efficientAdBenchmark } from "./train_efficientad.ts";
import { supervisedBenchmark } from "./train_supervised.ts";

const benchmarks = new Map(
  [forestBenchmark, trainBenchmark, detectorsBenchmark, efficientAdBenchmark, supervisedBenchmark]
    .map((benchmark) => [benchmark.name, benchmark]),
);

/** One result of `--json` (DESIGN section 2). */
interface BenchResult extends Timing {
  /** What was done. */
  readonly name: string;
  /** The library that ours was timed against; null where it was timed alone. */
  readonly peer: string | null;
  /** Of both. */
  readonly threads: number;
}

/** `bench`: all benchmarks, one, or cases of one. */
const benchCommand: Command = defineCommand({
  name: "bench",
  summary: "Time us and the peers in turn, each in a process of its own.",
  description:
    "PEER_PYTHON names the Python with the peers; without it ours is timed alone. A run " +
    "takes at least a second: a short task is done again and again, and the mean taken. Times are " +
    "medians of the runs, after one that is not counted; ratio is the peer's time by ours. " +
    [...benchmarks.values()].map(describeBenchmark).join(" "),
  examples: [
    { command: "bench forest", description: "the boosted random forest" },
    { command: "bench train resnet18 --runs 3", description: "one case, three runs" },
    { command: "bench --json", description: "everything, for a program" },
  ],
  options: {
    runs: {
      type: "integer",
      value: "N",
      description: "counted runs of each case (default: the benchmark's own number)",
    },
  },
  positionals: [
    { name: "benchmark", description: [...benchmarks.keys()].join(", "), optional: true },
    { name: "case", description: "only these of its cases", optional: true, repeatable: true },
  ],
  async run({ output }, { options: { runs }, positionals }) {
    if (runs !== undefined && runs < 1) {
      throw new UsageError(`Cannot time ${runs} runs: it takes at least one`, {
        remedy: "For example --runs 5.",
      });
    }
    const chosen = chosenCases(positionals);
    const python = Deno.env.get("PEER_PYTHON");
    if (python === undefined) output.log("PEER_PYTHON is not set: ours is timed alone.");
    const results = resultList(output, resultText);
    for (const [place, { benchmark, name, what, threads }] of chosen.entries()) {
      const { peer, peerNeeds } = benchmark;
      const of = 1 + (runs ?? benchmark.runs);
      const begin = performance.now();
      const show = (done: number) =>
        output.progress.update({
          done,
          of,
          label: `${benchmark.name} ${name}, ${threadsText(threads)}, ${
            place + 1
          } of ${chosen.length}`,
          secondsLeft: done === 0 || done === of
            ? undefined
            : (performance.now() - begin) / 1000 / done * (of - done),
        });
      show(0);
      const timing = await what.timed(threads, (plan) =>
        timeInTurn(
          plan,
          python === undefined ? undefined : { program: python, needs: peerNeeds },
          of - 1,
          show,
        ));
      results.add({
        name: what.title,
        peer: python === undefined ? null : peer,
        threads,
        ...timing,
      });
    }
    results.end();
    return 0;
  },
});

/** A case with one of its numbers of threads. */
interface Chosen {
  readonly benchmark: Benchmark;
  readonly name: string;
  readonly what: BenchCase;
  readonly threads: number;
}

function chosenCases([name, ...cases]: readonly string[]): Chosen[] {
  const chosen = name === undefined ? [...benchmarks.values()] : [benchmarks.get(name)];
  return chosen.flatMap((benchmark) => {
    if (benchmark === undefined) throw unknownName("benchmark", name, benchmarks.keys());
    return (cases.length > 0 ? cases : [...benchmark.cases.keys()]).flatMap((name) => {
      const what = benchmark.cases.get(name);
      if (what === undefined) {
        throw unknownName(`case of ${benchmark.name}`, name, benchmark.cases.keys());
      }
      return what.threads.map((threads) => ({ benchmark, name, what, threads }));
    });
  });
}

function describeBenchmark({ name, summary, peer, cases }: Benchmark): string {
  return `${name}: ${summary}, against ${peer} (${[...cases.keys()].join(", ")}).`;
}

/** A result as a line. */
function resultText(result: BenchResult): string {
  const { name, threads, peer, ours_s, ours_peak_mb, peer_s, peer_peak_mb, ratio } = result;
  const ours = `${name}, ${threadsText(threads)}: ${ours_s.toFixed(3)} s, ${
    ours_peak_mb.toFixed(0)
  } MB`;
  if (peer_s === null) return ours;
  return `${ours}; ${peer} ${peer_s.toFixed(3)} s, ${peer_peak_mb!.toFixed(0)} MB; ` +
    `ratio ${ratio!.toFixed(2)}`;
}

function threadsText(threads: number): string {
  return `${threads} thread${threads === 1 ? "" : "s"}`;
}

if (import.meta.main) Deno.exit(await runDeveloperTask(benchCommand));
