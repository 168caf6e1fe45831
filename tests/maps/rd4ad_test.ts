/** RD4AD against a float64 torch twin (tests/fixtures/torch_rd4ad), and its trainings. */
import assert from "node:assert/strict";
import type { NdArray } from "../../lib/base/npy.ts";
import { mapMaximum, readAnomalyMap } from "../../lib/maps/anomaly_map.ts";
import type { DetectorPlan } from "../../lib/maps/detector.ts";
import { featureLayouts, openFrozenFeatures } from "../../lib/maps/frozen_features.ts";
import {
  type DecoderLayout,
  decoderLayouts,
  type DistillationSettings,
  rd4adMap,
  rd4adStep,
  rebuiltFeatures,
} from "../../lib/maps/rd4ad.ts";
import { rd4ad, rd4adVariants } from "../../lib/maps/rd4ad_detector.ts";
import { Graph } from "../../lib/onnx/graph.ts";
import { frozenParameters, scopeOf, type TensorMap } from "../../lib/onnx/parameters.ts";
import { modelBytes } from "../../lib/onnx/proto.ts";
import { openSession } from "../../lib/onnx/session.ts";
import { networkTensors, train, type TrainingStep } from "../../lib/onnx/training.ts";
import { safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { singleMoves } from "../../lib/maps/variants.ts";
import {
  assertNear,
  assertRelative,
  drawnFeatures,
  drawnFor,
  drawnPixels,
  drawnSmall,
  fitOn,
  fixtureArray,
  fixtureNumbers,
  KillingCheckpoints,
  readMaps,
  withFastClock,
} from "./drawn_network.ts";

const size = 64;
const expected = fixtureNumbers<Record<"basic" | "bottleneck" | "per-place", number[]>>(
  "torch_rd4ad",
);

function planOf(variant: string, changes: Record<string, unknown> = {}): DetectorPlan {
  const plan = rd4ad.plan({ profile: "demo", size, backbone: "small", variant });
  return { ...plan, parameters: { ...plan.parameters, ...changes } as never };
}

function tenSteps(
  step: TrainingStep,
  seed: number,
  rate: number,
  batch: (step: number) => Promise<Record<string, NdArray>> | Record<string, NdArray>,
) {
  const initial = drawnFor(step, seed);
  const learningRate = () => rate;
  return train(step, { name: "RD4AD", steps: 10, seed: 0, learningRate, batch, initial });
}

// On the backbone `small`: basic blocks, from pixels.

const basicStep = rd4adStep(featureLayouts("small", size), 4, decoderLayouts.small, {
  ...rd4adVariants.paper,
});
const basic = tenSteps(basicStep, 2, 2e-5, async (number) => {
  const pixels = drawnPixels(99 + number, 4, size);
  const features = await openFrozenFeatures("small", size, drawnSmall(1), [pixels], 4);
  return await features.of([0, 1, 2, 3]);
});

Deno.test("ten steps of RD4AD with basic blocks give torch's losses", async () => {
  assertRelative((await basic).losses, expected.basic, 1e-4);
});

for (const variant of ["paper", "official"] as const) {
  Deno.test(`RD4AD's read maps of pixels are torch's with the blur of variant ${variant}`, async () => {
    const file = safetensorsBytes(networkTensors(basicStep, await basic));
    const plan = planOf(variant);
    const model = new Map([["student.safetensors", file]]);
    const opened = await rd4ad.open(plan, model, drawnSmall(1));
    const { maps } = await opened.maps(drawnPixels(4, 2, size));
    await opened.close();
    assert.deepEqual(maps.shape, [2, size, size]);
    const read = [0, 1].flatMap((i) => {
      const native = maps.data.subarray(i * size * size, (i + 1) * size * size);
      return [...readAnomalyMap(native, size, size, size, plan.reading)];
    });
    const { blurBorder } = rd4adVariants[variant];
    assertNear(read, fixtureArray("torch_rd4ad", `maps_${blurBorder}`).data, 1e-3);
  });
}

// Drawn features: bottleneck blocks, as WideResNet-50-2's decoder has them, but few, with few channels.

const few = [16, 32, 64].map((channels, i) => ({
  tap: `layer${i + 1}`,
  channels,
  side: size >> (2 + i),
}));
const drawnTeacher = (seed: number): Record<string, NdArray<Float32Array>> =>
  Object.fromEntries(
    few.map(({ tap, channels, side }, i) => [
      tap,
      drawnFeatures(seed + i, [4, channels, side, side]),
    ]),
  );
const official: DistillationSettings = rd4adVariants.official;
const release: DistillationSettings = rd4adVariants["anomalib-0.7"];
const bottleneck: DecoderLayout = {
  ...decoderLayouts.wide_resnet50_2,
  embedding: 2,
  stages: [1, 2, 1],
};

Deno.test("ten steps of RD4AD with the official bottleneck give torch's losses", async () => {
  const step = rd4adStep(few, 4, bottleneck, official);
  const { losses } = await tenSteps(step, 5, 1e-5, () => drawnTeacher(1000));
  assertRelative(losses, expected.bottleneck, 1e-5);
});

Deno.test("ten steps with anomalib 0.7's loss and rates, then its maps, are torch's", async () => {
  const step = rd4adStep(few, 4, bottleneck, release);
  const state = await tenSteps(step, 6, 1e-5, () => drawnTeacher(1000));
  assertRelative(state.losses, expected["per-place"], 1e-5);
  const native = await mapsOfFeatures(networkTensors(step, state), drawnTeacher(2000));
  const read = [0, 1].flatMap((i) => {
    const map = native.subarray(i * size * size, (i + 1) * size * size);
    return [...readAnomalyMap(map, size, size, size, planOf("anomalib-0.7").reading)];
  });
  assertNear(read, fixtureArray("torch_rd4ad", "maps_product").data, 1e-5);
});

async function mapsOfFeatures(
  tensors: TensorMap,
  teacher: Readonly<Record<string, NdArray>>,
): Promise<Float32Array> {
  const graph = new Graph();
  const features = few.map(({ tap, channels, side }) =>
    graph.input(tap, "float32", [4, channels, side, side])
  );
  const scope = scopeOf(frozenParameters(graph, tensors));
  const student = rebuiltFeatures(scope, features, bottleneck, release.embeddingWidth);
  graph.output("map", rd4adMap(features, student, size, rd4adVariants["anomalib-0.7"].combine));
  const session = await openSession(modelBytes(graph));
  const { map } = await session.run(teacher);
  await session.close();
  return map.data as Float32Array;
}

const budget = {
  length: { epochs: 2 },
  batch: 4,
  lastBatch: "kept",
  learningRate: 5e-3,
  schedule: "constant",
};

const short = planOf("paper", {
  budget,
  size: 32,
  decoder: { ...decoderLayouts.small, stages: [1, 1, 1] },
});
const six = drawnPixels(8, 6, 32); // batches of 4 and 2
const fitted = fitOn(rd4ad, short, six, 5);

Deno.test("two fits of RD4AD with one seed are the same bytes, with another seed others", async () => {
  assert.deepEqual(await fitOn(rd4ad, short, six, 5), await fitted);
  assert.notDeepEqual(await fitOn(rd4ad, short, six, 6), await fitted);
});

Deno.test("RD4AD fitted twice with one seed makes the same maps and scores, bit for bit", async () => {
  const [first, second] = await Promise.all(
    [fitted, fitOn(rd4ad, short, six, 5)].map(async (model) =>
      await readMaps(rd4ad, short, await model, drawnPixels(9, 3, 32))
    ),
  );
  assert.deepEqual(second, first);
  assert.deepEqual(second.map(mapMaximum), first.map(mapMaximum));
  assert.notEqual(mapMaximum(first[0]), mapMaximum(first[1]));
});

Deno.test("RD4AD killed after a checkpoint and resumed gives the same bytes", async () => {
  const checkpoints = new KillingCheckpoints(2); // after an epoch, whose last batch is smaller
  const killed = withFastClock(() => fitOn(rd4ad, short, six, 5, checkpoints));
  await assert.rejects(killed, /killed/);
  assert.deepEqual(await fitOn(rd4ad, short, six, 5, checkpoints), await fitted);
});

Deno.test("RD4AD has a decoder for every backbone with three layers, at any multiple of 32 pixels", () => {
  for (const backbone of ["wide_resnet50_2", "resnet18", "efficientnet_lite0", "small"]) {
    const step = rd4adStep(
      featureLayouts(backbone, 96),
      2,
      decoderLayouts[backbone],
      rd4adVariants.paper,
    );
    assert.ok(step.records.some(({ name }) => name === "decoder.layer3.1.conv2.weight"), backbone);
  }
  assert.throws(
    () => rd4adStep(featureLayouts("small", 80), 2, decoderLayouts.small, rd4adVariants.paper),
    /multiple of 32/,
  );
});

Deno.test("RD4AD's decoder of WideResNet-50-2 has the published parameters", () => {
  const shapes = (variant: "paper" | "official") =>
    new Map(
      rd4adStep(
        featureLayouts("wide_resnet50_2", 64),
        1,
        decoderLayouts.wide_resnet50_2,
        rd4adVariants[variant],
      ).records.map(({ name, value }) => [name, value.shape]),
    );
  const paper = shapes("paper");
  const official = shapes("official");
  assert.deepEqual(paper.get("bottleneck.bn_layer.0.conv1.weight"), [512, 3072, 1, 1]);
  assert.deepEqual(official.get("bottleneck.bn_layer.0.conv1.weight"), [1024, 3072, 1, 1]);
  for (const layer of [paper, official]) {
    assert.deepEqual(layer.get("bottleneck.bn_layer.2.conv3.weight")![0], 2048);
    assert.deepEqual(layer.get("decoder.layer1.0.conv2.weight"), [512, 512, 2, 2]);
    assert.deepEqual(layer.get("decoder.layer1.0.upsample.0.weight"), [2048, 1024, 2, 2]);
    assert.deepEqual(layer.get("decoder.layer3.5.conv3.weight"), [256, 128, 1, 1]);
    assert.equal(layer.has("decoder.layer3.6.conv1.weight"), false);
  }
});

Deno.test("transposed convolutions begin as torch's, convolutions by fan-out", () => {
  const { records } = rd4adStep(
    featureLayouts("small", size),
    2,
    decoderLayouts.small,
    rd4adVariants.paper,
  );
  const initial = (name: string) => {
    const record = records.find((record) => record.name === name)!;
    let at = 0;
    const random = {
      uniform: (low: number, high: number) => at++ % 2 === 0 ? low : high,
      normal: () => at++ % 2 === 0 ? -1 : 1,
    };
    const data = record.initial(record.value.shape, random as never);
    return Math.max(...data);
  };
  const doubling = initial("decoder.layer2.0.conv1.weight"); // [96, 64, 2, 2]
  assert.ok(Math.abs(doubling - 1 / Math.sqrt(64 * 4)) < 1e-4, `${doubling}`);
  const plain = initial("decoder.layer2.0.conv2.weight"); // [64, 64, 3, 3]
  assert.ok(Math.abs(plain - Math.sqrt(2 / (64 * 9))) < 1e-6, `${plain}`);
});

Deno.test("RD4AD's variants differ where the implementations do", () => {
  const parameters = (variant: string) => {
    const setting = { profile: "paper", size: 256, backbone: "wide_resnet50_2", variant };
    const { parameters, mapParameters, reading } = rd4ad.plan(setting);
    return JSON.stringify([parameters, mapParameters, reading]);
  };
  assert.deepEqual(rd4ad.variants, Object.keys(rd4adVariants));
  assert.equal(parameters("paper"), parameters("anomalib-2023-10"));
  assert.equal(new Set(rd4ad.variants.map(parameters)).size, 3);
  assert.match(parameters("paper"), /"epochs":200.*"sigma":4,"border":"reflect_no_edge"/);
  assert.match(parameters("official"), /"reflect_edge"/);
  assert.throws(() => parameters("offical"), /offical/);
  const moves = singleMoves("rd4ad", rd4ad.switches!, "paper", "official");
  assert.deepEqual(moves, ["paper:embeddingWidth=official", "paper:blurBorder=official"]);
  assert.equal(
    parameters("paper:embeddingWidth=official:blurBorder=official"),
    parameters("official"),
  );
  assert.throws(() => parameters("paper:lose=official"), /switch of rd4ad/);
});
