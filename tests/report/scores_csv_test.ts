import assert from "node:assert/strict";
import fc from "fast-check";
import { DataError } from "../../lib/base/errors.ts";
import { scoresFromCsv, scoresToCsv } from "../../lib/report/scores_csv.ts";
import type { ScoreRecord } from "../../lib/report/scores_csv.ts";
import { hostileScores, sampleScores } from "./sample_result.ts";

Deno.test("scores read back as the same floats and names", async () => {
  // A file is UTF-8, which has no lone surrogates.
  const hostile = hostileScores().map((one) => ({ ...one, row: one.row.toWellFormed() }));
  for (const records of [sampleScores, hostile]) {
    assert.deepEqual(await scoresFromCsv(scoresToCsv(records), "scores.csv"), records);
  }
});

Deno.test("any finite score and any name survive the file", async () => {
  const record = fc.record({
    row: fc.string({ unit: "grapheme", minLength: 1 }),
    seed: fc.nat(),
    image: fc.string({ minLength: 1 }),
    label: fc.constantFrom(0 as const, 1 as const),
    unseen: fc.boolean(),
    score: fc.double({ noNaN: true, noDefaultInfinity: true }),
  }, { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(fc.array(record), async (records: readonly ScoreRecord[]) => {
      const read = await scoresFromCsv(scoresToCsv(records), "scores.csv");
      assert.equal(read.length, records.length);
      read.forEach((one, i) => {
        assert.ok(Object.is(one.score, records[i].score));
        assert.deepEqual(one, records[i]);
      });
    }),
  );
});

Deno.test("a spreadsheet finds no formula in the file", () => {
  for (const line of scoresToCsv(hostileScores()).split("\n").slice(1)) {
    assert.doesNotMatch(line, /^"?[=+\-@]/);
  }
});

Deno.test("a score that is no number is refused, with row and image", () => {
  assert.throws(
    () => scoresToCsv([{ ...sampleScores[0], score: NaN }]),
    /"test\/good\/0000.png" by "PatchCore": it is NaN/,
  );
});

Deno.test("a damaged file is named with the record that is wrong", async () => {
  const text = scoresToCsv(sampleScores.slice(0, 2));
  const bad: [string, RegExp][] = [
    [text.replace("label", "class"), /first line/],
    [text.replace(/,0,0,[\d.]+\n$/, ",0,0,high\n"), /record 2 .*high/],
    [text.replace(/,0,0,[\d.]+\n$/, ",2,0,1\n"), /record 2/],
    [text + "PatchCore,1\n", /scores.csv/],
  ];
  for (const [damaged, message] of bad) {
    await assert.rejects(
      scoresFromCsv(damaged, "scores.csv"),
      (error) => error instanceof DataError && message.test(error.message),
    );
  }
});
