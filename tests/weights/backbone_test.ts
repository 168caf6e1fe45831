import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { frozenParameters, scopeOf } from "../../lib/onnx/parameters.ts";
import { modelBytes } from "../../lib/onnx/proto.ts";
import { openSession } from "../../lib/onnx/session.ts";
import {
  type Backbone,
  frozenBackbone,
  initialWeights,
  parameterShapes,
  tapsOf,
  trainableBackbone,
} from "../../lib/weights/backbone.ts";
import { backboneNamed, backbones } from "../../lib/weights/backbones.ts";
import { paddingOf } from "../../lib/weights/network.ts";
import { parseTorchFile } from "../../lib/weights/torch_file.ts";
import expected from "../fixtures/torch_backbones/expected.json" with { type: "json" };

type Tensors = Map<string, NdArray<Float32Array>>;
interface Recorded {
  image: number[];
  taps: Record<
    string,
    { shape: number[]; mean: number; deviation: number; largest: number; samples: number[] }
  >;
}

const realFile = new URL(
  "../../../shared/weights/efficientnet-lite0-57934424.pth",
  import.meta.url,
);
const hasRealFile = (() => {
  try {
    return Deno.statSync(realFile).isFile;
  } catch {
    return false;
  }
})();

for (const name of ["small", "resnet18", "wide_resnet50_2", "efficientnet_lite0"] as const) {
  const recorded = expected.hashed[name];

  Deno.test(`${name} has torch's parameter names, in order, with torch's shapes`, () => {
    const shapes = parameterShapes(backboneNamed(name));
    assert.deepEqual(Object.fromEntries(shapes), recorded.parameters);
    assert.deepEqual([...shapes.keys()], Object.keys(recorded.parameters));
  });

  Deno.test(`${name}'s tapped layers and logits equal torch's to 1e-4`, async () => {
    const backbone = backboneNamed(name);
    const tensors = hashedWeights(backbone);
    const taps = await runBackbone(backbone, tensors, recorded.image, backbone.classes);
    assertTaps(taps, recorded as unknown as Recorded);
  });

  Deno.test(`${name}'s taps are described with their channels and strides`, () => {
    const [, height, width] = recorded.image;
    const shapes = recorded.taps as Record<string, { shape: number[] }>;
    for (const [tap, { channels, stride }] of tapsOf(backboneNamed(name))) {
      const [, c, h, w] = shapes[tap].shape;
      assert.deepEqual([c, h, w], [
        channels,
        Math.ceil(height / stride),
        Math.ceil(width / stride),
      ]);
    }
  });
}

Deno.test({
  name: "EfficientNet-Lite0 with its published file: torch's layers and 1,000 logits to 1e-4" +
    (hasRealFile ? "" : " (skipped: put the file into ../shared/weights)"),
  ignore: !hasRealFile,
  fn: async () => {
    const backbone = backboneNamed("efficientnet_lite0");
    const file = parseTorchFile(Deno.readFileSync(realFile), "efficientnet-lite0");
    const shapes = parameterShapes(backbone);
    for (const [name, shape] of shapes) assert.deepEqual(file.get(name)!.shape, shape, name);
    const recorded = expected.file as unknown as Recorded;
    assert.equal(recorded.taps.logits.samples.length, 1000);
    const taps = await runBackbone(backbone, file as Tensors, recorded.image, 1000);
    assertTaps(taps, recorded);
  },
});

Deno.test("the layers for training give what the folded graph gives", async () => {
  for (const name of ["small", "efficientnet_lite0"]) {
    const backbone = backboneNamed(name);
    const tensors = hashedWeights(backbone, 5);
    const shape = [1, 65, 64, 3];
    const folded = await runBackbone(backbone, tensors, shape, 5);
    const graph = new Graph();
    const image = graph.input("image", "uint8", shape);
    const scope = scopeOf(frozenParameters(graph, tensors));
    const { taps, logits } = trainableBackbone(backbone, image, scope, { classes: 5 });
    const layered = await runGraph(graph, new Map([...taps, ["logits", logits!]]), shape);
    for (const [tap, { data }] of layered) assertClose(folded.get(tap)!.data, data, 1e-5, tap);
  }
});

Deno.test("initial weights follow the seed, with He's deviation and torch's linear bound", () => {
  const small = backboneNamed("small");
  const weights = initialWeights(small, new RandomState(7), 10);
  assert.deepEqual([...weights.keys()], [...parameterShapes(small, 10).keys()]);
  const { data } = weights.get("layer3.0.conv2.weight")!;
  const square = data.reduce((sum, x) => sum + x * x, 0) / data.length;
  assert.ok(Math.abs(square * (96 * 9 / 2) - 1) < 0.02);
  const linear = weights.get("fc.weight")!;
  assert.deepEqual(linear.shape, [10, 96]);
  assert.ok(linear.data.every((x) => Math.abs(x) <= 1 / Math.sqrt(96)));
  assert.ok(weights.get("bn1.running_var")!.data.every((x) => x === 1));
  const again = initialWeights(small, new RandomState(7), 10);
  assert.deepEqual(again.get("fc.bias"), weights.get("fc.bias"));
});

Deno.test("a missing or misshapen weight is named when the graph is built", () => {
  const backbone = backboneNamed("small");
  const tensors = hashedWeights(backbone);
  const build = () => {
    const graph = new Graph();
    frozenBackbone(backbone, graph.input("image", "uint8", [1, 64, 64, 3]), tensors);
  };
  tensors.set("layer2.0.conv1.weight", { shape: [1], data: new Float32Array(1) });
  assert.throws(build, /layer2\.0\.conv1\.weight is \[1\] Float32Array, .*\[64,32,3,3\]/);
  tensors.delete("layer2.0.conv1.weight");
  assert.throws(build, /layer2\.0\.conv1\.weight is missing/);
});

Deno.test("an unknown backbone is an error that suggests the nearest", () => {
  assert.throws(() => backboneNamed("resnet-18"), /did you mean "resnet18"/);
  assert.deepEqual([...backbones.keys()], [
    "small",
    "resnet18",
    "wide_resnet50_2",
    "efficientnet_lite0",
  ]);
});

Deno.test("same padding gives ceil(size / stride) outputs, the odd row after", () => {
  for (let size = 1; size < 40; size++) {
    for (const [kernel, stride] of [[3, 1], [3, 2], [5, 1], [5, 2], [1, 1], [1, 2]]) {
      const [before, after] = paddingOf("same", size, kernel, stride);
      const outputs = Math.floor((size + before + after - kernel) / stride) + 1;
      assert.equal(outputs, Math.ceil(size / stride));
      assert.ok(after - before === 0 || after - before === 1);
    }
  }
});

/** The generator's `hashed`: numbers in [0, 1) from a hash of index and name. */
function hashed(name: string, count: number): Float64Array {
  const seed = Number.parseInt(createHash("sha256").update(name).digest("hex").slice(0, 8), 16);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let h = Math.imul(i + seed, 0x9e3779b1);
    h ^= h >>> 15;
    h = Math.imul(h, 0x85ebca77);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae3d);
    h ^= h >>> 16;
    out[i] = (h >>> 0) / 2 ** 32;
  }
  return out;
}

function hashedWeights(backbone: Backbone, classes = backbone.classes): Tensors {
  const tensors: Tensors = new Map();
  for (const [name, shape] of parameterShapes(backbone, classes)) {
    const u = hashed(name, shape.reduce((product, size) => product * size, 1));
    const data = new Float32Array(u.length);
    const positive = name.endsWith("running_var") ||
      (shape.length === 1 && name.endsWith("weight"));
    const bound = Math.sqrt(6 / shape.slice(1).reduce((product, size) => product * size, 1));
    for (let i = 0; i < u.length; i++) {
      data[i] = positive
        ? 0.5 + u[i]
        : shape.length === 1
        ? 0.4 * u[i] - 0.2
        : (2 * u[i] - 1) * bound;
    }
    tensors.set(name, { shape, data });
  }
  return tensors;
}

function runBackbone(
  backbone: Backbone,
  tensors: Tensors,
  shape: readonly number[],
  classes: number,
): Promise<Map<string, NdArray<Float32Array>>> {
  const graph = new Graph();
  const image = graph.input("image", "uint8", shape);
  const { taps, logits } = frozenBackbone(backbone, image, tensors, { classes });
  const outputs = new Map(taps);
  if (logits !== undefined) outputs.set("logits", logits);
  return runGraph(graph, outputs, shape);
}

async function runGraph(
  graph: Graph,
  outputs: ReadonlyMap<string, Parameters<Graph["output"]>[1]>,
  shape: readonly number[],
): Promise<Map<string, NdArray<Float32Array>>> {
  for (const [name, value] of outputs) graph.output(name, value);
  const session = await openSession(modelBytes(graph));
  try {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Uint8Array.from(hashed("pixels", count), (u) => Math.floor(256 * u));
    const results = await session.run({ image: { shape, data } });
    return new Map(Object.entries(results)) as Map<string, NdArray<Float32Array>>;
  } finally {
    await session.close();
  }
}

/** Samples, mean and deviation of each tap, relative to the tap's largest value. */
function assertTaps(taps: Map<string, NdArray<Float32Array>>, recorded: Recorded): void {
  assert.deepEqual([...taps.keys()].sort(), Object.keys(recorded.taps).sort());
  for (
    const [name, { shape, mean, deviation, largest, samples }] of Object.entries(recorded.taps)
  ) {
    const tap = taps.get(name)!;
    assert.deepEqual([...tap.shape], shape);
    const n = tap.data.length;
    const count = samples.length;
    const ours = samples.map((_, i) => tap.data[Math.floor(i * n / count)]);
    const ourMean = tap.data.reduce((sum, x) => sum + x, 0) / n;
    const ourDeviation = Math.sqrt(tap.data.reduce((sum, x) => sum + (x - ourMean) ** 2, 0) / n);
    for (let i = 0; i < count; i++) {
      const error = Math.abs(ours[i] - samples[i]);
      // Relative to the number itself, or, for one that is a small difference of large ones, to the layer's spread.
      const scale = Math.max(Math.abs(samples[i]), deviation);
      assert.ok(error <= 1e-4 * scale, `${name}[${i}]: ${ours[i]}, torch ${samples[i]}`);
    }
    assert.ok(Math.abs(ourMean - mean) <= 1e-5 * largest, `${name} mean ${ourMean}, torch ${mean}`);
    assert.ok(Math.abs(ourDeviation - deviation) <= 1e-5 * largest, `${name} deviation`);
  }
}

function assertClose(a: Float32Array, b: Float32Array, tolerance: number, name: string): void {
  assert.equal(a.length, b.length);
  const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  for (let i = 0; i < a.length; i++) {
    assert.ok(Math.abs(a[i] - b[i]) <= tolerance * largest, `${name}[${i}]: ${a[i]}, ${b[i]}`);
  }
}
