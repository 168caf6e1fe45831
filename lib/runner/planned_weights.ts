/**
 * Weights of a backbone, or of another known network such as EfficientAD's teacher, as the planner names
 * them and the worker reads them.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { DataError } from "../base/errors.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import { backbones } from "../weights/backbones.ts";
import {
  identifyWeights,
  loadStoredWeights,
  loadWeights,
  weightsFolder,
} from "../weights/registry.ts";

/** Which weights a backbone gets. */
export interface PlannedWeights {
  /** The backbone, or the name in the store of weights that are no backbone's. */
  readonly backbone: string;
  /** The file that holds them. */
  readonly file: string;
  /** SHA-256 of the file; checked again when the worker reads it. */
  readonly digest: string;
}

/** Finds the weights of `backbone`: `file` as given by `--weights`, or what is known and there. */
export async function planWeights(
  backbone: string,
  file: string | undefined,
  cache: string,
): Promise<PlannedWeights> {
  if (!backbones.has(backbone) && file === undefined) {
    const { digest } = await loadStoredWeights(backbone, cache);
    return { backbone, file: join(weightsFolder(cache), `${backbone}.safetensors`), digest };
  }
  const { file: found, digest } = await identifyWeights(backbone, file, cache);
  return { backbone, file: found, digest };
}

/** The tensors of planned weights. */
export async function readWeights({ backbone, file, digest }: PlannedWeights): Promise<TensorMap> {
  if (backbones.has(backbone)) return (await loadWeights(backbone, file, digest)).tensors;
  const stored = await loadStoredWeights(backbone, dirname(dirname(file)));
  if (stored.digest !== digest) {
    throw new DataError(`Cannot use ${file}: it has changed since the run was planned`, {
      remedy: "Run the command again.",
    });
  }
  return stored.tensors;
}
