/**
 * The threads that work on a round: this one alone, or this one and some workers which are started once
 * and live for the whole fit. They share memory; work is handed out by tickets from an atomic counter.
 *
 * @module
 */
import type { FitState } from "./fit_state.ts";
import { moveMargins, rowPieces, treeMaker } from "./round.ts";

/** Carries out rounds; `close` must be called at the end. */
export interface RoundThreads {
  /** Grows the trees of `round` from the gradients in the state. */
  growTrees(round: number): void;
  /** Adds the grown trees to the margins. */
  moveMargins(): void;
  /** Ends the threads; no round may follow. */
  close(): void;
}

/** Places of the control words in shared memory. */
export const control = {
  command: 0,
  ticket: 1,
  busy: 2,
  round: 3,
  ready: 4,
  failed: 5,
  words: 6,
} as const;

/** What the workers are told to do; the command word counts up, its remainder by 3 is the task. */
const task = { grow: 1, move: 2, close: 0 } as const;

/** How long a worker may take to start, in milliseconds. */
const startLimit = 30_000;

/** Threads for a fit: `workers` in all, this one included. */
export function roundThreads(state: FitState, workers: number): RoundThreads {
  return workers === 1 ? ownThread(state) : sharedThreads(state, workers);
}

function ownThread(state: FitState): RoundThreads {
  const growTree = treeMaker(state, 0);
  return {
    growTrees(round) {
      for (let tree = 0; tree < state.parameters.num_parallel_tree; tree++) growTree(round, tree);
    },
    moveMargins() {
      for (let piece = 0; piece < rowPieces(state); piece++) moveMargins(state, piece);
    },
    close() {},
  };
}

function sharedThreads(state: FitState, workers: number): RoundThreads {
  const words = new Int32Array(new SharedArrayBuffer(4 * control.words));
  const pool = Array.from({ length: workers - 1 }, (_, index) => {
    const worker = new Worker(new URL("./round_worker.ts", import.meta.url), { type: "module" });
    worker.postMessage({ state, words, thread: index + 1 });
    return worker;
  });
  const growTree = treeMaker(state, 0);
  let command = 0;
  const announce = (kind: number) => {
    do command++; while (command % 3 !== kind);
    Atomics.store(words, control.ticket, 0);
    Atomics.store(words, control.busy, pool.length);
    Atomics.store(words, control.command, command);
    Atomics.notify(words, control.command);
  };
  const waitForAll = () => {
    for (;;) {
      const busy = Atomics.load(words, control.busy);
      if (busy === 0) break;
      Atomics.wait(words, control.busy, busy);
    }
    if (Atomics.load(words, control.failed) !== 0) {
      throw new Error("Cannot grow trees: a worker of the forest has failed; its error is above");
    }
  };
  for (const deadline = Date.now() + startLimit;;) {
    const ready = Atomics.load(words, control.ready);
    if (ready === pool.length) break;
    Atomics.wait(words, control.ready, ready, startLimit);
    if (Date.now() > deadline) {
      for (const worker of pool) worker.terminate();
      throw new Error(
        `Cannot start the forest's workers: ${ready} of ${pool.length} began within ` +
          `${startLimit / 1000} s (they need read permission for the program's own files)`,
      );
    }
  }
  return {
    growTrees(round) {
      Atomics.store(words, control.round, round);
      announce(task.grow);
      takeTickets(words, state.parameters.num_parallel_tree, (tree) => growTree(round, tree));
      waitForAll();
    },
    moveMargins() {
      announce(task.move);
      takeTickets(words, rowPieces(state), (piece) => moveMargins(state, piece));
      waitForAll();
    },
    close() {
      announce(task.close);
    },
  };
}

/** Does pieces of work until the tickets run out. */
function takeTickets(words: Int32Array, count: number, work: (piece: number) => void): void {
  for (;;) {
    const piece = Atomics.add(words, control.ticket, 1);
    if (piece >= count) return;
    work(piece);
  }
}

/** The life of worker number `thread`: wait for a command, do its share, until told to close. */
export function serveRounds(state: FitState, thread: number, words: Int32Array): void {
  const growTree = treeMaker(state, thread);
  let command = 0;
  Atomics.add(words, control.ready, 1);
  Atomics.notify(words, control.ready);
  for (;;) {
    Atomics.wait(words, control.command, command);
    command = Atomics.load(words, control.command);
    if (command % 3 === task.close) return;
    try {
      if (command % 3 === task.grow) {
        const round = Atomics.load(words, control.round);
        takeTickets(words, state.parameters.num_parallel_tree, (tree) => growTree(round, tree));
      } else {
        takeTickets(words, rowPieces(state), (piece) => moveMargins(state, piece));
      }
    } catch (error) {
      Atomics.store(words, control.failed, 1); // the other side waits, and must not for ever
      throw error;
    } finally {
      Atomics.sub(words, control.busy, 1);
      Atomics.notify(words, control.busy);
    }
  }
}
