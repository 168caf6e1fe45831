import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { DataError } from "../../lib/base/errors.ts";
import { encodePng } from "../../lib/images/decode.ts";
import { openDataset, syntheticDataset } from "../../lib/images/datasets.ts";
import { pixelReader, readImage, readPixels } from "../../lib/images/pixels.ts";
import { syntheticProduct } from "../../lib/images/synthetic_product.ts";
import { vadFiles, withFolder } from "./made_folder.ts";

const counts = { train_good: 2, train_bad: 2, test_good: 1, test_bad: 1, test_bad_unseen: 1 };

Deno.test("the embedded product gives the same pixels drawn and read from its PNGs", async () => {
  const drawn = syntheticDataset(syntheticProduct({ counts, size: 128 }));
  await withFolder({}, async (root) => {
    for (const sample of drawn.samples) {
      const path = join(root, sample.id);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeFile(path, await encodePng(await readImage(drawn.source, sample)));
    }
    const read = await openDataset(root);
    assert.deepEqual(read.samples.map(({ id }) => id), drawn.samples.map(({ id }) => id));
    for (const size of [128, 64, 100]) {
      const [a, b] = [
        await readPixels(drawn.source, drawn.samples, size),
        await readPixels(read.source, read.samples, size),
      ];
      assert.deepEqual(a.shape, [7, size, size, 3]);
      assert.deepEqual(a, b);
    }
  });
});

Deno.test("a sample gives the same pixels alone, in any order and at once", async () => {
  await withFolder(vadFiles, async (root) => {
    const { source, samples } = await openDataset(root);
    const read = pixelReader(source, 5);
    const together = await Promise.all(samples.map(read));
    for (let i = samples.length - 1; i >= 0; i--) {
      assert.deepEqual(await read(samples[i]), together[i]);
      assert.equal(together[i].length, 75);
    }
    assert.notDeepEqual(together[0], together[1]);
  });
});

Deno.test("a file that changed, vanished or broke after indexing is a DataError by name", async () => {
  await withFolder(vadFiles, async (root) => {
    const { source, samples } = await openDataset(root);
    const path = join(root, samples[0].id);
    const bytes = await Deno.readFile(path);
    const read = () => pixelReader(source, 8)(samples[0]);
    const cases: [() => Promise<void>, RegExp][] = [
      [
        () => Deno.writeFile(path, bytes.slice(0, -9)),
        /a\.png: the file has changed since the data set was indexed \(SHA-256 [0-9a-f]{12}…, ex/,
      ],
      [() => Deno.remove(path), /a\.png: no such file/],
      [() => Deno.mkdir(path), /Cannot read .*a\.png: /],
    ];
    for (const [change, pattern] of cases) {
      await change();
      await assert.rejects(read, (error) => {
        assert.ok(error instanceof DataError, `${error}`);
        assert.match(error.message, pattern);
        assert.ok(error.remedy);
        return true;
      });
    }
    await Deno.remove(path);
    await Deno.writeFile(path, bytes);
    assert.equal((await read()).length, 192);
  });
});

Deno.test("pixelReader() refuses sizes that are no size", () => {
  for (const size of [0, -1, 2.5, NaN]) {
    assert.throws(() => pixelReader({ kind: "folder", root: "." }, size), RangeError);
  }
});
