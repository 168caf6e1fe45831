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

self.addEventListener("message", (event) => {
  const { state, thread, words } = (event as MessageEvent<Start>).data;
  serveRounds(state, thread, words);
  self.close();
}, { once: true });
