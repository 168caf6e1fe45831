/**
 * A worker thread of `binning_threads.ts`.
 *
 * @module
 */
import { type BinningWork, takeColumns } from "./binning_threads.ts";

self.addEventListener("message", (event) => {
  takeColumns((event as MessageEvent<BinningWork>).data);
  self.close();
}, { once: true });
