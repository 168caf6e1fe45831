// Bytes and numbers that a page holds as base64.

/** The bytes of a base64 text. */
export function fromBase64(text) {
  if (Uint8Array.fromBase64 !== undefined) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Little-endian float64 numbers in base64. */
export function float64FromBase64(text) {
  return new Float64Array(fromBase64(text).slice().buffer);
}

/** Where a page in a file has its blocks: in itself. */
export function inlineSource(parts) {
  const text = (name) => document.getElementById(`block-${name}`).textContent;
  return {
    served: false,
    part: (number) => Promise.resolve(parts[number]),
    bytes: (name) => Promise.resolve(fromBase64(text(name))),
  };
}

/** Where a page that is served has them: at the program that serves it. */
export function servedSource() {
  const fetched = async (path) => {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    served: true,
    part: async (number) => await (await fetched(`part/${number}`)).json(),
    bytes: async (name) => new Uint8Array(await (await fetched(`block/${name}`)).arrayBuffer()),
    /** Address of an image at the size of the run. */
    photo: (part, image) => `photo/${part}/${image}`,
    /** A map at that size, float32. */
    map: async (part, detector, image) =>
      new Float32Array(
        await (await fetched(`map/${part}/${detector}/${image}`)).arrayBuffer(),
      ),
  };
}
