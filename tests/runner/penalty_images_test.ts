/** Penalty images in plans: what they change, who is told of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { experiments } from "../../experiments/mod.ts";
import { DataError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import { readFolders } from "../../lib/cli/run_options.ts";
import { parseResult } from "../../lib/report/results.ts";
import { resultOfRun } from "../../lib/report/result_of_run.ts";
import { rowAudit } from "../../lib/report/row_audit.ts";
import { Auditor } from "../../lib/runner/audit.ts";
import type { Plan, RunSetting } from "../../lib/runner/plan.ts";
import {
  penaltyText,
  type PlannedPenalty,
  planPenalty,
  readPenalty,
} from "../../lib/runner/planned_penalty.ts";
import { provenanceOf } from "../../lib/runner/provenance.ts";
import { runFileSchema } from "../../lib/runner/run_file.ts";
import type { Stage } from "../../lib/runner/stage.ts";
import { makePng, withFolder } from "../images/made_folder.ts";
import { madePlan, madeSamples, madeSetting, stagesOf } from "./made_setting.ts";

const table3 = experiments.find(({ id }) => id === "table3")!;
const samples = madeSamples(["vad"], { trainGood: 40, trainBad: 30, testGood: 20, testBad: 20 });
const digest = "0".repeat(64);
const penalty: PlannedPenalty = { folder: "/data/photographs", digest, files: ["a", "b"] };

function planOf(changes: Partial<RunSetting>): Plan {
  return madePlan(table3, madeSetting(samples, changes));
}

function fitsOf(plan: Plan): Map<string, Stage[]> {
  const fits = [...stagesOf([plan]).get("fit")!.values()];
  return Map.groupBy(fits, ({ input }) => input.parameters.detector as string);
}

Deno.test("penalty images change EfficientAD's fits, and nobody else's", () => {
  const [without, given] = [fitsOf(planOf({})), fitsOf(planOf({ penalty }))];
  const keys = (fits: Map<string, Stage[]>, id: string) => fits.get(id)!.map(({ key }) => key);
  for (const id of ["patchcore", "fastflow", "rd4ad"]) {
    assert.deepEqual(keys(given, id), keys(without, id), id);
    for (const { locations } of given.get(id)!) assert.equal(locations.penalty, undefined);
  }
  for (const key of keys(given, "efficientad")) {
    assert.ok(!keys(without, "efficientad").includes(key));
  }
  for (const { locations, input } of given.get("efficientad")!) {
    assert.deepEqual(locations.penalty, { folder: "/data/photographs", digest });
    assert.ok(!JSON.stringify(input).includes("photographs"), "a key knows no folder");
  }
  const moved = fitsOf(planOf({ penalty: { ...penalty, folder: "/elsewhere" } }));
  assert.deepEqual(keys(moved, "efficientad"), keys(given, "efficientad"));
  const other = fitsOf(planOf({ penalty: { ...penalty, digest: "1".repeat(64) } }));
  assert.notDeepEqual(keys(other, "efficientad"), keys(given, "efficientad"));
});

Deno.test("workers may read the folder of the penalty images", () => {
  assert.ok(readFolders([planOf({ penalty })]).includes("/data/photographs"));
});

Deno.test("table and record say which penalty images there were, or that there were none", () => {
  const found = (plan: Plan) => {
    const number = { mean: 90, std: 1, values: [90], interval: null };
    const metrics = { cl_auroc: number, fpr95: number };
    const rows = plan.rows.map((planned) => ({ planned, evaluation: { metrics }, scores: [] }));
    const outcome = { plan, rows, extras: [] };
    const result = resultOfRun(outcome, { cached: 0, run: 0 }, 0);
    const record = provenanceOf(outcome, { outputs: [], result: digest });
    runFileSchema.parse(record);
    return { result: parseResult(JSON.stringify(result), "result.json"), record };
  };
  const given = found(planOf({ penalty }));
  const note = "Penalty images of EfficientAD: 2 images from photographs.";
  const off = "efficientad-penalty";
  assert.ok(given.result.notes.includes(note));
  assert.ok(!given.result.assumptions.some(({ id }) => id === off));
  assert.deepEqual(given.record.penalty, { images: 2, digest });
  assert.ok(!JSON.stringify(given.record).includes("photographs"));

  const without = found(planOf({}));
  assert.ok(!without.result.notes.some((text) => text.startsWith("Penalty")));
  assert.match(without.result.assumptions.find(({ id }) => id === off)!.text, /none are given/);
  assert.ok(!("penalty" in without.record));

  const rows = table3.rows.filter(({ row }) => row === "PatchCore");
  const unused = found(madePlan({ ...table3, rows }, madeSetting(samples, { penalty })));
  assert.ok(!unused.result.notes.includes(note), "no row of the table takes them");
});

Deno.test("a test image among the penalty images is found by its content", () => {
  const auditOf = (planned: PlannedPenalty) => {
    const { rows } = planOf({ penalty: planned });
    const { cells } = rows.find(({ row }) => row.row === "EfficientAD")!;
    return rowAudit(new Auditor(planned), cells);
  };
  const artefact = "penalty images of efficientad";
  const clean = auditOf(penalty);
  assert.equal(clean.state, "clean");
  assert.deepEqual(clean.artefacts.at(-1), { artefact, images: 2, test: 0 });
  const leaking = auditOf({ ...penalty, files: ["a", "digest of test/good/3.png"] });
  assert.deepEqual([leaking.state, leaking.touched], ["touched", 1]);
  assert.deepEqual(leaking.artefacts.at(-1), { artefact, images: 2, test: 1 });
});

Deno.test("penalty images lie at any depth, and a changed folder is not used", async () => {
  const files = { "b.png": 2, "dogs/a.png": 1, "dogs/notes.txt": "no image", ".hidden.png": 3 };
  await withFolder(files, async (root) => {
    const planned = await planPenalty(root);
    assert.equal(planned.files.length, 2);
    assert.match(penaltyText(planned), /^2 images from segad-\w+$/);
    const images = await readPenalty(planned);
    const draw = (seed: number) => images.draw(8, new RandomState(seed));
    assert.equal((await draw(1)).length, 8 * 8 * 3);
    assert.deepEqual(await draw(1), await draw(1));
    const drawn = await Promise.all([1, 2, 3, 4, 5, 6].map(draw));
    assert.ok(new Set(drawn.map(String)).size > 1, "more than one image is drawn");

    await Deno.writeFile(join(root, "b.png"), await makePng(9));
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    const errors = await Promise.all(seeds.map((seed) => draw(seed).catch((error) => error)));
    const changed = errors.find((one) => one instanceof DataError) as DataError | undefined;
    assert.match(changed?.message ?? "", /b\.png for penalty images: it has changed/);
    await assert.rejects(readPenalty(planned), /has changed since the run was planned/);
    assert.notEqual((await planPenalty(root)).digest, planned.digest);

    await Deno.remove(join(root, "b.png"));
    await assert.rejects(readPenalty(planned), /has changed since the run was planned/);
  });
});

Deno.test("a folder that is missing, holds no image or a broken one is refused when it is planned", async () => {
  await assert.rejects(planPenalty("/nowhere/photographs"), /there is no such folder/);
  await withFolder(
    { "notes.txt": "no image" },
    (root) =>
      assert.rejects(planPenalty(root), (error: unknown) => {
        assert.ok(error instanceof DataError);
        assert.match(error.message, /for penalty images: it holds no image/);
        assert.match(error.remedy!, /Name a folder of photographs/);
        return true;
      }),
  );
  await withFolder(
    { "a.png": 1, "b/broken.jpg": "text" },
    (root) => assert.rejects(planPenalty(root), /broken\.jpg/),
  );
});
