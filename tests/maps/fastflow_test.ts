/** FastFlow against a float64 torch twin (tests/fixtures/torch_fastflow), and its trainings. */
import assert from "node:assert/strict";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { mapMaximum } from "../../lib/maps/anomaly_map.ts";
import type { DetectorPlan } from "../../lib/maps/detector.ts";
import {
  drawPermutations,
  fastFlowStep,
  type FlowPermutations,
  type FlowSettings,
} from "../../lib/maps/fastflow.ts";
import { fastFlow, fastFlowVariants } from "../../lib/maps/fastflow_detector.ts";
import { featureLayouts, openFrozenFeatures } from "../../lib/maps/frozen_features.ts";
import { Graph, nodesFor } from "../../lib/onnx/graph.ts";
import { gradients } from "../../lib/onnx/gradients.ts";
import { gather, mul, reduceSum } from "../../lib/onnx/ops.ts";
import { networkTensors, train, type TrainingState } from "../../lib/onnx/training.ts";
import { parseSafetensors, safetensorsBytes } from "../../lib/weights/safetensors.ts";
import {
  assertNear,
  assertRelative,
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
const layouts = featureLayouts("small", size);
const flow: FlowSettings = { flowSteps: 8, kernels: "alternating", hiddenRatio: 1, clamp: 2 };

/** As the twin draws them: one stream for all. */
function twinPermutations(): FlowPermutations {
  const random = new RandomState(2);
  return layouts.map(({ channels }) =>
    Array.from({ length: flow.flowSteps }, () => [...random.permutation(channels)])
  );
}

const permutations = twinPermutations();
const step = fastFlowStep(layouts, 4, flow, permutations, 1e-5);

async function drawnFeatures(pixels: NdArray<Uint8Array>) {
  const [images] = pixels.shape;
  const features = await openFrozenFeatures("small", size, drawnSmall(1), [pixels], images);
  return await features.of(Array.from({ length: images }, (_, i) => i));
}

const trained: Promise<TrainingState> = train(step, {
  name: "FastFlow",
  steps: 10,
  seed: 0,
  learningRate: () => 1e-4,
  batch: (number) => drawnFeatures(drawnPixels(99 + number, 4, size)),
  initial: drawnFor(step, 3),
});

function planOf(changes: Record<string, unknown> = {}): DetectorPlan {
  const plan = fastFlow.plan({ profile: "demo", size, backbone: "small", variant: "paper" });
  return { ...plan, parameters: { ...plan.parameters, flow, ...changes } as never };
}

async function mapsWith(tensors: ReadonlyMap<string, NdArray>): Promise<Float32Array> {
  const own = permutations.flatMap((blocks, layer) =>
    blocks.map((permutation, block): [string, NdArray] => [
      `fast_flow_blocks.${layer}.module_list.${block}.permutation`,
      { shape: [permutation.length], data: Int32Array.from(permutation) },
    ])
  );
  const file = safetensorsBytes(new Map([...tensors, ...own]));
  const opened = await fastFlow.open(
    planOf(),
    new Map([["flows.safetensors", file]]),
    drawnSmall(1),
  );
  const { maps } = await opened.maps(drawnPixels(4, 2, size));
  await opened.close();
  assert.deepEqual(maps.shape, [2, size, size]);
  return maps.data;
}

Deno.test("FastFlow's maps of pixels are torch's", async () => {
  const maps = await mapsWith(drawnFor(step, 3));
  assertNear(maps, fixtureArray("torch_fastflow", "before").data, 1e-5);
});

Deno.test("ten steps of FastFlow give torch's losses", async () => {
  const { losses } = await trained;
  assertRelative(losses, fixtureNumbers<{ losses: number[] }>("torch_fastflow").losses, 1e-4);
});

Deno.test("FastFlow's maps after ten steps are torch's", async () => {
  const maps = await mapsWith(networkTensors(step, await trained));
  assertNear(maps, fixtureArray("torch_fastflow", "after").data, 1e-3);
  const before = fixtureArray("torch_fastflow", "before").data;
  assert.ok(maps.some((value, i) => Math.abs(value - before[i]) > 0.01), "the steps moved nothing");
});

const budget = {
  length: { epochs: 2 },
  batch: 4,
  lastBatch: "kept",
  learningRate: 1e-3,
  schedule: "cosine",
};
const shortFlow = { ...flow, flowSteps: 2 };

const short = planOf({ budget, flow: shortFlow, size: 32 });
const six = drawnPixels(8, 6, 32); // batches of 4 and 2
const fitted = fitOn(fastFlow, short, six, 5);

Deno.test("two fits of FastFlow with one seed are the same bytes, with another seed others", async () => {
  assert.deepEqual(await fitOn(fastFlow, short, six, 5), await fitted);
  assert.notDeepEqual(await fitOn(fastFlow, short, six, 6), await fitted);
});

Deno.test("FastFlow fitted twice with one seed makes the same maps and scores, bit for bit", async () => {
  const [first, second] = await Promise.all(
    [fitted, fitOn(fastFlow, short, six, 5)].map(async (model) =>
      await readMaps(fastFlow, short, await model, drawnPixels(9, 3, 32))
    ),
  );
  assert.deepEqual(second, first);
  assert.deepEqual(second.map(mapMaximum), first.map(mapMaximum));
  assert.notEqual(mapMaximum(first[0]), mapMaximum(first[1]));
});

Deno.test("FastFlow killed after any of its checkpoints and resumed gives the same bytes", async () => {
  for (const kills of [1, 3]) {
    const checkpoints = new KillingCheckpoints(kills);
    const killed = withFastClock(() => fitOn(fastFlow, short, six, 5, checkpoints));
    await assert.rejects(killed, /killed/);
    assert.deepEqual(await fitOn(fastFlow, short, six, 5, checkpoints), await fitted);
  }
});

Deno.test("FastFlow's model holds its permutations", async () => {
  const { tensors } = parseSafetensors((await fitted).get("flows.safetensors")!, "model");
  const expected = drawPermutations(layouts, shortFlow, 5);
  const stored = tensors.get("fast_flow_blocks.2.module_list.1.permutation")!;
  assert.deepEqual([...stored.data], expected[2][1]);
  assert.deepEqual([...stored.data].toSorted((a, b) => Number(a) - Number(b)), [
    ...Array(96).keys(),
  ]);
});

Deno.test("FastFlow's kernels, epochs and last batches follow the variant", () => {
  const settings = (variant: string, backbone: string) => {
    const plan = fastFlow.plan({ profile: "paper", size: 256, backbone, variant });
    const { flow, budget } = plan.parameters as unknown as {
      flow: FlowSettings;
      budget: { length: { epochs: number }; lastBatch: string; batch: number };
    };
    return [flow.kernels, flow.flowSteps, budget.length.epochs, budget.batch, budget.lastBatch];
  };
  assert.deepEqual(fastFlow.variants, Object.keys(fastFlowVariants));
  const wide = "wide_resnet50_2";
  assert.deepEqual(settings("paper", wide), ["alternating", 8, 200, 32, "kept"]);
  assert.deepEqual(settings("official", wide), ["alternating", 8, 500, 32, "dropped"]);
  assert.deepEqual(settings("official", "resnet18"), ["3x3", 8, 500, 32, "dropped"]);
  assert.deepEqual(settings("anomalib-2023-10", "resnet18"), ["3x3", 8, 500, 32, "kept"]);
  assert.throws(() => settings("papper", wide), /did you mean "paper"|paper/i);
});

Deno.test("the cost of a fit follows from budget, backbone and number of images", () => {
  const cost = (profile: string, backbone: string, images: number) => {
    const plan = fastFlow.plan({ profile, size: 256, backbone, variant: "paper" });
    return fastFlow.fitCost!(plan, images);
  };
  const small = cost("cpu", "efficientnet_lite0", 200);
  assert.ok(small.seconds > 20 && small.seconds < 200 && small.mebibytes < 1000);
  const wide = cost("paper", "wide_resnet50_2", 1000); // features of 7 GB are not kept
  assert.ok(wide.mebibytes > 5000 && wide.mebibytes < 12_000);
  const twice = cost("paper", "wide_resnet50_2", 2000);
  assert.ok(Math.abs(twice.seconds / wide.seconds - 2) < 0.05);
});

Deno.test("features that are kept and features computed for each batch are the same bits", async () => {
  const pixels = drawnPixels(11, 5, size);
  const open = (keptBytes: number) =>
    openFrozenFeatures("small", size, drawnSmall(1), [pixels], 5, { keptBytes });
  const kept = await open(2 ** 30);
  const again = await open(0);
  const places = [3, 0, 3];
  assert.deepEqual(await again.of(places), await kept.of(places));
  await again.close();
  await assert.rejects(
    openFrozenFeatures("small", size, drawnSmall(1), [pixels], 6),
    /there are 5/,
  );
});

Deno.test("the gradient of a permutation is its inverse, without scattering", () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 3]);
  const loss = reduceSum(
    mul(gather(x, [2, 0, 1], 1), graph.input("w", "float32", [2, 3])),
    undefined,
    { keepdims: false },
  );
  const [dx] = gradients(loss, [x]);
  const operators = nodesFor(graph, [dx]).map(({ operator }) => operator);
  assert.ok(operators.includes("Gather") && !operators.includes("ScatterElements"));
  const inverse = graph.producer(dx)!.inputs[1]!.constant!;
  assert.deepEqual([...inverse.data].map(Number), [1, 2, 0]);
});
