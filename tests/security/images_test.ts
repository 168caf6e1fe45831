/**
 * S6: images that would fill the memory, hang the decoder, or are something else than they say. Each is
 * refused as a DataError, or read as the picture it is, in bounded time and memory.
 */
import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { DataError } from "../../lib/base/errors.ts";
import { decodeImage, describeImage, encodePng, imageLimits } from "../../lib/images/decode.ts";
import { bytesOf, type Part } from "../weights/byte_parts.ts";
import { assertBoundedAsync } from "./bounded.ts";

const fixture = (name: string): Uint8Array<ArrayBuffer> =>
  Deno.readFileSync(new URL(`../fixtures/pillow/images/${name}`, import.meta.url));

const be16 = (n: number) => [n >>> 8 & 255, n & 255];
const be32 = (n: number) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255];
const le16 = (n: number) => [n & 255, n >>> 8 & 255];
const le32 = (n: number) => [n & 255, n >>> 8 & 255, n >>> 16 & 255, n >>> 24];

const signature = [137, 80, 78, 71, 13, 10, 26, 10];
const zeros = deflateSync(new Uint8Array(100 * 2 ** 20), { level: 9 });

function chunk(kind: string, body: Uint8Array, length = body.length): Uint8Array {
  const typed = bytesOf(kind, body);
  return bytesOf(be32(length), typed, be32(crc32(typed)));
}

/** The header of a PNG. */
function ihdr(width: number, height: number, bits = 8, colour = 0, interlace = 0): Uint8Array {
  return chunk("IHDR", bytesOf(be32(width), be32(height), [bits, colour, 0, 0, interlace]));
}

const end = chunk("IEND", bytesOf());
/** A grey PNG of 8 x 8 pixels with `extra` chunks before its pixels. */
const small = (...extra: Uint8Array[]) =>
  bytesOf(signature, ihdr(8, 8), ...extra, chunk("IDAT", deflateSync(new Uint8Array(72))), end);
const png = (header: Uint8Array, pixels: Uint8Array) =>
  bytesOf(signature, header, chunk("IDAT", pixels), end);

/** A JPEG of these parts, each a marker and its body. */
function jpeg(...parts: readonly (readonly [marker: number, body: Uint8Array])[]): Uint8Array {
  const segments = parts.map(([marker, body]) =>
    bytesOf([0xff, marker], be16(body.length + 2), body)
  );
  return bytesOf([0xff, 0xd8], ...segments, [0xff, 0xd9]);
}
const sof = (width: number, height: number, components = 1): readonly [number, Uint8Array] => [
  0xc0,
  bytesOf(
    [8],
    be16(height),
    be16(width),
    [components],
    ...Array.from({ length: components }, (_, i) => [i + 1, 0x11, 0]),
  ),
];

/** A JPEG whose frame says another size: the rest of a real one. */
function resizedJpeg(file: string, width: number, height: number): Uint8Array {
  const bytes = fixture(file);
  for (let at = 2; at < bytes.length - 9;) {
    const marker = bytes[at + 1];
    if (marker === 0xc0 || marker === 0xc2) {
      bytes.set([...be16(height), ...be16(width)], at + 5);
      return bytes;
    }
    at += 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
  }
  throw new Error(`${file} has no frame`);
}

/** A progressive JPEG whose last scan comes again and again. */
function manyScans(count: number): Uint8Array {
  const bytes = fixture("progressive.jpg");
  let last = 0;
  for (let at = 0; at < bytes.length - 1; at++) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xda) last = at;
  }
  const scan = bytes.subarray(last, bytes.length - 2);
  return bytesOf(bytes.subarray(0, bytes.length - 2), ...new Array(count).fill(scan), [0xff, 0xd9]);
}

/** A TIFF of one folder with entries `[tag, type, count, value]`, data behind it. */
function tiff(
  entries: readonly (readonly [tag: number, type: number, count: number, value: number])[],
  next: number,
  data: Part = "",
): Uint8Array {
  const body = entries.map(([tag, type, count, value]) => [
    ...le16(tag),
    ...le16(type),
    ...le32(count),
    ...le32(value),
  ]);
  return bytesOf("II", le16(42), le32(8), le16(entries.length), ...body, le32(next), data);
}

/** A grey TIFF of so many pixels, deflated, in one strip that begins behind its folder. */
function greyTiff(width: number, height: number, data: Uint8Array, next = 0): Uint8Array {
  const place = 8 + 2 + 12 * 9 + 4;
  return tiff(
    [
      [256, 4, 1, width],
      [257, 4, 1, height],
      [258, 3, 1, 8],
      [259, 3, 1, 8],
      [262, 3, 1, 1],
      [273, 4, 1, place],
      [277, 3, 1, 1],
      [278, 4, 1, height],
      [279, 4, 1, data.length],
    ],
    next,
    data,
  );
}

/** The container of a WebP with one part. */
function webp(kind: string, body: Uint8Array, length = body.length + 12): Uint8Array {
  return bytesOf("RIFF", le32(length), "WEBP", kind, le32(body.length), body);
}

/** A BMP header of this size and kind with no pixels. */
function bmp(width: number, height: number, bits = 24, compression = 0, colours = 0): Uint8Array {
  const rest = [...le32(0), ...le32(0), ...le32(0), ...le32(colours), ...le32(0)];
  const info = [
    ...le32(width),
    ...le32(height),
    1,
    0,
    ...le16(bits),
    ...le32(compression),
    ...rest,
  ];
  return bytesOf("BM", le32(54), le32(0), le32(54), le32(40), info);
}

const laughs = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">${
  Array.from("bcdefghij", (c, i) => `<!ENTITY ${c} "${`&${"abcdefghi"[i]};`.repeat(10)}">`).join("")
}]><svg width="9" height="9"><text>&j;</text></svg>`;

/** What is wrong, the bytes, and "picture" where they may be read. */
const files: readonly (readonly [title: string, bytes: Uint8Array, may?: "picture"])[] = [
  ["PNG of 20,000 x 20,000", png(ihdr(20_000, 20_000), zeros)],
  ["PNG just above the limit", png(ihdr(8001, 8000), zeros)],
  ["PNG of 2^31 - 1 columns", png(ihdr(2 ** 31 - 1, 1), zeros)],
  ["PNG whose area overflows 32 bits", png(ihdr(65_536, 65_536), zeros)],
  ["PNG of no rows", png(ihdr(5, 0), zeros)],
  ["PNG with 100 MiB of pixels behind 8 x 8", png(ihdr(8, 8), zeros), "picture"],
  ["PNG with 100 MiB of packed text", small(chunk("zTXt", bytesOf("k\0\0", zeros))), "picture"],
  [
    "PNG with 100 MiB of international text",
    small(chunk("iTXt", bytesOf("k\0\x01\0\0\0", zeros))),
    "picture",
  ],
  [
    "PNG with a colour profile of 100 MiB",
    small(chunk("iCCP", bytesOf("p\0\0", zeros))),
    "picture",
  ],
  [
    "PNG with 50,000 parts",
    small(...new Array(50_000).fill(chunk("teXt", bytesOf("a")))),
    "picture",
  ],
  ["PNG with a part of 4 GiB", bytesOf(signature, ihdr(8, 8), chunk("IDAT", zeros, 0xffffffff))],
  ["PNG of colour type 7", png(ihdr(8, 8, 8, 7), zeros)],
  ["PNG with a palette that is not there", png(ihdr(8, 8, 8, 3), zeros)],
  ["PNG of 3 bits", png(ihdr(8, 8, 3), zeros)],
  ["PNG without pixels", bytesOf(signature, ihdr(8, 8), end)],
  [
    "PNG with two headers",
    bytesOf(signature, ihdr(8, 8), ihdr(9000, 9000), chunk("IDAT", zeros), end),
  ],
  ["PNG of 2^32 frames", small(chunk("acTL", bytesOf(be32(0xffffffff), be32(0)))), "picture"],
  ["JPEG of 65,535 x 65,535", resizedJpeg("quality_90.jpg", 65_535, 65_535)],
  ["progressive JPEG of 65,500 x 65,500", resizedJpeg("progressive.jpg", 65_500, 65_500)],
  ["JPEG just above the limit", resizedJpeg("quality_90.jpg", 8001, 8000)],
  ["JPEG of no columns", resizedJpeg("quality_90.jpg", 0, 10)],
  ["JPEG with 2,000 scans", manyScans(2000), "picture"],
  ["JPEG without tables", jpeg(sof(100, 100), [0xda, bytesOf([1, 1, 0, 0, 63, 0])])],
  ["JPEG of 200 components", jpeg(sof(100, 100, 200))],
  ["JPEG that is a frame alone", jpeg(sof(100, 100))],
  [
    "WebP of 16,383 x 16,383",
    webp("VP8L", bytesOf([0x2f, 0xfe, 0xff, 0xff, 0x0f], new Uint8Array(50))),
  ],
  [
    "WebP with a canvas of 2^24 x 2^24",
    webp("VP8X", bytesOf([0x02, 0, 0, 0, 255, 255, 255, 255, 255, 255], new Uint8Array(50))),
  ],
  ["WebP that says 4 GiB", webp("VP8 ", new Uint8Array(50), 0xffffffff)],
  ["TIFF of 2^31 x 2^31", greyTiff(2 ** 31 - 1, 2 ** 31 - 1, zeros)],
  ["TIFF just above the limit", greyTiff(8001, 8000, zeros)],
  ["TIFF with 100 MiB behind 8 x 8", greyTiff(8, 8, zeros), "picture"],
  [
    "TIFF whose next folder is itself",
    greyTiff(8, 8, deflateSync(new Uint8Array(64)), 8),
    "picture",
  ],
  [
    "TIFF with strips beyond the file",
    tiff([[256, 4, 1, 8], [257, 4, 1, 8], [273, 4, 1, 1e9], [279, 4, 1, 1e9]], 0),
  ],
  [
    "TIFF with a list of 2^31 strips",
    tiff([[256, 4, 1, 8], [257, 4, 1, 8], [273, 4, 2 ** 31, 8], [279, 4, 2 ** 31, 8]], 0),
  ],
  [
    "TIFF with a tile of 2^31",
    tiff([[256, 4, 1, 8], [257, 4, 1, 8], [322, 4, 1, 2 ** 31], [323, 4, 1, 2 ** 31]], 0),
  ],
  ["TIFF whose folder is beyond the file", bytesOf("II", le16(42), le32(0xfffffff0))],
  [
    "TIFF of 64 bits with 2^60 entries",
    bytesOf("II", le16(43), le16(8), le16(0), le32(16), le32(0), le32(0), le32(1 << 28)),
  ],
  ["BMP of 2^31 - 1 columns", bmp(2 ** 31 - 1, 2 ** 31 - 1)],
  ["BMP of -2^31 rows", bmp(1, -(2 ** 31))],
  ["BMP without pixels", bmp(8000, 8000)],
  ["BMP packed by runs", bmp(8000, 8000, 8, 1)],
  ["BMP with 2^32 - 1 colours", bmp(8, 8, 8, 0, 0xffffffff)],
  ["SVG that doubles a text a billion times", bytesOf(laughs)],
  ["SVG that names a file", bytesOf('<svg><image href="file:///etc/passwd"/></svg>')],
  ["GIF", bytesOf("GIF89a", le16(65_535), le16(65_535), new Uint8Array(50))],
  ["PDF", bytesOf("%PDF-1.7\n")],
  ["HEIF", bytesOf(be32(24), "ftypheic", new Uint8Array(50))],
  ["AVIF", bytesOf(be32(24), "ftypavif", new Uint8Array(50))],
  ["JPEG XL", bytesOf([0xff, 0x0a], new Uint8Array(50))],
  ["EXR", bytesOf([0x76, 0x2f, 0x31, 0x01], new Uint8Array(50))],
  ["picture of vips", bytesOf([0x08, 0xf2, 0xa6, 0xb6], new Uint8Array(50))],
  ["FITS", bytesOf("SIMPLE  =                    T")],
  ["netpbm", bytesOf("P6 100000 100000 255\n")],
  ["HDR", bytesOf("#?RADIANCE\n")],
  ["text", bytesOf("This is no image.")],
  ["nothing", bytesOf()],
  ["zip", bytesOf("PK\x03\x04", new Uint8Array(50))],
];

Deno.test("S6: hostile images are refused or read as what they are, in bounded time and memory", async (t) => {
  assert.ok(files.length >= 30);
  await decodeImage(fixture("rgb.png"), "warm.png"); // loads the library before anything is measured
  for (const [title, bytes, may] of files) {
    await t.step(title, () =>
      assertBoundedAsync(title, async () => {
        for (const read of [describeImage, decodeImage]) {
          const outcome = await read(bytes, "x.png").then((image) => image, (error) => error);
          if (outcome instanceof Error) {
            assert.ok(outcome instanceof DataError, `${title}: ${outcome}`);
            assert.match(outcome.message, /^Cannot read x\.png: /);
            assert.ok(outcome.remedy!.length > 0);
            continue;
          }
          assert.ok(read === describeImage || may === "picture", `${title} was read`);
          const { width, height } = outcome;
          assert.ok(width > 0 && height > 0 && width * height <= imageLimits.pixels);
          if (!("data" in outcome)) continue;
          assert.equal(outcome.data.length, width * height * 3);
          assert.ok(width <= 100, title);
        }
      }));
  }
});

Deno.test("S6: a picture is told by its content, whatever it is called", async () => {
  const image = { width: 3, height: 2, data: new Uint8Array(18).map((_, i) => i * 9) };
  const bytes = await encodePng(image);
  for (const name of ["a.jpg", "a.txt", "a", "a.png.exe", "../a.png", "a\u0000.png"]) {
    assert.deepEqual(await decodeImage(bytes, name), image);
  }
});

Deno.test("S6: a file above the size limit is refused before it is looked at", async () => {
  const large = new Uint8Array(imageLimits.bytes + 1);
  large.set(fixture("rgb.png"));
  await assertBoundedAsync("large", async () => {
    await assert.rejects(decodeImage(large, "large.png"), /more than 64000000/);
  });
});
