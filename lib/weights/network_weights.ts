/**
 * From a file of weights to the tensors of a backbone: format by content, names and shapes checked
 * against the network, every number as float32.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import { type Backbone, parameterShapes } from "./backbone.ts";
import { parseSafetensors } from "./safetensors.ts";
import { looksLikeTorchFile, parseTorchFile } from "./torch_file.ts";

/** Weights by name, all in float32 as the networks take them. */
export type FloatTensorMap = ReadonlyMap<string, NdArray<Float32Array>>;

/** Integers up to here are exact in float32. */
const largestExact = 2 ** 24;

/**
 * The tensors in a `.pth` or `.safetensors` file, told apart by their first bytes. `name` stands in the
 * messages.
 *
 * @throws {DataError} for another format, or a damaged or hostile file
 */
export function parseWeights(bytes: Uint8Array, name: string): TensorMap {
  if (looksLikeTorchFile(bytes)) return parseTorchFile(bytes, name);
  if (bytes[8] === 0x7b) return parseSafetensors(bytes, name).tensors; // "{"
  throw new DataError(
    `Cannot read ${name}: it is neither a file of torch.save nor of safetensors`,
    { remedy: "Give a .pth file with a state_dict, or a .safetensors file." },
  );
}

/**
 * The tensors of `backbone` in a file, in the network's order, in float32. Counters
 * (`num_batches_tracked`) are dropped; the head may be missing, or have another number of classes than
 * the published one.
 *
 * @throws {DataError} if tensors are missing, unexpected or of another shape, with a list of them, or
 * if a number is not finite
 */
export function readNetworkWeights(
  bytes: Uint8Array,
  name: string,
  backbone: Backbone,
): FloatTensorMap {
  return networkWeights(parseWeights(bytes, name), name, backbone);
}

/** `readNetworkWeights` for tensors that are read already. */
export function networkWeights(
  tensors: TensorMap,
  name: string,
  backbone: Backbone,
): FloatTensorMap {
  const shapes = parameterShapes(backbone, classesIn(tensors, backbone));
  const missing = [...shapes.keys()].filter((key) => !tensors.has(key));
  const unexpected = [...tensors.keys()]
    .filter((key) => !shapes.has(key) && !key.endsWith("num_batches_tracked"));
  const misshapen = [...shapes].flatMap(([key, shape]) => {
    const found = tensors.get(key)?.shape;
    return found === undefined || String(found) === String(shape)
      ? []
      : [`${key} is [${found}], not [${shape}]`];
  });
  const problems = [
    ...summary("missing", missing),
    ...summary("unexpected", unexpected),
    ...summary("of another shape", misshapen),
  ];
  if (problems.length > 0) {
    throw new DataError(
      `Cannot use ${name} as weights of ${backbone.name}: ${problems.join("; ")}`,
      {
        remedy:
          `Give weights of ${backbone.title} with torchvision's names, or name their backbone.`,
      },
    );
  }
  return new Map([...shapes.keys()].map((key) => [key, asFloat(key, tensors.get(key)!, name)]));
}

/** Outputs of the head that the file holds; 0 without a head. */
function classesIn(tensors: TensorMap, backbone: Backbone): number {
  const two = parameterShapes(backbone, 2);
  for (const [key, shape] of parameterShapes(backbone, 1)) {
    if (String(two.get(key)) !== String(shape)) return tensors.get(key)?.shape[0] ?? 0;
  }
  return 0;
}

function asFloat(key: string, { shape, data }: NdArray, name: string): NdArray<Float32Array> {
  const fail = (reason: string) =>
    new DataError(`Cannot use ${name}: tensor ${key} ${reason}`, {
      remedy: "Fetch the file again, or train the weights again.",
    });
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  const floats = data instanceof Float32Array ? data : new Float32Array(data.length);
  if (floats !== data) { for (let i = 0; i < floats.length; i++) floats[i] = Number(data[i]); }
  for (let i = 0; i < floats.length; i++) {
    if (!Number.isFinite(floats[i])) throw fail(`holds ${floats[i]} at place ${i}`);
    if (!isFloat && Math.abs(floats[i]) > largestExact) {
      throw fail(`holds the integer ${data[i]}, which float32 cannot hold exactly`);
    }
  }
  if (key.endsWith("running_var") && floats.some((variance) => variance < 0)) {
    throw fail("holds a negative variance");
  }
  return { shape, data: floats };
}

/** `3 missing (a, b, c)`, or nothing for an empty list. */
function summary(what: string, keys: readonly string[]): string[] {
  if (keys.length === 0) return [];
  const shown = keys.slice(0, 5).map((key) => key.length > 80 ? `${key.slice(0, 80)}…` : key);
  // Names come from the file: control characters are shown as escapes.
  const text = JSON.stringify(shown.join(", ")).slice(1, -1);
  return [`${keys.length} ${what} (${text}${keys.length > 5 ? ", …" : ""})`];
}
