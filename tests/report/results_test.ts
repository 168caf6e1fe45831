import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { parseResult } from "../../lib/report/results.ts";
import { hostileResult, sampleResult } from "./sample_result.ts";

Deno.test("a result reads back as it was written", () => {
  const hostile = hostileResult();
  const rows = hostile.rows.filter(({ row }) => row !== "__proto__");
  for (const result of [sampleResult, { ...hostile, rows }]) {
    const read = parseResult(JSON.stringify(result), "result.json");
    assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(result)));
  }
});

Deno.test("a result that is not as it should be is refused with the field's name", () => {
  const { seeds: _, ...without } = sampleResult;
  const bad: [unknown, RegExp][] = [
    [without, /result.json .* seeds/],
    [{ ...sampleResult, profile: "huge" }, /profile/],
    [{ ...sampleResult, extra: 1 }, /extra/],
    [{ ...sampleResult, rows: [{ ...sampleResult.rows[0], verdict: "good" }] }, /rows\.0\.verdict/],
  ];
  for (const [value, message] of bad) {
    assert.throws(
      () => parseResult(JSON.stringify(value), "result.json"),
      (error) => error instanceof DataError && message.test(error.message),
    );
  }
  for (const text of ["{", JSON.stringify(hostileResult())]) {
    assert.throws(
      () => parseResult(text, "result.json"),
      /result.json as a result: it is not JSON/,
    );
  }
});
