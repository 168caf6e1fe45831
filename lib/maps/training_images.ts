/**
 * Batches of training images. Which images a step gets is a function of the seed and the step's number
 * alone, so a training that is resumed sees the batches that an uninterrupted one sees.
 *
 * @module
 */
import type { NdArray } from "../base/npy.ts";
import { childSeed, RandomState } from "../base/random.ts";

/** Places `from` … `from + count` - 1 of an endless sequence. */
export type Cycle = (from: number, count: number) => Uint32Array;

/**
 * `items` again and again without end, each round in a random order of its own.
 *
 * @throws {RangeError} if there are no items
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const cycle = shuffledCycle([3, 5, 8], 333, "good");
 * assert.deepEqual([...cycle(3, 3)].sort(), [3, 5, 8]);
 * assert.deepEqual(cycle(1, 4).subarray(1), cycle(2, 3));
 * ```
 */
export function shuffledCycle(items: ArrayLike<number>, seed: number, name: string): Cycle {
  const count = items.length;
  if (count === 0) throw new RangeError(`Cannot cycle through ${name} images: there are none`);
  let round = -1;
  let order: Uint32Array = new Uint32Array();
  const at = (place: number) => {
    const wanted = Math.floor(place / count);
    if (wanted !== round) {
      round = wanted;
      order = new RandomState(childSeed(seed, "cycle", name, round)).permutation(count);
    }
    return items[order[place % count]];
  };
  return (from, length) => Uint32Array.from({ length }, (_, i) => at(from + i));
}

/** The places of `label` among `labels`. */
export function placesOf(labels: Uint8Array, label: number): Uint32Array {
  return Uint32Array.from(
    Array.from(labels, (value, place) => value === label ? place : -1).filter((i) => i >= 0),
  );
}

/** Copies of some of `images` `[n, h, w, 3]`, in the order of `places`. */
export function takeImages(
  images: NdArray<Uint8Array>,
  places: ArrayLike<number>,
): NdArray<Uint8Array<ArrayBuffer>> {
  const [, height, width, channels] = images.shape;
  const length = height * width * channels;
  const data = new Uint8Array(places.length * length);
  for (let i = 0; i < places.length; i++) {
    data.set(images.data.subarray(places[i] * length, (places[i] + 1) * length), i * length);
  }
  return { shape: [places.length, height, width, channels], data };
}

/** The bytes of image `index` of `images` `[n, h, w, 3]`, a view. */
export function imageAt(images: NdArray<Uint8Array>, index: number): Uint8Array {
  const length = images.data.length / images.shape[0];
  return images.data.subarray(index * length, (index + 1) * length);
}
