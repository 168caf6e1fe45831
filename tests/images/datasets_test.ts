import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError } from "../../lib/base/errors.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { openDataset, syntheticDataset } from "../../lib/images/datasets.ts";
import { syntheticProduct } from "../../lib/images/synthetic_product.ts";
import { type MadeFiles, makePng, vadFiles, withFolder } from "./made_folder.ts";

/** Opens a folder that must be refused; returns the message without the name of the folder. */
async function refusal(root: string, path = root): Promise<string> {
  const error: unknown = await openDataset(path).then(() => undefined, (reason) => reason);
  assert.ok(error instanceof DataError, `${error}`);
  assert.ok(!error.message.includes("\n"), error.message);
  assert.ok(error.message.includes(root) && error.remedy !== undefined, error.message);
  return error.message.replaceAll(root, "ROOT");
}

Deno.test("openDataset() reads a folder of the VAD layout in canonical order", async () => {
  const files = {
    ...vadFiles,
    "test/bad_unseen_defects/i.png": 9,
    "low_shot_train.json": '{"0": ["d.png"], "1": ["c.png"]}',
    "train/good/.hidden.png": 10,
    "train/.DS_Store": "x",
  };
  await withFolder(files, async (root) => {
    const dataset = await openDataset(root);
    assert.deepEqual(
      dataset.samples.map(({ id, split, label, unseen }) => [id, split, label, unseen]),
      [
        ["train/good/a.png", "train", 0, false],
        ["train/good/b.png", "train", 0, false],
        ["train/bad/c.png", "train", 1, false],
        ["train/bad/d.png", "train", 1, false],
        ["test/good/e.png", "test", 0, false],
        ["test/good/f.png", "test", 0, false],
        ["test/bad/g.png", "test", 1, false],
        ["test/bad/h.png", "test", 1, false],
        ["test/bad_unseen_defects/i.png", "test", 1, true],
      ],
    );
    assert.deepEqual(dataset.lowShot, { "0": ["d.png"], "1": ["c.png"] });
    assert.deepEqual(dataset.warnings, []);
    assert.deepEqual([dataset.layout, dataset.samples[0].class], ["vad", "vad"]);
    for (const { id, digest } of dataset.samples) {
      assert.equal(digest, sha256(await Deno.readFile(join(root, id))));
    }
  });
});

Deno.test("a data set is the same wherever it lies and in whatever order it was written", async () => {
  const digests: string[] = [];
  const reversed = Object.fromEntries(Object.entries(vadFiles).reverse());
  for (const files of [vadFiles, reversed]) {
    await withFolder(files, async (root) => {
      digests.push((await openDataset(root)).digest);
    });
  }
  assert.equal(digests[0], digests[1]);
  const changes: MadeFiles[] = [
    { ...vadFiles, "test/bad/h.png": 99 },
    { ...vadFiles, "test/bad/i.png": 9 },
    { ...vadFiles, "low_shot_train.json": '{"0": ["d.png"]}' },
  ];
  for (const files of changes) {
    await withFolder(files, async (root) => {
      digests.push((await openDataset(root)).digest);
    });
  }
  assert.equal(new Set(digests).size, 4);
});

Deno.test("file names are read as they are, in the order of Python's sorted()", async () => {
  // sorted() of Python 3.11 gives this order.
  const names = [
    " space.png",
    "$(reboot).png",
    "%2e%2e.png",
    "'quote\".png",
    "-rf.png",
    "10.png",
    "9.PNG",
    "A.png",
    "a.png",
    "back\\slash.png",
    "line\nbreak.png",
    "tab\there.png",
    "ä.png",
    "…dots.png",
    "\uff5e.png",
    "😀.png",
  ];
  const made = names.map((name, i) => [`train/good/${name}`, 20 + i] as const);
  const { "train/good/a.png": _a, "train/good/b.png": _b, ...others } = vadFiles;
  await withFolder({ ...others, ...Object.fromEntries(made.toReversed()) }, async (root) => {
    const dataset = await openDataset(root);
    const good = dataset.samples.filter(({ id }) => id.startsWith("train/good/"));
    assert.deepEqual(good.map(({ id }) => id), names.map((name) => `train/good/${name}`));
  });
});

Deno.test("extensions count in any case, and other files are named in a warning", async () => {
  const png = await makePng(50);
  const files: MadeFiles = {
    ...vadFiles,
    "train/good/1.JPG": png,
    "train/good/2.TiFF": await makePng(51),
    "train/good/Thumbs.db": "x",
    "train/good/notes.txt": "x",
    "train/good/folder.png/x.png": 63,
    "train/spare/x.png": 60,
    "test/bad_unseen/x.png": 61,
    "test/x.png": 62,
  };
  await withFolder(files, async (root) => {
    const dataset = await openDataset(root);
    assert.equal(dataset.samples.length, 10);
    assert.deepEqual(dataset.warnings, [
      "The folder train/spare is not read.",
      "The folder train/good/folder.png is not read.",
      "train/good holds files that are not read: Thumbs.db, notes.txt.",
      "The folder test/bad_unseen is not read.",
      "test holds files that are not read: x.png.",
    ]);
  });
});

Deno.test("an image in training and in test, or as good and as bad, is named in a warning", async () => {
  await withFolder(
    { ...vadFiles, "test/good/copy.png": 1, "test/bad/e2.png": 5, "train/good/again.png": 1 },
    async (root) => {
      const { warnings } = await openDataset(root);
      assert.deepEqual(warnings, [
        "1 image is there in training and in test, with the same content: " +
        "train/good/a.png = test/good/copy.png.",
        "1 image is there as good and as bad, with the same content: " +
        "test/good/e.png = test/bad/e2.png.",
      ]);
    },
  );
});

Deno.test("16-bit grey images, which PIL clips, are named in a warning", async () => {
  const grey = await Deno.readFile(
    new URL("../fixtures/pillow/images/grey_16_bits.png", import.meta.url),
  );
  await withFolder({ ...vadFiles, "test/bad/deep.png": grey }, async (root) => {
    const { warnings } = await openDataset(root);
    assert.equal(warnings?.length, 1);
    assert.match(warnings[0], /^1 images are 16-bit grey.*deep\.png\. Save them with 8 bits\.$/);
  });
});

Deno.test("a folder with faults is refused with what is wrong and what may be meant", async () => {
  const { "train/bad/c.png": _c, "train/bad/d.png": _d, ...noTrainBad } = vadFiles;
  const onlyTrain = { "train/good/a.png": 1, "train/bad/b.png": 2, "Test/good/c.png": 3 };
  const cases: [MadeFiles, RegExp][] = [
    [noTrainBad, /it has no folder train\/bad$/],
    [{ ...noTrainBad, "train/Bad/c.png": 3 }, /no folder train\/bad \(is train\/Bad meant\?\)/],
    [onlyTrain, /it has no folder test \(is Test meant\?\)/],
    [{ ...noTrainBad, "train/bad/.keep": "" }, /its folder train\/bad holds no image/],
    [{ ...noTrainBad, "train/bad/x.txt": "" }, /its folder train\/bad holds no image/],
    [{ ...vadFiles, "test/bad_unseen_defects/x.txt": "" }, /bad_unseen_defects holds no image/],
    [{ ...vadFiles, "test/bad/note.png": "text" }, /ROOT\/test\/bad\/note\.png: it is not a PNG/],
    [{ ...vadFiles, "test/bad/empty.png": "" }, /ROOT\/test\/bad\/empty\.png: the file is empty/],
    [{ ...vadFiles, "low_shot_train.json": "{" }, /low_shot_train\.json is not JSON/],
    [{ ...vadFiles, "low_shot_train.json": "[]" }, /is not an object of lists/],
    [{ ...vadFiles, "low_shot_train.json": "{}" }, /has no list/],
    [{ ...vadFiles, "low_shot_train.json": '{"0": "c.png"}' }, /list "0" .* not a list of file/],
    [{ ...vadFiles, "low_shot_train.json": '{"0": []}' }, /list "0" of its .* is empty/],
    [
      { ...vadFiles, "low_shot_train.json": '{"7": ["c.png", "e.png"]}' },
      /list "7" of its low_shot_train\.json names e\.png, which is not in train\/bad \(is c\.png/,
    ],
    [{ ...vadFiles, "low_shot_train.json": '{"0": ["c.png", "c.png"]}' }, /names c\.png twice/],
    [{ ...vadFiles, "low_shot_train.json": '{"__proto__": ["q"]}' }, /"__proto__" .* names q/],
  ];
  for (const [files, pattern] of cases) {
    await withFolder(files, async (root) => {
      assert.match(await refusal(root), pattern);
    });
  }
});

Deno.test("several faults are told in one paragraph", async () => {
  await withFolder({ "train/x.png": 1, "test/good/y.txt": "" }, async (root) => {
    assert.equal(
      await refusal(root),
      "Cannot use the data set ROOT: it has no folder train/good; it has no folder train/bad; " +
        "its folder test/good holds no image; and 1 more faults",
    );
  });
});

Deno.test("a folder of no known layout is refused with what it holds", async () => {
  await withFolder({ "a.png": 1, "b/c.txt": "x" }, async (root) => {
    assert.match(await refusal(root), /ROOT: it holds b\/, a\.png, which is no known layout$/);
    assert.match(await refusal(root, join(root, "nowhere")), /ROOT\/nowhere: no such folder$/);
    assert.match(await refusal(root, join(root, "a.png")), /a\.png: it is a file, not a folder$/);
    await Deno.mkdir(join(root, "empty"));
    assert.match(await refusal(root, join(root, "empty")), /ROOT\/empty: it is empty$/);
  });
  const inner = Object.entries(vadFiles).map(([path, seed]) => [`inner/${path}`, seed]);
  await withFolder(Object.fromEntries(inner), async (root) => {
    assert.match(await refusal(root), /it has no known layout, but its folder inner has \(vad\)$/);
  });
});

Deno.test("a link that leads nowhere is refused by name; links to images are followed", async () => {
  await withFolder(vadFiles, async (root) => {
    await Deno.symlink(join(root, "train/good/a.png"), join(root, "train/good/link.png"));
    assert.equal((await openDataset(root)).samples.length, 9);
    await Deno.symlink(join(root, "gone"), join(root, "test/good/dead.png"));
    assert.match(await refusal(root), /ROOT\/test\/good\/dead\.png: no such file, or a link/);
  });
});

Deno.test("a file above 64 MB is refused before it is read", async () => {
  await withFolder(vadFiles, async (root) => {
    using file = await Deno.open(join(root, "test/bad/large.png"), { write: true, create: true });
    await file.truncate(64_000_001);
    assert.match(
      await refusal(root),
      /large\.png: the file has 64000001 bytes, more than 64000000/,
    );
  });
});

Deno.test("syntheticDataset() has the drawing's digests as identity", () => {
  const counts = { train_good: 3, train_bad: 2, test_good: 1, test_bad: 1, test_bad_unseen: 1 };
  const datasets = [1, 2, 1].map((seed) => syntheticDataset(syntheticProduct({ seed, counts })));
  assert.equal(datasets[0].samples.length, 8);
  assert.equal(datasets[0].digest, datasets[2].digest);
  assert.notEqual(datasets[0].digest, datasets[1].digest);
});
