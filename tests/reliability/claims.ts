/**
 * Several processes on one store: each key is computed once (R10), a dead holder is followed at once
 * (R11), and one that is stopped past its lease does no harm when it goes on (R12).
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { keyOf } from "../../lib/store/key.ts";
import { Leases, type LeaseTimes } from "../../lib/store/lease.ts";
import { currentProcess } from "../../lib/store/process_identity.ts";
import { openStore, type Store } from "../../lib/store/store.ts";
import { runChild } from "./store_child.ts";
import { assertWhole, type Finding, forEachOf, inFolder, inputOf, payloadOf } from "./workload.ts";

/** R10: processes that bring the same keys into one store, each in an order of its own. */
export function sharedKeys(
  { processes, keys, rounds }: { processes: number; keys: number; rounds: number },
): Promise<Finding> {
  return inFolder(async (folder) => {
    let computed = 0;
    for (const leases of [undefined, { beatSeconds: 1, expirySeconds: 20 }]) {
      const root = join(folder, leases === undefined ? "flock" : "lease");
      const runs = await Promise.all(Array.from({ length: processes }, (_, seed) =>
        runChild({
          root,
          does: "share",
          entries: keys,
          rounds,
          seed: seed + 1,
          ...(leases === undefined ? {} : { leases }),
        })));
      const lines = runs.flatMap(({ status, lines }) => {
        assert.equal(status.code, 0);
        return lines;
      });
      const done = lines.filter((line) => line.startsWith("computed")).sort();
      assert.deepEqual(lines.filter((line) => line.startsWith("partial")), []);
      assert.deepEqual(done.filter((line, i) => line === done[i - 1]), [], "computed twice");
      assert.equal(done.length, keys * rounds);
      computed += done.length;
      await assertWhole(root, keys * rounds, new Set(Array(keys * rounds).keys()));
      assert.deepEqual(
        [...Deno.readDirSync(join(root, "claims"))].map(({ name }) => name),
        [],
        "no claim is left",
      );
    }
    return {
      count: processes * keys * rounds * 2,
      outcome: `${computed} keys computed once each, with locks and with leases; no part was read`,
    };
  });
}

/** R11: the holder of a claim is killed; how long the next one waits. */
export function killedHolders(times: number): Promise<Finding> {
  return inFolder(async (folder) => {
    const waits: number[] = [];
    for (const leases of [undefined, { beatSeconds: 30, expirySeconds: 300 }]) {
      for (let i = 0; i < times; i++) {
        const root = join(folder, `${leases === undefined ? "flock" : "lease"}${i}`);
        const store = await openWith(root, leases);
        const { status } = await runChild(
          { root, does: "hold", entries: 1, ...(leases === undefined ? {} : { leases }) },
          (line, child) => {
            if (line === "claimed") child.kill("SIGKILL");
          },
        );
        assert.equal(status.signal, "SIGKILL");
        const start = performance.now();
        using _claim = await claimEventually(store, keyOf(inputOf(0)), 2000);
        waits.push(performance.now() - start);
        store.close();
      }
    }
    const most = Math.max(...waits);
    return { count: waits.length, outcome: `the next one waited ${most.toFixed(0)} ms at most` };
  });
}

/**
 * R12: the holder of a lease is stopped for longer than the lease lasts, another one takes over, and the
 * first goes on: late, with the same bytes or with other ones.
 */
export function stoppedHolders(times: number): Promise<Finding> {
  const leases: LeaseTimes = { beatSeconds: 0.05, expirySeconds: 0.4 };
  return inFolder(async (folder) => {
    await forEachOf(Array.from({ length: times }, (_, i) => i), 2, async (i) => {
      const root = join(folder, String(i));
      const store = await openWith(root, leases);
      const key = keyOf(inputOf(0));
      const wrong = i % 2 === 1;
      let taken: Promise<void> | undefined;
      const { lines } = await runChild(
        { root, does: "hold", entries: 1, leases, wrong },
        (line, child) => {
          if (line !== "claimed") return;
          child.kill("SIGSTOP");
          taken = takeOver(store, key).finally(() => child.kill("SIGCONT"));
        },
      );
      await taken;
      const late = lines.find((line) => /^(put|error)/.test(line));
      if (wrong) assert.match(late!, /differs from the stored one/);
      else assert.equal(late, "put 0");
      assert.deepEqual(await store.read(inputOf(0).stage, key), payloadOf(0));
      assert.ok(await store.claim(key), "the late one has let go of nothing that is another's");
      store.close();
    });
    return {
      count: times,
      outcome: "each taken over; the late finish was the same entry, or refused as non-determinism",
    };
  });

  async function takeOver(store: Store, key: string): Promise<void> {
    const start = performance.now();
    using _claim = await claimEventually(store, key, 10_000);
    const waited = performance.now() - start;
    assert.ok(waited >= leases.expirySeconds * 1000, `taken over after ${waited} ms`);
    await store.write(inputOf(0), payloadOf(0), 0);
  }
}

/**
 * R12: clocks that jump by an hour, a process number that was given to another process, a machine whose
 * name has changed: none ends a lease that lives, and none keeps one that is over.
 */
export function confusedLeases(times: number): Promise<Finding> {
  const leaseTimes: LeaseTimes = { beatSeconds: 0.02, expirySeconds: 0.3 };
  return inFolder(async (folder) => {
    const self = await currentProcess();
    const known = self.bootId !== "" && self.startTime !== "";
    await forEachOf(Array.from({ length: times }, (_, i) => i), 8, async (i) => {
      const path = join(folder, `${i}.lease`);
      const waiting = new Leases(leaseTimes);
      const write = (changes: object) =>
        Deno.writeTextFile(
          path,
          JSON.stringify({ ...self, token: "other", beat: 1, ...changes }),
        );
      switch (i % 3) {
        case 0: { // a living one, whose file has times an hour off either way
          const living = (await new Leases(leaseTimes).take(path))!;
          for (let look = 0; look < 10; look++) {
            const hour = (look % 2 === 0 ? 1 : -1) * 3600 * 1000;
            await Deno.utime(path, new Date(Date.now() + hour), new Date(Date.now() + hour));
            assert.equal(await waiting.take(path), undefined, "taken from a living holder");
            await new Promise((resolve) => setTimeout(resolve, 60));
          }
          living[Symbol.dispose]();
          break;
        }
        case 1: // the number of a living process, which started at another time
          await write({ startTime: "1" });
          break;
        case 2: // this machine had another name; the holder has ended
          await write({ host: "renamed", pid: 2 ** 22 + i });
      }
      const start = performance.now();
      const lease = await takeEventually(waiting, path);
      const waited = performance.now() - start;
      if (known) assert.ok(waited < leaseTimes.expirySeconds * 1000, `waited ${waited} ms`);
      lease[Symbol.dispose]();
    });
    return { count: times, outcome: "living leases kept, ended ones taken over" };
  });
}

async function takeEventually(leases: Leases, path: string): Promise<Disposable> {
  for (;;) {
    const lease = await leases.take(path);
    if (lease !== undefined) return lease;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function openWith(root: string, leases: LeaseTimes | undefined): Promise<Store> {
  return openStore(root, () => {}, leases === undefined ? {} : { locking: "lease", leases });
}

/** The claim on `key`, within `milliseconds`. */
async function claimEventually(
  store: Store,
  key: string,
  milliseconds: number,
): Promise<Disposable> {
  const start = performance.now();
  for (;;) {
    const claim = await store.claim(key);
    if (claim !== undefined) return claim;
    assert.ok(performance.now() - start < milliseconds, `no claim within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
