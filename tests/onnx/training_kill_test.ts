/** A training whose process is killed again and again ends with an uninterrupted one's bytes. */
import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { tensorsOfState, train } from "../../lib/onnx/training.ts";
import { safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { killedSteps, regression } from "./regression.ts";

/** Runs the training in a process; kills it `delay` milliseconds after it has saved a step. */
async function run(folder: string, delay: number | undefined): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-check",
      "--config",
      new URL("../deno.json", import.meta.url).pathname,
      new URL("killed_training.ts", import.meta.url).pathname,
      folder,
    ],
    stdout: "piped",
  }).spawn();
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const _ of child.stdout) {
    if (delay === undefined || timer !== undefined) continue;
    timer = setTimeout(() => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It had ended.
      }
    }, delay);
  }
  const { success } = await child.status;
  clearTimeout(timer);
  return success;
}

Deno.test("a training killed 20 times, with two others beside it, ends with the same bytes", async () => {
  const folder = await Deno.makeTempDir();
  const trained = (name: string) => `${folder}/${name}`;
  try {
    for (const name of ["killed", "one", "two"]) await Deno.mkdir(trained(name));
    const beside = ["one", "two"].map((name) => run(trained(name), undefined));
    const random = new RandomState(11);
    for (let kills = 0; kills < 20;) {
      const ended = await run(trained("killed"), random.integer(20));
      assert.ok(!ended, `the training ended after ${kills} kills: it needs more steps`);
      kills++;
    }
    assert.ok(await run(trained("killed"), undefined));
    assert.deepEqual(await Promise.all(beside), [true, true]);
    const { step, options } = regression();
    const whole = safetensorsBytes(
      tensorsOfState(await train(step, { ...options, steps: killedSteps })),
    );
    for (const name of ["killed", "one", "two"]) {
      assert.deepEqual(await Deno.readFile(`${trained(name)}/done.safetensors`), whole, name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
