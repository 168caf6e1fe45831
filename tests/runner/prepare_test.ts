/** What fits share is made once: EfficientAD's teacher, distilled or from stored weights. */
import assert from "node:assert/strict";
import { canonicalJson, sha256 } from "../../lib/base/digest.ts";
import { DataError } from "../../lib/base/errors.ts";
import { planExperiment, type RunSetting } from "../../lib/runner/plan.ts";
import { planWeights, readWeights } from "../../lib/runner/planned_weights.ts";
import { profiles } from "../../lib/runner/profile.ts";
import { safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { table3 } from "../../experiments/table3.ts";
import { madeSamples, madeSetting, stagesOf } from "./made_setting.ts";

const teacherName = "efficientad_teacher_medium";
const weights = (backbone: string) => ({ backbone, file: "nowhere", digest: backbone });
const counts = { trainGood: 8, trainBad: 8, testGood: 8, testBad: 8 };
const setting = madeSetting(madeSamples(["vad"], counts), {
  weights: new Map([["small", weights("small")], [teacherName, weights(teacherName)]]),
});

/** The stages that the rows of EfficientAD depend on for three seeds, by kind and key. */
function plannedStages(changes: Partial<RunSetting>): ReturnType<typeof stagesOf> {
  const chosen = table3.rows.filter(({ row }) =>
    ["EfficientAD", "EfficientAD + Ours"].includes(row)
  );
  const plan = planExperiment(table3, chosen, { ...setting, seeds: [333, 576, 725], ...changes });
  for (const { obstacle } of plan.rows) assert.equal(obstacle, undefined);
  return stagesOf([plan]);
}

Deno.test("one teacher serves the fits of all seeds", () => {
  const stages = plannedStages({});
  assert.equal(stages.get("prepare")!.size, 1);
  assert.equal(stages.get("fit")!.size, 3);
  const [prepared] = stages.get("prepare")!.values();
  for (const fit of stages.get("fit")!.values()) assert.ok(fit.needs.includes(prepared));
  assert.equal(prepared.input.parameters.weights, "small");
});

Deno.test("other weights and other budgets make another teacher, other augmentation does not", () => {
  const key = (changes: Partial<RunSetting>) =>
    [...plannedStages(changes).get("prepare")!.keys()][0];
  const usual = key({});
  assert.equal(key({ variants: { efficientad: "official" } }), usual);
  assert.notEqual(key({ profile: profiles.cpu }), usual);
  const retrained = { ...weights("small"), digest: "other" };
  assert.notEqual(key({ weights: new Map([["small", retrained]]) }), usual);
});

Deno.test("the paper's budgets take the published teacher", () => {
  const [prepared] = plannedStages({ profile: profiles.paper }).get("prepare")!.values();
  assert.equal(prepared.input.parameters.weights, teacherName);
});

Deno.test("a missing teacher blocks its rows and says how to get it", async () => {
  const cache = await Deno.makeTempDir();
  try {
    const missing = await planWeights(teacherName, undefined, cache).catch((error) => error);
    assert.ok(missing instanceof DataError);
    const rows = table3.rows.filter(({ row }) => row === "EfficientAD");
    const [{ obstacle }] = planExperiment(table3, rows, {
      ...setting,
      seeds: [333],
      profile: profiles.paper,
      weights: new Map([[teacherName, missing]]),
    }).rows;
    assert.match(obstacle!.remedy!, /weights pull efficientad_teachers/);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

Deno.test("a stored teacher is read as it was planned; a changed one is refused", async () => {
  const cache = await Deno.makeTempDir();
  const file = `${cache}/weights/${teacherName}`;
  const store = async (number: number) => {
    const tensors = new Map([["0.bias", { shape: [1], data: Float32Array.of(number) }]]);
    const bytes = safetensorsBytes(tensors);
    const record = {
      name: teacherName,
      backbone: null,
      sha256: sha256(bytes),
      bytes: bytes.length,
      licence: "Apache-2.0",
      source: { file: "made", sha256: sha256(bytes), bytes: bytes.length, known: null },
    };
    await Deno.mkdir(`${cache}/weights`, { recursive: true });
    await Deno.writeFile(`${file}.safetensors`, bytes);
    await Deno.writeTextFile(`${file}.json`, canonicalJson(record));
    return tensors;
  };
  try {
    const tensors = await store(1.5);
    const planned = await planWeights(teacherName, undefined, cache);
    assert.deepEqual(new Map(await readWeights(planned)), tensors);
    await store(2.5);
    await assert.rejects(readWeights(planned), /changed since the run was planned/);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
