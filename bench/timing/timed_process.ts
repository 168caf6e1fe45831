/**
 * Two processes that do the same task in turn: ours, the peer, ours, the peer … Each does a task for every
 * line that it is sent, answers with the seconds it took, and at the end with its largest memory in MB.
 *
 * @module
 */
import process from "node:process";
import { DataError } from "../../lib/base/errors.ts";

/** What was measured; the peer's numbers are null where there is none. */
export interface Timing {
  /** Median of the counted runs. */
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

/** A process that does a task for each line that it is sent. */
export class TimedProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  /** Starts it; `env` is added to this process's environment. */
  constructor(command: string, args: readonly string[], env: Record<string, string> = {}) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
  }

  /** Seconds of one task. */
  async run(line: string): Promise<number> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    return await this.#number();
  }

  /** Ends the process; its largest memory in MB. */
  async end(): Promise<number> {
    await this.#writer.close();
    const peak = await this.#number();
    await this.#child.status;
    return peak;
  }

  async #number(): Promise<number> {
    const { value, done } = await this.#lines.next();
    if (done) throw new DataError("Cannot time a task: its process ended");
    return Number(value);
  }
}

/** Runs `line` in both in turn, `runs` times after a first one that is not counted, and ends them. */
export async function timeInTurn(
  ours: TimedProcess,
  peer: TimedProcess | undefined,
  line: string,
  runs: number,
): Promise<Timing> {
  const times: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let run = 0; run <= runs; run++) {
    const seconds = { ours: await ours.run(line), peer: await peer?.run(line) };
    if (run === 0) continue;
    times.ours.push(seconds.ours);
    if (seconds.peer !== undefined) times.peer.push(seconds.peer);
  }
  const [oursPeak, peerPeak] = [await ours.end(), await peer?.end()];
  const oursSeconds = median(times.ours);
  const peerSeconds = peer === undefined ? null : median(times.peer);
  return {
    ours_s: oursSeconds,
    peer_s: peerSeconds,
    ratio: peerSeconds === null ? null : peerSeconds / oursSeconds,
    ours_peak_mb: oursPeak,
    peer_peak_mb: peerPeak ?? null,
  };
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
