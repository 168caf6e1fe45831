/** What plans under several variants share. */
import assert from "node:assert/strict";
import { experiments } from "../../experiments/mod.ts";
import { detectors } from "../../lib/maps/detectors.ts";
import { type Plan, planExperiment } from "../../lib/runner/plan.ts";
import { variantMoves } from "../../lib/maps/variants.ts";
import { madeSamples, madeSetting, stagesOf } from "./made_setting.ts";

const table3 = experiments.find(({ id }) => id === "table3")!;
const setting = {
  ...madeSetting(
    madeSamples(["vad"], { trainGood: 40, trainBad: 30, testGood: 20, testBad: 20 }),
  ),
  seeds: [333],
};

function planOf(detector: string, variant: string): Plan {
  const rows = table3.rows.filter(({ method }) =>
    method.kind === "detector" && method.detector === detector
  );
  return planExperiment(table3, rows, { ...setting, variants: { [detector]: variant } });
}

/** Kinds of stages that the variant does not share with `paper`. */
function own(detector: string, variant: string): string[] {
  const [paper, moved] = [
    stagesOf([planOf(detector, "paper")]),
    stagesOf([
      planOf(detector, variant),
    ]),
  ];
  return [...moved].filter(([kind, stages]) =>
    [...stages.keys()].some((key) => !paper.get(kind)?.has(key))
  ).map(([kind]) => kind);
}

Deno.test("a switch of the map's reading shares fit and maps with the variant it is moved from", () => {
  for (const [detector, move] of [["rd4ad", "blurBorder"], ["patchcore", "upsample"]]) {
    const kinds = own(detector, `paper:${move}=official`);
    assert.ok(kinds.includes("features") && kinds.includes("evaluate"), move);
    for (const shared of ["pixels", "fit", "maps"]) assert.ok(!kinds.includes(shared), shared);
  }
});

Deno.test("a switch of the map shares the fit", () => {
  for (
    const [detector, variant] of [
      ["rd4ad", "paper:combine=anomalib-0.7"],
      ["patchcore", "paper:distance=official"],
      ["patchcore", "anomalib-2023-10"],
    ]
  ) {
    const kinds = own(detector, variant);
    assert.ok(kinds.includes("maps") && !kinds.includes("fit"), variant);
  }
});

Deno.test("a switch of the fit shares what stands before it", () => {
  const kinds = own("patchcore", "paper:coresetRatio=official");
  assert.ok(kinds.includes("fit") && !kinds.includes("embeddings"));
  assert.ok(own("rd4ad", "paper:loss=anomalib-0.7").includes("fit"));
});

Deno.test("a switch that means nothing here changes no stage", () => {
  // Basic blocks have no width inside, a budget in steps knows no epochs, small is not ResNet-18.
  assert.deepEqual(own("rd4ad", "paper:embeddingWidth=official"), []);
  assert.deepEqual(own("fastflow", "paper:epochs=official"), []);
  assert.deepEqual(own("fastflow", "paper:only3x3=official"), []);
  assert.deepEqual(own("patchcore", "paper:scoreNeighbours=official"), []);
});

Deno.test("every single move of every detector can be planned", () => {
  for (const detector of detectors.values()) {
    const moves = variantMoves(detector, "paper");
    assert.ok(moves.length > 0, detector.id);
    for (const { variant } of moves) {
      for (const { row, obstacle } of planOf(detector.id, variant).rows) {
        assert.equal(obstacle, undefined, `${row.row}, ${variant}: ${obstacle?.message}`);
      }
    }
  }
});
