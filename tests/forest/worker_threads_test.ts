import assert from "node:assert/strict";
import { closeIfIdle, finishTask, workerThreads } from "../../lib/forest/worker_threads.ts";

Deno.test("a thread that has a task left does not close; one that has closed is no longer asked", () => {
  const tasks = Int32Array.of(1);
  assert.equal(closeIfIdle({ tasks }), false);
  finishTask({ tasks });
  assert.equal(closeIfIdle({ tasks }), true);
  assert.ok(Atomics.add(tasks, 0, 1) < 0);
});

Deno.test("no workers are started for a thread alone", () => {
  assert.deepEqual(workerThreads(0), []);
});

// Threads that wait for the next fit must not hold up the end, nor need more than the program's files.
Deno.test("a process that has fitted with workers ends at once", async () => {
  const program = `
    const { fitBoostedForest } = await import(Deno.args[0]);
    const features = { rows: 400, columns: 4, values: Float32Array.from({ length: 1600 }, (_, i) => Math.sin(i)) };
    const labels = Uint8Array.from({ length: 400 }, (_, i) => features.values[4 * i] > 0 ? 1 : 0);
    const parameters = { n_estimators: 3, num_parallel_tree: 60 };
    const fit = () => fitBoostedForest(features, labels, parameters, 0, { workers: 2 });
    fit();
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(fit().starts.length);
  `;
  const url = (path: string) => new URL(path, import.meta.url);
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-check", "--no-prompt"],
        ...["--config", url("../../deno.json").pathname],
        ...["--allow-read=" + url("../../lib").pathname],
        ...[file, url("../../lib/forest/boosted_forest.ts").href],
      ],
      signal: AbortSignal.timeout(8000), // threads close themselves later
    }).output();
    const words = new TextDecoder();
    assert.equal(words.decode(stdout), "181\n", words.decode(stderr));
    assert.equal(code, 0);
  } finally {
    await Deno.remove(file);
  }
});
