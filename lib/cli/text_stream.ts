/**
 * A stream of text, and stdout and stderr as such.
 *
 * @module
 */

/** A stream of text to a person or a program. */
export interface TextStream {
  /** Writes all of it before it returns. */
  write(text: string): void;
  /** Whether a person may be watching: progress and colours make sense. */
  readonly isTerminal: boolean;
  /** Columns of the terminal, 100 where there is none. */
  columns(): number;
}

/** stdout or stderr of the process. Writing to a pipe that was closed ends the process quietly. */
export function processStream(name: "stdout" | "stderr"): TextStream {
  const stream = Deno[name];
  return {
    isTerminal: stream.isTerminal(),
    columns() {
      try {
        return stream.isTerminal() ? Deno.consoleSize().columns : 100;
      } catch {
        return 100;
      }
    },
    write(text) {
      const bytes = new TextEncoder().encode(text);
      try {
        for (let offset = 0; offset < bytes.length;) {
          offset += stream.writeSync(bytes.subarray(offset));
        }
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
        throw error;
      }
    },
  };
}
