/**
 * Training: one graph for a step's forward pass and gradients, and the loop that runs it and lets the
 * optimizer move the parameters in place.
 *
 * A step depends only on the state before it, the step's number and the seed: batch, noise and learning
 * rate are functions of these. So a training that is resumed from a checkpoint goes on bit for bit.
 *
 * @module
 */
import { DataError, InterruptedError, PartialError } from "../base/errors.ts";
import type { NdArray } from "../base/npy.ts";
import { childSeed, RandomState } from "../base/random.ts";
import { giveTurn } from "../base/turn.ts";
import { convolutionBlock, withBlockedConvolutions } from "./blocked_convolutions.ts";
import { type Graph, sizeOf, type Value } from "./graph.ts";
import { gradients } from "./gradients.ts";
import { reshape } from "./ops.ts";
import { clippedGradients, type Optimizer, type Schedule } from "./optimizers.ts";
import {
  initialTensors,
  type ParameterRecord,
  type TensorMap,
  type TrainableParameters,
} from "./parameters.ts";
import { modelBytes } from "./proto.ts";
import { type Device, openSession, type Session } from "./session.ts";
import { withWinogradConvolutions } from "./winograd.ts";

/** What is to be learned. */
export interface TrainingProblem {
  /** The provider that the network was built with. */
  readonly parameters: TrainableParameters;
  /** A float32 scalar. */
  readonly loss: Value;
  /** Makes the moves from the gradients. */
  readonly optimizer: Optimizer;
  /** Largest joint norm of the gradients; left out, they are taken as they are. */
  readonly clipNorm?: number;
  /** Values through which no gradient flows. */
  readonly stop?: readonly Value[];
  /** Further scalars to report at every step, by name. */
  readonly reports?: Readonly<Record<string, Value>>;
  /**
   * Whether the forward pass too computes its convolutions by Winograd's minimal filtering where that
   * gains; gradients always do. For networks without batch norm: where a number goes through many
   * normalized layers, rounding decides the sign of some inputs of ReLUs, and ten times the rounding
   * that of ten times as many. @default {false}
   */
  readonly winograd?: boolean;
  /** Whether a parameter is trained, by name. @default all are */
  readonly trains?: (name: string) => boolean;
}

/** A training step ready to run. */
export interface TrainingStep {
  /** The outputs are losses, gradients as vectors and the next statistics. */
  readonly graph: Graph;
  /** Everything the network asked for; those of kind "parameter" may be trained. */
  readonly records: readonly ParameterRecord[];
  /** As in the problem. */
  readonly optimizer: Optimizer;
  /** As in `TrainingProblem`. */
  readonly winograd: boolean;
  /** Shapes of all tensors that go from step to step: parameters, statistics, optimizer state. */
  readonly state: ReadonlyMap<string, readonly number[]>;
  /** Names of the parameters that are trained. */
  readonly trained: readonly string[];
  /** Names of the statistics that the graph computes anew, e.g. of batch norm. */
  readonly updated: readonly string[];
  /** Shapes of the noise inputs, fed with fresh bytes. */
  readonly noises: ReadonlyMap<string, readonly number[]>;
  /** Names of the further scalars. */
  readonly reports: readonly string[];
}

/** A training between two steps: all that is needed to go on. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number;
  /** Parameters and statistics under their names, optimizer state under `<parameter>/<slot>`. */
  readonly tensors: ReadonlyMap<string, NdArray<Float32Array>>;
  /** The loss of every step so far. */
  readonly losses: readonly number[];
}

/** Said after every step. */
export interface TrainingProgress {
  /** Counted from 1. */
  readonly step: number;
  /** Number of steps. */
  readonly of: number;
  /** Of this step, before its move. */
  readonly loss: number;
  /** Of this step. */
  readonly learningRate: number;
  /** The further scalars of this step, by name. */
  readonly reports: Readonly<Record<string, number>>;
  /** Estimate from the steps of this run; undefined before the second one. */
  readonly secondsLeft: number | undefined;
}

/** Options of `train`. */
export interface TrainingOptions {
  /** Stands in messages. */
  readonly name: string;
  /** Number of steps; a resumed training counts those before. */
  readonly steps: number;
  /** In [0, 2^32): initial numbers, batches and noise come from it. */
  readonly seed: number;
  /** By step. */
  readonly learningRate: Schedule;
  /** Feeds of the remaining inputs at a step, counted from 1; `random` is the step's own stream. */
  readonly batch: (
    step: number,
    random: RandomState,
  ) => Readonly<Record<string, NdArray>> | Promise<Readonly<Record<string, NdArray>>>;
  /**
   * Another step over the same state to run at a step, counted from 1, e.g. for a smaller last batch of
   * an epoch. @default the step that `train` is given
   */
  readonly stepAt?: (step: number) => TrainingStep | undefined;
  /** Tensors to begin with; those not given are initialized. @default none */
  readonly initial?: TensorMap;
  /** A state of the same training to go on from. */
  readonly resume?: TrainingState;
  /**
   * Keeps the state after every `every` steps and when the training is interrupted. The next step
   * changes the state's arrays: what is to be kept is written or copied before `save` is done.
   */
  readonly checkpoint?: {
    readonly every: number;
    readonly save: (state: TrainingState) => void | Promise<void>;
  };
  /** Called after every step. */
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Ends the training after the current step. */
  readonly signal?: AbortSignal;
  /** What computes: it is part of the numerics class. @default "cpu" */
  readonly device?: Device;
}

/** A training whose loss or parameters stopped being finite. */
export class DivergenceError extends PartialError {
  /** `what` says what is not finite at this step. */
  constructor(
    name: string,
    what: string,
    readonly step: number,
    readonly learningRate: number,
  ) {
    super(
      `Cannot go on training ${name}: ${what} at step ${step} (learning rate ${learningRate})`,
      { remedy: "Lower the learning rate, or limit the norm of the gradients." },
    );
  }
}

/** Adds the gradients to the graph of `problem`. */
export function trainingStep(problem: TrainingProblem): TrainingStep {
  const { parameters, loss, optimizer, trains = () => true } = problem;
  const { graph } = parameters;
  const trained = parameters.records.filter(({ name, kind }) =>
    kind === "parameter" && trains(name)
  );
  if (trained.length === 0) {
    throw new RangeError("Cannot train: there is no parameter to be trained");
  }
  let slopes = gradients(
    loss,
    trained.map((record) => record.value),
    problem.stop === undefined ? {} : { stop: problem.stop },
  ).map(flattened);
  if (problem.clipNorm !== undefined) {
    slopes = clippedGradients(slopes, problem.clipNorm).gradients;
  }
  const state = new Map(parameters.records.map(({ name, value }) => [name, value.shape]));
  trained.forEach(({ name }, i) => {
    graph.output(gradientOutput(name), slopes[i]);
    for (const slot of optimizer.slots) state.set(slotName(name, slot), slopes[i].shape);
  });
  const updated: string[] = [];
  for (const [name, value] of parameters.updates) {
    updated.push(name);
    graph.output(nextOutput(name), value);
  }
  graph.output(lossOutput, loss);
  const reports = Object.entries(problem.reports ?? {});
  for (const [name, value] of reports) graph.output(reportOutput(name), value);
  return {
    graph,
    records: parameters.records,
    optimizer,
    winograd: problem.winograd ?? false,
    state,
    trained: trained.map(({ name }) => name),
    updated,
    noises: new Map(parameters.noises.map((noise) => [noise.name, noise.shape])),
    reports: reports.map(([name]) => name),
  };
}

/**
 * As a vector, by one reshape. The runtime begins with what the last of the outputs' nodes needs, so in
 * the parameters' order gradients are made from the last layer on and what only they need is freed;
 * merged reshapes would be new nodes, in another order.
 */
function flattened(value: Value): Value {
  let source = value;
  for (;;) {
    const producer = value.graph.producer(source);
    if (producer?.operator !== "Reshape") return reshape(source, [sizeOf(value.shape)]);
    source = producer.inputs[0]!;
  }
}

/**
 * Runs `options.steps` steps and returns the state after the last one. The event loop gets a turn after
 * every step.
 *
 * @throws {DivergenceError} if the loss, or a parameter at the end, is not finite
 * @throws {InterruptedError} if the signal was given; the state was saved before
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Graph } from "./graph.ts";
 * import { linear, scopeOf, trainableParameters } from "./layers.ts";
 * import { meanSquaredError } from "./losses.ts";
 * import { constantRate, sgd } from "./optimizers.ts";
 * const graph = new Graph();
 * const parameters = trainableParameters(graph);
 * const y = linear(scopeOf(parameters), graph.input("x", "float32", [4, 1]), 1);
 * const loss = meanSquaredError(y, graph.input("target", "float32", [4, 1]));
 * const step = trainingStep({ parameters, loss, optimizer: sgd({ momentum: 0.9 }) });
 * const { tensors } = await train(step, {
 *   name: "a line",
 *   steps: 200,
 *   seed: 1,
 *   learningRate: constantRate(0.05),
 *   batch: (_, random) => {
 *     const x = Float32Array.from({ length: 4 }, () => random.normal());
 *     const target = x.map((number) => 3 * number - 1);
 *     return { x: { shape: [4, 1], data: x }, target: { shape: [4, 1], data: target } };
 *   },
 * });
 * assert.ok(Math.abs(tensors.get("weight")!.data[0] - 3) < 1e-3);
 * assert.ok(Math.abs(tensors.get("bias")!.data[0] + 1) < 1e-3);
 * ```
 */
export async function train(step: TrainingStep, options: TrainingOptions): Promise<TrainingState> {
  const { steps, name, checkpoint } = options;
  const sessions = new Map<TrainingStep, Session>();
  const sessionOf = async (step: TrainingStep) => {
    let session = sessions.get(step);
    if (session === undefined) {
      session = await stepSession(step, name, options.device ?? "cpu");
      sessions.set(step, session);
    }
    return session;
  };
  try {
    let state = options.resume === undefined
      ? startingState(step, options.seed, options.initial)
      : checkedState(step, options.resume, name);
    state = { ...state, tensors: ownTensors(state.tensors) };
    const losses = [...state.losses];
    const save = (done: TrainingState) => checkpoint?.save({ ...done, losses: losses.slice() });
    let timed: { readonly from: number; readonly at: number } | undefined;
    let saved = state.step;
    while (state.step < steps) {
      if (options.signal?.aborted) {
        if (saved < state.step) await save(state);
        throw new InterruptedError(`Training ${name} was interrupted after step ${state.step}`);
      }
      const now = options.stepAt?.(state.step + 1) ?? step;
      const { next, loss, reports, learningRate } = await oneStep(
        await sessionOf(now),
        now,
        state,
        options,
      );
      state = next;
      losses.push(loss);
      timed ??= { from: state.step, at: performance.now() };
      options.onProgress?.({
        step: state.step,
        of: steps,
        loss,
        learningRate,
        reports,
        secondsLeft: secondsLeft(timed, state.step, steps),
      });
      if (checkpoint !== undefined && state.step % checkpoint.every === 0 && state.step < steps) {
        await save(state);
        saved = state.step;
      }
      await giveTurn();
    }
    checkFinite(state, name, options.learningRate(steps));
    return { ...state, losses };
  } finally {
    for (const session of sessions.values()) await session.close();
  }
}

/** The tensors of the network itself, without the optimizer's. */
export function networkTensors(
  step: TrainingStep,
  state: TrainingState,
): Map<string, NdArray<Float32Array>> {
  return new Map(step.records.map(({ name }) => [name, state.tensors.get(name)!]));
}

/** Name of the losses among the tensors of a stored state; no optimizer calls a slot so. */
const storedLosses = "training/losses";

/** A state as tensors, to be stored in one file: the number of losses is the number of steps. */
export function tensorsOfState(state: TrainingState): Map<string, NdArray> {
  const losses = Float64Array.from(state.losses);
  return new Map<string, NdArray>([
    ...state.tensors,
    [storedLosses, { shape: [losses.length], data: losses }],
  ]);
}

/**
 * The state that `tensorsOfState` gave.
 *
 * @throws {DataError} if the tensors are not those of a state
 */
export function stateOfTensors(tensors: TensorMap): TrainingState {
  const losses = tensors.get(storedLosses)?.data;
  if (!(losses instanceof Float64Array)) {
    throw new DataError("Cannot read a training state: its losses are missing");
  }
  const state = new Map<string, NdArray<Float32Array>>();
  for (const [name, { shape, data }] of tensors) {
    if (name === storedLosses) continue;
    if (!(data instanceof Float32Array)) {
      throw new DataError(`Cannot read a training state: ${name} is ${data.constructor.name}`);
    }
    state.set(name, { shape, data });
  }
  return { step: losses.length, tensors: state, losses: Array.from(losses) };
}

const lossOutput = "loss";
const gradientOutput = (name: string) => `gradient:${name}`;
const nextOutput = (name: string) => `next:${name}`;
const slotName = (parameter: string, slot: string) => `${parameter}/${slot}`;
const reportOutput = (name: string) => `report:${name}`;

/** On the CPU with the convolutions that are fastest there. */
async function runnableGraph({ graph, winograd }: TrainingStep, device: Device): Promise<Graph> {
  if (device !== "cpu") return graph;
  const block = await convolutionBlock();
  const forward = winograd ? withWinogradConvolutions(graph) : graph;
  return block === undefined ? forward : withBlockedConvolutions(forward, block);
}

async function stepSession(step: TrainingStep, name: string, device: Device): Promise<Session> {
  return await openSession(modelBytes(await runnableGraph(step, device), "training_step"), {
    device,
    name: `the training step of ${name}`,
  });
}

/** The state before the first step: initial parameters, optimizer state 0. */
function startingState(step: TrainingStep, seed: number, given?: TensorMap): TrainingState {
  const tensors = initialTensors(step.records, seed, given);
  for (const [name, shape] of step.state) {
    if (!tensors.has(name)) tensors.set(name, { shape, data: new Float32Array(sizeOf(shape)) });
  }
  return { step: 0, tensors, losses: [] };
}

/** Copies, since the training works in place and the given arrays are the caller's. */
function ownTensors(
  tensors: ReadonlyMap<string, NdArray<Float32Array>>,
): Map<string, NdArray<Float32Array>> {
  return new Map(
    Array.from(tensors, ([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
}

function checkedState(step: TrainingStep, state: TrainingState, name: string): TrainingState {
  for (const [tensor, shape] of step.state) {
    const known = state.tensors.get(tensor);
    if (known === undefined || String(known.shape) !== String(shape)) {
      throw new DataError(
        `Cannot resume training ${name}: the checkpoint's ${tensor} is ${
          known === undefined ? "missing" : `[${known.shape}], expected [${shape}]`
        }`,
      );
    }
  }
  if (state.losses.length !== state.step) {
    throw new DataError(
      `Cannot resume training ${name}: ${state.losses.length} losses after step ${state.step}`,
    );
  }
  return state;
}

interface StepResult {
  /** The state after the step, its losses still those before. */
  readonly next: TrainingState;
  readonly loss: number;
  readonly reports: Readonly<Record<string, number>>;
  readonly learningRate: number;
}

async function oneStep(
  session: Session,
  step: TrainingStep,
  state: TrainingState,
  options: TrainingOptions,
): Promise<StepResult> {
  const number = state.step + 1;
  const random = new RandomState(childSeed(options.seed, "step", number));
  const learningRate = options.learningRate(number);
  const feeds: Record<string, NdArray> = { ...await options.batch(number, random) };
  for (const [name, tensor] of state.tensors) feeds[name] = tensor;
  for (const [name, shape] of step.noises) feeds[name] = noiseBytes(shape, random);
  const known = new Set(session.inputs);
  for (const name of step.state.keys()) if (!known.has(name)) delete feeds[name];
  const outputs = await session.run(feeds);
  const scalar = (name: string) => Number(outputs[name].data[0]);
  const loss = scalar(lossOutput);
  if (!Number.isFinite(loss)) {
    throw new DivergenceError(options.name, `the loss is ${loss}`, number, learningRate);
  }
  const tensors = new Map(state.tensors);
  const stateData = (name: string) => tensors.get(name)!.data;
  const { optimizer } = step;
  for (const name of step.trained) {
    const gradient = outputs[gradientOutput(name)].data as Float32Array;
    const slots = optimizer.slots.map((slot) => stateData(slotName(name, slot)));
    optimizer.update(stateData(name), gradient, slots, number, learningRate);
  }
  for (const name of step.updated) {
    tensors.set(name, outputs[nextOutput(name)] as NdArray<Float32Array>);
  }
  return {
    next: { step: number, tensors, losses: state.losses },
    loss,
    reports: Object.fromEntries(step.reports.map((name) => [name, scalar(reportOutput(name))])),
    learningRate,
  };
}

function noiseBytes(shape: readonly number[], random: RandomState): NdArray<Uint8Array> {
  const words = new Uint32Array(Math.ceil(sizeOf(shape) / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.uint32();
  return { shape, data: new Uint8Array(words.buffer, 0, sizeOf(shape)) };
}

function secondsLeft(
  timed: { readonly from: number; readonly at: number },
  step: number,
  steps: number,
): number | undefined {
  if (step === timed.from) return undefined;
  return (performance.now() - timed.at) / 1000 / (step - timed.from) * (steps - step);
}

function checkFinite(state: TrainingState, name: string, learningRate: number): void {
  for (const [tensor, { data }] of state.tensors) {
    for (let i = 0; i < data.length; i++) {
      if (!Number.isFinite(data[i])) {
        throw new DivergenceError(name, `${tensor} holds ${data[i]}`, state.step, learningRate);
      }
    }
  }
}
