/**
 * A worker thread of `round_threads.ts`.
 *
 * @module
 */
import type { FitState } from "./round.ts";
import { serveRounds } from "./round_threads.ts";

self.addEventListener("message", (event) => {
  const { state, words } = (event as MessageEvent<{ state: FitState; words: Int32Array }>).data;
  serveRounds(state, words);
  self.close();
}, { once: true });
