/** Penalty images from a folder to a worker process and into a fit. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Json } from "../../lib/base/digest.ts";
import { npyBytes } from "../../lib/base/npy.ts";
import type { Sample } from "../../lib/images/sample.ts";
import type { DetectorPlan } from "../../lib/maps/detector.ts";
import { detectorNamed } from "../../lib/maps/detectors.ts";
import { numericsClass } from "../../lib/onnx/session.ts";
import { executeLocally, type StageFailure } from "../../lib/runner/executor_local.ts";
import { type PlannedPenalty, planPenalty } from "../../lib/runner/planned_penalty.ts";
import { planWeights } from "../../lib/runner/planned_weights.ts";
import { makeStage, type Stage } from "../../lib/runner/stage.ts";
import { fitStage } from "../../lib/runner/stages/fit.ts";
import { openStore } from "../../lib/store/store.ts";
import { makePng, withFolder } from "../images/made_folder.ts";
import { drawnPixels } from "../maps/drawn_network.ts";

const size = 128;
const count = 6;
const detector = detectorNamed("efficientad");

/** The plan of the demo with networks and trainings that take a moment. */
function shortPlan(penalty: PlannedPenalty | undefined): DetectorPlan {
  const plan = detector.plan({
    profile: "demo",
    size,
    backbone: "small",
    variant: "paper",
    ...(penalty === undefined ? {} : { penalty: penalty.digest }),
  });
  const { networks, teacher } = plan.parameters as Record<string, Record<string, Json>>;
  const widths = { stem: 4, trunk: 4, features: 4, autoencoder: 4 };
  const short = { steps: 2, images: 4, normalizationImages: 4, size };
  return {
    ...plan,
    parameters: {
      ...plan.parameters,
      steps: 4,
      networks: { ...networks, widths },
      teacher: { ...teacher, ...short, widths },
    },
  };
}

const pixels = makeStage({
  stage: "pixels",
  revision: 1,
  parameters: {},
  needs: {},
  label: "pixels",
  seconds: 0,
  mebibytes: 1,
});

/** The model of a fit in a worker that may read `read`, or why it failed. */
async function fitted(
  cache: string,
  penalty: PlannedPenalty | undefined,
  read: readonly string[],
): Promise<Uint8Array | StageFailure> {
  const store = await openStore(cache);
  const images = npyBytes(drawnPixels(5, count, size));
  await store.write(pixels.input, new Map([["pixels.npy", images]]), 0);
  const rows = Array.from({ length: count }, (_, row) => row);
  const pack = { class: "vad", index: 0, of: 1, samples: [] as Sample[] };
  const stage: Stage = fitStage(
    detector,
    shortPlan(penalty),
    [{ pack, rows }],
    [pixels],
    333,
    await planWeights("small", undefined, cache),
    undefined,
    penalty,
    numericsClass("cpu") as unknown as Json,
  );
  const { failures } = await executeLocally(store, [stage], {
    workers: 1,
    access: { cache, read },
    mebibytes: 4000,
    failFast: false,
    signal: new AbortController().signal,
  });
  const payload = await store.read("fit", stage.key);
  store.close();
  return failures[0] ?? payload!.get("model.safetensors")!;
}

Deno.test("a fit with penalty images gives the same bytes every time, and others than without", () =>
  withFolder({ "notes.txt": "no image" }, async (root) => {
    const photographs = join(root, "photographs");
    await Deno.mkdir(photographs);
    for (const seed of [1, 2, 3]) {
      await Deno.writeFile(join(photographs, `${seed}.png`), await makePng(seed, 100));
    }
    const penalty = await planPenalty(photographs);
    const run = (name: string, planned: PlannedPenalty | undefined, read: readonly string[] = []) =>
      fitted(join(root, name), planned, read);
    const model = await run("first", penalty, [photographs]);
    assert.ok(model instanceof Uint8Array, JSON.stringify(model));
    assert.deepEqual(await run("second", penalty, [photographs]), model);
    assert.notDeepEqual(await run("without", undefined), model);

    const unreadable = await run("unreadable", penalty) as StageFailure;
    assert.match(unreadable.message, /photographs.*allow-read|Requires read access/s);

    await Deno.writeFile(join(photographs, "2.png"), await makePng(9, 100));
    const changed = await run("changed", penalty, [photographs]) as StageFailure;
    assert.match(changed.message, /photographs for penalty images: it has changed/);
    assert.equal(changed.remedy, "Run the command again.");
  }));
