/** The drawn patterns, and that pretraining repeats itself. */
import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { parameterShapes } from "../../lib/weights/backbone.ts";
import { small } from "../../lib/weights/backbones/small.ts";
import { drawPatterns, patternSize, patternTraits } from "../../lib/weights/drawn_patterns.ts";
import { trainSmallBackbone } from "../../lib/weights/pretrain_small.ts";
import { readNetworkWeights } from "../../lib/weights/network_weights.ts";

Deno.test("patterns depend on the generator's state alone", () => {
  const { images, labels } = drawPatterns(3, new RandomState(1));
  assert.deepEqual(images.shape, [3, patternSize, patternSize, 3]);
  assert.deepEqual(drawPatterns(3, new RandomState(1)), { images, labels });
  assert.notDeepEqual(drawPatterns(3, new RandomState(2)).images.data, images.data);
});

Deno.test("every kind of every trait is drawn about as often as any other", () => {
  const { labels } = drawPatterns(960, new RandomState(3));
  for (const [trait, kinds] of patternTraits) {
    const counts = new Array<number>(kinds.length).fill(0);
    for (const kind of labels[trait].data) counts[Number(kind)]++;
    const even = 960 / kinds.length;
    for (const count of counts) assert.ok(Math.abs(count / even - 1) < 0.4, `${trait}: ${counts}`);
  }
});

Deno.test("patterns differ in brightness and are seldom washed out", () => {
  const { images } = drawPatterns(50, new RandomState(4));
  const size = patternSize * patternSize * 3;
  const means = Array.from({ length: 50 }, (_, i) => {
    const pixels = images.data.subarray(i * size, (i + 1) * size);
    return pixels.reduce((sum, value) => sum + value, 0) / size;
  });
  assert.ok(Math.max(...means) - Math.min(...means) > 80);
  const clipped = images.data.filter((value) => value === 0 || value === 255).length;
  assert.ok(clipped / images.data.length < 0.15);
});

Deno.test("pretraining gives the same bits again, and only the backbone's tensors", async () => {
  const losses: number[] = [];
  const first = await trainSmallBackbone({ steps: 2, onProgress: ({ loss }) => losses.push(loss) });
  const second = await trainSmallBackbone({ steps: 2 });
  assert.deepEqual([...first.keys()], [...parameterShapes(small, 0).keys()]);
  for (const [name, { data }] of first) assert.deepEqual(data, second.get(name)!.data, name);
  assert.equal(losses.length, 2);
});

Deno.test("the project's weights are small's, at most 2 MB, and finite", () => {
  const bytes = Deno.readFileSync(new URL("../../weights/small.safetensors", import.meta.url));
  assert.ok(bytes.length <= 2e6);
  const tensors = readNetworkWeights(bytes, "weights/small.safetensors", small);
  assert.equal(tensors.size, parameterShapes(small, 0).size);
});
