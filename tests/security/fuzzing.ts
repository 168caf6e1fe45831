/**
 * Fuzzers of the readers of untrusted bytes: what they feed, and what a reader may do with it: give
 * data, or throw a DataError. Seeded, so that a finding can be repeated; the commit's tests run ten
 * thousand inputs each, `deno task soak` a hundred thousand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { crc32, deflateRawSync } from "node:zlib";
import { DataError } from "../../lib/base/errors.ts";
import { npyBytes, parseNpy } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { decodeLabels } from "../../lib/images/decode.ts";
import { readImageHeader } from "../../lib/images/image_header.ts";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { mul, relu } from "../../lib/onnx/ops.ts";
import { checkModel, checkModelSizes, modelBytes } from "../../lib/onnx/proto.ts";
import { parseResult } from "../../lib/report/results.ts";
import { parseRunFile } from "../../lib/report/run_record.ts";
import { recordText } from "../../lib/runner/provenance.ts";
import { parseSafetensors, safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { parseTorchFile } from "../../lib/weights/torch_file.ts";
import { readZipMembers } from "../../lib/weights/zip_archive.ts";
import { sampleRecord } from "../report/sample_record.ts";
import { sampleResult, sampleScores } from "../report/sample_result.ts";
import { bytesOf } from "../weights/byte_parts.ts";
import { hostilePickles, streamHead } from "../weights/hostile_pickles.ts";
import { zipOf } from "../weights/made_zip.ts";

/** A reader and what it is fed. */
export interface Fuzzer {
  readonly name: string;
  /** Inputs for each input of the count that is asked for: less than 1 where the reader is slow. */
  readonly share: number;
  readonly input: (random: RandomState, index: number) => Uint8Array;
  /** Gives data or throws a DataError. */
  readonly read: (bytes: Uint8Array) => void;
}

/** What came of a run of a fuzzer. */
export interface FuzzingOutcome {
  readonly inputs: number;
  readonly refused: number;
  /** Milliseconds of the slowest input. */
  readonly slowest: number;
}

/**
 * Feeds `count` inputs.
 *
 * @throws {AssertionError} for an input that ends in anything but data or a DataError, with the input in
 * hexadecimal digits; for one that takes a second
 */
export function fuzz(fuzzer: Fuzzer, count: number, seed: number): FuzzingOutcome {
  const random = new RandomState(seed);
  let [refused, slowest] = [0, 0];
  const inputs = Math.ceil(count * fuzzer.share);
  for (let i = 0; i < inputs; i++) {
    const bytes = fuzzer.input(random, i);
    const start = performance.now();
    try {
      fuzzer.read(bytes);
    } catch (error) {
      refused++;
      assert.ok(
        error instanceof DataError,
        `${fuzzer.name}, seed ${seed}, input ${i} (${bytes.toHex().slice(0, 2000)}): ${error}`,
      );
    }
    const milliseconds = performance.now() - start;
    slowest = Math.max(slowest, milliseconds);
    assert.ok(milliseconds < 1000, `${fuzzer.name}, seed ${seed}, input ${i}: ${milliseconds} ms`);
  }
  return { inputs, refused, slowest };
}

/** All fuzzers with `count` inputs, for `deno task soak`. */
export function fuzzedReaders(count: number): { readonly count: number; readonly outcome: string } {
  let [inputs, refused, slowest] = [0, 0, 0];
  for (const [i, fuzzer] of fuzzers.entries()) {
    const outcome = fuzz(fuzzer, count, 71 + i);
    inputs += outcome.inputs;
    refused += outcome.refused;
    slowest = Math.max(slowest, outcome.slowest);
  }
  const ways = `${fuzzers.length} readers, ${refused} refused, ${inputs - refused} read`;
  return { count: inputs, outcome: `${ways}, the slowest in ${slowest.toFixed(0)} ms` };
}

/** A copy of one of `files` with some bytes changed, cut out or doubled. */
function mutated(random: RandomState, files: readonly Uint8Array[], alphabet?: Uint8Array) {
  let bytes: Uint8Array = files[random.integer(files.length)].slice();
  for (let i = random.integer(4); i >= 0 && bytes.length > 0; i--) {
    const at = random.integer(bytes.length);
    switch (random.integer(6)) {
      case 0:
        bytes[at] ^= 1 << random.integer(8);
        break;
      case 1:
        bytes = bytes.slice(0, at);
        break;
      case 2: {
        const end = Math.min(bytes.length, at + random.integer(20));
        bytes = bytesOf(bytes.subarray(0, end), bytes.subarray(at));
        break;
      }
      case 3:
        bytes.fill([0, 0xff, 0x7f, 0x80][random.integer(4)], at, at + 1 + random.integer(8));
        break;
      default:
        bytes[at] = alphabet === undefined
          ? random.integer(256)
          : alphabet[random.integer(alphabet.length)];
    }
  }
  return bytes;
}

const operations = bytesOf(
  "()]}.0125:aehlqrstudbcQRKMJNGIFLXUTC",
  [0x80, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x93, 0x94, 0x95],
);
const words = [
  "ctorch._utils\n_rebuild_tensor_v2\n",
  "ccollections\nOrderedDict\n",
  "ctorch\nFloatStorage\n",
  "cos\nsystem\n",
].map((word) => bytesOf(word));
const shortPickles = hostilePickles.map(([, bytes]) => bytes).filter(({ length }) => length < 500);

/** Half of them operations in any order, half hostile pickles with changed bytes. */
function pickle(random: RandomState, index: number): Uint8Array {
  if (index % 2 === 1) return bytesOf(streamHead, mutated(random, shortPickles), ".");
  const parts: (number | Uint8Array)[] = [];
  for (let i = random.integer(40); i >= 0; i--) {
    const kind = random.integer(10);
    if (kind < 7) parts.push(operations[random.integer(operations.length)]);
    else if (kind < 9) parts.push(random.integer(256));
    else parts.push(words[random.integer(words.length)]);
  }
  return bytesOf(streamHead, ...parts, ".");
}

const text = new TextEncoder();
const header = (entries: string) => {
  const bytes = text.encode(`{${entries}}`);
  return bytesOf(
    [bytes.length & 255, bytes.length >> 8, 0, 0, 0, 0, 0, 0],
    bytes,
    new Uint8Array(8),
  );
};
const safetensorsFiles = [
  safetensorsBytes(
    new Map([["a", { shape: [2, 2], data: new Float32Array(4) }], [
      "__proto__",
      { shape: [1], data: new BigInt64Array(1) },
    ]]),
    new Map([["k", "v"]]),
  ),
  header('"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'),
  header(
    '"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},' +
      '"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]},"__metadata__":{"k":"v"}',
  ),
];
const npyFiles = [
  npyBytes({ shape: [2], data: new Float32Array(2) }),
  npyBytes({ shape: [], data: new Float64Array(1) }),
  npyBytes({ shape: [3, 1, 2], data: new Uint8Array(6) }),
  npyBytes({ shape: [0, 4], data: new BigInt64Array(0) }),
];
const deflated = deflateRawSync(text.encode("some text, some text, some text"));
const zips = [
  zipOf([{ name: "a/w.pth", data: text.encode("abc") }, { name: "b", data: new Uint8Array(9) }]),
  zipOf([{ name: "a/w.pth", data: deflated, method: 8, size: 31, packed: deflated.length }]),
];
const labelPngs = [
  labelPngBytes({ width: 9, height: 5, data: new Uint8Array(45).map((_, i) => i % 7) }),
  labelPngBytes({ width: 1, height: 1, data: new Uint8Array(1) }),
];

/** A label image with changes whose checksums are made right again, so that they are looked at. */
function labelPng(random: RandomState): Uint8Array {
  const bytes = mutated(random, labelPngs);
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length && random.integer(10) > 0;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length) break;
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}

const model = (() => {
  const graph = new Graph();
  const weight = graph.constant({ shape: [2], data: Float32Array.of(1, 2) }, { name: "weight" });
  graph.output("y", relu(mul(graph.input("x", "float32", [2]), weight)));
  return new Uint8Array(modelBytes(graph)); // no Buffer, whose slices share memory
})();

const record = text.encode(recordText(sampleRecord(sampleResult, sampleScores, [])));
const result = text.encode(JSON.stringify(sampleResult));
const json = bytesOf('{}[]",:0123456789\\ aeEfnulrst.-+_');
const python = bytesOf("{}[]()',:0123456789 .<>|fiuOTFadesr");
const utf8 = new TextDecoder();

/** All fuzzers. */
export const fuzzers: readonly Fuzzer[] = [
  { name: "pickle", share: 1, input: pickle, read: (bytes) => parseTorchFile(bytes, "fuzz.pth") },
  {
    name: "safetensors",
    share: 1,
    input: (random) => mutated(random, safetensorsFiles, json),
    read(bytes) {
      for (const { shape, data } of parseSafetensors(bytes, "fuzz").tensors.values()) {
        assert.equal(shape.reduce((product, length) => product * length, 1), data.length);
      }
    },
  },
  {
    name: "npy",
    share: 1,
    input: (random) => mutated(random, npyFiles, python),
    read(bytes) {
      const { shape, data } = parseNpy(bytes, "fuzz");
      assert.equal(shape.reduce((product, length) => product * length, 1), data.length);
    },
  },
  {
    name: "zip",
    share: 1,
    input: (random) => mutated(random, zips),
    read: (bytes) => {
      assert.ok(readZipMembers(bytes, ["a/w.pth"], "fuzz.zip").get("a/w.pth")!.length < 1000);
    },
  },
  {
    name: "label image",
    share: 0.5,
    input: labelPng,
    read(bytes) {
      const { width, height, data } = decodeLabels(bytes, "fuzz.png");
      assert.equal(width * height, data.length);
    },
  },
  {
    name: "image header",
    share: 1,
    input: (random) => mutated(random, labelPngs),
    read: (bytes) => readImageHeader(bytes.subarray(0, 64)),
  },
  {
    name: "ONNX model",
    share: 0.5,
    input: (random) => mutated(random, [model]),
    read(bytes) {
      checkModel(bytes, "fuzz.onnx");
      checkModelSizes(bytes, "fuzz.onnx");
    },
  },
  {
    name: "run.json",
    share: 0.1,
    input: (random) => mutated(random, [record], json),
    read: (bytes) => parseRunFile(utf8.decode(bytes), "run.json"),
  },
  {
    name: "result.json",
    share: 0.1,
    input: (random) => mutated(random, [result], json),
    read: (bytes) => parseResult(utf8.decode(bytes), "result.json"),
  },
];
