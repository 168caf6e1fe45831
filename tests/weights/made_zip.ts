/**
 * Zip archives made byte by byte, so that they can lie.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { bytesOf } from "./byte_parts.ts";

/** A member of a zip, lies included. */
export interface ZipMember {
  readonly name: string;
  readonly data: Uint8Array;
  /** Another name in the directory. */
  readonly directoryName?: string;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly packed?: number;
  /** Unix mode and type of the file, as zip programs keep them: 0o120777 is a symbolic link. */
  readonly mode?: number;
  /** The name's bytes, where they are not its UTF-8. */
  readonly nameBytes?: Uint8Array;
}

const u16 = (n: number) => [n & 255, n >> 8 & 255];
const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];

/** A zip with exactly these members, lies included. */
export function zipOf(members: readonly ZipMember[]): Uint8Array {
  let body = bytesOf();
  const entries: Uint8Array[] = [];
  for (const member of members) {
    entries.push(zipEntry(member, body.length));
    body = bytesOf(body, zipMember(member));
  }
  return closedZip(body, entries);
}

/** A zip whose first member's data are a whole member, which the directory lists as well. */
export function overlappingZip(data: Uint8Array): Uint8Array {
  const inner = { name: "b", data };
  const outer = { name: "a", data: zipMember(inner) };
  const body = zipMember(outer);
  const innerAt = body.length - outer.data.length;
  return closedZip(body, [zipEntry(outer, 0), zipEntry(inner, innerAt)]);
}

/** Flags to sizes, which member and directory have in common. */
function zipFields({ data, method = 0, flags = 0, crc = crc32(data), ...rest }: ZipMember) {
  const { size = data.length, packed = size } = rest;
  return [...u16(flags), ...u16(method), 0, 0, 0, 0, ...u32(crc), ...u32(packed), ...u32(size)];
}

function zipMember(member: ZipMember): Uint8Array {
  const name = nameOf(member, member.name);
  const lengths = [...u16(name.length), ...u16(0)];
  return bytesOf(u32(0x04034b50), [20, 0], zipFields(member), lengths, name, member.data);
}

function zipEntry(member: ZipMember, offset: number): Uint8Array {
  const name = nameOf(member, member.directoryName ?? member.name);
  const lengths = [...u16(name.length), ...u16(0), ...u16(0)];
  const rest = [...lengths, 0, 0, 0, 0, 0, 0, ...u16(member.mode ?? 0), ...u32(offset)];
  return bytesOf(u32(0x02014b50), [20, 0, 20, 0], zipFields(member), rest, name);
}

function nameOf({ nameBytes }: ZipMember, name: string): Uint8Array {
  return nameBytes ?? new TextEncoder().encode(name);
}

function closedZip(body: Uint8Array, entries: readonly Uint8Array[]): Uint8Array {
  const directory = bytesOf(...entries);
  const counts = [...u16(0), ...u16(0), ...u16(entries.length), ...u16(entries.length)];
  const places = [...u32(directory.length), ...u32(body.length), ...u16(0)];
  return bytesOf(body, directory, u32(0x06054b50), counts, places);
}
