/**
 * Deno's file functions with somebody who watches: before each call it may throw an error of the system,
 * tear the write, or kill the process; after it, it sees what was done. The code under test is the real
 * one, without a seam of its own.
 *
 * @module
 */

/** What a call does. `read` changes nothing. */
export type OperationKind =
  | "create"
  | "write"
  | "sync"
  | "mkdir"
  | "rename"
  | "remove"
  | "link"
  | "truncate"
  | "read";

/** A call. */
export interface FileOperation {
  readonly kind: OperationKind;
  readonly path: string;
  /** Where a rename or link goes to. */
  readonly to?: string;
  /** What is written. */
  readonly bytes?: Uint8Array;
  /** Whether a folder goes with all in it. */
  readonly recursive?: boolean;
  /** Writes only the first half of `bytes`. */
  readonly tear?: () => void;
}

/** Who watches. Both are called in the order of the calls. */
export interface FileWatcher {
  readonly before?: (operation: FileOperation) => void;
  readonly after?: (operation: FileOperation) => void;
}

// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => any;
type Functions = Record<string, AnyFunction>;

/** Watches until the returned function is called. */
export function watchFiles(watcher: FileWatcher): () => void {
  const undo: (() => void)[] = [];
  const paths = new WeakMap<object, string>();

  const replace = (
    owner: Functions,
    name: string,
    operationOf: (self: unknown, args: unknown[]) => FileOperation,
  ): void => {
    const original = owner[name];
    if (original === undefined) throw new Error(`Deno has no ${name}`);
    const replacement = name.endsWith("Sync")
      ? function (this: unknown, ...args: unknown[]) {
        const operation = operationOf(this, args);
        watcher.before?.(operation);
        const result = original.apply(this, args);
        watcher.after?.(operation);
        return result;
      }
      : async function (this: unknown, ...args: unknown[]) {
        const operation = operationOf(this, args);
        watcher.before?.(operation);
        const result = await original.apply(this, args);
        if (result instanceof Deno.FsFile) paths.set(result, operation.path);
        watcher.after?.(operation);
        return result;
      };
    owner[name] = replacement;
    undo.push(() => owner[name] = original);
  };

  const deno = Deno as unknown as Functions;
  const file = Deno.FsFile.prototype as unknown as Functions;
  const { writeSync } = file;
  for (const suffix of ["", "Sync"]) {
    const on = (name: string, operationOf: (args: unknown[]) => FileOperation) =>
      replace(deno, name + suffix, (_, args) => operationOf(args));
    on("open", ([path, options]) => {
      const { create, createNew } = (options ?? {}) as Deno.OpenOptions;
      return { kind: create || createNew ? "create" : "read", path: String(path) };
    });
    on("mkdir", ([path]) => ({ kind: "mkdir", path: String(path) }));
    for (const name of ["rename", "link"] as const) {
      on(name, ([path, to]) => ({ kind: name, path: String(path), to: String(to) }));
    }
    on("remove", ([path, options]) => ({
      kind: "remove",
      path: String(path),
      recursive: (options as Deno.RemoveOptions | undefined)?.recursive === true,
    }));
    for (const name of ["readFile", "readTextFile", "lstat", "stat"]) {
      on(name, ([path]) => ({ kind: "read", path: String(path) }));
    }
    const onFile = (
      name: string,
      operationOf: (path: string, args: unknown[], self: unknown) => FileOperation,
    ) =>
      replace(
        file,
        name + suffix,
        (self, args) => operationOf(paths.get(self as object) ?? "?", args, self),
      );
    onFile("write", (path, args, self) => {
      const bytes = (args[0] as Uint8Array).slice();
      const half = bytes.subarray(0, bytes.length >> 1);
      return { kind: "write", path, bytes, tear: () => writeSync.call(self, half) };
    });
    onFile("syncData", (path) => ({ kind: "sync", path }));
    onFile("sync", (path) => ({ kind: "sync", path }));
    onFile("truncate", (path) => ({ kind: "truncate", path }));
    onFile("tryLock", (path) => ({ kind: "read", path }));
  }
  return () => undo.reverse().forEach((one) => one());
}

/** Ends this process as the kernel ends one that is out of memory. */
export function killNow(): never {
  Deno.kill(Deno.pid, "SIGKILL");
  for (;;);
}

/** The errors of a disk and their text, as Deno gives them. */
export const systemErrors = {
  ENOSPC: "No space left on device (os error 28)",
  EIO: "Input/output error (os error 5)",
  EROFS: "Read-only file system (os error 30)",
  EACCES: "Permission denied (os error 13)",
  EMFILE: "Too many open files (os error 24)",
} as const;

/** An error of the system as Deno throws it. */
export function systemError(code: keyof typeof systemErrors, path: string): Error {
  const message = `${systemErrors[code]}, '${path}'`;
  const error = code === "EACCES" ? new Deno.errors.PermissionDenied(message) : new Error(message);
  return Object.assign(error, { code });
}
