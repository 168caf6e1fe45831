/**
 * Optimizers: how a parameter and the optimizer's state move, given a gradient. They work in place on
 * the arrays of a training's state, in float32 with the operations in the order of their formulas.
 * Inside the step's graph they would take no less time, and parameters and state would lie in memory
 * several times over, since the runtime copies its outputs. Weight decay is L2 in the gradient, as
 * torch's `weight_decay`.
 *
 * @module
 */
import type { Value } from "./graph.ts";
import { add, div, min, mul, reduceSumSquare, sqrt } from "./ops.ts";

/** One way to move parameters. */
export interface Optimizer {
  /** Stands in keys and checkpoints. */
  readonly name: string;
  /** Vectors kept per parameter, with as many elements, 0 at first. */
  readonly slots: readonly string[];
  /**
   * Moves `parameter` and `slots` by one step, in place.
   *
   * @param gradient as long as the parameter, and so are the slots; not changed
   * @param step counted from 1
   */
  update(
    parameter: Float32Array,
    gradient: Float32Array,
    slots: readonly Float32Array[],
    step: number,
    learningRate: number,
  ): void;
}

/** Options of `sgd`. */
export interface SgdOptions {
  /** Share of the last move that goes on, in [0, 1). @default 0 */
  readonly momentum?: number;
  /** L2 penalty: this times the parameter is added to its gradient. @default 0 */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, as torch.optim.SGD: m ← momentum m + g, p ← p - rate m, with
 * g ← g + weightDecay p first; without momentum p ← p - rate g.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const [parameter, momentum] = [Float32Array.of(1), Float32Array.of(2)];
 * sgd({ momentum: 0.5 }).update(parameter, Float32Array.of(3), [momentum], 1, 0.25);
 * assert.deepEqual([momentum[0], parameter[0]], [4, 0]);
 * ```
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const f32 = Math.fround;
  const [momentum, weightDecay] = [f32(options.momentum ?? 0), f32(options.weightDecay ?? 0)];
  return {
    name: "sgd",
    slots: momentum === 0 ? [] : ["momentum"],
    update(parameter, gradient, [moves], _, learningRate) {
      const rate = f32(learningRate);
      for (let i = 0; i < parameter.length; i++) {
        let move = gradient[i];
        if (weightDecay !== 0) move = f32(move + f32(parameter[i] * weightDecay));
        if (momentum !== 0) moves[i] = move = f32(f32(moves[i] * momentum) + move);
        parameter[i] = parameter[i] - f32(move * rate);
      }
    },
  };
}

/** Options of `adam`. */
export interface AdamOptions {
  /** Share of the running mean of gradients that is kept, in [0, 1). @default 0.9 */
  readonly beta1?: number;
  /** Share of the running mean of squares that is kept, in [0, 1). @default 0.999 */
  readonly beta2?: number;
  /** Keeps the divisor above 0. @default 1e-8 */
  readonly epsilon?: number;
  /** L2 penalty: this times the parameter is added to its gradient. @default 0 */
  readonly weightDecay?: number;
}

/**
 * Adam (Kingma and Ba 2015), as torch.optim.Adam: with m, v the running means of g and g²,
 * p ← p - rate · (m / c1) / (√(v / c2) + ε), c = 1 - βᵗ.
 *
 * The state is kept as M = m / (1 - β1) and V = v / (1 - β2), which saves work:
 * M ← β1 M + g, V ← β2 V + g², p ← p - a M / (√V + e) with the step's numbers
 * a = rate (1 - β1) / (c1 √((1 - β2) / c2)) and e = ε √(c2 / (1 - β2)).
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const f32 = Math.fround;
  const [keep1, keep2, weightDecay] = [f32(beta1), f32(beta2), f32(options.weightDecay ?? 0)];
  return {
    name: "adam",
    slots: ["first", "second"],
    update(parameter, gradient, [first, second], step, learningRate) {
      const c1 = 1 - beta1 ** step;
      const c2 = 1 - beta2 ** step;
      const move = f32(learningRate * (1 - beta1) / (c1 * Math.sqrt((1 - beta2) / c2)));
      const floor = f32(epsilon * Math.sqrt(c2 / (1 - beta2)));
      for (let i = 0; i < parameter.length; i++) {
        let slope = gradient[i];
        if (weightDecay !== 0) slope = f32(slope + f32(parameter[i] * weightDecay));
        const mean = f32(f32(first[i] * keep1) + slope);
        const square = f32(f32(second[i] * keep2) + f32(slope * slope));
        first[i] = mean;
        second[i] = square;
        parameter[i] = parameter[i] - f32(f32(mean * move) / f32(f32(Math.sqrt(square)) + floor));
      }
    },
  };
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
  const squareOf = (gradient: Value) => reduceSumSquare(gradient, undefined, { keepdims: false });
  const [first, ...others] = gradients;
  // Each square stands beside its sum: the runtime first makes the input that stands last, the square,
  // and so begins with the last gradient, which is the first that a network's backward pass gives.
  const total = others.reduce((sum, gradient) => add(sum, squareOf(gradient)), squareOf(first));
  const norm = sqrt(total);
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
