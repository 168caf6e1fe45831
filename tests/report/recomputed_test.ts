import assert from "node:assert/strict";
import { RandomState } from "../../lib/base/random.ts";
import { recompute } from "../../lib/report/recomputed.ts";
import type { ExperimentResult, ResultRow } from "../../lib/report/results.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";
import { evaluateRow } from "../../lib/runner/evaluation.ts";
import { sampleResult } from "./sample_result.ts";

const random = new RandomState(3);
const kinds = "ggggggggbbbbbbuu";
const seeds = [1, 2];

/** Scores of a row (or of a part, or with the class before the image) for both seeds. */
function records(row: string, prefix = "", shift = 1): ScoreRecord[] {
  return seeds.flatMap((seed) =>
    Array.from(kinds, (kind, i): ScoreRecord => ({
      row,
      seed,
      image: `${prefix}test/${kind === "g" ? "good" : "bad"}/${i}.png`,
      label: kind === "g" ? 0 : 1,
      unseen: kind === "u",
      score: random.normal() + (kind === "g" ? 0 : shift),
    }))
  );
}

const runsOf = (list: readonly ScoreRecord[]) =>
  seeds.map((seed) => ({
    scores: Float64Array.from(list.filter((one) => one.seed === seed), ({ score }) => score),
    kinds,
  }));

const plain = records("PatchCore");
const better = records("PatchCore + Ours", "", 3);
const parts = [records("Mean / A"), records("Mean / B")];
const row = (name: string, evaluation: Partial<ResultRow>): ResultRow => ({
  group: "g",
  row: name,
  metrics: {},
  paper: [],
  verdict: "not testable",
  ...evaluation,
});
const evaluated = (classes: readonly string[], lists: readonly (readonly ScoreRecord[])[]) =>
  evaluateRow({ classes, runs: lists.map(runsOf), sharedImages: true });

const written: ExperimentResult = {
  ...sampleResult,
  seeds,
  rows: [
    row("PatchCore", evaluated([""], [plain])),
    row("PatchCore + Ours", { ...evaluated([""], [better]), base: "PatchCore" }),
    row("Mean", evaluated(["A", "B"], parts)),
    row("RD4AD", { error: "needs RD4AD" }),
  ],
};
const scores = [...plain, ...better, ...parts.flat()];

Deno.test("numbers computed from the scores are those of the run to the last bit", () => {
  const { result, skipped } = recompute(written, scores);
  assert.deepEqual(result, written);
  assert.deepEqual(skipped, []);
});

Deno.test("a score that is another gives other numbers, of its row only", () => {
  const changed = scores.map((one, i) => i === 12 ? { ...one, score: -9 } : one);
  const { result } = recompute(written, changed);
  assert.notDeepEqual(result.rows[0].metrics, written.rows[0].metrics);
  assert.deepEqual(result.rows.slice(1), written.rows.slice(1));
});

Deno.test("classes are read from the paths of the images", () => {
  const lists = [records("RD4AD", "candle/"), records("RD4AD", "pcb1/")];
  const visa: ExperimentResult = {
    ...written,
    rows: [row("RD4AD", evaluated(["candle", "pcb1"], lists))],
  };
  assert.deepEqual(recompute(visa, lists.flat()).result, visa);
});

Deno.test("a row without scores of a seed is refused by name", () => {
  const without = scores.filter(({ row, seed }) => row !== "PatchCore + Ours" || seed !== 2);
  assert.throws(() => recompute(written, without), /PatchCore \+ Ours, seed 2/);
});
