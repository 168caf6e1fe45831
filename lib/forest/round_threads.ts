/**
 * The threads that work on a round: this one alone, or this one and some workers, which serve all rounds
 * of a fit. They share memory; work is handed out by tickets from an atomic counter. Nobody waits for a
 * worker to start: until it is there, the others do its share.
 *
 * @module
 */
import type { FitState } from "./fit_state.ts";
import { moveMargins, rowPieces, treeMaker } from "./round.ts";
import type { WorkerThread } from "./worker_threads.ts";

/** Carries out rounds. */
export interface RoundThreads {
  /** Grows the trees of `round` from the gradients in the state. */
  growTrees(round: number): void;
  /** Adds the grown trees to the margins. */
  moveMargins(): void;
  /** Lets the workers go, those too that have not begun. */
  close(): void;
}

/** Asks a worker to serve the rounds of a fit. */
export interface RoundsTask {
  /** Names the task. */
  readonly kind: "rounds";
  /** Shared by all threads. */
  readonly state: FitState;
  /** The worker's number, from 1 on. */
  readonly thread: number;
  /** Control words. */
  readonly words: Int32Array;
}

/** Places of the control words. */
const control = { command: 0, tickets: 1, active: 2, round: 3, failed: 4, words: 5 } as const;

/** What the workers are told to do; the command word counts up, its remainder by 3 is the task. */
const task = { grow: 1, move: 2, close: 0 } as const;

/** The word of tickets holds the last bits of the command, and below them the next ticket's number. */
const ticketBits = 24;
const commandMask = 127;

/** Threads for a fit: this one, and the workers, if there are any. */
export function roundThreads(state: FitState, workers: readonly WorkerThread[]): RoundThreads {
  const words = new Int32Array(new SharedArrayBuffer(4 * control.words));
  workers.forEach((worker, index) => {
    const rounds: RoundsTask = { kind: "rounds", state, thread: index + 1, words };
    worker.post(rounds);
  });
  const growTree = treeMaker(state, 0);
  return {
    growTrees(round) {
      Atomics.store(words, control.round, round);
      carryOut(words, task.grow, state.parameters.num_parallel_tree, (tree) => {
        growTree(round, tree);
      });
    },
    moveMargins() {
      carryOut(words, task.move, rowPieces(state), (piece) => moveMargins(state, piece));
    },
    close() {
      announce(words, task.close);
    },
  };
}

/** Announces a task, takes part in it, and waits for the workers that do. */
function carryOut(
  words: Int32Array,
  kind: number,
  count: number,
  work: (piece: number) => void,
): void {
  takeTickets(words, announce(words, kind), count, work);
  // A worker that becomes active from now on finds no ticket.
  for (;;) {
    const active = Atomics.load(words, control.active);
    if (active === 0) break;
    Atomics.wait(words, control.active, active);
  }
  if (Atomics.load(words, control.failed) !== 0) {
    throw new Error("Cannot grow trees: a worker of the forest has failed; its error is above");
  }
}

/** Makes the next command known that asks for `kind`; returns it. */
function announce(words: Int32Array, kind: number): number {
  let command = Atomics.load(words, control.command);
  do command++; while (command % 3 !== kind);
  Atomics.store(words, control.tickets, (command & commandMask) << ticketBits);
  Atomics.store(words, control.command, command);
  Atomics.notify(words, control.command);
  return command;
}

/** Does pieces of a command's work until the tickets run out, or are those of another command. */
function takeTickets(
  words: Int32Array,
  command: number,
  count: number,
  work: (piece: number) => void,
): void {
  const first = (command & commandMask) << ticketBits;
  for (;;) {
    const next = Atomics.load(words, control.tickets);
    if (next < first || next >= first + count) return;
    if (Atomics.compareExchange(words, control.tickets, next, next + 1) === next) {
      work(next - first);
    }
  }
}

/** The life of worker number `thread`: wait for a command, do its share, until told to close. */
export function serveRounds(state: FitState, thread: number, words: Int32Array): void {
  const growTree = treeMaker(state, thread);
  for (let command = 0;;) {
    Atomics.wait(words, control.command, command);
    // Being active first: no new command is given before this one's last ticket is done.
    Atomics.add(words, control.active, 1);
    command = Atomics.load(words, control.command);
    try {
      if (command % 3 === task.close) return;
      if (command % 3 === task.grow) {
        takeTickets(words, command, state.parameters.num_parallel_tree, (tree) => {
          growTree(Atomics.load(words, control.round), tree);
        });
      } else {
        takeTickets(words, command, rowPieces(state), (piece) => moveMargins(state, piece));
      }
    } catch (error) {
      Atomics.store(words, control.failed, 1); // the other side waits, and must not for ever
      throw error;
    } finally {
      Atomics.sub(words, control.active, 1);
      Atomics.notify(words, control.active);
    }
  }
}
