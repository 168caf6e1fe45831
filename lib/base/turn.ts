/**
 * Turns of the event loop within long work, so that signals are heard there.
 *
 * @module
 */
import { InterruptedError } from "./errors.ts";

/**
 * Lets timers, files and signals have their turn.
 *
 * @throws {InterruptedError} if `signal` is aborted by then
 */
export async function giveTurn(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  if (!signal?.aborted) return;
  throw new InterruptedError("The run was interrupted; what has finished is kept", {
    remedy: "The same command goes on from there.",
  });
}
