/** EfficientAD: networks, losses, steps and maps against a torch twin; teacher, fit, determinism. */
import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { readAnomalyMap } from "../../lib/maps/anomaly_map.ts";
import type { Checkpoints } from "../../lib/maps/checkpoints.ts";
import type { DetectorModel, DetectorPlan, FitInput } from "../../lib/maps/detector.ts";
import { detectorNamed } from "../../lib/maps/detectors.ts";
import {
  autoencoder,
  combinedMap,
  efficientAdGrid,
  type EfficientAdMapping,
  type EfficientAdNetworks,
  efficientAdRate,
  efficientAdStep,
  foldedTensors,
  hardFeatureLoss,
  mapQuantiles,
  mediumWidths,
  MomentsOfFeatures,
  normalizedLayer,
  normalizedStart,
  normalizedTeacher,
  openEfficientAd,
  openPatchDescription,
  patchDescription,
} from "../../lib/maps/efficientad.ts";
import { changedImage } from "../../lib/maps/efficientad_augmentation.ts";
import { efficientAdVariants } from "../../lib/maps/efficientad_detector.ts";
import {
  type Distillation,
  distilTeacher,
  publishedTeacher,
} from "../../lib/maps/efficientad_teacher.ts";
import { openPenaltyImages, penaltyImage } from "../../lib/images/penalty_images.ts";
import { gradients } from "../../lib/onnx/gradients.ts";
import { Graph, nodesFor, type Value } from "../../lib/onnx/graph.ts";
import { conv2d, normalizedImage } from "../../lib/onnx/layers.ts";
import { initialTensors, scopeOf, trainableParameters } from "../../lib/onnx/parameters.ts";
import { networkTensors, train, type TrainingState } from "../../lib/onnx/training.ts";
import { withWinogradConvolutions } from "../../lib/onnx/winograd.ts";
import { initialWeights } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";
import { parseSafetensors } from "../../lib/weights/safetensors.ts";
import { evaluate, relativeError } from "../onnx/drawn.ts";

interface TrainingCase {
  readonly padding: boolean;
  readonly augmented: boolean;
  readonly mean: number[];
  readonly deviation: number[];
  /** Of each step: hard, autoencoder, student and autoencoder, penalty if there is one. */
  readonly losses: number[][];
  readonly student: number[];
  readonly autoencoder: number[];
  readonly read: Record<string, { readonly quantiles: number[]; readonly map: number[] }>;
}

interface Fixture {
  readonly medium: Record<string, number[]>;
  readonly student: Record<string, number[]>;
  readonly autoencoder: Record<string, number[]>;
  readonly trainings: TrainingCase[];
  readonly hard: {
    readonly seed: number;
    readonly count: number;
    readonly q: number;
    readonly levels: number;
    readonly loss: number;
    readonly chosen: number;
    readonly gradient: number;
  }[];
  readonly jitter: {
    readonly change: "brightness" | "contrast" | "saturation";
    readonly factor: number;
    readonly every47th: number[];
    readonly sum: number;
  }[];
}

const fixture: Fixture = JSON.parse(
  Deno.readTextFileSync(
    new URL("../fixtures/torch_efficientad/numbers.json", import.meta.url),
  ),
);

const size = 128;
const widths = { stem: 8, trunk: 16, features: 12, autoencoder: 4 };
const variantOfCase: Record<string, string> = {
  paper: "paper",
  official: "official",
  anomalib: "anomalib-2023-10",
};

/** The image that the generator draws. */
function drawnPixels(seed: number, side = size): Uint8Array<ArrayBuffer> {
  const random = new RandomState(seed);
  const coarse = side / 16;
  const blocks = Float64Array.from(
    { length: coarse * coarse * 3 },
    () => Math.floor(random.random() * 192),
  );
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
    const block = (Math.floor(y / 16) * coarse + Math.floor(x / 16)) * 3 + i % 3;
    return blocks[block] + Math.floor(random.random() * 64);
  });
}

/** The weights that the generator draws, a stream per tensor. */
function drawnTensors(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): Map<string, NdArray<Float32Array>> {
  let stream = seed;
  return new Map(
    [...shapes].map(([name, shape]) => {
      const random = new RandomState(stream++);
      const fanIn = shape.slice(1).reduce((product, n) => product * n, 1);
      const scale = name.endsWith("weight") ? Math.sqrt(2 / fanIn) : 0.1;
      const length = shape.reduce((product, n) => product * n, 1);
      const data = Float32Array.from({ length }, () => random.normal() * scale);
      return [name, { shape, data }];
    }),
  );
}

/** Names and shapes of a network's parameters in the order of their use. */
function shapesOf(
  build: (graph: Graph, scope: ReturnType<typeof scopeOf>) => Value,
): Map<string, readonly number[]> {
  const parameters = trainableParameters(new Graph());
  build(parameters.graph, scopeOf(parameters));
  return new Map(parameters.records.map(({ name, value }) => [name, value.shape]));
}

function networkShapes(networks: EfficientAdNetworks) {
  const image = (graph: Graph) =>
    graph.input("image", "float32", [1, 3, networks.size, networks.size]);
  const { features } = networks.widths;
  return {
    teacher: shapesOf((g, scope) => patchDescription(scope, image(g), features, networks)),
    student: shapesOf((g, scope) => patchDescription(scope, image(g), 2 * features, networks)),
    autoencoder: shapesOf((g, scope) => autoencoder(scope, image(g), networks, 0.2)),
  };
}

const prefixed = (prefix: string, tensors: ReadonlyMap<string, NdArray<Float32Array>>) =>
  [...tensors].map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const);

/** The generator's networks and their normalized teacher. */
async function drawnNetworks(networks: EfficientAdNetworks) {
  const shapes = networkShapes(networks);
  const teacher = drawnTensors(shapes.teacher, 100);
  const moments = new MomentsOfFeatures(networks.widths.features);
  const session = await openPatchDescription(teacher, networks.widths.features, networks);
  for (const seed of [1, 2, 3]) {
    const outputs = await session.run({
      image: { shape: [1, size, size, 3], data: drawnPixels(seed) },
    });
    moments.add(outputs.features.data as Float32Array);
  }
  await session.close();
  return {
    moments: moments.moments(),
    teacher: normalizedTeacher(teacher, moments.moments()),
    trained: new Map([
      ...prefixed("student", drawnTensors(shapes.student, 200)),
      ...prefixed("autoencoder", drawnTensors(shapes.autoencoder, 300)),
    ]),
  };
}

const pixelFeed = (seed: number) => ({ shape: [1, size, size, 3], data: drawnPixels(seed) });
const floatFeed = (seed: number) => ({
  shape: [1, size, size, 3],
  data: Float32Array.from(drawnPixels(seed)),
});

Deno.test("the medium networks' step by Winograd's filtering gives the plain step's numbers", async () => {
  const networks = { size: 128, widths: mediumWidths, padding: true };
  const shapes = networkShapes(networks);
  const teacher = drawnTensors(shapes.teacher, 1);
  const losses = { hardQuantile: 0.999, dropout: 0, augmented: false, penalty: false };
  const step = efficientAdStep(teacher, networks, losses, 1e-5);
  assert.ok(step.winograd);
  const rewritten = withWinogradConvolutions(step.graph);
  const wide = (graph: Graph) =>
    nodesFor(graph, graph.outputs.map(({ value }) => value)).filter(
      ({ operator, inputs: [, w] }) => operator === "Conv" && w!.shape[1] >= 256 && w!.shape[2] > 1,
    ).length;
  assert.deepEqual([wide(step.graph), wide(rewritten)], [6 + 1, 1]); // one is the autoencoder's
  const feeds = {
    image: { shape: [1, 128, 128, 3], data: drawnPixels(3) },
    ...Object.fromEntries(prefixed("student", drawnTensors(shapes.student, 20))),
    ...Object.fromEntries(prefixed("autoencoder", drawnTensors(shapes.autoencoder, 40))),
  };
  const plain = await evaluate(step.graph, feeds);
  const results = await evaluate(rewritten, feeds);
  for (const [name, { data }] of Object.entries(plain)) {
    const error = relativeError(results[name].data as Float32Array, data as Float32Array);
    // A few ReLUs lie on the other side of 0.
    assert.ok(error < (name === "loss" ? 1e-5 : 2e-3), `${name}: ${error}`);
  }
});

Deno.test("the medium networks have the published parameters", () => {
  const shapes = networkShapes({ size: 256, widths: mediumWidths, padding: true });
  assert.deepEqual(Object.fromEntries(shapes.teacher), fixture.medium);
  assert.deepEqual(Object.fromEntries(shapes.student), fixture.student);
  assert.deepEqual(Object.fromEntries(shapes.autoencoder), fixture.autoencoder);
});

Deno.test("sizes that the networks cannot halve are refused", () => {
  assert.equal(efficientAdGrid({ size: 128, widths, padding: true }), 32);
  for (const wrong of [64, 200, 256.5]) {
    assert.throws(() => efficientAdGrid({ size: wrong, widths, padding: true }), RangeError);
  }
});

for (const expected of fixture.trainings) {
  const kind = expected.padding ? "with padding" : "without padding, augmented, with penalty";
  Deno.test(`ten steps and maps ${kind} are torch's`, async () => {
    const networks = { size, widths, padding: expected.padding };
    const { moments, teacher, trained } = await drawnNetworks(networks);
    assert.ok(relativeError(moments.mean, expected.mean) < 1e-5);
    assert.ok(relativeError(moments.deviation, expected.deviation) < 1e-5);
    const step = efficientAdStep(teacher, networks, {
      hardQuantile: 0.999,
      dropout: 0,
      augmented: expected.augmented,
      penalty: expected.augmented,
    }, 1e-5);
    const reported: number[][] = [];
    const state = await train(step, {
      name: "EfficientAD",
      steps: 10,
      seed: 0,
      initial: trained,
      learningRate: efficientAdRate(1e-4, 10),
      batch: (number) => ({
        image: pixelFeed(1000 + number),
        ...(expected.augmented
          ? { augmented: floatFeed(2000 + number), penalty: pixelFeed(3000 + number) }
          : {}),
      }),
      onProgress: ({ reports: { hard, autoencoder, studentAutoencoder, penalty } }) =>
        void reported.push([hard, autoencoder, studentAutoencoder, ...(penalty ? [penalty] : [])]),
    });
    expected.losses.forEach((losses, i) => {
      losses.forEach((loss, j) =>
        assert.ok(
          Math.abs(reported[i][j] - loss) < 1e-3 * loss,
          `step ${i + 1}, loss ${j}: ${reported[i][j]} for ${loss}`,
        )
      );
      const total = losses.reduce((sum, loss) => sum + loss, 0);
      assert.ok(Math.abs(state.losses[i] - total) < 1e-3 * total);
    });
    const opened = await openEfficientAd(
      new Map([...networkTensors(step, state), ...prefixed("teacher", teacher)]),
      networks,
    );
    const pair = await opened.maps(drawnPixels(4000));
    assert.ok(relativeError(pair.student, expected.student) < 1e-3);
    assert.ok(relativeError(pair.autoencoder, expected.autoencoder) < 1e-3);

    const good = [];
    for (const seed of [4001, 4002, 4003]) good.push(await opened.maps(drawnPixels(seed)));
    await opened.close();
    const grid = efficientAdGrid(networks);
    for (const [name, { quantiles, map }] of Object.entries(expected.read)) {
      const { border, normalized } = efficientAdVariants[variantOfCase[name]];
      const mapping: EfficientAdMapping = { border, normalized };
      const found = mapQuantiles(good, grid, size, mapping);
      assert.ok(relativeError([...found.student, ...found.autoencoder], quantiles) < 1e-3, name);
      const side = grid + 2 * mapping.border;
      const combined = combinedMap(pair, grid, found, mapping);
      const read = readAnomalyMap(combined, side, side, size, { upsample: "bilinear" });
      const sampled = map.map((_, i) => read[8 * (Math.floor(i / 16) * size + i % 16)]);
      assert.ok(relativeError(sampled, map) < 1e-3, name);
    }
  });
}

Deno.test("the hard loss takes what torch's quantile takes, ties included", async () => {
  for (const { seed, count, q, levels, loss, chosen, gradient } of fixture.hard) {
    const random = new RandomState(seed);
    const data = Float32Array.from({ length: count }, () => {
      const number = random.random();
      return levels > 0 ? Math.floor(number * levels) / levels : number;
    });
    const graph = new Graph();
    const x = graph.input("x", "float32", [1, count]);
    const value = hardFeatureLoss(x, q);
    graph.output("loss", value);
    graph.output("gradient", gradients(value, [x])[0]);
    const results = await evaluate(graph, { x: { shape: [1, count], data } });
    const slopes = results.gradient.data as Float32Array;
    const what = `${count} numbers, ${levels} levels`;
    assert.ok(Math.abs(Number(results.loss.data[0]) - loss) < 1e-6, what);
    assert.equal(slopes.filter((slope) => slope !== 0).length, chosen, what);
    assert.ok(relativeError([Math.max(...slopes)], [gradient]) < 1e-6, what);
  }
});

Deno.test("the augmentation is Pillow's, and the tensor's within a rounding of it", () => {
  const pixels = drawnPixels(7, 64);
  for (const { change, factor, every47th, sum } of fixture.jitter) {
    const changed = changedImage(pixels, change, factor, "pillow");
    assert.deepEqual(every47th.map((_, i) => changed[47 * i]), every47th, `${change} ${factor}`);
    assert.equal(changed.reduce((total, value) => total + value), sum);
    const floats = changedImage(pixels, change, factor, "tensor");
    assert.ok(floats.every((value, i) => Math.abs(value - changed[i]) < 1.6));
    assert.ok(floats.some((value, i) => value !== changed[i]));
  }
});

Deno.test("the rate falls to a tenth after 95 % of the steps", () => {
  const rate = efficientAdRate(1e-4, 70_000);
  assert.deepEqual([1, 66_500, 66_501, 70_000].map(rate), [1e-4, 1e-4, 1e-5, 1e-5]);
});

Deno.test("published teachers fit under both of their names; others are refused", () => {
  const shapes = networkShapes({ size, widths, padding: true }).teacher;
  const tensors = drawnTensors(shapes, 5);
  assert.deepEqual(publishedTeacher(tensors, widths), tensors);
  const modules = ["0", "3", "6", "8", "10", "12"];
  const packed = new Map(
    [...tensors].map(([name, tensor]) => {
      const [module, kind] = name.split(".");
      return [`conv${modules.indexOf(module) + 1}.${kind}`, tensor];
    }),
  );
  assert.deepEqual(publishedTeacher(packed, widths), tensors);
  packed.delete("conv5.bias");
  assert.throws(() => publishedTeacher(packed, widths), DataError);
  assert.throws(() => publishedTeacher(tensors, { ...widths, trunk: 24 }), /0.weight|3.weight/);
});

Deno.test("folded layers give what convolution and normalization gave", async () => {
  const parameters = trainableParameters(new Graph(), { training: false });
  const image = parameters.graph.input("image", "float32", [1, 3, 64, 64]);
  const networks = { widths, padding: true };
  const y = patchDescription(scopeOf(parameters), image, 12, networks, normalizedLayer(0.1));
  parameters.graph.output("y", y);
  const tensors = initialTensors(parameters.records, 3);
  for (const [name, { data }] of tensors) {
    if (!name.includes(".norm.")) continue;
    const random = new RandomState(name.length);
    data.forEach((_, i) => data[i] = 0.5 + random.random());
  }
  const random = new RandomState(9);
  const feed = {
    shape: [1, 3, 64, 64],
    data: Float32Array.from({ length: 3 * 64 * 64 }, () => random.normal()),
  };
  const normalized = await evaluate(parameters.graph, {
    image: feed,
    ...Object.fromEntries(tensors),
  });
  const plain = trainableParameters(new Graph());
  const input = plain.graph.input("image", "float32", [1, 3, 64, 64]);
  plain.graph.output("y", patchDescription(scopeOf(plain), input, 12, networks));
  const folded = await evaluate(plain.graph, {
    image: feed,
    ...Object.fromEntries(foldedTensors(tensors)),
  });
  assert.ok(
    relativeError(folded.y.data as Float32Array, normalized.y.data as Float32Array) < 1e-5,
  );
});

Deno.test("a normalized start gives the sixth layer the variance that torch's start loses", async () => {
  const networks = { size, widths, padding: true };
  const images = {
    shape: [4, size, size, 3],
    data: Uint8Array.from([1, 2, 3, 4].flatMap((seed) => [...drawnPixels(seed)])),
  };
  const varianceOf = async (tensors: ReadonlyMap<string, NdArray<Float32Array>>) => {
    const parameters = trainableParameters(new Graph());
    const image = normalizedImage(
      parameters.graph.input("image", "uint8", [4, size, size, 3]),
    );
    patchDescription(scopeOf(parameters, "student"), image, 24, networks, (scope, x, ...rest) => {
      if (scope.path === "student.12") parameters.graph.output("sixth", x);
      return conv2d(scope, x, ...rest);
    });
    const { sixth } = await evaluate(parameters.graph, {
      image: images,
      ...Object.fromEntries(tensors),
    });
    const values = sixth.data as Float32Array;
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  };
  const start = await normalizedStart(networks, images, 1);
  // Half of a standard normal: variance 1/2 - 1/(2 pi).
  const variance = await varianceOf(start);
  assert.ok(Math.abs(variance - 0.34) < 0.05, String(variance));
  const parameters = trainableParameters(new Graph());
  const image = normalizedImage(parameters.graph.input("image", "uint8", [4, size, size, 3]));
  patchDescription(scopeOf(parameters, "student"), image, 24, networks);
  assert.ok(await varianceOf(initialTensors(parameters.records, 1)) < 0.01);
});

const distillation: Distillation = {
  backbone: "small",
  taps: ["layer2", "layer3"],
  widths,
  size: 64,
  images: 12,
  normalizationImages: 12,
  steps: 40,
  batch: 2,
  learningRate: 5e-3,
  schedule: "cosine",
  weightDecay: 1e-5,
  batchNorm: true,
  seed: 1,
};
const backboneWeights = initialWeights(backboneNamed("small"), new RandomState(4));

/** Keeps what is saved; `load` gives it. */
function memoryCheckpoints(saved?: Uint8Array): Checkpoints & { states: Uint8Array[] } {
  const states: Uint8Array[] = [];
  return {
    states,
    load: () => Promise.resolve(saved?.slice()),
    save: (state) => {
      states.push(state.slice());
      return Promise.resolve();
    },
  };
}

Deno.test("a distilled teacher has learned its backbone's features, the same every time", async () => {
  const losses: number[] = [];
  const distil = () =>
    distilTeacher(distillation, backboneWeights, {
      checkpoints: memoryCheckpoints(),
      progress: (_done, _of, remark) => losses.push(Number(remark!.split(" ")[1])),
    });
  const first = await distil();
  const networks = { size: 64, widths, padding: true };
  assert.deepEqual(
    new Set(first.keys()),
    new Set(Object.keys(fixture.medium)),
    `the network of the publication: ${networks.size}`,
  );
  const mean = (numbers: number[]) => numbers.reduce((sum, n) => sum + n) / numbers.length;
  assert.ok(mean(losses.slice(30, 40)) < 0.8 * mean(losses.slice(0, 5)), losses.join(" "));
  assert.deepEqual(await distil(), first);
  await assert.rejects(
    distilTeacher({ ...distillation, taps: ["layer9"] }, backboneWeights, {
      checkpoints: memoryCheckpoints(),
    }),
    /it has no layer layer9, only layer1/,
  );
});

const detector = detectorNamed("efficientad");

/** A plan whose trainings take a moment. */
function shortPlan(variant: string, penalty?: string): DetectorPlan {
  const setting = { profile: "demo", size, backbone: "small", variant };
  const plan = detector.plan(penalty === undefined ? setting : { ...setting, penalty });
  const parameters = plan.parameters as unknown as { readonly networks: EfficientAdNetworks };
  return {
    ...plan,
    parameters: {
      ...plan.parameters,
      steps: 6,
      networks: { ...parameters.networks, widths: { ...widths } },
      teacher: { kind: "distilled", ...distillation, widths: { ...widths }, steps: 2 },
    },
  };
}

const trainingImages = [11, 12, 13, 14].map((seed) => drawnPixels(seed));

/** The teacher of the short plans, made once. */
let teacherOfPlans: Promise<DetectorModel> | undefined;

function preparedTeacher(): Promise<DetectorModel> {
  teacherOfPlans ??= detector.prepare!({
    plan: shortPlan("paper"),
    weights: backboneWeights,
    progress: () => {},
    checkpoints: memoryCheckpoints(),
  });
  return teacherOfPlans;
}

function fitInput(plan: DetectorPlan, options: Partial<FitInput> = {}): FitInput {
  return {
    plan,
    blocks: (async function* () {
      for (const data of trainingImages) yield { shape: [1, size, size, 3], data };
    })(),
    images: trainingImages.length,
    weights: backboneWeights,
    seed: 333,
    progress: () => {},
    checkpoints: memoryCheckpoints(),
    ...options,
  };
}

Deno.test("a fit gives maps, the same bytes every time; another seed gives others", async () => {
  const plan = shortPlan("paper");
  const prepared = await preparedTeacher();
  const model = await detector.fit(fitInput(plan, { prepared }));
  assert.deepEqual(await detector.fit(fitInput(plan)), model, "a fit makes the same teacher");
  const other = await detector.fit(fitInput(plan, { prepared, seed: 334 }));
  assert.notDeepEqual(other, model);

  const open = await detector.open(plan, model, undefined);
  const block = {
    shape: [2, size, size, 3],
    data: Uint8Array.from([...trainingImages[0], ...drawnPixels(50)]),
  };
  const { maps, scores } = await open.maps(block);
  assert.deepEqual(maps.shape, [2, ...plan.grid]);
  assert.equal(scores, undefined);
  assert.ok(maps.data.every(Number.isFinite));
  const alone = await open.maps({ shape: [1, size, size, 3], data: drawnPixels(50) });
  assert.deepEqual(alone.maps.data, maps.data.subarray(32 * 32));
  await open.close();
  const again = await detector.open(plan, await detector.fit(fitInput(plan)), undefined);
  assert.deepEqual((await again.maps(block)).maps.data, maps.data);
  await again.close();
});

Deno.test("the quantiles come from the tenth of the images that is held back", async () => {
  const plan = shortPlan("paper");
  const model = await detector.fit(fitInput(plan, { prepared: await preparedTeacher() }));
  const { tensors } = parseSafetensors(model.get("model.safetensors")!, "model");
  const { networks } = plan.parameters as unknown as { readonly networks: EfficientAdNetworks };
  const opened = await openEfficientAd(tensors, networks);
  const held = new RandomState(333).permutation(4)[0];
  const pair = await opened.maps(trainingImages[held]);
  await opened.close();
  const quantiles = mapQuantiles([pair], 32, size, { border: 0, normalized: "native" });
  assert.deepEqual(
    [...tensors.get("quantiles")!.data],
    [...quantiles.student, ...quantiles.autoencoder],
  );
});

Deno.test("a fit that was killed goes on bit for bit", async () => {
  const plan = shortPlan("anomalib-2023-10");
  const networks = { size, widths, padding: false };
  const { teacher, trained } = await drawnNetworks(networks);
  const step = efficientAdStep(teacher, networks, {
    hardQuantile: 0.999,
    dropout: 0.2,
    augmented: false,
    penalty: false,
  }, 1e-5);
  const states: TrainingState[] = [];
  const options = {
    name: "EfficientAD",
    steps: 5,
    seed: 2,
    initial: trained,
    learningRate: efficientAdRate(1e-3, 5),
    batch: (number: number) => ({ image: pixelFeed(number) }),
  };
  const whole = await train(step, {
    ...options,
    checkpoint: { every: 1, save: (state) => void states.push(structuredClone(state)) },
  });
  for (const resume of states) {
    const resumed = await train(step, { ...options, resume });
    assert.deepEqual(resumed.losses, whole.losses);
    assert.deepEqual(resumed.tensors, whole.tensors);
  }
  const prepared = await preparedTeacher();
  const model = await detector.fit(fitInput(plan, { prepared }));
  const clock = performance.now;
  const kept = memoryCheckpoints();
  let seconds = 0;
  performance.now = () => seconds += 15_000; // every second step is checkpointed
  try {
    await detector.fit(fitInput(plan, { prepared, checkpoints: kept }));
  } finally {
    performance.now = clock;
  }
  assert.ok(kept.states.length > 0);
  for (const state of [kept.states[0], kept.states.at(-1)!]) {
    const resumed = await detector.fit(
      fitInput(plan, { prepared, checkpoints: memoryCheckpoints(state) }),
    );
    assert.deepEqual(resumed, model);
  }
});

Deno.test("penalty images are drawn where they were planned, and asked for where they are missing", async () => {
  const folder = new URL("../fixtures/pillow/images", import.meta.url).pathname;
  const images = await openPenaltyImages(folder);
  assert.ok(images.files.length > 1 && /^[0-9a-f]{64}$/.test(images.digest));
  const plan = shortPlan("paper", images.digest);
  const without = shortPlan("paper");
  const prepared = await preparedTeacher();
  await assert.rejects(detector.fit(fitInput(plan, { prepared })), /penalty images are missing/);
  await assert.rejects(
    detector.fit(fitInput(without, { prepared, penalty: images })),
    /not planned/,
  );
  const model = await detector.fit(fitInput(plan, { prepared, penalty: images }));
  assert.notDeepEqual(model, await detector.fit(fitInput(without, { prepared })));
  await assert.rejects(openPenaltyImages("/nowhere"), DataError);

  const pixels = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => i);
  const middle = [15, 16, 17, 18, 19, 20, 27, 28, 29, 30, 31, 32];
  assert.deepEqual([...penaltyImage(pixels, 2, false)], middle);
  assert.deepEqual([...penaltyImage(pixels, 2, true)], [
    16,
    16,
    16,
    19,
    19,
    19,
    28,
    28,
    28,
    31,
    31,
    31,
  ]);
});

Deno.test("a plan writes out variant and budget; the paper's is the paper's", () => {
  const setting = { profile: "paper", size: 256, backbone: "wide_resnet50_2", variant: "paper" };
  const plan = detector.plan(setting);
  assert.equal(plan.backbone, "efficientad_teacher_medium");
  assert.deepEqual(plan.grid, [64, 64]);
  const {
    steps,
    learningRate,
    hardQuantile,
    validationShare,
    dropout,
    augmentation,
    penalty,
    start,
  } = plan.parameters;
  assert.deepEqual(
    { steps, learningRate, hardQuantile, validationShare, dropout, augmentation, penalty, start },
    {
      steps: 70_000,
      learningRate: 1e-4,
      hardQuantile: 0.999,
      validationShare: 0.1,
      dropout: 0.2,
      augmentation: "none",
      penalty: "none",
      start: "torch",
    },
  );
  assert.equal(detector.plan({ ...setting, variant: "distilled" }).backbone, "wide_resnet50_2");
  for (const variant of detector.variants) {
    assert.deepEqual(detector.plan({ ...setting, variant }).grid, [64, 64], variant);
    const demo = detector.plan({ profile: "demo", size: 128, backbone: "small", variant });
    assert.equal(demo.backbone, "small", "narrow networks have no published teacher");
  }
  assert.throws(
    () => detector.plan({ ...setting, variant: "papre" }),
    /variant of efficientad "papre"/,
  );
  assert.throws(() => detector.plan({ ...setting, size: 200 }), RangeError);
});

Deno.test("a single good image is refused", async () => {
  const one = (async function* () {
    yield { shape: [1, size, size, 3], data: trainingImages[0] };
  })();
  await assert.rejects(detector.fit(fitInput(shortPlan("paper"), { blocks: one })), DataError);
});
