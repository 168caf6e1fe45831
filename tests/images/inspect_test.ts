import assert from "node:assert/strict";
import { join } from "node:path";
import { describeInspection, inspectFolder, type Inspection } from "../../lib/images/inspect.ts";
import { type MadeFiles, makePng, vadFiles, withFolder } from "./made_folder.ts";

function fixture(name: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(`../fixtures/pillow/images/${name}`, import.meta.url));
}

/** `severity path: message` of each problem. */
function problemsOf({ problems }: Inspection): string[] {
  return problems.map(({ severity, path, message }) =>
    `${severity} ${path === undefined ? "" : `${path}: `}${message}`
  );
}

async function inspected(files: MadeFiles): Promise<string[]> {
  let problems: string[] = [];
  await withFolder(files, async (root) => {
    problems = problemsOf(await inspectFolder(root)).map((line) => line.replaceAll(root, "ROOT"));
  });
  return problems;
}

Deno.test("inspectFolder() counts what a sound folder holds and finds no problem", async () => {
  const files = { ...vadFiles, "low_shot_train.json": '{"0": ["d.png"]}' };
  await withFolder(files, async (root) => {
    const inspection = await inspectFolder(root);
    assert.deepEqual(problemsOf(inspection), []);
    const bytes = (await makePng(1)).length + (await makePng(2)).length;
    assert.deepEqual(inspection.groups[0], {
      path: "train/good",
      images: 2,
      unreadable: 0,
      bytes,
      formats: { png: 2 },
      modes: { RGB: 2 },
      sizes: { "9x9": 2 },
    });
    assert.deepEqual(inspection.lowShot, { "0": 1 });
    assert.deepEqual(inspection.published?.counts[0], {
      part: "train/good",
      published: 2000,
      found: 2,
    });
    assert.deepEqual(describeInspection(inspection).map((line) => line.replace(root, "ROOT")), [
      "ROOT: layout vad, 8 images",
      "  train/good      2  0.0 MB  png  RGB  9x9",
      "  train/bad       2  0.0 MB  png  RGB  9x9",
      "  test/good       2  0.0 MB  png  RGB  9x9",
      "  test/bad        2  0.0 MB  png  RGB  9x9",
      '  low-shot lists: "0" 1',
      "  This is not VAD as published (train/good 2000, train/bad 1000, test/good 1000, " +
      "test/bad 835, test/bad_unseen_defects 165).",
      "No problems.",
    ]);
  });
});

Deno.test("inspectFolder() names every unreadable file with its reason", async () => {
  const jpeg = await fixture("quality_90.jpg");
  const huge = await makePng(70);
  new DataView(huge.buffer).setUint32(16, 20_000);
  new DataView(huge.buffer).setUint32(20, 20_000);
  const problems = await inspected({
    ...vadFiles,
    "train/good/cut.jpg": jpeg.slice(0, 1000),
    "train/good/text.png": "not an image",
    "test/bad/empty.png": "",
    "test/bad/huge.png": huge,
  });
  const errors = problems.filter((line) => line.startsWith("error"));
  assert.equal(errors.length, 4);
  assert.match(errors[0], /^error train\/good\/cut\.jpg: .+\.$/);
  assert.match(
    errors[1],
    /^error train\/good\/text\.png: It is not a PNG, JPEG, WebP, TIFF or BMP/,
  );
  assert.equal(errors[2], "error test/bad/empty.png: The file is empty.");
  assert.equal(
    errors[3],
    "error test/bad/huge.png: 20000 x 20000 pixels are more than 64 megapixels.",
  );
});

Deno.test("inspectFolder() names each file that is there more than once", async () => {
  assert.deepEqual(
    await inspected({
      ...vadFiles,
      "train/good/again.png": 1,
      "test/good/copy.png": 1,
      "test/bad/e.png": 5,
    }),
    [
      "warning test/good/copy.png: The same content as train/good/a.png: the image is there in " +
      "training and in test.",
      "warning test/bad/e.png: The same content as test/good/e.png: the image is there as good " +
      "and as bad.",
      "warning train/good/again.png: The same content as train/good/a.png: the image is there twice.",
    ],
  );
});

Deno.test("inspectFolder() lists every fault of a layout, with near-miss names", async () => {
  assert.deepEqual(
    await inspected({
      "train/good/a.png": 1,
      "train/baad/b.png": 2,
      "test/good/c.txt": "",
      "test/bad/d.png": 3,
      "test/bad_unseen_defect/e.png": 4,
      "low_shot_train.json": '{"1": ["b.png"]}',
    }),
    [
      "error It has no folder train/bad (is train/baad meant?).",
      "error Its folder test/good holds no image.",
      'error List "1" of its low_shot_train.json names b.png, which is not in train/bad.',
      "warning The folder train/baad is not read (is train/bad meant?).",
      "warning The folder test/bad_unseen_defect is not read (is test/bad_unseen_defects meant?).",
      "warning test/good holds files that are not read: c.txt.",
    ],
  );
});

/** What `data inspect` prints below the counts. */
async function explained(files: MadeFiles): Promise<string> {
  let lines: string[] = [];
  await withFolder(files, async (root) => {
    lines = describeInspection(await inspectFolder(root)).map((line) => line.replace(root, "ROOT"));
  });
  return lines.slice(lines.findIndex((line) => /^\d+ error/.test(line))).join("\n");
}

Deno.test("VisA without its table is told which file is missing and where it is", async () => {
  const text = await explained({
    "candle/Data/Images/Normal/0000.JPG": 1,
    "candle/Data/Images/Anomaly/000.JPG": 2,
    "candle/image_anno.csv": "image,label,mask\n",
  });
  assert.equal(
    text,
    "1 error, 0 warnings:\n" +
      "  error: It has no file split_csv/1cls.csv, the table that says which images train and " +
      "which test; it lies beside the class folders in the download, and in the repository " +
      "amazon-science/spot-diff.\n" +
      "  The folder should hold split_csv/1cls.csv (columns object, split, label, image, mask) and " +
      "the images that it names, e.g. candle/Data/Images/Normal/0000.JPG.",
  );
});

Deno.test("VisA without masks is told that it has no AUPRO, and may be used", async () => {
  const text = await explained({
    "split_csv/1cls.csv": "object,split,label,image,mask\n" +
      "a,train,normal,a/1.png,\na,test,normal,a/2.png,\na,test,anomaly,a/3.png,a/m/3.png\n",
    "a/1.png": 1,
    "a/2.png": 2,
    "a/3.png": 3,
  });
  assert.equal(
    text,
    "0 errors, 1 warning:\n  warning: 1 masks that split_csv/1cls.csv names are missing, without " +
      "which there is no AUPRO: a/m/3.png.",
  );
});

Deno.test("a class of MVTec AD without good images is told what a class holds", async () => {
  const class1 = { "a/test/good/1.png": 1, "a/test/cut/1.png": 2, "a/ground_truth/cut/1.png": 3 };
  const shape =
    "  The folder should hold one folder a class, each with train/good, test/good and " +
    "test/<defect> for each type of defect, and as it likes ground_truth/<defect>.";
  assert.equal(
    await explained({ ...class1, "a/train/1.png": 4 }),
    "1 error, 1 warning:\n  error: It has no folder a/train/good.\n" +
      `  warning: a/train holds files that are not read: 1.png.\n${shape}`,
  );
  assert.equal(
    await explained({ ...class1, "a/train/god/1.png": 4, "b/train/good/1.png": 5 }),
    "2 errors, 1 warning:\n" +
      "  error: It has no folder a/train/good (is a/train/god meant?).\n" +
      "  error: It has no folder b/test.\n" +
      `  warning: The folder a/train/god is not read (is a/train/good meant?).\n${shape}`,
  );
});

Deno.test("inspectFolder() warns of files that PIL reads otherwise than one might think", async () => {
  const problems = await inspected({
    ...vadFiles,
    "train/good/deep.png": await fixture("grey_16_bits.png"),
    "train/bad/deep2.png": await fixture("grey_16_bits_transparent.png"),
    "train/good/turned.jpg": await fixture("exif_rotated.jpg"),
    "train/bad/named.jpeg": await fixture("rgb.png"),
    "test/good/alpha.png": await fixture("rgba.png"),
  });
  assert.deepEqual(problems, [
    "warning train/good/deep.png: 16-bit grey: values above 255 all become white, as in PIL. Save " +
    "it with 8 bits.",
    "warning train/bad/deep2.png: 16-bit grey: values above 255 all become white, as in PIL. Save " +
    "it with 8 bits.",
    "warning 1 image of another format than the name says, read by content: train/bad/named.jpeg.",
    "warning 1 image with an EXIF rotation, which is not applied, as in PIL: train/good/turned.jpg.",
    "warning 1 image with transparency, which is dropped, as in PIL: test/good/alpha.png.",
    "warning Images of vad have 2 ratios of width to height (1.00 8, 1.29 5); each is stretched to " +
    "a square.",
  ]);
});

Deno.test("inspectFolder() warns where format, mode or size give the label away", async () => {
  const jpeg = await fixture("grey.jpg");
  const other = await fixture("grey_4_bits.png");
  const problems = await inspected({
    "train/good/a.png": 1,
    "test/good/b.png": 2,
    "train/bad/c.jpg": jpeg,
    "test/bad/d.jpg": other,
  });
  const expected = [
    "mode (good RGB; bad L, L;4)",
    "size (good 9x9; bad 45x35, 44x35)",
  ].map((what) =>
    `warning Good and bad images of vad differ in ${what}: a method can tell them apart by that alone.`
  );
  assert.deepEqual(problems.filter((line) => line.includes("tell them apart")).sort(), expected);
});

Deno.test("inspectFolder() tells what a folder of no layout holds", async () => {
  await withFolder({ "a.png": 1 }, async (root) => {
    for (
      const [path, pattern] of [
        [root, /holds a\.png, which is no known layout\. Layout/],
        [join(root, "x"), /no such folder\./],
        [join(root, "a.png"), /is a file, not a folder\./],
      ] as const
    ) {
      const inspection = await inspectFolder(path);
      assert.equal(inspection.problems.length, 1);
      assert.match(inspection.problems[0].message, pattern);
      assert.match(describeInspection(inspection).join("\n"), /^1 error, 0 warnings:\n {2}error: /);
    }
  });
});

Deno.test("describeInspection() stays one line a problem for hostile names", async () => {
  const hostile = "train/good/\x1b[2J\nerror: x\u202e.png";
  await withFolder({ ...vadFiles, [hostile]: "text" }, async (root) => {
    const lines = describeInspection(await inspectFolder(root));
    // deno-lint-ignore no-control-regex
    for (const line of lines) assert.doesNotMatch(line, /[\x00-\x1f\u202e]/);
    assert.equal(lines.filter((line) => line.startsWith("  error: ")).length, 1);
    assert.ok(lines.some((line) => line.includes(String.raw`\u001b[2J\nerror: x\u202e.png`)));
  });
});
