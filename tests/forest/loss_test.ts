import assert from "node:assert/strict";
import { baseMargin, baseScore, logisticGradients, sigmoid } from "../../lib/forest/loss.ts";
import { forestParameters } from "../../lib/forest/parameters.ts";

Deno.test("gradients are the derivatives of the weighted logistic loss", () => {
  const margins = Float32Array.of(-2, 0.5, 3);
  const labels = Uint8Array.of(0, 1, 1);
  const pairs = new Float64Array(6);
  logisticGradients(margins, labels, 5, pairs);
  const loss = (margin: number, label: number) =>
    (label === 1 ? 5 : 1) * Math.log1p(Math.exp(label === 1 ? -margin : margin));
  const step = 1e-4;
  margins.forEach((margin, i) => {
    const [below, at, above] = [-step, 0, step].map((by) => loss(margin + by, labels[i]));
    assert.ok(Math.abs(pairs[2 * i] - (above - below) / (2 * step)) < 1e-6);
    assert.ok(Math.abs(pairs[2 * i + 1] - (above - 2 * at + below) / step ** 2) < 1e-5);
  });
});

Deno.test("far margins keep a positive hessian and a finite probability", () => {
  const pairs = new Float64Array(4);
  logisticGradients(Float32Array.of(200, -200), Uint8Array.of(0, 1), 1, pairs);
  assert.ok(pairs[1] > 0 && pairs[3] > 0);
  assert.equal(pairs[0], 1);
  assert.equal(pairs[2], -1);
  assert.equal(sigmoid(-1e9), sigmoid(-88.7));
});

// xgboost 2.0.3 writes these base scores for 2 labels 1 among 5.
Deno.test("the base score is one Newton step, as xgboost's", () => {
  const labels = Uint8Array.of(1, 0, 0, 1, 0);
  const score = (parameters: Parameters<typeof forestParameters>[0]) =>
    baseScore(labels, forestParameters(parameters));
  assert.equal(score({ objective: "binary:logistic" }), Math.fround(4.0131235e-1));
  assert.equal(
    score({ objective: "binary:logistic", scale_pos_weight: 5 }),
    Math.fround(7.459113e-1),
  );
  assert.equal(score({ objective: "binary:logitraw" }), Math.fround(-0.4));
  assert.equal(
    score({ objective: "binary:logitraw", scale_pos_weight: 5 }),
    Math.fround(1.0769231),
  );
  assert.equal(score({ base_score: 0.25 }), 0.25);
});

Deno.test("a base score is a probability for logistic, a margin for logitraw", () => {
  assert.ok(Math.abs(baseMargin(0.75, "binary:logistic") - Math.log(3)) < 1e-6);
  assert.equal(baseMargin(0.75, "binary:logitraw"), 0.75);
});
