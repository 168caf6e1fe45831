/**
 * Where a network's numbers come from. A network is written once, against a `Scope`; the provider
 * behind the scope decides what the network becomes:
 *
 * - `frozenParameters(graph, tensors)`: evaluation with constant weights, which the runtime can fold;
 * - `trainableParameters(graph)`: training; every weight is a graph input, so that one graph serves
 *   every step, and the provider remembers name, shape and initial numbers of each.
 *
 * One graph may hold both, e.g. a trained student beside a frozen teacher.
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { childSeed, RandomState } from "../base/random.ts";
import { type Graph, sizeOf, type Value } from "./graph.ts";

/** Weights by name, e.g. `"layer1.0.conv1.weight"`. */
export type TensorMap = ReadonlyMap<string, NdArray>;

/** Makes a parameter's first numbers. */
export type Initializer = (shape: readonly number[], random: RandomState) => Float32Array;

/** What a network asks its provider for. Names are full names; `Scope` makes them. */
export interface Parameters {
  /** Where the values are made. */
  readonly graph: Graph;
  /** Whether batch norm uses the batch's statistics and dropout drops. */
  readonly training: boolean;
  /** A trained tensor (weight, bias). */
  parameter(name: string, shape: readonly number[], initial: Initializer): Value;
  /** A tensor that is not trained but kept with the weights (running mean, running variance). */
  statistic(name: string, shape: readonly number[], initial: Initializer): Value;
  /**
   * The statistic as it stands at this place of the step: a network that is applied twice in one step
   * moves its statistics twice.
   */
  latest(name: string): Value;
  /** What a statistic becomes. */
  update(name: string, value: Value): void;
  /** Fresh uniform bytes at every training step, for dropout. */
  noise(name: string, shape: readonly number[]): Value;
}

/** A place in the tree of a network's names, handing out its parameters. */
export interface Scope {
  /** The provider that all scopes of a network share. */
  readonly parameters: Parameters;
  /** Full name of this place, `""` at the root. */
  readonly path: string;
  /** The scope below: `scope.at("layer1", 0, "conv1")` is `layer1.0.conv1`. */
  at(...names: readonly (string | number)[]): Scope;
  /** Full name of `name` in this scope. */
  nameOf(name: string): string;
}

/** The root scope over a provider; with `path`, all names begin with it. */
export function scopeOf(parameters: Parameters, path = ""): Scope {
  const join = (...names: readonly (string | number)[]) =>
    [path, ...names].filter((name) => name !== "").join(".");
  return {
    parameters,
    path,
    at: (...names) => scopeOf(parameters, join(...names)),
    nameOf: (name) => join(name),
  };
}

/**
 * Evaluation with constant weights.
 *
 * @param tensors by full name; others than the network asks for are ignored
 * @param source where they come from, for the message
 * @throws {DataError} when the network asks for a tensor that is missing or has another shape
 */
export function frozenParameters(
  graph: Graph,
  tensors: TensorMap,
  source = "the weights",
): Parameters {
  const made = new Map<string, Value>();
  const constant = (name: string, shape: readonly number[]) => {
    let value = made.get(name);
    if (value === undefined) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new DataError(`Cannot use ${source}: no tensor ${name}`);
      if (!(tensor.data instanceof Float32Array) || String(tensor.shape) !== String(shape)) {
        throw new DataError(
          `Cannot use ${source}: tensor ${name} is [${tensor.shape}] ${tensor.data.constructor.name}, ` +
            `the network has [${shape}] Float32Array`,
        );
      }
      made.set(name, value = graph.constant(tensor));
    }
    return value;
  };
  return {
    graph,
    training: false,
    parameter: constant,
    statistic: constant,
    latest: (name) => made.get(name)!,
    update: () => {
      throw new TypeError("Cannot update a statistic of frozen parameters");
    },
    noise: () => {
      throw new TypeError("Cannot draw noise for frozen parameters");
    },
  };
}

/** A tensor that `trainableParameters` handed out. */
export interface ParameterRecord {
  /** Full name, unique in the network. */
  readonly name: string;
  /** A weight that gradients move, or a running number such as batch norm's mean. */
  readonly kind: "parameter" | "statistic";
  /** The graph input that holds it. */
  readonly value: Value;
  /** Draws its first numbers. */
  readonly initial: Initializer;
}

/** The provider for training: its weights are graph inputs under their full names. */
export interface TrainableParameters extends Parameters {
  /** Everything handed out, in the order of first use. */
  readonly records: readonly ParameterRecord[];
  /** New values of statistics by name. */
  readonly updates: ReadonlyMap<string, Value>;
  /** The noise inputs, to be fed with fresh bytes at every step. */
  readonly noises: readonly Value[];
}

/** Options of `trainableParameters`. */
export interface TrainableOptions {
  /**
   * False keeps batch norm on its running statistics and dropout off while weights are trained.
   * @default true
   */
  readonly training?: boolean;
}

/** A provider whose tensors are graph inputs. Asking twice for a name gives the same value. */
export function trainableParameters(
  graph: Graph,
  options: TrainableOptions = {},
): TrainableParameters {
  const records = new Map<string, ParameterRecord>();
  const updates = new Map<string, Value>();
  const noises = new Map<string, Value>();
  const tensor = (kind: ParameterRecord["kind"]) =>
  (
    name: string,
    shape: readonly number[],
    initial: Initializer,
  ) => {
    let record = records.get(name);
    if (record === undefined) {
      record = { name, kind, value: graph.input(name, "float32", shape), initial };
      records.set(name, record);
    } else if (String(record.value.shape) !== String(shape)) {
      throw new RangeError(
        `Cannot share parameter ${name}: it is [${record.value.shape}], asked for as [${shape}]`,
      );
    }
    return record.value;
  };
  return {
    graph,
    training: options.training ?? true,
    parameter: tensor("parameter"),
    statistic: tensor("statistic"),
    latest: (name) => updates.get(name) ?? records.get(name)!.value,
    update: (name, value) => void updates.set(name, value),
    noise: (name, shape) => {
      if (noises.has(name)) throw new RangeError(`Cannot draw noise ${name} twice`);
      const value = graph.input(name, "uint8", shape);
      noises.set(name, value);
      return value;
    },
    get records() {
      return [...records.values()];
    },
    updates,
    get noises() {
      return [...noises.values()];
    },
  };
}

/**
 * First numbers of all tensors. Each is drawn from a stream of its own, named after the tensor, so
 * that the numbers do not depend on the order of definition or on what else a network has.
 *
 * @param seed in [0, 2^32)
 * @param given tensors that are taken as they are instead, e.g. pretrained ones
 * @throws {DataError} if a given tensor has another shape
 */
export function initialTensors(
  records: readonly ParameterRecord[],
  seed: number,
  given: TensorMap = new Map(),
): Map<string, NdArray<Float32Array>> {
  const tensors = new Map<string, NdArray<Float32Array>>();
  for (const { name, value, initial } of records) {
    const { shape } = value;
    const known = given.get(name);
    if (known !== undefined) {
      if (!(known.data instanceof Float32Array) || String(known.shape) !== String(shape)) {
        throw new DataError(
          `Cannot start from tensor ${name}: it is [${known.shape}], the network has [${shape}]`,
        );
      }
      tensors.set(name, { shape, data: known.data });
    } else {
      const random = new RandomState(childSeed(seed, "parameter", name));
      tensors.set(name, { shape, data: initial(shape, random) });
    }
  }
  return tensors;
}

/** An initializer that fills with one number. */
export function constantInit(number: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(number);
}

/** N(0, deviation²). */
function normalInit(deviation: number): Initializer {
  return (shape, random) =>
    Float32Array.from({ length: sizeOf(shape) }, () => deviation * random.normal());
}

/** U(-bound, bound). */
function uniformInit(bound: number): Initializer {
  return (shape, random) =>
    Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));
}

/**
 * N(0, 2 / fan_out), fan_out = out channels · kernel area: torch's `kaiming_normal_(mode="fan_out",
 * nonlinearity="relu")`, which torchvision's ResNets use for convolutions.
 */
export function kaimingNormalFanOut(shape: readonly number[], random: RandomState): Float32Array {
  return normalInit(Math.sqrt(2 / (shape[0] * sizeOf(shape.slice(2)))))(shape, random);
}

/**
 * U(-1/√fan_in, 1/√fan_in): torch's default for weights and biases of Conv2d, ConvTranspose2d and
 * Linear, where torch computes fan_in from the second axis of the weight and the kernel area.
 */
export function torchDefaultInit(fanIn: number): Initializer {
  return uniformInit(1 / Math.sqrt(fanIn));
}
