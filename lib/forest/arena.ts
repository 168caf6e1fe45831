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
  uint8(length: number): Uint8Array;
  uint16(length: number): Uint16Array;
  int32(length: number): Int32Array;
  float32(length: number): Float32Array;
  float64(length: number): Float64Array;
}

type Bytes = (size: number) => { readonly buffer: ArrayBufferLike; readonly offset: number };

const pageSize = 65536;
const mostPages = 65536;
/** A cache line, so that no two arrays share one. */
const alignment = 64;

/** An arena in one WebAssembly memory. */
export function kernelArena(): Arena {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: mostPages, shared: true });
  let used = 0;
  return arena(memory, (size) => {
    const offset = used;
    used = Math.ceil((used + size) / alignment) * alignment;
    const missing = Math.ceil(used / pageSize) - memory.buffer.byteLength / pageSize;
    if (missing > 0) memory.grow(missing);
    return { buffer: memory.buffer, offset };
  });
}

/** An arena of ordinary arrays; shared ones if several threads will use them. */
export function plainArena(shared: boolean): Arena {
  return arena(undefined, (size) => ({
    buffer: shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size),
    offset: 0,
  }));
}

function arena(memory: WebAssembly.Memory | undefined, bytes: Bytes): Arena {
  return {
    memory,
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
