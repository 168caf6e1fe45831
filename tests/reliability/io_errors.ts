/**
 * Errors of the disk (R5, R6): no space, input and output, read-only, no permission, too many open
 * files, at each call in turn; and a file system that is really full.
 *
 * @module
 */
import assert from "node:assert/strict";
import { StorageError } from "../../lib/base/errors.ts";
import { collectGarbage } from "../../lib/store/collect_garbage.ts";
import { keyOf } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { systemError, systemErrors, watchFiles } from "./watched_files.ts";
import { assertWhole, type Finding, inFolder, inputOf, payloadOf, put } from "./workload.ts";

const entries = 3;

/** R5: each error of the disk at each `step`-th call of a workload. */
export function diskErrors(step: number): Promise<Finding> {
  return inFolder(async (folder) => {
    let points = 0;
    let refused = 0;
    for (const code of Object.keys(systemErrors) as (keyof typeof systemErrors)[]) {
      for (let at = 1 + points % step;; at += step) {
        const root = `${folder}/${code}${at}`;
        const put = new Set<number>();
        let calls = 0;
        const stop = watchFiles({
          before({ kind, path }) {
            // A full or read-only disk can still be read.
            if (kind === "read" && !["EIO", "EMFILE", "EACCES"].includes(code)) return;
            if (kind === "remove" && code === "ENOSPC") return;
            if (++calls === at) throw systemError(code, path);
          },
        });
        let error: unknown;
        try {
          await work(root, put);
        } catch (caught) {
          error = caught;
        } finally {
          stop();
        }
        if (calls < at) break;
        points++;
        if (error !== undefined) {
          refused++;
          assertNamed(error, code, `${code} at call ${at}`);
        }
        await assertWhole(root, entries, put);
        await Deno.remove(root, { recursive: true });
      }
    }
    assert.ok(refused > points / 2, `${refused} of ${points} errors came out`);
    return {
      count: points,
      outcome:
        `${refused} ended the work with exit code 5, the others were got over; every store whole`,
    };
  });
}

/** What a run does with a store; `done` has the entries that were acknowledged. */
async function work(root: string, done: Set<number>): Promise<void> {
  const store = await openStore(root);
  try {
    for (let i = 0; i < entries; i++) {
      await put(store, i);
      done.add(i);
      await store.read(inputOf(i).stage, keyOf(inputOf(i)));
    }
    using _pin = await store.pin([keyOf(inputOf(0))]);
    await store.saveCheckpoint(keyOf(inputOf(9)), new Uint8Array(100));
    await store.loadCheckpoint(keyOf(inputOf(9)));
    await store.dropCheckpoint(keyOf(inputOf(9)));
    for await (const { stage, key } of store.entries()) await store.verify(stage, key);
    await collectGarbage(store, { pinned: [], seconds: 3600, now: Date.now(), dryRun: false });
  } finally {
    store.close();
  }
}

function assertNamed(error: unknown, code: keyof typeof systemErrors, label: string): void {
  assert.ok(error instanceof StorageError, `${label}: ${(error as Error)?.stack}`);
  assert.equal(error.exitCode, 5);
  assert.ok(error.message.includes(systemErrors[code]), `${label}: ${error.message}`);
  assert.match(error.message, /Cannot (read|write) \//, label);
}

/**
 * R6, in a process whose file system is full or whose files may not grow: puts entries until there is no
 * room, and again when some was made; prints what went wrong.
 */
export async function fillDisk(root: string, bytes: number): Promise<void> {
  const most = 400;
  const ballast = `${root}/ballast`;
  const store = await openStore(root);
  await Deno.writeFile(ballast, new Uint8Array(Math.min(bytes * 4, 1 << 16))).catch(() => {});
  const done: number[] = [];
  const putFrom = async (first: number) => {
    for (let i = first; i < most; i++) {
      await store.write(inputOf(i), payloadOf(i, bytes), 0);
      done.push(i);
    }
  };
  let message = "";
  for (let round = 0; round < 2; round++) {
    const error = await putFrom(done.length).then(() => undefined, (error) => error);
    assert.ok(
      error instanceof StorageError,
      String((error as Error)?.stack ?? "the disk is not full"),
    );
    message = error.message;
    for (const i of done) {
      const payload = await store.read(inputOf(i).stage, keyOf(inputOf(i)));
      assert.deepEqual(payload, payloadOf(i, bytes), `entry ${i}`);
    }
    const there = await Array.fromAsync(store.entries());
    assert.equal(there.length, done.length, "no part of an entry is there");
    await Deno.remove(ballast).catch(() => {}); // the cause is gone
  }
  store.close();
  assert.deepEqual([...Deno.readDirSync(`${root}/tmp`)], []);
  console.log(JSON.stringify({ entries: done.length, message }));
}

/** Whether a process may mount a file system in a name space of its own. */
export async function mayMount(folder: string): Promise<boolean> {
  const command = new Deno.Command("unshare", {
    args: ["-rm", "mount", "-t", "tmpfs", "tmpfs", folder],
    stderr: "null",
  });
  return await command.output().then(({ success }) => success, () => false);
}

/** What `fillDisk` found in a process under `limit`. */
async function fillLimited(
  limit: (command: string) => string,
  root: string,
  bytes: number,
): Promise<{ readonly entries: number; readonly message: string } | string> {
  const quoted = [
    Deno.execPath(),
    "run",
    "-A",
    "--quiet",
    "--no-check",
    `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
    new URL(import.meta.url).pathname,
    root,
    String(bytes),
  ].map((word) => `'${word}'`).join(" ");
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", limit(quoted)],
  }).output();
  const text = new TextDecoder();
  return success ? JSON.parse(text.decode(stdout)) : text.decode(stderr);
}

/**
 * R6: file systems of `sizes` kibibytes filled to the brim. They are mounted in a name space of the
 * process's own; where that is not allowed, the size of files is limited instead.
 */
export function fullDisks(sizes: readonly number[]): Promise<Finding> {
  return inFolder(async (folder) => {
    const mounts = await mayMount(folder);
    let kept = 0;
    for (const size of sizes) {
      const root = `${folder}/${size}`;
      await Deno.mkdir(root);
      const mounted = (command: string) =>
        `unshare -rm sh -c "mount -t tmpfs -o size=${size}k tmpfs '${root}' && ${command}"`;
      // In blocks of 512 bytes; the signal of the limit is ignored, so that the write fails.
      const limited = (command: string) => `trap '' XFSZ; ulimit -f ${size / 8}; exec ${command}`;
      const found = mounts
        ? await fillLimited(mounted, root, size * 1024 / 40)
        : await fillLimited(limited, root, size * 1024);
      assert.ok(typeof found !== "string", `${size} KiB: ${found}`);
      assert.match(found.message, mounts ? /No space left.*needs \d+.* free/ : /File too large/);
      kept += found.entries;
    }
    const how = mounts ? "file systems" : "limits of file size";
    return { count: sizes.length, outcome: `${how}; ${kept} entries kept, none by half` };
  });
}

if (import.meta.main) await fillDisk(Deno.args[0], Number(Deno.args[1]));
