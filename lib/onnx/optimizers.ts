/**
 * Optimizers as graph values: given a parameter, its gradient and its state, the next parameter and
 * state. What changes from step to step (learning rate, Adam's bias correction) comes in as scalar
 * inputs, so that one graph serves every step. Weight decay is L2 in the gradient, as torch's
 * `weight_decay`.
 *
 * @module
 */
import type { Value } from "./graph.ts";
import { add, div, min, mul, reduceSumSquare, reshape, sqrt, sub } from "./ops.ts";

/** Numbers of one step, by name: float32 scalars of the graph. */
export type StepScalars = Readonly<Record<string, Value>>;

/** One way to move parameters. */
export interface Optimizer {
  /** Stands in keys and checkpoints. */
  readonly name: string;
  /** Vectors kept per parameter, with as many elements, 0 at first. */
  readonly slots: readonly string[];
  /** Names of the scalars that `update` needs. */
  readonly scalars: readonly string[];
  /** The scalars' numbers for one step, counted from 1. */
  scalarsAt(step: number, learningRate: number): Readonly<Record<string, number>>;
  /**
   * The next parameter and slots.
   *
   * @param parameter any shape
   * @param gradient as a vector, and so are the slots: the runtime is 70 times slower at multiplying by
   *   a number if a shape ends in axes of size 1
   */
  update(
    parameter: Value,
    gradient: Value,
    slots: readonly Value[],
    scalars: StepScalars,
  ): { readonly parameter: Value; readonly slots: readonly Value[] };
}

/** Options of `sgd`. */
export interface SgdOptions {
  /** @default 0 */
  readonly momentum?: number;
  /** @default 0 */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, as torch.optim.SGD: m ← momentum m + g, p ← p - rate m, with
 * g ← g + weightDecay p first; without momentum p ← p - rate g.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, weightDecay = 0 } = options;
  return {
    name: "sgd",
    slots: momentum === 0 ? [] : ["momentum"],
    scalars: ["rate"],
    scalarsAt: (_, rate) => ({ rate }),
    update: (parameter, gradient, [old], { rate }) => {
      let move = decayed(gradient, parameter, weightDecay);
      if (momentum !== 0) move = add(mul(old, momentum), move);
      return {
        parameter: sub(parameter, reshape(mul(move, rate), parameter.shape)),
        slots: momentum === 0 ? [] : [move],
      };
    },
  };
}

/** Options of `adam`. */
export interface AdamOptions {
  /** @default 0.9 */
  readonly beta1?: number;
  /** @default 0.999 */
  readonly beta2?: number;
  /** @default 1e-8 */
  readonly epsilon?: number;
  /** @default 0 */
  readonly weightDecay?: number;
}

/**
 * Adam (Kingma and Ba 2015), as torch.optim.Adam: with m, v the running means of g and g²,
 * p ← p - rate · (m / c1) / (√(v / c2) + ε), c = 1 - βᵗ.
 *
 * The state is kept as M = m / (1 - β1) and V = v / (1 - β2), which saves two passes over it:
 * M ← β1 M + g, V ← β2 V + g², p ← p - a M / (√V + e) with the step's scalars
 * a = rate (1 - β1) / (c1 √((1 - β2) / c2)) and e = ε √(c2 / (1 - β2)).
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  return {
    name: "adam",
    slots: ["first", "second"],
    scalars: ["move", "floor"],
    scalarsAt: (step, rate) => {
      const c1 = 1 - beta1 ** step;
      const c2 = 1 - beta2 ** step;
      return {
        move: rate * (1 - beta1) / (c1 * Math.sqrt((1 - beta2) / c2)),
        floor: epsilon * Math.sqrt(c2 / (1 - beta2)),
      };
    },
    update: (parameter, gradient, [first, second], { move, floor }) => {
      const g = decayed(gradient, parameter, weightDecay);
      const nextFirst = add(mul(first, beta1), g);
      const nextSecond = add(mul(second, beta2), mul(g, g));
      const step = div(mul(nextFirst, move), add(sqrt(nextSecond), floor));
      return {
        parameter: sub(parameter, reshape(step, parameter.shape)),
        slots: [nextFirst, nextSecond],
      };
    },
  };
}

function decayed(gradient: Value, parameter: Value, weightDecay: number): Value {
  if (weightDecay === 0) return gradient;
  return add(gradient, mul(reshape(parameter, gradient.shape), weightDecay));
}

/**
 * The gradients scaled so that their joint Euclidean norm is at most `limit`, and that norm before:
 * torch's `clip_grad_norm_`, factor min(1, limit / (norm + 1e-6)).
 */
export function clippedGradients(
  gradients: readonly Value[],
  limit: number,
): { readonly gradients: Value[]; readonly norm: Value } {
  if (!(limit > 0)) throw new RangeError(`Cannot clip gradients: limit is ${limit}, not > 0`);
  const squares = gradients.map((gradient) =>
    reduceSumSquare(gradient, undefined, { keepdims: false })
  );
  const norm = sqrt(squares.reduce((total, square) => add(total, square)));
  const factor = min(div(limit, add(norm, 1e-6)), 1);
  return { gradients: gradients.map((gradient) => mul(gradient, factor)), norm };
}

/** The learning rate of a step, counted from 1. */
export type Schedule = (step: number) => number;

/** The same rate at every step. */
export function constantRate(rate: number): Schedule {
  return () => rate;
}

/**
 * `rate`, times `factor` after every `every` steps: torch's StepLR counted in steps.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const schedule = steppedRate(0.5, { every: 10, factor: 0.5 });
 * assert.deepEqual([1, 10, 11, 21].map(schedule), [0.5, 0.5, 0.25, 0.125]);
 * ```
 */
export function steppedRate(
  rate: number,
  options: { readonly every: number; readonly factor: number },
): Schedule {
  const { every, factor } = options;
  return (step) => rate * factor ** Math.floor((step - 1) / every);
}

/** From `rate` down to 0 along half a cosine over `steps` steps (Loshchilov and Hutter 2017). */
export function cosineRate(rate: number, steps: number): Schedule {
  return (step) => rate * 0.5 * (1 + Math.cos(Math.PI * (step - 1) / steps));
}
