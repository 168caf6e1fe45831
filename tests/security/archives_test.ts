/**
 * S7 and S8: archives that would fill the memory, and names that would leave the folder.
 *
 * Of zips the harness unpacks single members into memory and none into files, so a name can do no harm
 * even where it is accepted; of gzip and zstd it reads nothing.
 */
import assert from "node:assert/strict";
import {
  constants,
  crc32,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { DataError } from "../../lib/base/errors.ts";
import { parseNpy } from "../../lib/base/npy.ts";
import { decodeLabels } from "../../lib/images/decode.ts";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { parseSafetensors } from "../../lib/weights/safetensors.ts";
import { parseTorchFile } from "../../lib/weights/torch_file.ts";
import { readStoredZip, readZipMembers } from "../../lib/weights/zip_archive.ts";
import { bytesOf } from "../weights/byte_parts.ts";
import { overlappingZip, type ZipMember, zipOf } from "../weights/made_zip.ts";
import { assertBounded } from "./bounded.ts";

const text = new TextEncoder().encode("abc");
const zeros = new Uint8Array(64 * 2 ** 20);
const packedZeros = deflateRawSync(zeros, { level: 9 });
/** 512 MiB of zeros in 512 KiB: 8 times 64 MiB, joined where one stream ends and the next begins. */
const joinedZeros = bytesOf(
  ...new Array(8).fill(
    deflateRawSync(zeros, { level: 9, finishFlush: constants.Z_SYNC_FLUSH }),
  ),
  deflateRawSync(text),
);
/** The same behind the header of a PNG's data. */
const packedPixels = bytesOf([0x78, 0xda], joinedZeros);
const member = (given: Partial<ZipMember>): ZipMember => ({ name: "w", data: text, ...given });
/** A deflated member that says it has `size` bytes. */
const deflated = (packed: Uint8Array, size: number, crc = 0): Uint8Array =>
  zipOf([member({ data: packed, method: 8, size, packed: packed.length, crc })]);
const nested = (levels: number): Uint8Array =>
  levels === 0 ? deflated(packedZeros, zeros.length, crc32(zeros)) : zipOf([
    member({ name: "w", data: nested(levels - 1) }),
  ]);

/** S7: archive and the member that is asked for. */
const zipBombs: readonly (readonly [title: string, zip: Uint8Array])[] = [
  ["64 MiB in 64 KiB", deflated(packedZeros, zeros.length, crc32(zeros))],
  ["a size above the limit", deflated(packedZeros, 0xfffffff0)],
  ["a stated size below the real one", deflated(packedZeros, 1000)],
  ["512 MiB behind a stated size of 1,000 bytes", deflated(joinedZeros, 1000)],
  ["a stated size just within the ratio", deflated(packedZeros, 199 * packedZeros.length)],
  ["a stated size of 0", deflated(packedZeros, 0)],
  ["another checksum", deflated(deflateRawSync(text), text.length, 1)],
  ["a stored member that says it is larger", zipOf([member({ size: 2 ** 31 - 1 })])],
  ["deflated data that never ends", deflated(packedZeros.subarray(0, 20_000), 100_000)],
  ["members that overlap", overlappingZip(packedZeros)],
  ["another method, which could expand more", zipOf([member({ method: 93 })])],
  ["the same data under a thousand names", manyEntries(1000)],
];

Deno.test({
  name: "S7: zip bombs are refused, in bounded time and memory",
  permissions: "none",
  fn() {
    for (const [title, zip] of zipBombs) {
      assertBounded(title, () => {
        assert.throws(() => readZipMembers(zip, ["w"], "bomb.zip"), DataError, title);
        assert.throws(() => parseTorchFile(zip, "bomb.pth"), DataError, title);
      });
    }
  },
});

Deno.test({
  name: "S7: a zip in a zip is bytes like any other, and never unpacked by itself",
  permissions: "none",
  fn() {
    for (let levels = 1; levels <= 10; levels++) {
      const zip = nested(levels);
      assertBounded(`${levels} levels`, () => {
        const inner = readStoredZip(zip, "nested.zip").get("w")!;
        assert.ok(inner.length < zip.length);
        assert.throws(() => parseTorchFile(zip, "nested.pth"), DataError);
      });
    }
  },
});

Deno.test({
  name: "S7: gzip and zstd are not unpacked, whatever they are called",
  permissions: "none",
  fn() {
    for (const packed of [gzipSync(zeros), zstdCompressSync(zeros), deflateSync(zeros)]) {
      assertBounded("compressed", () => {
        assert.throws(() => parseTorchFile(packed, "weights.pth"), DataError);
        assert.throws(() => parseSafetensors(packed, "weights.safetensors"), DataError);
        assert.throws(() => parseNpy(packed, "maps.npy"), DataError);
        assert.throws(() => decodeLabels(packed, "labels.png"), DataError);
      });
    }
  },
});

Deno.test({
  name: "S7: the pixels of a label image are unpacked to the size that its header says, no further",
  permissions: "none",
  fn() {
    const honest = labelPngBytes({ width: 8, height: 8, data: new Uint8Array(64) });
    assert.equal(decodeLabels(honest, "l.png").data.length, 64);
    const sizes = [[8, 8], [1, 1], [7, 9], [9, 7], [1, 64], [64, 1], [100, 100], [8000, 8000]];
    for (const [width, height] of sizes) {
      assertBounded(`${width} x ${height}`, () => {
        assert.throws(() => decodeLabels(labelBomb(width, height), "l.png"), DataError);
      });
    }
    for (const [width, height] of [[65_536, 65_536], [2 ** 31 - 1, 1], [0, 5], [8001, 8000]]) {
      assert.throws(() => decodeLabels(labelBomb(width, height), "l.png"), /pixels/);
    }
  },
});

const absurd = "a/".repeat(499);
/** S8: names that are refused, with what the message says. */
const hostilePaths: readonly (readonly [member: Partial<ZipMember>, message: RegExp])[] = [
  [{ name: "../w" }, /called/],
  [{ name: "../../../../etc/passwd" }, /called/],
  [{ name: "a/../../w" }, /called/],
  [{ name: "a/.." }, /called/],
  [{ name: ".." }, /called/],
  [{ name: "/etc/passwd" }, /called/],
  [{ name: "//server/share" }, /called/],
  [{ name: "C:\\Windows\\w" }, /called/],
  [{ name: "C:w" }, /called/],
  [{ name: "c:/w" }, /called/],
  [{ name: "a\\..\\w" }, /called/],
  [{ name: "..\\w" }, /called/],
  [{ name: "\\\\server\\share" }, /called/],
  [{ name: "a\0b" }, /called/],
  [{ name: "a\nb" }, /called/],
  [{ name: "\u001b[2Jw" }, /called/],
  [{ name: "" }, /name has 0 bytes/],
  [{ name: "n".repeat(1001) }, /name has 1001 bytes/],
  [{ nameBytes: Uint8Array.of(0xff, 0xfe) }, /not UTF-8/],
  [{ nameBytes: Uint8Array.of(0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x77) }, /not UTF-8/], // overlong ".."
  [{ name: "w", directoryName: "v" }, /another name/],
  [{ name: "link", mode: 0o120777 }, /a link or a device/],
  [{ name: "device", mode: 0o060666 }, /a link or a device/],
  [{ name: "pipe", mode: 0o010666 }, /a link or a device/],
  [{ name: "socket", mode: 0o140777 }, /a link or a device/],
];

Deno.test({
  name: "S8: names that climb, are absolute, hide or are no files are refused",
  permissions: "none",
  fn() {
    assert.ok(hostilePaths.length >= 25);
    for (const [given, message] of hostilePaths) {
      const zip = zipOf([member({ name: "good" }), member(given)]);
      assert.throws(() => readZipMembers(zip, ["good"], "x.zip"), (error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, message, JSON.stringify(given));
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(error.message, /[\x00-\x1f]/);
        return true;
      });
    }
    for (const [a, b] of [["w", "w"], ["W", "w"], ["é", "e\u0301"], ["A/b", "a/B"]]) {
      const zip = zipOf([member({ name: a }), member({ name: b })]);
      assert.throws(() => readZipMembers(zip, [a], "x.zip"), /twice/);
    }
    const fine = ["a/b.pth", "a..b", "...", "a/.hidden", "ünï/缺陷", `${absurd}w`];
    const zip = zipOf(fine.map((name) => member({ name, mode: 0o100644 })));
    assert.deepEqual([...readStoredZip(zip, "x.zip").keys()], fine);
  },
});

/** A directory that lists one member's data again and again under other names. */
function manyEntries(count: number): Uint8Array {
  const zip = zipOf([member({ data: packedZeros, method: 8, packed: packedZeros.length })]);
  const one = zipOf([member({ name: "w" })]);
  const view = new DataView(zip.buffer);
  const at = view.getUint32(zip.length - 6, true);
  const entry = zip.subarray(at, zip.length - 22);
  const end = bytesOf(one.subarray(one.length - 22));
  const endView = new DataView(end.buffer);
  endView.setUint16(8, count, true);
  endView.setUint16(10, count, true);
  endView.setUint32(12, count * entry.length, true);
  endView.setUint32(16, at, true);
  return bytesOf(zip.subarray(0, at), ...Array.from({ length: count }, () => entry), end);
}

/** A grey PNG whose data are 512 MiB of zeros whatever its header says. */
function labelBomb(width: number, height: number): Uint8Array {
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header[8] = 8;
  const chunk = (kind: string, body: Uint8Array): Uint8Array => {
    const typed = bytesOf(kind, body);
    const bytes = new Uint8Array(8 + typed.length);
    new DataView(bytes.buffer).setUint32(0, body.length);
    bytes.set(typed, 4);
    new DataView(bytes.buffer).setUint32(4 + typed.length, crc32(typed));
    return bytes;
  };
  const signature = [137, 80, 78, 71, 13, 10, 26, 10];
  const data = width * height === 64_000_000 ? deflateSync(text) : packedPixels;
  return bytesOf(signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", bytesOf()));
}
