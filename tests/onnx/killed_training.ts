/**
 * A training in a process of its own, for training_kill_test.ts: goes on from the checkpoint in
 * `<folder>/state.safetensors` if there is one, saves after every step, says each step it has saved,
 * and at the end writes `<folder>/done.safetensors`.
 *
 * @module
 */
import { writeFileAtomic } from "../../lib/base/files.ts";
import {
  stateOfTensors,
  tensorsOfState,
  train,
  type TrainingState,
} from "../../lib/onnx/training.ts";
import { parseSafetensors, safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { killedSteps, regression } from "./regression.ts";

const [folder] = Deno.args;
const path = `${folder}/state.safetensors`;
const { step, options } = regression();

function storedState(): TrainingState | undefined {
  try {
    return stateOfTensors(parseSafetensors(Deno.readFileSync(path), path).tensors);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const resume = storedState();
const state = await train(step, {
  ...options,
  steps: killedSteps,
  ...(resume === undefined ? {} : { resume }),
  checkpoint: {
    every: 1,
    save: async (state) => {
      await writeFileAtomic(path, safetensorsBytes(tensorsOfState(state)));
      console.log(state.step);
    },
  },
});
await writeFileAtomic(`${folder}/done.safetensors`, safetensorsBytes(tensorsOfState(state)));
