/**
 * What surrounds the program when it runs as a process: its streams, and the user's Ctrl-C.
 *
 * @module
 */
import type { Surroundings } from "./command_line.ts";
import { processStream } from "./text_stream.ts";

/** What is still at work so long after an interrupt is ended: a kill at any moment harms nothing. */
const patientMilliseconds = 1500;

/**
 * The process's streams and a signal for its first interrupt (SIGINT or SIGTERM); a second one ends
 * the process at once with exit code 130, and so does a while in which the first was not heeded.
 */
export function processSurroundings(): Surroundings {
  const interrupt = new AbortController();
  const end = () => {
    processStream("stderr").write(
      "\nThe run was interrupted at once; what has finished is kept. The same command goes on from there.\n",
    );
    Deno.exit(130);
  };
  const onSignal = () => {
    if (interrupt.signal.aborted) end();
    Deno.unrefTimer(setTimeout(end, patientMilliseconds));
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
