/**
 * Runs ONNX models: the only file that touches onnxruntime-node.
 *
 * Everything that can change the bits of a result is fixed here: one intra-op thread, sequential
 * execution, one graph optimisation level. `numericsClass` names what remains (runtime version,
 * execution provider), for the keys of stored results.
 *
 * `run` blocks the event loop of its process for the whole call, so sessions live in worker processes.
 *
 * @module
 */
import { DataError, UsageError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import type { ElementType } from "./graph.ts";
import { checkModel } from "./proto.ts";

/** Where a model runs. */
export type Device = "cpu" | "webgpu" | "cuda";

/** Options of `openSession`. */
export interface SessionOptions {
  /** What computes: it is part of the numerics class. @default "cpu" */
  readonly device?: Device;
  /** Stands in error messages. @default "the model" */
  readonly name?: string;
}

/** A model ready to run. */
export interface Session {
  /** Names of what `run` must be fed, in the model's order. */
  readonly inputs: readonly string[];
  /** Names of what `run` gives, in the model's order. */
  readonly outputs: readonly string[];
  /**
   * One run. `feeds` are not changed; the outputs are new arrays that the caller owns. Booleans are
   * bytes 0 and 1.
   *
   * @throws {RangeError} if a feed is missing, unknown or of another shape or type than the input
   */
  run(feeds: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>>;
  /** Frees the runtime's memory; the session cannot be used afterwards. */
  close(): Promise<void>;
}

const optimizationLevel = "all";
/** The version that deno.json pins, known without loading the runtime. */
const runtimeVersion = "1.30.0";

type Runtime = typeof import("onnxruntime-node");
let loaded: Promise<Runtime> | undefined;

/**
 * Opens a session on the bytes of an `.onnx` model.
 *
 * @throws {DataError} if the bytes are no model, or one that `checkModel` refuses
 * @throws {UsageError} if the device is not available
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Graph } from "./graph.ts";
 * import { add } from "./ops.ts";
 * import { modelBytes } from "./proto.ts";
 * const graph = new Graph();
 * graph.output("y", add(graph.input("x", "float32", [2]), 1));
 * const session = await openSession(modelBytes(graph));
 * const { y } = await session.run({ x: { shape: [2], data: Float32Array.of(1, 2) } });
 * await session.close();
 * assert.deepEqual([...y.data], [2, 3]);
 * ```
 */
export async function openSession(
  model: Uint8Array,
  options: SessionOptions = {},
): Promise<Session> {
  const { device = "cpu", name = "the model" } = options;
  checkModel(model, name);
  const runtime = await loadRuntime();
  const session = await runtime.InferenceSession.create(model, {
    executionProviders: [device],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: optimizationLevel,
    enableMemPattern: false,
    logSeverityLevel: device === "cpu" ? 3 : 4,
  }).catch((cause: unknown) => {
    throw openError(cause, device, name);
  });
  const metadata = new Map(
    session.inputMetadata.map((input) => [input.name, input as TensorMetadata]),
  );
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    run: async (feeds) => {
      const tensors: Record<string, InstanceType<Runtime["Tensor"]>> = {};
      for (const [input, array] of Object.entries(feeds)) {
        checkFeed(name, input, array, metadata.get(input));
        tensors[input] = new runtime.Tensor(
          metadata.get(input)!.type as "float32",
          array.data as Float32Array,
          array.shape,
        );
      }
      for (const input of metadata.keys()) {
        if (!Object.hasOwn(feeds, input)) {
          throw new RangeError(`Cannot run ${name}: input ${input} is not fed`);
        }
      }
      const results = await session.run(tensors);
      return Object.fromEntries(
        session.outputNames.map((output) => {
          const tensor = results[output];
          return [output, { shape: tensor.dims, data: tensor.data as NdArray["data"] }];
        }),
      );
    },
    close: () => session.release(),
  };
}

/** What decides the bits of a result beside model and inputs. */
export interface NumericsClass {
  /** Name and version, e.g. "onnxruntime-node 1.30.0". */
  readonly runtime: string;
  /** Which kind of processor computes. */
  readonly provider: Device;
  /** Level of the graph optimisation. */
  readonly optimization: string;
}

/** The numerics class of sessions on `device`, as part of keys; the runtime is not loaded for it. */
export function numericsClass(device: Device = "cpu"): NumericsClass {
  return {
    runtime: `onnxruntime-node ${runtimeVersion}`,
    provider: device,
    optimization: optimizationLevel,
  };
}

/** Loads the runtime on first use, its telemetry switched off before that. */
function loadRuntime(): Promise<Runtime> {
  loaded ??= (async () => {
    Deno.env.set("ORT_DISABLE_TELEMETRY", "1");
    const runtime = await import("onnxruntime-node");
    const version = runtime.env.versions.node;
    if (version !== runtimeVersion) {
      throw new Error(
        `Cannot name the numerics: onnxruntime-node is ${version}, not ${runtimeVersion}`,
      );
    }
    return runtime;
  })();
  return loaded;
}

interface TensorMetadata {
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

const arrays: Readonly<Record<ElementType, { new (length: number): NdArray["data"] }>> = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
};

function checkFeed(
  model: string,
  input: string,
  array: NdArray,
  metadata: TensorMetadata | undefined,
): void {
  if (metadata === undefined) throw new RangeError(`Cannot run ${model}: it has no input ${input}`);
  const fits = array.shape.length === metadata.shape.length &&
    metadata.shape.every((size, i) => typeof size === "string" || size === array.shape[i]);
  if (!fits) {
    throw new RangeError(
      `Cannot run ${model}: input ${input} is [${array.shape}], expected [${metadata.shape}]`,
    );
  }
  if (!(array.data instanceof arrays[metadata.type])) {
    throw new RangeError(
      `Cannot run ${model}: input ${input} is ${array.data.constructor.name}, expected ${metadata.type}`,
    );
  }
}

function openError(cause: unknown, device: Device, name: string): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (device !== "cpu" && /adapter|provider|backend|shared library|vulkan|cuda/i.test(reason)) {
    return new UsageError(`Cannot use device ${device}: the runtime finds none here`, {
      remedy: "Use --device cpu, or check the graphics driver.",
      cause,
    });
  }
  return new DataError(`Cannot load ${name}: ${reason.split("\n")[0]}`, { cause });
}
