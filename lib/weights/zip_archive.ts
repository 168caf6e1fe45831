/**
 * Zip archives, read strictly: what the central directory and the members' own headers say must agree,
 * members must not overlap, CRC-32 must be right. `torch.save` stores its members without compression,
 * so such an archive cannot give more bytes than it has; members of other archives are decompressed
 * under limits.
 *
 * Reference: PKWARE APPNOTE 6.3 (zip64 included), RFC 1951.
 *
 * @module
 */
import { crc32, inflateRawSync } from "node:zlib";
import { DataError } from "../base/errors.ts";

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const entrySignature = 0x02014b50;
const memberSignature = 0x04034b50;
const memberLimit = 100_000;
/** A compressed member may give this many times its bytes, and at most this many. */
const ratioLimit = 200;
const inflatedLimit = 2 ** 30;
/** Bits of a Unix mode that tell what a member is, 0 where the archive does not say. */
const fileTypeMask = 0o170000;
const regularFile = 0o100000;
const folder = 0o040000;

/**
 * All members of an archive without compression, by name; the bytes are views of `bytes`. `name` stands
 * in the messages.
 *
 * @throws {DataError} for compressed or encrypted members, several disks, unsafe or repeated names,
 * overlaps, wrong sizes, wrong CRC-32, or damage
 */
export function readStoredZip(bytes: Uint8Array, name: string): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>();
  for (const [path, { method, packed, size, crc }] of zipMembers(bytes, name)) {
    if (method !== 0 || packed.length !== size) {
      throw failure(name, `member ${path} is compressed (method ${method}), not stored`);
    }
    if (crc32(packed) !== crc) throw failure(name, `member ${path} is damaged (CRC-32 differs)`);
    members.set(path, packed);
  }
  return members;
}

/**
 * The members `paths` of an archive, stored or deflated, by path. Nothing else is decompressed, and no
 * member beyond 200 times its packed size or 1 GiB.
 *
 * @throws {DataError} if one is missing, larger than allowed or than stated, or the archive is damaged
 */
export function readZipMembers(
  bytes: Uint8Array,
  paths: readonly string[],
  name: string,
): Map<string, Uint8Array> {
  const all = zipMembers(bytes, name);
  return new Map(paths.map((path) => {
    const member = all.get(path);
    if (member === undefined) throw failure(name, `it has no member ${path}`);
    return [path, unpacked(member, path, name)];
  }));
}

function unpacked({ method, packed, size, crc }: ZipMember, path: string, name: string) {
  if (size > Math.min(inflatedLimit, ratioLimit * packed.length)) {
    throw failure(name, `member ${path} would have ${size} bytes, packed ${packed.length}`);
  }
  let data: Uint8Array;
  if (method === 0) data = packed;
  else if (method === 8) {
    try {
      data = inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
    } catch (cause) {
      throw failure(name, `member ${path} cannot be decompressed to its ${size} bytes`, cause);
    }
  } else throw failure(name, `member ${path} is packed by the unknown method ${method}`);
  if (data.length !== size || crc32(data) !== crc) {
    throw failure(name, `member ${path} is damaged (size or CRC-32 differs)`);
  }
  return data;
}

/** One member as the directory describes it. */
interface ZipMember {
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly packed: Uint8Array;
  readonly size: number;
  readonly crc: number;
}

/** The archive's members, their structure checked, nothing decompressed. */
function zipMembers(bytes: Uint8Array, name: string): Map<string, ZipMember> {
  const fail = (reason: string) => failure(name, reason);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number) => within(at, 2, () => view.getUint16(at, true));
  const u32 = (at: number) => within(at, 4, () => view.getUint32(at, true));
  const u64 = (at: number) =>
    within(at, 8, () => {
      const value = view.getBigUint64(at, true);
      if (value > BigInt(bytes.length)) throw fail(`a size or place is ${value}`);
      return Number(value);
    });
  function within(at: number, size: number, read: () => number): number {
    if (at < 0 || at + size > bytes.length) throw fail("it is cut off");
    return read();
  }

  const directory = findDirectory();
  const members = new Map<string, ZipMember>();
  const foldedNames = new Set<string>();
  const spans: [number, number][] = [];
  let at = directory.at;
  for (let index = 0; index < directory.count; index++) {
    if (u32(at) !== entrySignature) throw fail("its directory is damaged");
    const flags = u16(at + 8);
    const method = u16(at + 10);
    const crc = u32(at + 16);
    const [nameLength, extraLength, commentLength] = [u16(at + 28), u16(at + 30), u16(at + 32)];
    const nameAt = at + 46;
    const member = memberName(nameAt, nameLength);
    const extraAt = nameAt + nameLength;
    const { size, packed, offset } = sizesOf(at, extraAt, extraLength, member);
    if (flags & ~0x0808) throw fail(`member ${member} has flags ${flags} (encrypted or unknown)`);
    if (members.has(member)) throw fail(`member ${member} is there twice`);
    const folded = member.normalize("NFC").toLowerCase();
    if (foldedNames.has(folded)) throw fail(`member ${member} is there twice but for its case`);
    foldedNames.add(folded);
    const kind = (u32(at + 38) >>> 16) & fileTypeMask;
    if (![0, regularFile, folder].includes(kind)) {
      throw fail(
        `member ${member} is no file but of type ${kind.toString(8)} (a link or a device)`,
      );
    }
    const start = memberStart(offset, member);
    const end = start + packed;
    if (end > directory.at) throw fail(`member ${member} is cut off`);
    members.set(member, { method, packed: bytes.subarray(start, end), size, crc });
    spans.push([offset, end]);
    at = extraAt + extraLength + commentLength;
  }
  if (at !== directory.end) throw fail("its directory has another size than stated");
  spans.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < spans.length; i++) {
    if (spans[i][0] < spans[i - 1][1]) throw fail("its members overlap");
  }
  return members;

  /** The directory's place, from the end record, which must close the file (no comment). */
  function findDirectory(): { at: number; end: number; count: number } {
    const end = bytes.length - 22;
    if (end < 0 || u32(end) !== endSignature || u16(end + 20) !== 0) {
      throw fail("it has no end record (cut off, or not a zip)");
    }
    let disks = u16(end + 4) | u16(end + 6);
    let count = u16(end + 10);
    let countHere = u16(end + 8);
    let size = u32(end + 12);
    let start = u32(end + 16);
    let close = end;
    const locator = end - 20;
    if (locator >= 0 && u32(locator) === locator64Signature) {
      const record = u64(locator + 8);
      if (u32(record) !== end64Signature) throw fail("its zip64 end record is damaged");
      disks = u32(record + 16) | u32(record + 20);
      countHere = u64(record + 24);
      count = u64(record + 32);
      size = u64(record + 40);
      start = u64(record + 48);
      close = record;
    }
    if (disks !== 0 || countHere !== count) throw fail("it spans several disks");
    if (count > memberLimit) throw fail(`it has ${count} members, more than ${memberLimit}`);
    if (start + size !== close) throw fail("its directory does not end at the end record");
    return { at: start, end: close, count };
  }

  function memberName(from: number, length: number): string {
    if (length === 0 || length > 1000 || from + length > bytes.length) {
      throw fail(`a member's name has ${length} bytes`);
    }
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(from, from + length));
    } catch {
      throw fail("a member's name is not UTF-8");
    }
    // deno-lint-ignore no-control-regex
    const unsafe = /[\\\x00-\x1f]|^\/|^[A-Za-z]:|(^|\/)\.\.(\/|$)/.test(text);
    if (unsafe) throw fail(`a member is called ${JSON.stringify(text)}`);
    return text;
  }

  /** Sizes and place of a member, from the entry or its zip64 extra field. */
  function sizesOf(entry: number, extraAt: number, extraLength: number, member: string) {
    let packed = u32(entry + 20);
    let size = u32(entry + 24);
    let offset = u32(entry + 42);
    const end = extraAt + extraLength;
    for (let field = extraAt; field + 4 <= end;) {
      const length = u16(field + 2);
      if (field + 4 + length > end) throw fail(`member ${member} has a damaged extra field`);
      if (u16(field) === 1) {
        let part = field + 4;
        const next = () => {
          if (part + 8 > field + 4 + length) {
            throw fail(`member ${member} has a damaged zip64 field`);
          }
          part += 8;
          return u64(part - 8);
        };
        if (size === 0xffffffff) size = next();
        if (packed === 0xffffffff) packed = next();
        if (offset === 0xffffffff) offset = next();
      }
      field += 4 + length;
    }
    return { packed, size, offset };
  }

  /** Where a member's data begins, behind its own header, which must carry the same name. */
  function memberStart(offset: number, member: string): number {
    if (u32(offset) !== memberSignature) {
      throw fail(`member ${member} has no header of its own`);
    }
    const nameLength = u16(offset + 26);
    if (memberName(offset + 30, nameLength) !== member) {
      throw fail(`member ${member} has another name in its header`);
    }
    return offset + 30 + nameLength + u16(offset + 28);
  }
}

function failure(name: string, reason: string, cause?: unknown): DataError {
  return new DataError(`Cannot read ${name} as a zip of weights: ${reason}`, {
    remedy: "Fetch the file again.",
    cause,
  });
}
