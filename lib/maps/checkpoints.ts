/**
 * Trainings that can be killed at any moment: their state goes to the store every so often, and a later
 * run of the same stage goes on from it, bit for bit.
 *
 * @module
 */
import {
  stateOfTensors,
  tensorsOfState,
  train,
  type TrainingOptions,
  type TrainingState,
  type TrainingStep,
} from "../onnx/training.ts";
import { parseSafetensors, safetensorsBytes } from "../weights/safetensors.ts";

/** Where one stage keeps its state; at most one state is kept. */
export interface Checkpoints {
  /** The state that was saved last; undefined where none was. */
  load(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Replaces it, whole or not at all. */
  save(state: Uint8Array): Promise<void>;
}

/** Seconds of work that a kill may cost. */
const secondsBetween = 20;

/**
 * `train`, resumed from the checkpoint where there is one, and checkpointed about every 20 seconds.
 * The steps between two checkpoints do not influence the result.
 */
export async function trainWithCheckpoints(
  step: TrainingStep,
  options: Omit<TrainingOptions, "resume" | "checkpoint">,
  checkpoints: Checkpoints,
): Promise<TrainingState> {
  const saved = await checkpoints.load();
  const resume = saved === undefined ? undefined : parseTrainingState(saved);
  let last = performance.now();
  return await train(step, {
    ...options,
    ...(resume === undefined ? {} : { resume }),
    checkpoint: {
      every: 1,
      save: async (state) => {
        if (performance.now() - last < 1000 * secondsBetween) return;
        await checkpoints.save(trainingStateBytes(state));
        last = performance.now();
      },
    },
  });
}

/** A training state as the bytes of a checkpoint. */
export function trainingStateBytes(state: TrainingState): Uint8Array<ArrayBuffer> {
  return safetensorsBytes(tensorsOfState(state));
}

/** The state that `trainingStateBytes` wrote. */
export function parseTrainingState(bytes: Uint8Array): TrainingState {
  return stateOfTensors(parseSafetensors(bytes, "a training's checkpoint").tensors);
}
