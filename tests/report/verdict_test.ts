import assert from "node:assert/strict";
import { verdictOn, verdictsOf, worstVerdict } from "../../lib/report/verdict.ts";

const paper = { table: "3", metric: "cl_auroc", mean: 91.7, std: 0.3, source: "paper" };
const ours = (mean: number, std: number | null = 0.4, half = 0.6) => ({
  mean,
  std,
  values: [mean],
  interval: [mean - half, mean + half] as const,
});

Deno.test("within the published deviation a number is reproduced, half a digit counting", () => {
  assert.equal(verdictOn(ours(91.36), [paper], []).verdict, "reproduced");
  assert.equal(verdictOn(ours(91.34, null, 0), [paper], []).verdict, "within noise");
  assert.equal(verdictOn(ours(90), [paper], []).verdict, "differs");
});

Deno.test("without a published deviation half a point is the same number", () => {
  const plain = { ...paper, std: null };
  assert.equal(verdictOn(ours(92.2, null, 0), [plain], []).verdict, "reproduced");
  assert.equal(verdictOn(ours(92.3, null, 0), [plain], []).verdict, "differs");
  assert.equal(verdictOn(ours(92.3, null, 0.7), [plain], []).verdict, "within noise");
});

Deno.test("of several published values the nearest counts, and is named", () => {
  const readme = { ...paper, mean: 89.9, std: null, source: "public code README" };
  const { verdict, reason } = verdictOn(ours(90.1), [paper, readme], []);
  assert.equal(verdict, "reproduced");
  assert.match(reason, /89\.9.*public code README.*of 2 published values/);
});

Deno.test("a run that is not the paper's has no verdict but the reason", () => {
  const verdicts = verdictsOf(
    { cl_auroc: ours(91.7) },
    [paper],
    ["reduced budget: profile cpu"],
    [],
  );
  assert.deepEqual(verdicts, {
    cl_auroc: { verdict: "not testable", reason: "reduced budget: profile cpu" },
  });
});

Deno.test("what differs names the open assumptions; a missing number is not testable", () => {
  assert.match(verdictOn(ours(80), [paper], ["vad-seeds"]).reason, /open assumptions: vad-seeds/);
  assert.equal(verdictsOf({}, [paper], [], []).cl_auroc.verdict, "not testable");
});

Deno.test("a row is as good as its worst number", () => {
  const of = (...verdicts: ("reproduced" | "within noise" | "differs")[]) =>
    worstVerdict(verdicts.map((verdict) => ({ verdict, reason: "" })));
  assert.equal(of("reproduced", "within noise"), "within noise");
  assert.equal(of("differs", "reproduced"), "differs");
  assert.equal(of(), "not testable");
});
