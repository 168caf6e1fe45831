/**
 * Who a process is, beyond its number, which the system gives again to others.
 *
 * @module
 */

/** A process among those of several machines and of several boots of each. */
export interface ProcessIdentity {
  /** The machine's name, for people; it says nothing for sure. */
  readonly host: string;
  /** Its number. */
  readonly pid: number;
  /** Id of the machine's boot; empty where the system does not tell. */
  readonly bootId: string;
  /** When the process started, in the kernel's ticks since boot; empty where it does not tell. */
  readonly startTime: string;
}

/** This process. */
export async function currentProcess(): Promise<ProcessIdentity> {
  return {
    host: hostName(),
    pid: Deno.pid,
    bootId: (await kernelText("/proc/sys/kernel/random/boot_id") ?? "").trim(),
    startTime: await startTimeOf(Deno.pid) ?? "",
  };
}

/** Whether `other` is known to have ended: it ran on this machine since its boot and does not now. */
export async function hasEnded(other: ProcessIdentity, here: ProcessIdentity): Promise<boolean> {
  if (here.bootId === "" || here.startTime === "" || other.bootId !== here.bootId) return false;
  return await startTimeOf(other.pid) !== other.startTime;
}

/** Field 22 of `/proc/<pid>/stat`; undefined where there is no such process. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await kernelText(`/proc/${pid}/stat`);
  // The second field, the program's name in brackets, may hold blanks and brackets.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

/**
 * A file of the kernel's. Deno opens these only to a program that may do everything, so `cat` reads
 * them where programs may be run.
 */
async function kernelText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
  }
  try {
    const { success, stdout } = await new Deno.Command("cat", { args: [path], stderr: "null" })
      .output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

/** The machine's name; empty where Deno may not tell it. */
export function hostName(): string {
  try {
    return Deno.hostname();
  } catch {
    return "";
  }
}
