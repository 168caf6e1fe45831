/**
 * Claims for file systems without flock, or on which flock stops at the machine's border. A lease is a
 * file that its holder makes (only one can) and rewrites at every beat. Who waits watches the file: when
 * it has not changed for the expiry, by the waiter's own steady clock, the lease may be taken over. So
 * neither a wrong clock nor a renamed machine ends or prolongs a lease. A holder that is known to have
 * ended, on the same boot of the same machine, is not waited for.
 *
 * A lease may be lost while its holder lives: one stopped for long, a network that was away. Nothing is
 * lost with it: results are addressed by content, so that the late one finds the same bytes in the store,
 * or other ones, which `write` reports as non-determinism.
 *
 * @module
 */
import { storageError } from "../base/files.ts";
import { currentProcess, hasEnded, type ProcessIdentity } from "./process_identity.ts";

/** How long a lease lasts. */
export interface LeaseTimes {
  /** Seconds between two beats of a holder. */
  readonly beatSeconds: number;
  /** Several beats, so that a busy holder keeps its lease. */
  readonly expirySeconds: number;
}

/** A beat every half minute; five minutes without one end a lease. */
export const leaseTimes: LeaseTimes = { beatSeconds: 30, expirySeconds: 300 };

/** What stands in the file of a lease. */
export interface Lease extends ProcessIdentity {
  /** Other for each lease. */
  readonly token: string;
  /** Counts the beats of the holder. */
  readonly beat: number;
}

/** How often the holder of a watched lease is looked for among the processes, milliseconds. */
const lookMilliseconds = 1000;

/** What a waiter has seen of a lease. */
interface Sighting {
  readonly text: string;
  readonly since: number;
  looked: number;
}

/** Takes leases, each on a path of its own, and remembers those that it waits for. */
export class Leases {
  readonly #times: LeaseTimes;
  readonly #sightings = new Map<string, Sighting>();
  #self: Promise<ProcessIdentity> | undefined;

  /** Leases with these times. */
  constructor(times: LeaseTimes = leaseTimes) {
    this.#times = times;
  }

  /**
   * A lease on `path`, let go when disposed; undefined while another process holds it.
   *
   * @throws {StorageError} when the file cannot be made
   */
  async take(path: string): Promise<Disposable | undefined> {
    const self = await (this.#self ??= currentProcess());
    const token = crypto.randomUUID();
    try {
      for (;;) {
        const file = await createNew(path);
        if (file !== undefined) {
          this.#sightings.delete(path);
          return hold(path, file, { ...self, token, beat: 0 }, this.#times.beatSeconds);
        }
        const text = await readText(path);
        if (text === undefined) continue; // it was let go just now
        if (!await this.#isOver(path, text, self)) return undefined;
        if (!await putAside(path, `${path}.${token}`, text)) return undefined;
      }
    } catch (error) {
      throw storageError("write", path, error);
    }
  }

  async #isOver(path: string, text: string, self: ProcessIdentity): Promise<boolean> {
    const now = performance.now();
    let seen = this.#sightings.get(path);
    if (seen?.text !== text) {
      this.#sightings.set(path, seen = { text, since: now, looked: -lookMilliseconds });
    }
    if (now - seen.since > this.#times.expirySeconds * 1000) return true;
    if (now - seen.looked < lookMilliseconds) return false;
    seen.looked = now;
    const lease = parseLease(text);
    return lease !== undefined && await hasEnded(lease, self);
  }
}

/** The lease that `text` holds; undefined while its holder is writing it. */
export function parseLease(text: string): Lease | undefined {
  try {
    return JSON.parse(text) as Lease;
  } catch {
    return undefined;
  }
}

/** Writes the lease into its file now and at every beat. */
function hold(path: string, file: Deno.FsFile, lease: Lease, beatSeconds: number): Disposable {
  let beat = lease.beat;
  // In place: when the lease was taken over, the file is no longer at the path and nobody reads it.
  const write = () => {
    const text = JSON.stringify({ ...lease, beat: beat++ }) + "\n";
    file.seekSync(0, Deno.SeekMode.Start);
    file.writeSync(new TextEncoder().encode(text));
    file.syncDataSync();
  };
  const timer = setInterval(() => {
    try {
      write();
    } catch {
      // No room, or the file's server is away: whether the lease lasts is for the waiters to see.
    }
  }, beatSeconds * 1000);
  Deno.unrefTimer(timer);
  const end = () => {
    clearInterval(timer);
    file.close();
  };
  try {
    write();
  } catch (error) {
    end();
    Deno.removeSync(path);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      end();
      try {
        if (parseLease(Deno.readTextFileSync(path))?.token === lease.token) Deno.removeSync(path);
      } catch {
        // It was taken over, or expires.
      }
    },
  };
}

/** The new file at `path`; undefined where there is one. */
async function createNew(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
}

/**
 * Moves the lease at `path` away; false where it is not the one with `text` any more. Of several that
 * do so at once each looks at what it has moved, and puts back a lease that another has just taken.
 */
async function putAside(path: string, aside: string, text: string): Promise<boolean> {
  try {
    await Deno.rename(path, aside);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
  const same = await readText(aside) === text;
  if (!same) {
    await Deno.link(aside, path).catch((error) => {
      // Where somebody has a new lease there already, two compute the same for once.
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    });
  }
  await Deno.remove(aside);
  return same;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
