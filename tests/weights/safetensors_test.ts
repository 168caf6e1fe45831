import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { DataError } from "../../lib/base/errors.ts";
import type { NdArray } from "../../lib/base/npy.ts";
import { parseSafetensors, safetensorsBytes } from "../../lib/weights/safetensors.ts";
import expected from "../fixtures/torch_files/expected.json" with { type: "json" };
import { bytesOf } from "./byte_parts.ts";

const recorded = new Map<string, { shape: number[]; values: string[] }>(
  Object.entries(expected.tensors),
);
const reference = new Uint8Array(Buffer.from(expected.safetensors, "base64"));

Deno.test("a file of the safetensors package is read with torch's numbers", () => {
  const { tensors, metadata } = parseSafetensors(reference, "reference");
  assert.deepEqual([...metadata], [["format", "pt"]]);
  assert.deepEqual([...tensors.keys()].sort(), [
    "__proto__",
    "base",
    "bfloat16",
    "bool",
    "empty",
    "half",
    "int64",
  ]);
  for (const [name, { shape, data }] of tensors) {
    assert.deepEqual(shape, recorded.get(name)!.shape);
    const ours = Array.from(data as ArrayLike<number | bigint>, Number);
    assert.deepEqual(ours, recorded.get(name)!.values.map(Number), name);
  }
});

Deno.test("what is written is read again, and does not depend on the order of the tensors", () => {
  const tensors = new Map<string, NdArray>([
    ["b", { shape: [2, 2], data: new Float32Array([1, -0, NaN, Infinity]) }],
    ["__proto__", { shape: [], data: new Float64Array([1 / 3]) }],
    ["count", { shape: [1], data: new BigInt64Array([2n ** 62n]) }],
    ["mask", { shape: [3], data: new Uint8Array([0, 1, 255]) }],
    ["index", { shape: [2], data: new Int32Array([-1, 1]) }],
    ["empty", { shape: [0, 4], data: new Float32Array(0) }],
    ['quote " and \\ and é', { shape: [1], data: new Uint32Array([2 ** 32 - 1]) }],
    ["short", { shape: [1], data: new Uint16Array([65535]) }],
  ]);
  const metadata = new Map([["digest", "abc"], ["constructor", "x"]]);
  const bytes = safetensorsBytes(tensors, metadata);
  const read = parseSafetensors(bytes, "written");
  assert.deepEqual(read.metadata, metadata);
  assert.equal(read.tensors.size, tensors.size);
  for (const [name, array] of tensors) assert.deepEqual(read.tensors.get(name), array, name);
  assert.deepEqual(safetensorsBytes(new Map([...tensors].reverse()), metadata), bytes);
  assert.throws(
    () => safetensorsBytes(new Map([["x", { shape: [3], data: new Float32Array(2) }]])),
    RangeError,
  );
  assert.throws(
    () => safetensorsBytes(new Map([["__metadata__", { shape: [0], data: new Float32Array(0) }]])),
    RangeError,
  );
});

Deno.test("a Buffer, whose slices share memory, is read like any other bytes", () => {
  const plain = parseSafetensors(reference, "plain").tensors;
  const buffer = Buffer.concat([Buffer.from("xyz"), reference]).subarray(3);
  const read = parseSafetensors(buffer, "buffer").tensors;
  buffer.fill(0);
  assert.deepEqual(read, plain);
});

const good = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';
const entry = (dtype: string, shape: string, offsets: string) =>
  `{"a":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;

/** Headers that lie about 8 bytes of data: what is wrong, the header, what the error says. */
const lies: readonly [string, string, RegExp][] = [
  ["not JSON", "{a}", /damaged/],
  ["an array", "[1]", /begin with \{/],
  ["leading space", ` {${good}}`, /begin with \{/],
  ["text after the header", `{${good}}x`, /damaged/],
  ["a repeated name", `{${good},${good}}`, /"a" is there twice/],
  [
    "a repeated field",
    '{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    /twice/,
  ],
  ["a repeated name by escape", `{${good},"\\u0061":${good.slice(4)}}`, /twice/],
  ["no dtype", '{"a":{"shape":[2],"data_offsets":[0,8]}}', /element type/],
  ["no shape", '{"a":{"dtype":"F32","data_offsets":[0,8]}}', /wrong shape/],
  ["no offsets", '{"a":{"dtype":"F32","shape":[2]}}', /wrong offsets/],
  [
    "an unknown field",
    '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}',
    /unknown field/,
  ],
  ["an unknown dtype", entry('"F8_E4M3"', "[8]", "[0,8]"), /element type "F8_E4M3"/],
  ["a dtype called constructor", entry('"constructor"', "[2]", "[0,8]"), /element type/],
  ["a dtype called __proto__", entry('"__proto__"', "[2]", "[0,8]"), /element type/],
  ["a number as dtype", entry("32", "[2]", "[0,8]"), /element type/],
  ["text as shape", entry('"F32"', '"2"', "[0,8]"), /wrong shape/],
  ["text in the shape", entry('"F32"', '["2"]', "[0,8]"), /wrong shape/],
  ["a nested shape", entry('"F32"', "[[2]]", "[0,8]"), /wrong shape/],
  ["a negative size", entry('"F32"', "[-2]", "[0,8]"), /damaged/],
  ["a fraction as size", entry('"F32"', "[2.0]", "[0,8]"), /damaged/],
  ["an exponent as size", entry('"F32"', "[2e0]", "[0,8]"), /damaged/],
  ["a size with leading zero", entry('"F32"', "[02]", "[0,8]"), /damaged/],
  ["a size above 2^53", entry('"F32"', "[9007199254740993]", "[0,8]"), /damaged/],
  ["a size of 30 digits", entry('"F32"', `[${"9".repeat(30)}]`, "[0,8]"), /damaged/],
  [
    "sizes whose product overflows",
    entry('"F32"', "[4294967296,4294967296,4]", "[0,8]"),
    /has shape/,
  ],
  [
    "sizes whose product wraps to 2",
    entry('"U8"', "[2147483649,8589934592]", "[0,8]"),
    /has shape/,
  ],
  ["a rank of 9", entry('"F32"', "[1,1,1,1,1,1,1,1,2]", "[0,8]"), /wrong shape/],
  ["a shape too large for the bytes", entry('"F32"', "[3]", "[0,8]"), /needs 12/],
  ["a shape too small for the bytes", entry('"F32"', "[1]", "[0,8]"), /needs 4/],
  ["one offset", entry('"F32"', "[2]", "[8]"), /wrong offsets/],
  ["three offsets", entry('"F32"', "[2]", "[0,8,8]"), /wrong offsets/],
  ["offsets backwards", entry('"F32"', "[2]", "[8,0]"), /-8 bytes/],
  ["offsets beyond the file", entry('"F32"', "[4]", "[0,16]"), /16 bytes, the file holds 8/],
  ["data left over", entry('"F32"', "[1]", "[0,4]"), /4 bytes, the file holds 8/],
  ["a hole before", entry('"F32"', "[1]", "[4,8]"), /begins at 4/],
  [
    "a hole between",
    '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[6,8]}}',
    /begins at 6/,
  ],
  [
    "an overlap",
    '{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
    /begins at 4/,
  ],
  [
    "the same bytes twice",
    `{${good},"b":${good.slice(4)}}`,
    /begins at 0/,
  ],
  ["no tensors", "{}", /0 bytes, the file holds 8/],
  ["a tensor that is text", '{"a":"F32"}', /no object/],
  ["metadata that is a number", `{"__metadata__":{"x":1},${good}}`, /metadata "x"/],
  ["metadata that is text", `{"__metadata__":"x",${good}}`, /no object/],
  ["a name of 1,000 characters", `{"${"n".repeat(1000)}":${good.slice(4)}}`, /1000 characters/],
  ["a text without end", '{"a', /no end/],
  ["a control character in a name", `{"a\n":${good.slice(4)}}`, /damaged/],
  ["nested too deep", `{"a":${"[".repeat(100)}`, /too deep/],
  ["null", '{"a":null}', /damaged/],
  ["true", '{"a":true}', /damaged/],
];

Deno.test("every lie in a header is a DataError that says which", () => {
  assert.ok(lies.length >= 40);
  assert.equal(parseSafetensors(fileOf(`{${good}}`), "good").tensors.size, 1);
  for (const [title, header, message] of lies) {
    assert.throws(() => parseSafetensors(fileOf(header), "lie"), (error) => {
      assert.ok(error instanceof DataError, `${title}: ${error}`);
      assert.match(error.message, message, title);
      return true;
    });
  }
});

Deno.test("a header's length that lies is refused before anything is allocated", () => {
  const file = fileOf(`{${good}}`);
  const lengths = [
    0n,
    1n,
    9n,
    2n ** 16n,
    100_000_001n,
    2n ** 31n,
    2n ** 32n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  for (const length of lengths) {
    const bytes = file.slice();
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    assert.throws(() => parseSafetensors(bytes, "lie"), DataError, String(length));
  }
  for (let length = 0; length < file.length; length++) {
    assert.throws(() => parseSafetensors(file.subarray(0, length), "cut"), DataError);
  }
  assert.throws(() => parseSafetensors(bytesOf(file, 0), "long"), DataError);
  assert.throws(() => parseSafetensors(bytesOf([3, 0, 0, 0, 0, 0, 0, 0], "{\xff}"), "x"), /UTF-8/);
});

Deno.test("names of an object's own machinery are names like any other", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"];
  const tensors = new Map(names.map((name, i): [string, NdArray] => [
    name,
    { shape: [1], data: new Float32Array([i]) },
  ]));
  const { tensors: read, metadata } = parseSafetensors(
    safetensorsBytes(tensors, new Map(names.map((name) => [name, name]))),
    "names",
  );
  assert.deepEqual(new Set(read.keys()), new Set(names));
  assert.deepEqual(new Set(metadata.keys()), new Set(names));
  assert.equal(({} as Record<string, unknown>).shape, undefined);
});

/** A file with this header and 8 bytes of data. */
function fileOf(header: string): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}
