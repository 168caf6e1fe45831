import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/digest.ts";
import {
  defectTypes,
  drawSample,
  productSamples,
  productSegmentation,
  segmentNames,
  siblingProducts,
  syntheticProduct,
  vadSegmentation,
} from "../../lib/images/synthetic_product.ts";
import { parseLabelPng } from "../../lib/images/label_png.ts";
import { compareSamples } from "../../lib/images/sample.ts";

const none = { train_good: 0, train_bad: 0, test_good: 0, test_bad: 0, test_bad_unseen: 0 };

/** SHA-256 of drawn images: another value means other pixels for the same seed. */
const golden: Readonly<Record<string, string>> = {
  "train/good/0000.png": "791c67f9d30b911f411807deefc9682b9a7c508e7c181228c87a50d10e7af0bf",
  "train/bad/0001.png": "11154af53cbf661b1c35963405bf03295eac225ecfbfa4102b952a13994d32f5",
  "test/good/0199.png": "a63d2ac614b69630d960da8f3f19b5e25fe627de910d37ae27888ffb788e6f36",
  "test/bad_unseen_defects/0002.png":
    "c2095edd42d41b5b15da2ca7d952f0887b407d829ae67b48d0a9fadb91762d01",
};

Deno.test("the same seed gives the same bytes on every machine", () => {
  const product = syntheticProduct();
  const found = Object.fromEntries(
    Object.keys(golden).map((id) => [id, sha256(drawSample(product, { id }).data)]),
  );
  assert.deepEqual(found, golden);
});

Deno.test("the drawing uses only functions that have one exact result", async () => {
  const folder = new URL("../../lib/images/product/", import.meta.url);
  const exact = ["abs", "ceil", "floor", "imul", "max", "min", "round", "sqrt"];
  const used = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    for (const [, method] of text.matchAll(/\bMath\.(\w+)/g)) used.add(method);
    assert.ok(!/[\w)\]] \*\* [\w(]/.test(text), `${name} raises to a power`);
    assert.ok(!text.includes(".normal("), `${name} draws normal numbers, which take a logarithm`);
  }
  assert.deepEqual([...used].filter((method) => !exact.includes(method)), []);
});

Deno.test("a layout of its own has fixed bytes, too", () => {
  const [product] = siblingProducts(1, { size: 64 });
  const { data } = drawSample(product, { id: "test/bad/0000.png" });
  assert.equal(sha256(data), "a45aac155c486455f09aaf68f266f87134efe05cfbea802fa5d7a5498ba2ccf8");
});

Deno.test("a sample drawn alone equals the one drawn within a set, in any order", () => {
  const product = syntheticProduct({
    size: 48,
    counts: { train_good: 3, train_bad: 3, test_good: 3, test_bad: 3, test_bad_unseen: 3 },
  });
  const samples = productSamples(product);
  const forwards = samples.map((sample) => sha256(drawSample(product, sample).data));
  const backwards = samples.toReversed().map((sample) => sha256(drawSample(product, sample).data));
  assert.deepEqual(backwards.toReversed(), forwards);
  assert.equal(new Set(forwards).size, samples.length);

  const smaller = syntheticProduct({ size: 48, counts: { ...none, train_bad: 1 } });
  assert.equal(
    sha256(drawSample(smaller, { id: "train/bad/0000.png" }).data),
    forwards[samples.findIndex((sample) => sample.id === "train/bad/0000.png")],
  );
});

Deno.test("the product has the demo's counts, in canonical order", () => {
  const samples = productSamples(syntheticProduct());
  const count = (prefix: string) => samples.filter(({ id }) => id.startsWith(prefix)).length;
  assert.deepEqual(
    ["train/good/", "train/bad/", "test/good/", "test/bad/", "test/bad_unseen_defects/"].map(count),
    [400, 200, 200, 167, 33],
  );
  assert.deepEqual(samples, samples.toSorted(compareSamples));
  assert.equal(new Set(samples.map((sample) => sample.digest)).size, samples.length);
  for (const { id, split, label, unseen, defect } of samples) {
    assert.equal(split, id.slice(0, id.indexOf("/")));
    assert.equal(label, id.includes("/bad") ? 1 : 0, id);
    assert.equal(unseen, id.includes("unseen"), id);
    assert.equal(defect === undefined, label === 0, id);
  }
});

Deno.test("20 types of Table 7 are in training and test, three are unseen before the test", () => {
  const seen = defectTypes.filter((type) => !type.unseen).map((type) => type.id).toSorted();
  const unseen = defectTypes.filter((type) => type.unseen).map((type) => type.id).toSorted();
  assert.equal(seen.length, 20);
  assert.deepEqual(unseen, ["burned_solder_dot", "burned_wire", "extra_wire"]);

  const samples = productSamples(syntheticProduct());
  const typesIn = (prefix: string) =>
    [...new Set(samples.filter(({ id }) => id.startsWith(prefix)).map(({ defect }) => defect))]
      .toSorted();
  assert.deepEqual(typesIn("train/bad/"), seen);
  assert.deepEqual(typesIn("test/bad/"), seen);
  assert.deepEqual(typesIn("test/bad_unseen_defects/"), unseen);
  for (const id of seen) {
    const found = samples.filter((sample) => sample.split === "train" && sample.defect === id);
    assert.equal(found.length, 10, id);
  }
});

Deno.test("every defect changes the picture, in the segments that its type names", async (t) => {
  const size = 128;
  const product = syntheticProduct({
    size,
    counts: { ...none, train_bad: 240, test_bad_unseen: 36 },
  });
  const labels = vadSegmentation(size);
  const samples = productSamples(product);
  for (const type of defectTypes) {
    await t.step(type.id, () => {
      const inside = segmentNames.map((name) => type.segments.includes(name));
      const shares: number[] = [];
      for (const sample of samples.filter(({ defect }) => defect === type.id)) {
        const bad = drawSample(product, sample).data;
        const good = drawSample(product, sample, { withDefect: false }).data;
        let [all, within, largest] = [0, 0, 0];
        for (let i = 0; i < bad.length; i++) {
          const change = Math.abs(bad[i] - good[i]);
          all += change;
          largest = Math.max(largest, change);
          if (inside[labels[Math.floor(i / 3)]]) within += change;
        }
        assert.ok(largest >= 12, `${sample.id} changes by ${largest} grey levels`);
        shares.push(within / all);
      }
      assert.equal(shares.length, 12);
      const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
      assert.ok(mean > 0.85, `${mean} of the change is in ${type.segments}`);
    });
  }
});

Deno.test("a defect of greater severity changes more of the picture", () => {
  const changeAt = (severity: number) => {
    const counts = { ...none, train_bad: 100 };
    const product = syntheticProduct({ size: 64, severity: [severity, severity], counts });
    let change = 0;
    for (const sample of productSamples(product)) {
      const bad = drawSample(product, sample).data;
      const good = drawSample(product, sample, { withDefect: false }).data;
      for (let i = 0; i < bad.length; i++) change += Math.abs(bad[i] - good[i]);
    }
    return change;
  };
  assert.ok(changeAt(1) > 1.5 * changeAt(0));
});

Deno.test("good parts vary in every segment, and do not without nuisance", () => {
  const size = 64;
  const labels = vadSegmentation(size);
  const spread = (nuisance: number) => {
    const product = syntheticProduct({ size, nuisance, counts: { ...none, train_good: 12 } });
    const images = productSamples(product).map((sample) => drawSample(product, sample).data);
    return segmentNames.map((_, segment) => {
      let sum = 0;
      let count = 0;
      for (let i = 0; i < labels.length; i++) {
        if (labels[i] !== segment) continue;
        const values = images.map((image) => image[i * 3 + 1]);
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        sum += values.reduce((a, b) => a + (b - mean) * (b - mean), 0) / values.length;
        count++;
      }
      return Math.sqrt(sum / count);
    });
  };
  const varied = spread(1);
  const alike = spread(0);
  for (const [i, name] of segmentNames.entries()) {
    assert.ok(varied[i] > 8, `${name} varies by ${varied[i]}`);
    assert.ok(varied[i] > alike[i], `${name}: ${varied[i]} and ${alike[i]} without nuisance`);
  }
  assert.ok(varied[0] > varied[6], "the metal around varies more than the piezo");
});

Deno.test("a larger picture shows the same part", () => {
  const counts = { ...none, test_bad: 2 };
  for (const id of ["test/bad/0000.png", "test/bad/0001.png"]) {
    const small = drawSample(syntheticProduct({ size: 64, counts }), { id });
    const large = drawSample(syntheticProduct({ size: 256, counts }), { id });
    let difference = 0;
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 16; x++) {
        difference += Math.abs(block(small, x, y) - block(large, x, y));
      }
    }
    assert.ok(difference / 256 < 4, `mean difference of blocks is ${difference / 256}`);
  }

  function block(image: { width: number; data: Uint8Array }, bx: number, by: number): number {
    const side = image.width / 16;
    let sum = 0;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        sum += image.data[((by * side + y) * image.width + bx * side + x) * 3 + 1];
      }
    }
    return sum / (side * side);
  }
});

Deno.test("the digest of a sample covers all that shapes its pixels", () => {
  const counts = { ...none, train_bad: 1 };
  const digests = [
    {},
    { seed: 1 },
    { size: 128 },
    { layout_seed: 5 },
    { nuisance: 0.5 },
    { severity: [0.9, 1] as const },
  ].map((options) => productSamples(syntheticProduct({ counts, ...options }))[0].digest);
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(productSamples(syntheticProduct({ counts }))[0].digest, digests[0]);
});

Deno.test("siblings are other parts: layout, colours and segmentation differ", () => {
  const products = siblingProducts(3, { size: 64 });
  const images = products.map((product) => drawSample(product, { id: "train/good/0000.png" }).data);
  const maps = products.map((product) => productSegmentation(product));
  assert.equal(new Set(images.map(sha256)).size, 3);
  assert.equal(new Set(maps.map(sha256)).size, 3);
  for (const map of maps) assert.equal(new Set(map).size, segmentNames.length);
  assert.deepEqual(productSegmentation(syntheticProduct({ size: 64 })), vadSegmentation(64));
});

Deno.test("segmaps/vad.png holds the drawn segmentation and vad.json its names", async () => {
  const folder = new URL("../../segmaps/", import.meta.url);
  const png = await Deno.readFile(new URL("vad.png", folder));
  const { width, height, data } = parseLabelPng(png, 1e6);
  assert.deepEqual([width, height], [512, 512]);
  assert.deepEqual(data, vadSegmentation(512));
  const legend = JSON.parse(await Deno.readTextFile(new URL("vad.json", folder)));
  assert.deepEqual(legend.segments, segmentNames);
  assert.deepEqual([legend.width, legend.height], [512, 512]);
});

Deno.test("fields out of range and unknown samples are errors with the value", () => {
  const product = syntheticProduct({ counts: { ...none, train_good: 2 } });
  for (
    const id of ["train/good/0002.png", "train/bad/0000.png", "train/good/1.png", "0000.png", ""]
  ) {
    assert.throws(() => drawSample(product, { id }), { name: "RangeError", message: /it has no/ });
  }
  assert.throws(() => syntheticProduct({ size: 20 }), /size is 20, not an integer in 32 … 2048/);
  assert.throws(() => syntheticProduct({ seed: -1 }), /seed is -1/);
  assert.throws(() => syntheticProduct({ layout_seed: 0.5 }), /layout_seed is 0.5/);
  assert.throws(() => syntheticProduct({ revision: 0 }), /revision is 0, not 2/);
  assert.throws(() => syntheticProduct({ nuisance: 3 }), /nuisance is 3/);
  assert.throws(() => syntheticProduct({ severity: [0.5, 0.2] }), /severity is 0.5,0.2/);
  assert.throws(() => syntheticProduct({ counts: { ...none, test_bad: -1 } }), /counts.test_bad/);
  assert.throws(() => siblingProducts(0), RangeError);
});
