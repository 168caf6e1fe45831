/**
 * Weights of a backbone as the planner names them and the worker reads them.
 *
 * @module
 */
import type { TensorMap } from "../onnx/parameters.ts";
import { identifyWeights, loadWeights } from "../weights/registry.ts";

/** Which weights a backbone gets. */
export interface PlannedWeights {
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
  const { file: found, digest } = await identifyWeights(backbone, file, cache);
  return { backbone, file: found, digest };
}

/** The tensors of planned weights. */
export async function readWeights(weights: PlannedWeights): Promise<TensorMap> {
  return (await loadWeights(weights.backbone, weights.file, weights.digest)).tensors;
}
