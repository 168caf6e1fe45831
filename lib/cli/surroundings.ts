/**
 * What surrounds the program when it runs as a process: its streams, and the user's Ctrl-C.
 *
 * @module
 */
import type { Surroundings } from "./command_line.ts";
import { processStream } from "./text_stream.ts";

/**
 * The process's streams and a signal for its first interrupt (SIGINT or SIGTERM); a second one ends
 * the process at once with exit code 130.
 */
export function processSurroundings(): Surroundings {
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) Deno.exit(130);
    interrupt.abort();
  };
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  return {
    stdout: processStream("stdout"),
    stderr: processStream("stderr"),
    signal: interrupt.signal,
  };
}
