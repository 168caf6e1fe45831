import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { NdArray } from "../../lib/base/npy.ts";
import { childSeed, RandomState } from "../../lib/base/random.ts";
import { greedyCoreset } from "../../lib/maps/coreset.ts";
import { patchTable } from "../../lib/maps/patch_table.ts";
import {
  fitPatchCore,
  openPatchCore,
  type PatchCoreMaps,
  type PatchCoreParameters,
  type PatchCoreSettings,
  patchCoreVariants,
  scoreWeight,
} from "../../lib/maps/patchcore.ts";
import numbers from "../fixtures/patchcore/numbers.json" with { type: "json" };
import { clustered } from "./patch_data.ts";

const expected = numbers.patchcore;
const bank = { shape: [80, 12], data: clustered(31, 80, 12, 4) };
/** Two images of 5 x 4 patches. */
const embeddings = { shape: [2, 5, 4, 12], data: clustered(32, 40, 12, 4) };
const variants: Readonly<Record<string, PatchCoreSettings>> = patchCoreVariants;

/** `images` images of 8 x 8 patches in blocks of `size` images. */
function trainingBlocks(images: number, size: number, columns = 24): NdArray<Float32Array>[] {
  const data = clustered(33, images * 64, columns, 10);
  const blocks: NdArray<Float32Array>[] = [];
  for (let first = 0; first < images; first += size) {
    const count = Math.min(size, images - first);
    const start = first * 64 * columns;
    const block = data.slice(start, start + count * 64 * columns);
    blocks.push({ shape: [count, 8, 8, columns], data: block });
  }
  return blocks;
}

function assertNear(actual: ArrayLike<number>, wanted: readonly number[], tolerance: number): void {
  assert.equal(actual.length, wanted.length);
  wanted.forEach((number, i) => {
    const error = Math.abs(actual[i] - number) / Math.max(Math.abs(number), 1e-30);
    assert.ok(error <= tolerance, `number ${i}: ${actual[i]}, expected ${number}`);
  });
}

/** Maps and scores of one block. */
async function mapsOf(
  parameters: PatchCoreSettings,
  block: NdArray<Float32Array> = embeddings,
): Promise<PatchCoreMaps> {
  const opened = await openPatchCore(bank, parameters);
  try {
    return await opened.maps(block);
  } finally {
    await opened.close();
  }
}

Deno.test("openPatchCore() gives NumPy's distances and each variant's score", async (t) => {
  await t.step("paper: Euclidean, score from the finished map", async () => {
    const { maps, scores } = await mapsOf(variants.paper);
    assert.deepEqual(maps.shape, [2, 5, 4]);
    assertNear(maps.data, expected.maps, 1e-6);
    assert.equal(scores, undefined);
  });
  await t.step("anomalib-2023-10: the same map, re-weighted score", async () => {
    const { maps, scores } = await mapsOf(variants["anomalib-2023-10"]);
    assertNear(maps.data, expected.maps, 1e-6);
    assertNear(scores!, expected.reweighted, 1e-6);
  });
  await t.step("official: squared, largest patch", async () => {
    const { maps, scores } = await mapsOf(variants.official);
    assertNear(maps.data, expected.squared, 1e-6);
    assertNear(scores!, expected.patch_maximum, 1e-6);
  });
  await t.step("mean of three neighbours", async () => {
    const three = { ...variants.official, mapNeighbours: 3 };
    const { maps } = await mapsOf(three);
    assertNear(maps.data, expected.nearest3, 1e-6);
  });
});

Deno.test("maps do not depend on how images are blocked", async () => {
  const whole = await mapsOf(variants.official);
  const half = embeddings.data.length / 2;
  const images = [embeddings.data.slice(0, half), embeddings.data.slice(half)];
  for (const [i, data] of images.entries()) {
    const { maps, scores } = await mapsOf(variants.official, { shape: [1, 5, 4, 12], data });
    assert.deepEqual(maps.data, whole.maps.data.slice(20 * i, 20 * (i + 1)));
    assert.equal(scores![0], whole.scores![i]);
  }
});

Deno.test("the variants differ in the declared switches alone", () => {
  const differences = (a: PatchCoreSettings, b: PatchCoreSettings) =>
    (Object.keys(a) as (keyof PatchCoreSettings)[])
      .filter((key) => !isDeepStrictEqual(a[key], b[key]));
  assert.deepEqual(differences(variants.paper, variants["anomalib-2023-10"]), ["imageScore"]);
  assert.deepEqual(differences(variants.paper, variants.official), [
    "pooling",
    "coresetRatio",
    "projection",
    "coresetStarts",
    "distance",
    "imageScore",
    "scoreNeighbours",
    "reading",
  ]);
});

Deno.test("each switch of the fit and of the map changes its result", async () => {
  const blocks = trainingBlocks(6, 2, 200);
  const base: PatchCoreParameters = { ...variants.paper, coresetRatio: 0.1 };
  const fitted = await fitPatchCore(base, blocks, 1);
  const changes: Partial<PatchCoreParameters>[] = [
    { coresetRatio: 0.05 },
    { projection: { kind: "none" } },
    { coresetStarts: 10 },
  ];
  for (const change of changes) {
    const other = await fitPatchCore({ ...base, ...change }, blocks, 1);
    assert.notDeepEqual(other.indices, fitted.indices, JSON.stringify(change));
  }
  assert.notDeepEqual((await fitPatchCore(base, blocks, 2)).indices, fitted.indices, "the seed");
});

Deno.test("fitPatchCore() keeps the coreset's rows, however the images are blocked", async () => {
  const parameters = { ...variants.paper, coresetRatio: 0.03 };
  const seen: [number, number][] = [];
  const fit = await fitPatchCore(parameters, trainingBlocks(20, 3), 5, {
    onProgress: (done, of) => seen.push([done, of]),
  });
  // 24 columns are fewer than Johnson and Lindenstrauss ask for: no projection is made
  const table = await patchTable(trainingBlocks(20, 20));
  const random = new RandomState(childSeed(5, "coreset"));
  const indices = await greedyCoreset(table, { count: Math.floor(0.03 * 1280), random });
  assert.deepEqual(fit.indices, indices);
  assert.deepEqual(fit.bank.shape, [38, 24]);
  const whole = trainingBlocks(20, 20)[0].data;
  fit.indices.forEach((row, i) => {
    assert.deepEqual(
      fit.bank.data.slice(i * 24, (i + 1) * 24),
      whole.slice(row * 24, (row + 1) * 24),
    );
  });
  assert.deepEqual(seen.at(-1), [38, 38]);
  assert.deepEqual(await fitPatchCore(parameters, trainingBlocks(20, 1), 5), fit);
});

Deno.test("a patch of the bank has value 0, and a fitted image low values", async () => {
  const blocks = trainingBlocks(4, 4);
  const all = { ...variants.paper, coresetRatio: 1 };
  const { bank } = await fitPatchCore(all, blocks, 3);
  const opened = await openPatchCore(bank, all);
  const { maps } = await opened.maps(blocks[0]);
  await opened.close();
  // every patch is in the bank but the starting one
  assert.equal(maps.data.filter((value) => value > 0).length, 1);
});

Deno.test("fitPatchCore() reads each block once and may lose it afterwards", async () => {
  let open = 0;
  async function* blocks() {
    for (const block of trainingBlocks(6, 1)) {
      open++;
      assert.equal(open, 1, "one block at a time");
      yield block;
      block.data.fill(NaN); // the caller reuses its buffer
      open--;
      await Promise.resolve();
    }
  }
  const parameters = { ...variants.paper, coresetRatio: 0.1 };
  const fit = await fitPatchCore(parameters, blocks(), 7);
  assert.deepEqual(fit, await fitPatchCore(parameters, trainingBlocks(6, 6), 7));
});

Deno.test("scoreWeight() follows equation 7 on a hand-made bank", () => {
  // bank at 0, 1, 2 on a line, the patch at 4: distances 4, 3, 2; nearest is 2
  const line = { shape: [4, 1], data: Float32Array.of(0, 1, 2, -50) };
  const patch = Float32Array.of(4);
  const wanted = 1 - Math.exp(2) / (Math.exp(2) + Math.exp(3) + Math.exp(4));
  assertNear([scoreWeight(line, patch, 2, 3)], [wanted], 1e-14);
  assert.equal(scoreWeight(line, patch, 2, 1), 1);
  // exponents of hundreds do not overflow, and a small bank lends all it has
  assertNear([scoreWeight(line, Float32Array.of(5000), 2, 9)], [1], 1e-14);
});

Deno.test("fitPatchCore() and maps() reject what does not fit", async () => {
  for (const coresetRatio of [0, -0.1, 1.1, NaN]) {
    const parameters = { ...variants.paper, coresetRatio };
    await assert.rejects(fitPatchCore(parameters, trainingBlocks(1, 1), 1), RangeError);
  }
  await assert.rejects(fitPatchCore(variants.paper, [], 1), /no rows/);
  const narrow = { shape: [1, 2, 2, 6], data: new Float32Array(24) };
  await assert.rejects(mapsOf(variants.paper, narrow), /6 channels, the bank 12/);
});
