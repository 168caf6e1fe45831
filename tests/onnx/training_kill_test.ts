/** A training whose process is killed again and again ends with an uninterrupted one's bytes. */
import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { tensorsOfState, train } from "../../lib/onnx/training.ts";
import { safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { regression } from "./regression.ts";

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

Deno.test("a training killed at random moments ends with the same bytes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const random = new RandomState(11);
    let kills = 0;
    for (let i = 0; i < 4; i++) if (!await run(folder, random.integer(60))) kills++;
    assert.ok(await run(folder, undefined));
    assert.ok(kills > 0);
    const { step, options } = regression();
    const whole = safetensorsBytes(tensorsOfState(await train(step, { ...options, steps: 40 })));
    assert.deepEqual(await Deno.readFile(`${folder}/done.safetensors`), whole);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
