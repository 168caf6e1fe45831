/**
 * Memory for a fit: arrays side by side in one WebAssembly memory, where the kernel and all threads
 * reach them. A table too large for it (4 GiB in all) gets ordinary arrays instead.
 *
 * @module
 */

/** Gives out zeroed arrays that live as long as the fit. */
export interface Arena {
  /** The memory that holds the arrays; undefined if each has its own. */
  readonly memory: WebAssembly.Memory | undefined;
  /** Bytes given out so far. */
  readonly used: () => number;
  /** `[length]`, 1 byte an element. */
  uint8(length: number): Uint8Array;
  /** `[length]`, 2 bytes an element. */
  uint16(length: number): Uint16Array;
  /** `[length]`, 4 bytes an element. */
  int32(length: number): Int32Array;
  /** `[length]`, 4 bytes an element. */
  float32(length: number): Float32Array;
  /** `[length]`, 8 bytes an element. */
  float64(length: number): Float64Array;
}

/** Bytes of a page of WebAssembly memory. */
export const pageSize = 65536;

/** Most bytes of an arena in one memory. */
export const kernelLimit = 65536 * pageSize;

/** A cache line, so that no two arrays share one. */
const alignment = 64;

/**
 * An arena in one WebAssembly memory for `bytes` in all. The memory's size is the next power of two, so
 * that one kernel serves many fits; pages that are not touched take no room.
 *
 * @throws {RangeError} once more is asked for
 */
export function kernelArena(bytes: number): Arena {
  const pages = 2 ** Math.ceil(Math.log2(Math.max(1, bytes / pageSize)));
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const { buffer } = memory;
  return arena(memory, (_, offset) => ({ buffer, offset }));
}

/** An arena of ordinary arrays; shared ones if several threads will use them. */
export function plainArena(shared: boolean): Arena {
  return arena(undefined, (size) => ({
    buffer: shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size),
    offset: 0,
  }));
}

type Place = (
  size: number,
  used: number,
) => { readonly buffer: ArrayBufferLike; readonly offset: number };

function arena(memory: WebAssembly.Memory | undefined, place: Place): Arena {
  let used = 0;
  const bytes = (size: number) => {
    const given = place(size, used);
    used = Math.ceil((used + size) / alignment) * alignment;
    return given;
  };
  return {
    memory,
    used: () => used,
    uint8(length) {
      const { buffer, offset } = bytes(length);
      return new Uint8Array(buffer, offset, length);
    },
    uint16(length) {
      const { buffer, offset } = bytes(2 * length);
      return new Uint16Array(buffer, offset, length);
    },
    int32(length) {
      const { buffer, offset } = bytes(4 * length);
      return new Int32Array(buffer, offset, length);
    },
    float32(length) {
      const { buffer, offset } = bytes(4 * length);
      return new Float32Array(buffer, offset, length);
    },
    float64(length) {
      const { buffer, offset } = bytes(8 * length);
      return new Float64Array(buffer, offset, length);
    },
  };
}
