/**
 * Random numbers as NumPy's legacy `RandomState` draws them (MT19937), so that published splits can be
 * repeated, and child seeds by name, so that one seed per run gives independent streams.
 *
 * @module
 */
import { mersenne } from "pure-rand/generator/mersenne";
import { digestOf } from "./digest.ts";

/**
 * NumPy's `np.random.RandomState(seed)`: the methods below give the same numbers in the same order.
 * The state is hidden; share an instance only where the order of draws is fixed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const tenth = new RandomState(333).permutation(100).subarray(90);
 * assert.deepEqual([...tenth], [23, 71, 29, 83, 60, 46, 51, 35, 77, 12]);
 * ```
 */
export class RandomState {
  readonly #generator: ReturnType<typeof mersenne>;
  #spareNormal: number | undefined;

  /**
   * Seeds the generator as NumPy does.
   *
   * @param seed integer in [0, 2^32)
   */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`Cannot seed RandomState: seed is ${seed}, not an integer in [0, 2^32)`);
    }
    this.#generator = mersenne(seed | 0);
  }

  /** The next 32 random bits, in [0, 2^32). */
  uint32(): number {
    return this.#generator.next() >>> 0;
  }

  /** One number in [0, 1) with 53 random bits (`random_sample`). */
  random(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** One number in [low, high) (`uniform`). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /** One integer in [0, bound) (`randint(bound)`), by masked rejection; `bound` at most 2^32. */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`Cannot draw an integer: bound is ${bound}, not in [1, 2^32]`);
    }
    const most = bound - 1;
    if (most === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(most);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= most) return value;
    }
  }

  /** One draw from N(0, 1) (`standard_normal`: the polar method with a spare). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const x = 2 * this.random() - 1;
      const y = 2 * this.random() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt(-2 * Math.log(square) / square);
      this.#spareNormal = factor * x;
      return factor * y;
    }
  }

  /** Shuffles `items` in place (`shuffle`: from the last place down). */
  shuffle<T extends { [index: number]: unknown; readonly length: number }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** A random order of 0 … n-1 (`permutation(n)`). */
  permutation(n: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: n }, (_, i) => i));
  }

  /** `count` different items of `items` in random order (`choice(replace=False)`). */
  sample<T>(items: readonly T[], count: number): T[] {
    if (count > items.length) {
      throw new RangeError(`Cannot sample ${count} of ${items.length} items without replacement`);
    }
    return Array.from(this.permutation(items.length).subarray(0, count), (i) => items[i]);
  }
}

/**
 * A seed derived from `seed` and a path of names: independent of every other path and of the order
 * in which seeds are asked for.
 */
export function childSeed(seed: number, ...path: readonly (string | number)[]): number {
  return Number.parseInt(digestOf([seed, ...path]).slice(0, 8), 16);
}
