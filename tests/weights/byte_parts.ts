/**
 * Bytes written down as text and numbers, for files made by hand.
 *
 * @module
 */

/** Text becomes Latin-1 bytes, a number one byte. */
export type Part = string | number | readonly number[] | Uint8Array;

/** The parts one after the other. */
export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const arrays = parts.map((part) =>
    typeof part === "string"
      ? Uint8Array.from(part, (character) => character.charCodeAt(0))
      : typeof part === "number"
      ? [part]
      : part
  );
  const bytes = new Uint8Array(arrays.reduce((total, array) => total + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    bytes.set(array, at);
    at += array.length;
  }
  return bytes;
}

/** `text` many times. */
export function repeat(text: string, count: number): Uint8Array {
  return bytesOf(text.repeat(count));
}

/** Pickle's SHORT_BINUNICODE of `text`. */
export function unicode(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return bytesOf(0x8c, bytes.length, bytes);
}
