import assert from "node:assert/strict";
import { type NdArray, parseFloat32Npy } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import {
  embeddingLayout,
  type EmbeddingSpec,
  openEmbedder,
  patchEmbeddings,
  type PatchPooling,
} from "../../lib/maps/embedding.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { modelBytes } from "../../lib/onnx/proto.ts";
import { openSession } from "../../lib/onnx/session.ts";
import { parameterShapes } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";
import { uniform } from "./patch_data.ts";

const small: EmbeddingSpec = {
  backbone: "small",
  taps: ["layer2", "layer3"],
  size: 48,
  pooling: { kind: "average" },
};

/** Numbers for all parameters, drawn in the order of their sorted names, as the generator draws them. */
function smallWeights(seed: number): Map<string, NdArray<Float32Array>> {
  const random = new RandomState(seed);
  const weights = new Map<string, NdArray<Float32Array>>();
  for (
    const [name, shape] of [...parameterShapes(backboneNamed("small"))].sort(([a], [b]) =>
      a < b ? -1 : 1
    )
  ) {
    const size = shape.reduce((product, axis) => product * axis, 1);
    const data = Float32Array.from({ length: size }, () => {
      const draw = random.random();
      if (shape.length === 4) return (draw - 0.5) * 3 / Math.sqrt(shape[1] * shape[2] * shape[3]);
      return /(weight|var)$/.test(name) ? draw + 0.5 : draw - 0.5;
    });
    weights.set(name, { shape, data });
  }
  return weights;
}

function drawnPixels(): NdArray<Uint8Array> {
  const random = new RandomState(47);
  const data = Uint8Array.from(
    { length: 2 * 48 * 48 * 3 },
    () => Math.floor(random.random() * 256),
  );
  return { shape: [2, 48, 48, 3], data };
}

function fixture(name: string): NdArray<Float32Array> {
  const path = new URL(`../fixtures/patchcore/${name}.npy`, import.meta.url);
  return parseFloat32Npy(Deno.readFileSync(path), name);
}

function assertClose(actual: NdArray, expected: NdArray, tolerance: number): void {
  assert.deepEqual([...actual.shape], [...expected.shape]);
  let largest = 0;
  for (const number of expected.data as Float32Array) largest = Math.max(largest, Math.abs(number));
  for (let i = 0; i < expected.data.length; i++) {
    const error = Math.abs(Number(actual.data[i]) - Number(expected.data[i])) / largest;
    assert.ok(error <= tolerance, `number ${i}: ${actual.data[i]}, expected ${expected.data[i]}`);
  }
}

/** Embeddings of drawn feature maps: `[seed, channels, side]` each. */
async function embedMaps(
  maps: readonly (readonly [number, number, number])[],
  pooling: PatchPooling,
): Promise<NdArray> {
  const graph = new Graph();
  const taps = maps.map(([seed, channels, side]) =>
    graph.input(`map${seed}`, "float32", [1, channels, side, side])
  );
  graph.output("patches", patchEmbeddings(taps, pooling));
  const session = await openSession(modelBytes(graph));
  const feeds = Object.fromEntries(maps.map(([seed, channels, side]) => [
    `map${seed}`,
    { shape: [1, channels, side, side], data: uniform(seed, channels, side * side) },
  ]));
  const { patches } = await session.run(feeds);
  await session.close();
  return patches;
}

Deno.test("patchEmbeddings() averages neighbours, then interpolates, as torch", async () => {
  const actual = await embedMaps([[41, 24, 8], [42, 40, 4]], { kind: "average" });
  assertClose(actual, fixture("average"), 1e-6);
});

Deno.test("patchEmbeddings() pools unfolded patches as torch, in one convolution", async (t) => {
  const unfold = { kind: "unfold", channels: 64 } as const;
  await t.step("bins across channels", async () => {
    const actual = await embedMaps([[43, 24, 6], [44, 36, 3]], unfold);
    assertClose(actual, fixture("unfold_straddling"), 1e-6);
  });
  await t.step("whole channels in a bin", async () => {
    const actual = await embedMaps([[45, 32, 6], [46, 64, 3]], unfold);
    assertClose(actual, fixture("unfold_grouped"), 1e-6);
  });
  await t.step("no whole share", async () => {
    const maps = [[43, 24, 6], [44, 36, 3], [46, 64, 3]] as const;
    await assert.rejects(embedMaps(maps, unfold), /3 layers to 64 channels/);
  });
});

Deno.test("embed() gives torch's embeddings of pixels, in any batch the same bits", async () => {
  const weights = smallWeights(48);
  const pixels = drawnPixels();
  const one = await openEmbedder(small, weights);
  const embedded = await one.embed(pixels);
  assert.deepEqual([one.grid, one.channels], [[6, 6], 160]);
  assertClose(embedded, fixture("small_average"), 1e-4);
  await one.close();

  const three = await openEmbedder(small, weights, { batch: 3 });
  assert.deepEqual((await three.embed(pixels)).data, embedded.data);
  await three.close();
});

Deno.test("embeddingLayout() knows grid and channels without weights", async () => {
  const weights = smallWeights(1);
  for (const size of [48, 50, 63]) {
    for (const pooling of [small.pooling, { kind: "unfold", channels: 64 }] as const) {
      const spec = { ...small, size, pooling };
      const { grid, channels, close } = await openEmbedder(spec, weights);
      await close();
      assert.deepEqual(embeddingLayout(spec), { grid, channels });
    }
  }
  const lite = { ...small, backbone: "efficientnet_lite0", size: 256 };
  assert.deepEqual(embeddingLayout(lite), { grid: [32, 32], channels: 152 });
});

Deno.test("openEmbedder() and embed() reject what does not fit", async () => {
  const weights = smallWeights(1);
  await assert.rejects(openEmbedder({ ...small, taps: ["layer9"] }, weights), /no layer layer9/);
  await assert.rejects(openEmbedder({ ...small, taps: [] }, weights), /no layers/);
  const deepFirst = { ...small, taps: ["layer3", "layer2"] };
  await assert.rejects(openEmbedder(deepFirst, weights), /shallow to deep/);
  await assert.rejects(
    openEmbedder({ ...small, backbone: "smal" }, weights),
    /did you mean "small"/,
  );
  const embedder = await openEmbedder(small, weights);
  const pixels = { shape: [1, 48, 47, 3], data: new Uint8Array(48 * 47 * 3) };
  await assert.rejects(embedder.embed(pixels), /\[1,48,47,3\]/);
  await embedder.close();
});
