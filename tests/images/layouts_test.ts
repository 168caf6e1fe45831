import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { openDataset } from "../../lib/images/datasets.ts";
import { pixelReader } from "../../lib/images/pixels.ts";
import { type MadeFiles, withFolder } from "./made_folder.ts";

async function refusal(files: MadeFiles): Promise<string> {
  let message = "";
  await withFolder(files, async (root) => {
    const error: unknown = await openDataset(root).then(() => undefined, (reason) => reason);
    assert.ok(error instanceof DataError, `${error}`);
    assert.ok(!error.message.includes("\n") && error.remedy !== undefined);
    message = error.message.replaceAll(root, "ROOT");
  });
  return message;
}

const visaFiles: MadeFiles = {
  "split_csv/1cls.csv": "\ufeffobject,split,label,image,mask\n" +
    "pcb1,train,normal,pcb1/Data/Images/Normal/0001.JPG,\n" +
    "candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png\n" +
    "candle,train,normal,candle/Data/Images/Normal/0002.JPG,\r\n" +
    "candle,train,normal,candle/Data/Images/Normal/0001.JPG,\n" +
    "candle,test,normal,candle/Data/Images/Normal/0000.JPG,\n",
  "candle/Data/Images/Normal/0000.JPG": 1,
  "candle/Data/Images/Normal/0001.JPG": 2,
  "candle/Data/Images/Normal/0002.JPG": 3,
  "candle/Data/Images/Anomaly/000.JPG": 4,
  "candle/Data/Masks/Anomaly/000.png": 5,
  "candle/image_anno.csv": "image,label,mask\n",
  "pcb1/Data/Images/Normal/0001.JPG": 6,
  "LICENSE-DATASET": "x",
};

Deno.test("openDataset() reads VisA by its table, in canonical order", async () => {
  await withFolder(visaFiles, async (root) => {
    const { layout, samples, source } = await openDataset(root);
    assert.equal(layout, "visa");
    assert.deepEqual(
      samples.map((one) => [one.class, one.split, one.label, one.id.split("/Data/")[1], one.mask]),
      [
        ["candle", "train", 0, "Images/Normal/0001.JPG", undefined],
        ["candle", "train", 0, "Images/Normal/0002.JPG", undefined],
        ["candle", "test", 0, "Images/Normal/0000.JPG", undefined],
        ["candle", "test", 1, "Images/Anomaly/000.JPG", "candle/Data/Masks/Anomaly/000.png"],
        ["pcb1", "train", 0, "Images/Normal/0001.JPG", undefined],
      ],
    );
    assert.equal((await pixelReader(source, 4)(samples[3])).length, 48);
  });
});

Deno.test("a VisA folder with faults is refused with what is wrong", async () => {
  const table = visaFiles["split_csv/1cls.csv"] as string;
  const { "split_csv/1cls.csv": _, ...noTable } = visaFiles;
  const { "candle/Data/Images/Anomaly/000.JPG": _image, ...noImage } = visaFiles;
  const row = (text: string) => ({ ...visaFiles, "split_csv/1cls.csv": `${table}${text}\n` });
  const cases: [MadeFiles, RegExp][] = [
    [{ ...noTable, "split_csv/1_cls.csv": "" }, /no file split_csv\/1cls\.csv \(is 1_cls\.csv mea/],
    [{ ...visaFiles, "split_csv/1cls.csv": "object,split\n" }, /has no rows/],
    [{ ...visaFiles, "split_csv/1cls.csv": "object,split\na,train\n" }, /no column label, image,/],
    [{ ...visaFiles, "split_csv/1cls.csv": 'a,"b\n' }, /is not a table: /],
    [noImage, /1 images that .* names are missing: candle\/Data\/Images\/Anomaly\/000\.JPG/],
    [row("candle,valid,normal,a.png,"), /row 6 of its .* has the split "valid"/],
    [row("candle,train,good,a.png,"), /row 6 of its .* has the label "good"/],
    [row(",train,normal,a.png,"), /row 6 of its .* has the object ""/],
    [row("candle,train,normal,../../etc/a.png,"), /has the image "\.\.\/\.\.\/etc\/a\.png"/],
    [row("candle,train,normal,/etc/a.png,"), /has the image "\/etc\/a\.png"/],
    [row("candle,train,normal,a\\..\\b.png,"), /has the image "a/],
    [row("candle,test,anomaly,pcb1/Data/Images/Normal/0001.JPG,"), /0001\.JPG twice/],
  ];
  for (const [files, pattern] of cases) assert.match(await refusal(files), pattern);
});

const mvtecFiles: MadeFiles = {
  "screw/train/good/000.png": 1,
  "screw/test/good/000.png": 2,
  "screw/test/thread_top/000.png": 3,
  "screw/test/thread_top/001.png": 4,
  "screw/ground_truth/thread_top/000_mask.png": 5,
  "cable/train/good/000.png": 6,
  "cable/test/good/000.png": 7,
  "cable/test/bad/000.JPG": 8,
  "cable/ground_truth/bad/000.png": 9,
  "license.txt": "x",
  "papers/x.pdf": "x",
};

Deno.test("openDataset() reads MVTec AD with its types of defects and masks", async () => {
  await withFolder(mvtecFiles, async (root) => {
    const { layout, samples, warnings } = await openDataset(root);
    assert.equal(layout, "mvtec");
    assert.deepEqual(samples.map(({ id, label, defect, mask }) => [id, label, defect, mask]), [
      ["cable/train/good/000.png", 0, undefined, undefined],
      ["cable/test/good/000.png", 0, undefined, undefined],
      ["cable/test/bad/000.JPG", 1, "bad", "cable/ground_truth/bad/000.png"],
      ["screw/train/good/000.png", 0, undefined, undefined],
      ["screw/test/good/000.png", 0, undefined, undefined],
      [
        "screw/test/thread_top/000.png",
        1,
        "thread_top",
        "screw/ground_truth/thread_top/000_mask.png",
      ],
      ["screw/test/thread_top/001.png", 1, "thread_top", undefined],
    ]);
    assert.deepEqual(warnings, [
      "The folder papers is no class and is not read.",
      "1 of 3 bad images have no mask in ground_truth, without which there is no AUPRO: " +
      "screw/test/thread_top/001.png.",
    ]);
  });
});

Deno.test("an MVTec AD folder with faults is refused with what is wrong", async () => {
  const { "screw/train/good/000.png": _, ...noTrain } = mvtecFiles;
  const { "cable/test/bad/000.JPG": _bad, ...noBad } = mvtecFiles;
  const cases: [MadeFiles, RegExp][] = [
    [noTrain, /it has no folder screw\/train$/],
    [
      { ...noTrain, "screw/train/Good/0.png": 1 },
      /no folder screw\/train\/good \(is screw\/train\/G/,
    ],
    [noBad, /cable\/test has no folder of a type of defect/],
    [{ ...mvtecFiles, "screw/test/new/a.txt": "" }, /screw\/test\/new holds no image/],
  ];
  for (const [files, pattern] of cases) assert.match(await refusal(files), pattern);
  const inner = Object.entries(mvtecFiles).filter(([path]) => path.startsWith("screw/"))
    .map(([path, seed]) => [path.slice("screw/".length), seed]);
  assert.match(await refusal(Object.fromEntries(inner)), /looks like one class of MVTec AD/);
});
