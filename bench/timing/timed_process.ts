/**
 * Two processes that do the same task in turn: ours, the peer, ours, the peer … Each does a task for every
 * line that it is sent, answers with the seconds it took, and at the end with its largest memory in MB.
 *
 * In a run a short task is done again and again, as it is in use. The first time is slower, since a
 * process that has waited for the other one finds its caches cold and its threads asleep. Before a run
 * both rest: a thread pool goes on spinning for a while once its task is done (xgboost's for 6 to 9 ms), at
 * the cost of the other side.
 *
 * @module
 */
import { basename } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { DataError, UsageError } from "../../lib/base/errors.ts";

/** A run goes on until so much time has been taken. */
const runSeconds = 1;

/** How long both sides rest before a run. */
const restMilliseconds = 100;

/** The two processes of a case, and what each is sent. */
export interface TimingPlan {
  /** Our program, `import.meta.filename`; the peer's is the file beside it that ends in `_peer.py`. */
  readonly program: string;
  /** Words for our process. */
  readonly ours: readonly string[];
  /** Words for the peer's. */
  readonly peer: readonly string[];
  /** Added to the environment of both. */
  readonly env: Readonly<Record<string, string>>;
  /** The task. */
  readonly line: string;
}

/** The peers' Python, and what it must have. */
export interface PeerPython {
  /** The program, as `PEER_PYTHON` names it. */
  readonly program: string;
  /** Packages, for messages. */
  readonly needs: string;
}

/** What was measured; the peer's numbers are null where there is none. */
export interface Timing {
  /** Median of the counted runs, each the mean of its tasks. */
  readonly ours_s: number;
  /** Likewise. */
  readonly peer_s: number | null;
  /** The peer's time by ours. */
  readonly ratio: number | null;
  /** Largest memory of our process. */
  readonly ours_peak_mb: number;
  /** Likewise. */
  readonly peer_peak_mb: number | null;
}

/**
 * Times the task in both processes in turn: `runs` runs after a first one that is not counted.
 *
 * @param peer without it ours is timed alone
 * @param ran is told how many runs have been done
 * @throws {UsageError} where the peer's Python cannot be started
 * @throws {DataError} where a process ends before its time
 */
export async function timeInTurn(
  plan: TimingPlan,
  peer: PeerPython | undefined,
  runs: number,
  ran: (done: number) => void = () => {},
): Promise<Timing> {
  const other = peer === undefined ? [] : [peerSide(plan, peer)]; // started first: it may not be there
  const sides = [ourSide(plan), ...other];
  try {
    const seconds: number[][] = sides.map(() => []);
    for (let run = 0; run <= runs; run++) {
      for (const [i, side] of sides.entries()) {
        const mean = await meanSeconds(side, plan.line);
        if (run > 0) seconds[i].push(mean);
      }
      ran(run + 1);
    }
    const [ours, peers] = seconds.map(median);
    const peaks: number[] = [];
    for (const side of sides) peaks.push(await side.end());
    return {
      ours_s: ours,
      peer_s: peers ?? null,
      ratio: peers === undefined ? null : peers / ours,
      ours_peak_mb: peaks[0],
      peer_peak_mb: peaks[1] ?? null,
    };
  } finally {
    for (const side of sides) side.kill();
  }
}

/** A run, after a rest; seconds that one task takes in it. */
async function meanSeconds(side: TimedProcess, line: string): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, restMilliseconds));
  let seconds = 0;
  let tasks = 0;
  for (; seconds < runSeconds; tasks++) seconds += await side.run(line);
  return seconds / tasks;
}

function ourSide({ program, ours, env }: TimingPlan): TimedProcess {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const args = ["run", "-A", "--quiet", "--config", config, program, ...ours];
  return new TimedProcess(Deno.execPath(), args, env, {
    what: basename(program),
    remedy: "What it said stands above.",
  });
}

function peerSide({ program, peer, env }: TimingPlan, python: PeerPython): TimedProcess {
  const twin = program.replace(/\.ts$/, "_peer.py");
  const remedy = `PEER_PYTHON must name a Python with ${python.needs}; unset, ours is timed alone.`;
  try {
    return new TimedProcess(python.program, [twin, ...peer], env, {
      what: `${basename(twin)} in ${python.program}`,
      remedy,
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
      throw error;
    }
    throw new UsageError(`Cannot start ${python.program}: PEER_PYTHON names no program`, {
      remedy,
    });
  }
}

/** A process that does a task for each line that it is sent. */
class TimedProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;
  readonly #about: { readonly what: string; readonly remedy: string };
  #ended = false;

  constructor(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    about: { readonly what: string; readonly remedy: string },
  ) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
    this.#about = about;
  }

  /** Seconds of one task. */
  async run(line: string): Promise<number> {
    // To a process that has ended nothing can be written; that it has is found where it is read from.
    await this.#writer.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
    return await this.#number();
  }

  /** Ends the process; its largest memory in MB. */
  async end(): Promise<number> {
    await this.#writer.close();
    const peak = await this.#number();
    await this.#child.status;
    this.#ended = true;
    return peak;
  }

  /** Ends the process if it still runs. */
  kill(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended by itself
    }
  }

  async #number(): Promise<number> {
    const { value, done } = await this.#lines.next();
    const { what, remedy } = this.#about;
    if (done) throw new DataError(`Cannot time ${what}: its process ended`, { remedy });
    const number = Number(value);
    if (!(number > 0)) {
      throw new DataError(`Cannot time ${what}: it answered ${JSON.stringify(value)}`, { remedy });
    }
    return number;
  }
}

/** The lines of a stream of text. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Largest memory of this process so far, in MB. */
export function peakMegabytes(): number {
  return process.resourceUsage().maxRSS / 1024;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
