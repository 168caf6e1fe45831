/**
 * A stream that keeps what is written to it.
 *
 * @module
 */
import type { TextStream } from "../../lib/cli/text_stream.ts";

/** A terminal or a file of `columns` columns; `text` is all that was written. */
export function capturedStream(
  isTerminal = false,
  columns = 100,
): TextStream & { readonly text: string } {
  let text = "";
  return {
    isTerminal,
    columns: () => columns,
    write(more) {
      text += more;
    },
    get text() {
      return text;
    },
  };
}
