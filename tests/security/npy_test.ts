/** S10: `.npy` files that would run code, lie about their size, or are of a type that is not read. */
import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { npyBytes, parseFloat32Npy, parseNpy } from "../../lib/base/npy.ts";
import { bytesOf, type Part } from "../weights/byte_parts.ts";
import { assertBounded } from "./bounded.ts";

const magic = "\x93NUMPY";
const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
const headerOf = (descr: string, order = "False", shape = "(2,)") =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

/** A file of version 1.0 with this header and 8 bytes of data. */
function fileOf(
  header: string,
  data: Part = new Uint8Array(8),
  version: Part = [1, 0],
): Uint8Array {
  return bytesOf(magic, version, [header.length & 255, header.length >> 8], header, data);
}

/** The pickle of an object array, as `np.save(allow_pickle=True)` would have it. */
const pickle = bytesOf("cos\nsystem\n(S'touch /tmp/owned'\ntR.");

const hostile: readonly (readonly [title: string, file: Uint8Array])[] = [
  ["an object array", fileOf(headerOf("'|O'"), pickle)],
  ["an object array, the old way", fileOf(headerOf("'O'"), pickle)],
  ["a structured array with objects", fileOf(headerOf("[('a', '|O'), ('b', '<f4')]"), pickle)],
  ["a structured array of numbers", fileOf(headerOf("[('a', '<f4')]"))],
  ["a structured type in a text", fileOf(headerOf("'f4,f4'"))],
  ["texts", fileOf(headerOf("'<U2'"))],
  ["bytes", fileOf(headerOf("'|S4'"))],
  ["void", fileOf(headerOf("'|V4'"))],
  ["dates", fileOf(headerOf("'<M8[ns]'"))],
  ["complex numbers", fileOf(headerOf("'<c8'"))],
  ["numbers of the other byte order", fileOf(headerOf("'>f4'"))],
  ["a type called constructor", fileOf(headerOf("'constructor'"))],
  ["a type called __proto__", fileOf(headerOf("'__proto__'"))],
  ["a call in the header", fileOf(headerOf("__import__('os').system('id')"))],
  ["a call in the shape", fileOf(headerOf("'<f4'", "False", "(int('2'),)"))],
  ["an expression in the shape", fileOf(headerOf("'<f4'", "False", "(1+1,)"))],
  ["a comment in the header", fileOf(`${good} # and more`)],
  ["a header that goes on after the dict", fileOf(`${good}; print(1)`)],
  ["a header of JSON", fileOf('{"descr": "<f4", "fortran_order": false, "shape": [2]}')],
  ["Fortran's order", fileOf(headerOf("'<f4'", "True"))],
  ["an order that is neither", fileOf(headerOf("'<f4'", "1"))],
  ["a negative size", fileOf(headerOf("'<f4'", "False", "(-2,)"))],
  ["a size of 30 digits", fileOf(headerOf("'<f4'", "False", `(${"9".repeat(30)},)`))],
  [
    "sizes whose product overflows",
    fileOf(headerOf("'<f4'", "False", "(4294967296, 4294967296, 2)")),
  ],
  [
    "sizes whose product wraps to 2",
    fileOf(headerOf("'|u1'", "False", "(2147483649, 8589934592)")),
  ],
  ["a rank of 40", fileOf(headerOf("'<f4'", "False", `(${"1, ".repeat(39)}2)`))],
  ["a fraction as size", fileOf(headerOf("'<f4'", "False", "(2.0,)"))],
  ["two numbers without a comma", fileOf(headerOf("'<f4'", "False", "(1 2,)"))],
  ["more data than the shape says", fileOf(headerOf("'<f4'", "False", "(1,)"))],
  ["less data than the shape says", fileOf(headerOf("'<f4'", "False", "(3,)"))],
  ["no data at all", fileOf(good, "")],
  ["a terabyte of nothing", fileOf(headerOf("'<f4'", "False", "(1099511627776,)"))],
  [
    "the keys in another order",
    fileOf("{'shape': (2,), 'descr': '<f4', 'fortran_order': False, }"),
  ],
  ["a key more", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1, }")],
  [
    "a key twice",
    fileOf("{'descr': '<f4', 'descr': '|O', 'fortran_order': False, 'shape': (2,), }"),
  ],
  ["an empty header", fileOf("")],
  ["a header of spaces", fileOf(" ".repeat(60_000))],
  ["a header of brackets", fileOf("(".repeat(60_000))],
  ["version 3", fileOf(good, new Uint8Array(8), [3, 0])],
  ["version 0", fileOf(good, new Uint8Array(8), [0, 1])],
  ["a header longer than the file", bytesOf(magic, [1, 0, 255, 255], good)],
  ["a header of 4 GiB", bytesOf(magic, [2, 0, 255, 255, 255, 255], good, new Uint8Array(8))],
  ["a pickle", pickle],
  ["a zip, as np.savez writes it", bytesOf("PK\x03\x04", new Uint8Array(60))],
  ["nothing", bytesOf()],
  ["the signature alone", bytesOf(magic)],
];

Deno.test({
  name: "S10: npy files that are not plain numbers of the stated size are refused, nothing is run",
  permissions: "none",
  fn() {
    assert.ok(hostile.length >= 30);
    assert.deepEqual([...parseNpy(fileOf(good)).data], [0, 0]);
    for (const [title, file] of hostile) {
      assertBounded(title, () => {
        assert.throws(() => parseNpy(file, "map.npy"), (error) => {
          assert.ok(error instanceof DataError, `${title}: ${error}`);
          assert.match(error.message, /^Cannot read map\.npy as \.npy: /, title);
          assert.ok(error.message.length < 400, title);
          return true;
        });
      });
    }
  },
});

Deno.test({
  name: "S10: every truncation of an array is refused, and none comes out as zeros",
  permissions: "none",
  fn() {
    const whole = npyBytes({ shape: [3, 5], data: new Float32Array(15).fill(7) });
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => parseFloat32Npy(whole.subarray(0, length)), DataError, `${length}`);
    }
    assert.throws(() => parseFloat32Npy(bytesOf(whole, 0)), DataError);
    assert.throws(
      () => parseFloat32Npy(npyBytes({ shape: [1], data: new Float64Array(1) })),
      /float32/,
    );
  },
});
