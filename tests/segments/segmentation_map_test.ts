import assert from "node:assert/strict";
import fc from "fast-check";
import { DataError, type HarnessError, UsageError } from "../../lib/base/errors.ts";
import { encodePng } from "../../lib/images/decode.ts";
import { labelPngBytes } from "../../lib/images/label_png.ts";
import {
  loadSegmentationMap,
  namedMaps,
  resizeSegmentationMap,
  ringsMap,
  segmentationMapDigest,
  segmentIndex,
  wholeMap,
} from "../../lib/segments/segmentation_map.ts";

/** A folder of files for one test; removed at its end. */
async function withFolder(
  files: Readonly<Record<string, Uint8Array | string>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A label PNG whose rows are given as texts of digits. */
function labelPng(...rows: string[]): Uint8Array {
  const data = Uint8Array.from(rows.join(""), Number);
  return labelPngBytes({ width: rows[0].length, height: rows.length, data });
}

function assertRefused(
  kind: typeof DataError | typeof UsageError,
  message: RegExp,
  remedy: RegExp,
): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    assert.match((error as HarnessError).remedy ?? "", remedy);
    return true;
  };
}

Deno.test("the map vad has the seven segments of Figure 5", async () => {
  const map = await loadSegmentationMap("vad", 256, { images: { width: 512, height: 512 } });
  assert.deepEqual([map.name, map.height, map.width, map.labels.length], ["vad", 256, 256, 65536]);
  assert.equal(map.segments.length, 7);
  const { offsets } = segmentIndex(map);
  map.segments.forEach((name, s) => assert.ok(offsets[s + 1] > offsets[s], `${name} is empty`));
});

Deno.test("rings are of equal width and the outermost takes the corners", () => {
  const map = ringsMap(4, 256);
  const at = (y: number, x: number) => map.labels[y * 256 + x];
  assert.deepEqual(map.segments, ["ring 1", "ring 2", "ring 3", "ring 4"]);
  // Along the middle row: ring k covers 32 pixels on either side.
  const row = Array.from({ length: 128 }, (_, x) => at(128, 128 + x));
  assert.deepEqual(row, Array.from({ length: 128 }, (_, x) => Math.floor(x / 32)));
  assert.deepEqual([at(0, 0), at(255, 0), at(0, 255), at(255, 255)], [3, 3, 3, 3]);
  // Rings are nested discs: ring 1 has the area of a disc of radius 32.
  const { offsets } = segmentIndex(map);
  assert.ok(Math.abs(offsets[1] / (Math.PI * 32 * 32) - 1) < 0.01);
});

Deno.test("rings and whole cover every pixel at any size", () => {
  const count = fc.integer({ min: 1, max: 64 });
  fc.assert(fc.property(count, fc.integer({ min: 1, max: 40 }), (count, size) => {
    const { labels, segments } = ringsMap(count, size);
    assert.equal(segments.length, count);
    assert.ok(labels.every((label) => label < count));
    assert.ok(size < 2 || labels[0] === Math.min(count - 1, Math.max(...labels)));
  }));
  assert.deepEqual(wholeMap(3).labels, new Uint8Array(9));
});

Deno.test("resizing reads labels at pixel centres and never mixes them", () => {
  const map = {
    name: "strip",
    height: 1,
    width: 8,
    labels: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7),
    segments: ["a", "b", "c", "d", "e", "f", "g", "h"],
  };
  // floor((i + 0.5) 8 / 3) = 1, 4, 6, as PIL's NEAREST; torch's nearest would read 0, 2, 5.
  assert.deepEqual([...resizeSegmentationMap(map, 1, 3).labels], [1, 4, 6]);
  assert.deepEqual([...resizeSegmentationMap(map, 2, 4).labels], [1, 3, 5, 7, 1, 3, 5, 7]);
  assert.deepEqual(
    [...resizeSegmentationMap(map, 1, 16).labels],
    Array.from({ length: 16 }, (_, i) => i >> 1),
  );
});

Deno.test("a label image with a legend beside it is loaded and resized", async () => {
  const files = {
    "board.png": labelPng("0011", "0011", "2211", "2211"),
    "board.json": '{"segments": ["ground", "chip", "pins"], "width": 4, "height": 4}',
  };
  await withFolder(files, async (folder) => {
    const images = { width: 4, height: 4 };
    const map = await loadSegmentationMap(`${folder}/board.png`, 2, { images });
    assert.deepEqual(map, {
      name: "board",
      height: 2,
      width: 2,
      labels: Uint8Array.of(0, 1, 2, 1),
      segments: ["ground", "chip", "pins"],
    });
  });
});

Deno.test("a label image without a legend names its segments by number", async () => {
  await withFolder({ "a.png": labelPng("02", "11") }, async (folder) => {
    const map = await loadSegmentationMap(`${folder}/a.png`, 2);
    assert.deepEqual(map.segments, ["segment 0", "segment 1", "segment 2"]);
  });
});

Deno.test("named maps are found in subfolders and scale, but do not stretch", async () => {
  await withFolder({}, async (folder) => {
    await Deno.mkdir(`${folder}/visa`);
    await Deno.writeFile(`${folder}/visa/pcb1.png`, labelPng("01", "01"));
    assert.deepEqual(await namedMaps(folder), ["visa/pcb1"]);
    const load = (width: number, height: number) =>
      loadSegmentationMap("visa/pcb1", 4, { folder, images: { width, height } });
    assert.deepEqual([...(await load(300, 300)).labels.subarray(0, 4)], [0, 0, 1, 1]);
    await assert.rejects(
      load(640, 480),
      assertRefused(DataError, /drawn for images of 2 x 2 .* 640 x 480, another aspect/, /rings:N/),
    );
  });
});

Deno.test("a label image of another size than the images is refused", async () => {
  await withFolder({ "a.png": labelPng("01", "01") }, async (folder) => {
    const load = (size: number, width: number, height: number) =>
      loadSegmentationMap(`${folder}/a.png`, size, { images: { width, height } });
    await assert.rejects(
      load(256, 300, 300),
      assertRefused(
        DataError,
        /a\.png: it has 2 x 2 pixels, and the images have 300 x 300/,
        /Draw the map on an image of the data set \(300 x 300\), or on one resized to 256 x 256/,
      ),
    );
    await assert.rejects(load(256, 2, 1), DataError);
    assert.equal((await load(2, 300, 300)).labels.length, 4); // already at the size that is used
    assert.equal((await load(256, 2, 2)).labels.length, 65536);
  });
});

Deno.test("labels that do not fit their names are refused", async () => {
  const refused = (files: Record<string, Uint8Array | string>, message: RegExp, remedy: RegExp) =>
    withFolder(files, async (folder) => {
      await assert.rejects(
        loadSegmentationMap(`${folder}/a.png`, 2),
        assertRefused(DataError, message, remedy),
      );
    });
  const png = labelPng("01", "03");
  await refused({ "a.png": png }, /no pixel has label 2 \("segment 2"\), of 4/, /without gaps/);
  const twoNames = '{"segments": ["a", "b"]}';
  await refused(
    { "a.png": png, "a.json": twoNames },
    /label 3 has no name, .*a\.json names 2 segments \(labels 0 to 1\)/,
    /Add the missing names/,
  );
  await refused(
    { "a.png": labelPng("00", "00"), "a.json": twoNames },
    /no pixel has label 1 \("b"\), of 2/,
    /without gaps/,
  );
  const spread = labelPngBytes({ width: 2, height: 1, data: Uint8Array.of(0, 255) });
  await refused({ "a.png": spread }, /it has a label 255, and labels go from 0 to 63/, /Number/);
});

Deno.test("a label image in colour, cut short or without content is refused", async () => {
  const colour = await encodePng({ width: 2, height: 2, data: new Uint8Array(12).fill(9) });
  const good = labelPng("01", "10");
  for (const bytes of [colour, good.subarray(0, 40), new Uint8Array(0)]) {
    await withFolder({ "a.png": bytes }, async (folder) => {
      await assert.rejects(
        loadSegmentationMap(`${folder}/a.png`, 2),
        assertRefused(DataError, /Cannot read labels from .*a\.png: /, /8-bit grey or palette PNG/),
      );
    });
  }
});

Deno.test("a damaged or wrong legend is refused", async () => {
  const names = Array.from({ length: 65 }, (_, i) => `s${i}`);
  const cases: [string, RegExp][] = [
    ["{", /it is not JSON/],
    ['{"segments": []}', /legend\.segments: /],
    ['{"segments": "part"}', /legend\.segments: /],
    ['{"segments": ["part", ""]}', /legend\.segments\.1: /],
    ['{"segments": ["part", "part"]}', /two segments are named "part"/],
    [JSON.stringify({ segments: names }), /legend\.segments: /],
    ['{"segments": ["a", "b"], "width": 512, "height": 512}', /2 x 2 pixels, .* says 512 x 512/],
  ];
  for (const [legend, message] of cases) {
    await withFolder({ "a.png": labelPng("01", "10"), "a.json": legend }, async (folder) => {
      await assert.rejects(
        loadSegmentationMap(`${folder}/a.png`, 2),
        assertRefused(DataError, message, /./),
      );
    });
  }
});

Deno.test("an unknown name, a missing file and a wrong number of rings say what there is", async () => {
  await assert.rejects(
    loadSegmentationMap("vadd", 4),
    assertRefused(UsageError, /Unknown segmentation map "vadd": did you mean "vad"\?/, /whole/),
  );
  await assert.rejects(
    loadSegmentationMap("masks/board.png", 4),
    assertRefused(DataError, /masks\/board\.png: there is no such file/, /rings:N, vad/),
  );
  for (const spec of ["rings:0", "rings:65", "rings:x", "rings:", "rings:1.5"]) {
    await assert.rejects(
      loadSegmentationMap(spec, 4),
      assertRefused(UsageError, /Cannot make segmentation map "rings:/, /N from 1 to 64/),
    );
  }
  await assert.rejects(loadSegmentationMap("whole", 0), RangeError);
});

Deno.test("the digest follows labels, names and size, and not the name of the map", () => {
  const map = ringsMap(3, 16);
  const digest = segmentationMapDigest(map);
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(segmentationMapDigest({ ...map, name: "other" }), digest);
  const labels = map.labels.slice();
  labels[0] = 0;
  const changed = [
    { ...map, labels },
    { ...map, segments: ["a", "b", "c"] },
    { ...map, height: 8, width: 32 },
  ];
  for (const other of changed) assert.notEqual(segmentationMapDigest(other), digest);
});

Deno.test("segmentIndex() lists each pixel once, in order, and leaves unnamed labels out", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 100, max: 4 }), (labels) => {
    const segments = ["a", "b", "c"];
    const map = { name: "any", height: 1, width: labels.length, labels, segments };
    const { offsets, pixels } = segmentIndex(map);
    segments.forEach((_, s) => {
      const expected = [...labels.keys()].filter((i) => labels[i] === s);
      assert.deepEqual([...pixels.subarray(offsets[s], offsets[s + 1])], expected);
    });
    assert.equal(offsets[3], pixels.length);
  }));
  assert.throws(() => segmentIndex({ ...wholeMap(2), height: 3 }), RangeError);
});
