import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { readStoredZip } from "../../lib/weights/zip_archive.ts";
import { looksLikeTorchFile, parseTorchFile } from "../../lib/weights/torch_file.ts";
import expected from "../fixtures/torch_files/expected.json" with { type: "json" };
import { bytesOf, unicode } from "./byte_parts.ts";
import { overlappingZip, zipOf } from "./made_zip.ts";

const fixture = (name: string) =>
  Deno.readFileSync(new URL(`../fixtures/torch_files/${name}`, import.meta.url));
const recorded = new Map<string, { shape: number[]; values: string[] }>(
  Object.entries(expected.tensors),
);
const integers = new Set(["int64", "int32", "int16", "int8", "uint8", "bool"]);
const types = new Map<string, string>([
  ["double", "Float64Array"],
  ["int64", "BigInt64Array"],
  ["int32", "Int32Array"],
  ["int16", "Int32Array"],
  ["int8", "Int32Array"],
  ["uint8", "Uint8Array"],
  ["bool", "Uint8Array"],
]);

for (const file of ["stream.pth", "zip.pth"]) {
  Deno.test(`${file}: every tensor has torch's numbers, views resolved`, () => {
    const bytes = fixture(file);
    assert.ok(looksLikeTorchFile(bytes));
    const tensors = parseTorchFile(bytes, file);
    assert.deepEqual([...tensors.keys()], [...recorded.keys()]);
    assert.ok(recorded.has("__proto__"));
    for (const [name, { shape, values }] of recorded) {
      const { shape: ourShape, data } = tensors.get(name)!;
      assert.deepEqual(ourShape, shape, name);
      assert.equal(data.constructor.name, types.get(name) ?? "Float32Array", name);
      const ours = Array.from(data as ArrayLike<number | bigint>);
      if (integers.has(name)) assert.deepEqual(ours.map(String), values, name);
      else assert.deepEqual(ours, values.map(Number), name);
    }
  });

  Deno.test(`${file}: cut at any place or with bytes behind it, it is refused`, () => {
    const bytes = fixture(file);
    for (let length = 0; length < bytes.length; length += 7) {
      assert.throws(() => parseTorchFile(bytes.subarray(0, length), file), DataError);
    }
    assert.throws(() => parseTorchFile(bytesOf(bytes, 0), file), DataError);
  });

  Deno.test(`${file}: a changed byte never crashes, hangs or grows`, () => {
    const random = new RandomState(99);
    const good = fixture(file);
    for (let round = 0; round < 1500; round++) {
      const bytes = good.slice();
      bytes[random.integer(bytes.length)] ^= 1 + random.integer(255);
      try {
        parseTorchFile(bytes, file);
      } catch (error) {
        assert.ok(error instanceof DataError, String(error));
      }
    }
  });
}

Deno.test("a checkpoint that keeps its weights under state_dict is accepted, both formats", () => {
  for (const file of ["checkpoint_stream.pth", "checkpoint_zip.pth"]) {
    const tensors = parseTorchFile(fixture(file), file);
    assert.deepEqual([...tensors.keys()], ["weight"]);
    assert.deepEqual(tensors.get("weight")!.shape, [6, 10]);
  }
});

Deno.test("tensors do not share memory with the file or with each other", () => {
  const bytes = fixture("zip.pth");
  const tensors = parseTorchFile(bytes, "zip.pth") as Map<string, NdArray<Float32Array>>;
  const [base, view] = [tensors.get("base")!, tensors.get("view")!];
  const first = view.data[0];
  base.data.fill(7);
  bytes.fill(0);
  assert.equal(view.data[0], first);
});

Deno.test("a view beyond its storage, and one that would fill the memory, are refused", () => {
  assert.throws(() => parseTorchFile(streamFile([4], [1], 1, 4), "x.pth"), /"t" reaches element 4/);
  assert.throws(() => parseTorchFile(streamFile([2, 2], [3, 1], 0, 4), "x.pth"), /element 4 of/);
  const start = performance.now();
  for (const shape of [[2 ** 31 - 1], [60000, 60000], [2 ** 30, 2 ** 30, 2 ** 30]]) {
    const bomb = streamFile(shape, shape.map(() => 0), 0, 4);
    assert.throws(() => parseTorchFile(bomb, "bomb.pth"), /larger than 4 times the file/);
  }
  assert.ok(performance.now() - start < 100);
  const tensors = parseTorchFile(streamFile([2, 2], [1, 2], 0, 4), "x.pth");
  assert.deepEqual([...tensors.get("t")!.data as Float32Array], [0, 2, 1, 3]);
});

Deno.test("storages that are missing, repeated, too short or belong to nothing are refused", () => {
  const short = streamFile([4], [1], 0, 4, { elements: 3 });
  assert.throws(() => parseTorchFile(short, "x.pth"), /3 elements, not 4/);
  const twice = streamFile([4], [1], 0, 4, { keys: ["0", "0"] });
  assert.throws(() => parseTorchFile(twice, "x.pth"), /repeated or belongs to no tensor/);
  const foreign = streamFile([4], [1], 0, 4, { keys: ["1"] });
  assert.throws(() => parseTorchFile(foreign, "x.pth"), /"1" is repeated or belongs to no tensor/);
  const none = streamFile([4], [1], 0, 4, { keys: [] });
  assert.throws(() => parseTorchFile(none, "x.pth"), /missing|follow/);
});

Deno.test("zip archives: what torch never writes is refused, with the reason", () => {
  const data = new TextEncoder().encode("abc");
  const ok = zipOf([{ name: "a/data.pkl", data }]);
  assert.deepEqual(readStoredZip(ok, "ok.pth").get("a/data.pkl"), data);
  const cases: [RegExp, Uint8Array][] = [
    [/compressed \(method 8\)/, zipOf([{ name: "a", data, method: 8 }])],
    [/compressed/, zipOf([{ name: "a", data, size: 1_000_000_000, packed: 3 }])],
    [/encrypted/, zipOf([{ name: "a", data, flags: 1 }])],
    [/twice/, zipOf([{ name: "a", data }, { name: "a", data }])],
    [/overlap/, overlappingZip(data)],
    [/called "\.\.\/x"/, zipOf([{ name: "../x", data }])],
    [/called "\/x"/, zipOf([{ name: "/x", data }])],
    [/called "C:x"/, zipOf([{ name: "C:x", data }])],
    [/called "a\\\\b"/, zipOf([{ name: "a\\b", data }])],
    [/another name/, zipOf([{ name: "a", data, directoryName: "b" }])],
    [/CRC-32/, zipOf([{ name: "a", data, crc: 1 }])],
    [/cut off/, zipOf([{ name: "a", data, size: 1000, packed: 1000 }])],
    [/end record/, bytesOf(ok, "trailing")],
    [/end record/, ok.subarray(0, ok.length - 1)],
    [/several disks/, patched(ok, ok.length - 22 + 4, 1)],
    [/another size|damaged/, patched(ok, ok.length - 22 + 10, 0, ok.length - 22 + 8, 0)],
    [/does not end/, patched(ok, ok.length - 22 + 12, 1)],
    [/end record/, new Uint8Array(22)],
  ];
  for (const [message, bytes] of cases) {
    assert.throws(() => readStoredZip(bytes, "bad.pth"), (error) => {
      assert.ok(error instanceof DataError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  assert.throws(() => parseTorchFile(ok, "x.pth"), /pickle/);
  const nested = zipOf([{ name: "inner.zip", data: ok }]);
  assert.throws(() => parseTorchFile(nested, "x.pth"), /0 members <folder>\/data\.pkl/);
});

Deno.test("files of another kind are not taken for torch's", () => {
  for (const text of ["", "hello", "<html>", "{}", "\x89PNG\r\n\x1a\n"]) {
    assert.ok(!looksLikeTorchFile(bytesOf(text)));
    assert.throws(() => parseTorchFile(bytesOf(text), "x.pth"), DataError);
  }
});

/** A stream file with one float tensor "t" over one storage "0" holding 0, 1, 2, …. */
function streamFile(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  count: number,
  options: { elements?: number; keys?: readonly string[] } = {},
): Uint8Array {
  const { elements = count, keys = ["0"] } = options;
  const int = (n: number) => bytesOf("J", [n & 255, n >>> 8 & 255, n >>> 16 & 255, n >>> 24 & 255]);
  const tuple = (numbers: readonly number[]) => bytesOf("(", ...numbers.map(int), "t");
  const storage = new Uint8Array(8 + 4 * elements);
  new DataView(storage.buffer).setBigInt64(0, BigInt(elements), true);
  new Float32Array(storage.buffer, 8).forEach((_, i, data) => data[i] = i);
  return bytesOf(
    [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
    ".M\xe9\x03.}",
    unicode("little_endian"),
    [0x88],
    "s.}",
    unicode("t"),
    "ctorch._utils\n_rebuild_tensor_v2\n((",
    unicode("storage"),
    "ctorch\nFloatStorage\n",
    unicode("0"),
    unicode("cpu"),
    int(count),
    "tQ",
    int(offset),
    tuple(shape),
    tuple(strides),
    [0x89],
    "NtRs.](",
    ...keys.map(unicode),
    "e.",
    storage,
  );
}

/** A copy of `bytes` with pairs of place and byte replaced. */
function patched(bytes: Uint8Array, ...changes: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  for (let i = 0; i < changes.length; i += 2) copy[changes[i]] = changes[i + 1];
  return copy;
}
