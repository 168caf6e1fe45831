import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { parseNpy } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { decodeImage, decodeLabels, describeImage, encodePng } from "../../lib/images/decode.ts";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import { resizeImage } from "../../lib/images/resize.ts";

const fixtures = new URL("../fixtures/pillow/", import.meta.url);
const shared = new URL("../../../shared/data/casting/", import.meta.url);

interface Decoded {
  readonly file: string;
  readonly mode: string;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

const decoded: Decoded[] = JSON.parse(Deno.readTextFileSync(new URL("decoded.json", fixtures)));
const resized = parseNpy(Deno.readFileSync(new URL("resized.npy", fixtures)));

function fixture(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`images/${name}`, fixtures));
}

Deno.test("decodeImage() gives PIL's pixels for every format and mode, and its resize", async (t) => {
  assert.ok(decoded.length > 50);
  for (const [i, expected] of decoded.entries()) {
    await t.step(`${expected.file} (${expected.mode})`, async () => {
      const image = await decodeImage(fixture(expected.file), expected.file);
      assert.deepEqual([image.width, image.height], [expected.width, expected.height]);
      const small = resizeImage(image, 24).data;
      const reference = resized.data.subarray(i * small.length, (i + 1) * small.length);
      let difference = 0;
      for (let k = 0; k < small.length; k++) {
        difference += Math.abs(small[k] - Number(reference[k]));
      }
      assert.equal(difference / small.length, 0, "mean absolute difference in grey levels");
      assert.equal(sha256(image.data), expected.sha256);
    });
  }
});

const castingThere = await Deno.stat(shared).then(() => true, () => false);
if (!castingThere) console.log("skipped: the casting images are not installed");
Deno.test({
  name: "decoding and resizing give Pillow's bytes for real JPEGs",
  ignore: !castingThere,
  async fn() {
    const casting = JSON.parse(await Deno.readTextFile(new URL("casting.json", fixtures)));
    for (const expected of casting) {
      const bytes = await Deno.readFile(new URL(expected.file, shared));
      assert.equal(sha256(bytes), expected.sha256, expected.file);
      const image = await decodeImage(bytes, expected.file);
      assert.equal(sha256(image.data), expected.decoded);
      assert.equal(sha256(resizeImage(image, 256).data), expected.resized);
    }
  },
});

Deno.test("describeImage() tells size and mode from the header", async () => {
  const cases: [string, string, string][] = [
    ["rgb.png", "png", "RGB"],
    ["palette.png", "png", "P"],
    ["grey_16_bits.png", "png", "L;16"],
    ["rgba_16_bits.png", "png", "RGBA;16"],
    ["quality_90.jpg", "jpeg", "RGB"],
    ["cmyk_adobe.jpg", "jpeg", "CMYK"],
    ["exif_rotated.jpg", "jpeg", "RGB"],
    ["grey.bmp", "bmp", "P"],
    ["grey_16_bits.tif", "tiff", "L;16"],
    ["rgba.webp", "webp", "RGBA"],
  ];
  for (const [file, format, mode] of cases) {
    const description = await describeImage(fixture(file), file);
    assert.deepEqual(description, {
      format,
      width: 45,
      height: 35,
      mode,
      orientation: file.startsWith("exif") ? 6 : 1,
    }, file);
  }
});

Deno.test("a truncated file is an error or the whole picture, at every length", async (t) => {
  const files = [
    "rgb.png",
    "quality_90.jpg",
    "progressive.jpg",
    "palette.png",
    "rgb.bmp",
    "lzw.tif",
    "lossless.webp",
    "lossy.webp",
  ];
  for (const file of files) {
    await t.step(file, async () => {
      const bytes = fixture(file);
      const whole = sha256((await decodeImage(bytes, file)).data);
      const step = Math.max(1, Math.floor(bytes.length / 150));
      let refused = 0;
      for (let length = bytes.length - 1; length >= 0; length -= length > 100 ? step : 1) {
        try {
          const image = await decodeImage(bytes.subarray(0, length), file);
          assert.equal(sha256(image.data), whole, `another picture from ${length} bytes`);
        } catch (error) {
          assert.ok(error instanceof DataError, `${error}`);
          assert.match(error.message, new RegExp(`^Cannot read ${file}: `));
          refused++;
        }
      }
      assert.ok(refused > 50, `only ${refused} refused`);
    });
  }
});

Deno.test("a PNG with one changed bit is an error or the whole picture", async () => {
  const bytes = fixture("rgb.png");
  const whole = sha256((await decodeImage(bytes, "rgb.png")).data);
  for (let at = 0; at < bytes.length; at += 37) {
    const changed = bytes.slice();
    changed[at] ^= 1 << (at & 7);
    await decodeImage(changed, "rgb.png").then(
      (image) => assert.equal(sha256(image.data), whole, `bit of byte ${at}`),
      (error) => assert.ok(error instanceof DataError, `${error}`),
    );
  }
});

/** A PNG header for a picture of any size, followed by almost nothing. */
function hugePng(width: number, height: number): Uint8Array {
  const bytes = fixture("rgb.png");
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return bytes;
}

Deno.test("bad input is a DataError that names file and value, with a remedy", async () => {
  const text = new TextEncoder();
  const cases: [string, Uint8Array, RegExp][] = [
    ["notes.png", text.encode("These are my notes."), /is not a PNG, JPEG.*54 68 65 73 65/],
    ["empty.png", new Uint8Array(0), /the file is empty/],
    ["picture.svg", text.encode('<svg width="9" height="9"/>'), /is not a PNG/],
    ["movie.gif", text.encode("GIF89a"), /is not a PNG/],
    ["huge.png", hugePng(20_000, 20_000), /20000 x 20000 pixels are more than 64 megapixels/],
    ["nothing.png", hugePng(0, 5), /size is 0 x 5/],
    ["lies.png", hugePng(7_000, 7_000), /Cannot read lies\.png: ./],
    ["large.png", new Uint8Array(64_000_001), /has 64000001 bytes, more than 64000000/],
    ["beginning.jpg", new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 16]), /Cannot read beginning/],
    ["half.jpg", fixture("quality_90.jpg").slice(0, 900), /Cannot read half\.jpg: ./],
    ["rle.bmp", fixture("rgb.bmp").fill(1, 30, 31), /compression 1 is unsupported/],
  ];
  for (const [name, bytes, pattern] of cases) {
    await assert.rejects(decodeImage(bytes, name), (error) => {
      assert.ok(error instanceof DataError, `${name}: ${error}`);
      assert.match(error.message, pattern);
      assert.ok(error.message.startsWith(`Cannot read ${name}: `), error.message);
      assert.ok(error.remedy);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  }
});

Deno.test("kinds of TIFF that would give a wrong picture are refused", async () => {
  for (
    const [file, pattern] of [
      ["ycbcr.tif", /a TIFF of YCbCr pixels is not supported$/],
      ["float.tif", /pixels of kind b-w with float samples are not supported$/],
      ["int32.tif", /pixels of kind b-w with int samples are not supported$/],
    ] as const
  ) {
    const bytes = await Deno.readFile(new URL(`refused/${file}`, fixtures));
    await assert.rejects(decodeImage(bytes, file), (error) => {
      assert.ok(error instanceof DataError && pattern.test(error.message), `${error}`);
      return true;
    });
  }
});

Deno.test("damaged files of every format give a DataError or a picture, never another error", async () => {
  const random = new RandomState(5);
  for (const { file } of decoded) {
    const bytes = fixture(file);
    for (let round = 0; round < 8; round++) {
      const changed = bytes.slice();
      for (let k = random.integer(4); k >= 0; k--) {
        changed[random.integer(changed.length)] = random.integer(256);
      }
      try {
        const { width, height, data } = await decodeImage(changed, file);
        assert.equal(data.length, width * height * 3);
      } catch (error) {
        assert.ok(error instanceof DataError, `${file}: ${error}`);
      }
    }
  }
});

Deno.test("a 20,000 x 20,000 PNG is refused before any of it is decoded", async () => {
  const start = performance.now();
  await assert.rejects(decodeImage(hugePng(20_000, 20_000), "huge.png"), DataError);
  assert.ok(performance.now() - start < 500);
});

Deno.test("encodePng() is lossless", async () => {
  const data = new Uint8Array(23 * 17 * 3).map((_, i) => (i * i * 13) & 255);
  const image = { width: 23, height: 17, data };
  assert.deepEqual(await decodeImage(await encodePng(image), "made.png"), image);
  await assert.rejects(encodePng({ ...image, width: 24 }), RangeError);
});

Deno.test("decodeLabels() keeps greys and palette indices, and refuses other images", () => {
  const data = new Uint8Array(31 * 9).map((_, i) => i % 7);
  const labels = { width: 31, height: 9, data };
  assert.deepEqual(decodeLabels(labelPngBytes(labels), "made.png"), labels);
  for (
    const [name, pattern] of [
      ["rgb.png", /one channel of 8 bits/],
      ["grey_16_bits.png", /16 bits a sample, colour type 0/],
      ["grey_4_bits.png", /4 bits a sample/],
      ["quality_90.jpg", /not a PNG/],
    ] as const
  ) {
    assert.throws(() => decodeLabels(fixture(name), name), (error) => {
      assert.ok(error instanceof DataError && pattern.test(error.message), `${error}`);
      return true;
    });
  }
});

Deno.test("decodeLabels() gives PIL's indices for palettes and its greys for filtered rows", () => {
  // Fixtures: np.array(Image.open(file)), for a palette of 8 and of 4 bits and for grey.
  const expected = JSON.parse(Deno.readTextFileSync(new URL("labels.json", fixtures)));
  for (const { file, sha256: digest } of expected) {
    assert.equal(sha256(decodeLabels(fixture(file), file).data), digest, file);
  }
});

Deno.test("decodeLabels() refuses every truncation and every changed byte of a PNG", () => {
  const bytes = labelPngBytes({ width: 8, height: 8, data: new Uint8Array(64).map((_, i) => i) });
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeLabels(bytes.subarray(0, length), "l.png"), DataError, `${length}`);
  }
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] ^= 4;
    assert.throws(() => decodeLabels(changed, "l.png"), DataError, `byte ${at}`);
  }
});
