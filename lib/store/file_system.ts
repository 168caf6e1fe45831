/**
 * What the file system under a store can do.
 *
 * @module
 */
import { statfs } from "node:fs/promises";

/** The magic numbers of statfs(2) for file systems that several machines share. */
const sharedFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x19830326, "BeeGFS"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
  [0xaad7aaea, "PanFS"],
]);

/**
 * The kind of file system that holds `folder` where it is one that machines share, on which flock may be
 * local to each of them; undefined for a local one and where the system does not tell.
 */
export async function sharedFileSystem(folder: string): Promise<string | undefined> {
  try {
    return sharedFileSystems.get((await statfs(folder)).type >>> 0);
  } catch {
    return undefined;
  }
}
