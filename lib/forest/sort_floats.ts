/**
 * Sorts float32 numbers by their bits, in three passes of 11 bits: several times faster than
 * `Float32Array.sort`, which compares.
 *
 * @module
 */

/** Below this length counting digits costs more than comparing. */
const shortest = 256;

const digitBits = 11;
const digits = 2 ** digitBits;

/** Sorts `values`, which hold no NaN, ascending and in place; -0 comes before 0. */
export function sortFloats(values: Float32Array): void {
  const { length } = values;
  if (length < shortest) {
    values.sort();
    return;
  }
  let from: Uint32Array = new Uint32Array(values.buffer, values.byteOffset, length);
  let to: Uint32Array = new Uint32Array(length);
  const counts = new Int32Array(3 * digits);
  for (let i = 0; i < length; i++) {
    const key = ascendingKey(from[i]);
    from[i] = key;
    counts[key & (digits - 1)]++;
    counts[digits + (key >>> digitBits & (digits - 1))]++;
    counts[2 * digits + (key >>> 2 * digitBits)]++;
  }
  for (let pass = 0; pass < 3; pass++) {
    const places = counts.subarray(pass * digits, (pass + 1) * digits);
    for (let digit = 0, place = 0; digit < digits; digit++) {
      const count = places[digit];
      places[digit] = place;
      place += count;
    }
    const shift = pass * digitBits;
    for (let i = 0; i < length; i++) {
      const key = from[i];
      to[places[key >>> shift & (digits - 1)]++] = pass < 2 ? key : bitsOfKey(key);
    }
    [from, to] = [to, from];
  }
  to.set(from); // after three passes the sorted numbers are in the other array
}

/** An unsigned integer in the order of the number that `bits` stands for. */
function ascendingKey(bits: number): number {
  return (bits ^ (bits >> 31 | 0x8000_0000)) >>> 0;
}

/** The inverse of `ascendingKey`. */
function bitsOfKey(key: number): number {
  return (key ^ (~(key >> 31) | 0x8000_0000)) >>> 0;
}
