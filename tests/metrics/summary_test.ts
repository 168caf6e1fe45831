import assert from "node:assert/strict";
import { summarize, summarizeClasses, tableSpread } from "../../lib/metrics/summary.ts";
import { isClose } from "./cases.ts";

Deno.test("summarize() has the sample deviation by default and the population's on demand", () => {
  const values = [88.1, 88.6, 87.9, 88.3, 88.6];
  assert.equal(tableSpread, "sample");
  assert.ok(isClose(summarize(values).mean, 88.3, 1e-14));
  assert.ok(isClose(summarize(values).std!, Math.sqrt(0.38 / 4), 1e-12));
  assert.ok(isClose(summarize(values, "population").std!, Math.sqrt(0.38 / 5), 1e-12));
});

Deno.test("summarize() of one seed has no deviation", () => {
  assert.deepEqual(summarize([90]), { mean: 90, std: null, values: [90] });
});

Deno.test("summarizeClasses() averages unrounded means of classes", () => {
  // Rounded to one decimal the classes' means would be 90.0 and 80.1, and their mean 80.05 + 5.
  const { mean, std, values } = summarizeClasses([[90.04, 90.04], [80.04, 80.08]]);
  assert.ok(isClose(mean, 85.05, 1e-14));
  assert.ok(isClose(values[0], 85.04, 1e-14) && isClose(values[1], 85.06, 1e-14));
  assert.ok(isClose(std!, 0.02 / Math.SQRT2, 1e-10));
});

Deno.test("summarizeClasses() refuses classes of different seeds", () => {
  assert.throws(() => summarizeClasses([[1, 2], [1]]), RangeError);
  assert.throws(() => summarizeClasses([]), RangeError);
  assert.throws(() => summarize([]), RangeError);
});
