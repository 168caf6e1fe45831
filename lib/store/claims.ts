/**
 * The right to compute a key: one process at a time has it, on one machine by flock, on a file system
 * that several machines share by leases.
 *
 * @module
 */
import { join } from "node:path";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { sharedFileSystem } from "./file_system.ts";
import { canLock, lockFile } from "./flock.ts";
import { Leases, type LeaseTimes } from "./lease.ts";
import { hostName } from "./process_identity.ts";
import type { Locking } from "./temporary_folders.ts";

/** Who computes a key, for people who wait. */
export interface ClaimHolder {
  /** Name of the machine. */
  readonly host: string;
  /** Id of the process on it. */
  readonly pid: number;
}

/** Takes claims in one folder. */
export interface Claims {
  /** The claim on `key`, let go when disposed; undefined while another process has it. */
  take(key: string): Promise<Disposable | undefined>;
  /** Who has the claim on `key`, as far as it says so. */
  holder(key: string): Promise<ClaimHolder | undefined>;
}

/** Its presence among the claims makes all processes take leases. */
const leaseMark = "leases";

/**
 * How processes that share the store `root` keep apart: by leases where its file system is one that
 * machines share or has no flock, and where another process has found so before.
 */
export async function chooseLocking(root: string): Promise<Locking> {
  const mark = join(root, "claims", leaseMark);
  if (await readFileIfThere(mark) !== undefined) return "lease";
  const shared = await sharedFileSystem(root);
  if (shared === undefined && await canLock(join(root, "tmp"))) return "flock";
  await writeFileAtomic(
    mark,
    `${shared ?? "A file system without flock"}: processes take leases, not locks.\n`,
  );
  return "lease";
}

/** Claims by files in `folder`. */
export function openClaims(
  folder: string,
  locking: () => Promise<Locking>,
  times?: LeaseTimes,
): Claims {
  const leases = new Leases(times);
  const pathOf = (key: string, kind: Locking) =>
    join(folder, `${key}.${kind === "flock" ? "lock" : "lease"}`);
  return {
    async take(key) {
      const kind = await locking();
      if (kind === "lease") return await leases.take(pathOf(key, kind));
      const lock = await lockFile(pathOf(key, kind));
      lock?.describe(JSON.stringify({ host: hostName(), pid: Deno.pid }));
      return lock;
    },
    async holder(key) {
      const bytes = await readFileIfThere(pathOf(key, await locking()));
      try {
        const { host, pid } = JSON.parse(new TextDecoder().decode(bytes)) as ClaimHolder;
        return { host: String(host), pid: Number(pid) };
      } catch {
        return undefined;
      }
    },
  };
}
