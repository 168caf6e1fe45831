/**
 * A worker thread of `round_threads.ts`.
 *
 * @module
 */
import type { FitState } from "./fit_state.ts";
import { serveRounds } from "./round_threads.ts";

interface Start {
  readonly state: FitState;
  readonly thread: number;
  readonly words: Int32Array;
}

// A second message, or a first one without a state, says that the fit is over.
self.addEventListener("message", (event) => {
  const start = (event as MessageEvent<Start | undefined>).data;
  if (start !== undefined) serveRounds(start.state, start.thread, start.words);
  self.close();
}, { once: true });
