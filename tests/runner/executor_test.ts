import assert from "node:assert/strict";
import { InterruptedError } from "../../lib/base/errors.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import {
  executeLocally,
  type ExecutionOptions,
  type StageFailure,
} from "../../lib/runner/executor_local.ts";
import { keysBehind, makeStage, type Stage } from "../../lib/runner/stage.ts";
import { openStore, type Store } from "../../lib/store/store.ts";
import { inTemporaryFolder } from "../reliability/workload.ts";

/** A stage that takes `test` of the three scores of `from`. */
function scoresOf(from: Stage, test: readonly number[], label: string): Stage {
  return makeStage({
    stage: "scores",
    revision: 1,
    parameters: { test, label },
    needs: { [from.input.stage]: from },
    label,
    seconds: 0.1,
    mebibytes: 50,
  });
}

/** A store that holds a stage with three scores. */
async function withStore(
  body: (store: Store, features: Stage, options: ExecutionOptions) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (root) => {
    const store = await openStore(root);
    const features = makeStage({
      stage: "features",
      revision: 1,
      parameters: {},
      needs: {},
      label: "features",
      seconds: 0,
      mebibytes: 1,
    });
    const data = Float64Array.of(1, 2, 3);
    await store.write(features.input, new Map([["scores.npy", npyBytes({ shape: [3], data })]]), 0);
    await body(store, features, {
      workers: 2,
      access: { cache: root, read: [] },
      mebibytes: 1000,
      failFast: false,
      signal: new AbortController().signal,
    });
    store.close();
  });
}

Deno.test("a failed stage blocks what needs it and nothing else, and is told once", () =>
  withStore(async (store, features, options) => {
    const good = scoresOf(features, [2, 0], "good");
    const bad = scoresOf(features, [3], "bad");
    const behind = scoresOf(bad, [0], "behind");
    const told: StageFailure[] = [];
    const done: string[] = [];
    const result = await executeLocally(store, [behind, good], {
      ...options,
      onFailure: (failure) => told.push(failure),
      onTarget: (key) => {
        done.push(key);
      },
    });
    assert.equal(result.run, 1);
    assert.equal(result.cached, 1);
    assert.deepEqual(result.failures.map(({ stage }) => stage.label), ["bad"]);
    assert.match(result.failures[0].message, /Cannot take score 3 of 3/);
    assert.deepEqual([...result.blocked], [behind.key]);
    assert.deepEqual(told, result.failures);
    assert.deepEqual(done, [good.key]);
    assert.deepEqual(
      keysBehind([behind]),
      new Set([behind.key, bad.key, features.key]),
    );
  }));

Deno.test("a stage that another process computes is waited for, and that is told", () =>
  withStore(async (store, features, options) => {
    const stage = scoresOf(features, [1], "wanted");
    const claim = (await store.claim(stage.key))!;
    const lines: string[] = [];
    let done = false;
    const running = executeLocally(store, [stage], {
      ...options,
      onLog: (line) => lines.push(line),
    }).finally(() => done = true);
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(lines[0], new RegExp(`wanted: waiting for another process.*process ${Deno.pid}`));
    assert.ok(!done);
    const data = Float64Array.of(2);
    await store.write(stage.input, new Map([["scores.npy", npyBytes({ shape: [1], data })]]), 0);
    claim[Symbol.dispose]();
    assert.equal((await running).run, 0, "the other one has computed it");
    assert.equal(lines.length, 1);
  }));

Deno.test("stages computed again must give the stored bytes", () =>
  withStore(async (store, features, options) => {
    const [same, other] = [scoresOf(features, [1], "same"), scoresOf(features, [2], "other")];
    for (const stage of [same, other]) {
      const data = Float64Array.of(2);
      await store.write(stage.input, new Map([["scores.npy", npyBytes({ shape: [1], data })]]), 0);
    }
    const { run, failures } = await executeLocally(store, [same, other], {
      ...options,
      again: true,
    });
    assert.equal(run, 1);
    assert.deepEqual(failures.map(({ stage }) => stage.label), ["other"]);
    assert.match(failures[0].message, /differs from the stored one/);
    const kept = await store.read("scores", other.key);
    assert.deepEqual(kept!.get("scores.npy"), npyBytes({ shape: [1], data: Float64Array.of(2) }));
  }));

Deno.test("an interrupt before the first stage ends at once", () =>
  withStore(async (store, features, options) => {
    const signal = AbortSignal.abort();
    await assert.rejects(
      executeLocally(store, [scoresOf(features, [1], "wanted")], { ...options, signal }),
      InterruptedError,
    );
  }));
