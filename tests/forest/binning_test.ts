import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { binFeatures, featureMatrix, fitCuts } from "../../lib/forest/binning.ts";
import { cutAndBin } from "../../lib/forest/binning_threads.ts";
import { plainArena } from "../../lib/forest/arena.ts";
import { workerThreads } from "../../lib/forest/worker_threads.ts";
import { drawTable } from "./tables.ts";

Deno.test("a value's bin is the number of cuts not above it; a missing value has the next one", () => {
  const { features } = drawTable("missing", 300, 3, 1);
  const cuts = fitCuts(features, 16);
  const { pairIndices, binCounts, hasMissing } = binFeatures(features, cuts);
  for (let column = 0; column < 3; column++) {
    const own = cuts.cuts.subarray(cuts.starts[column], cuts.starts[column + 1]);
    assert.equal(binCounts[column], own.length);
    assert.equal(hasMissing[column], 1);
    for (let row = 0; row < 300; row++) {
      const value = features.values[row * 3 + column];
      const bin = pairIndices[column * 300 + row] / 2;
      if (Number.isNaN(value)) assert.equal(bin, own.length);
      else assert.equal(bin, own.filter((cut) => cut <= value).length);
    }
  }
});

Deno.test("values beyond the training range fall into the first and the last bin", () => {
  const cuts = fitCuts({ rows: 3, columns: 1, values: Float32Array.of(1, 2, 3) }, 256);
  const beyond = { rows: 2, columns: 1, values: Float32Array.of(-100, 100) };
  assert.deepEqual([...binFeatures(beyond, cuts).pairIndices], [0, 4]);
});

Deno.test("rows of different lengths are an error that names the row", () => {
  assert.throws(() => featureMatrix([[1, 2], [3, 4], [5]]), (error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /row 2 has 1 values, row 0 has 2/);
    return true;
  });
  assert.throws(() => featureMatrix([]), /0 rows/);
  assert.throws(() => featureMatrix([[]]), /0 columns/);
  assert.deepEqual(featureMatrix([[1, 2], [3, NaN]]), {
    rows: 2,
    columns: 2,
    values: Float64Array.of(1, 2, 3, NaN),
  });
});

Deno.test("cuts and bins of a large table are the same for 1, 2 and 3 threads", () => {
  const { features } = drawTable("missing", 2 ** 21 / 16 + 5, 16, 3);
  const cuts = fitCuts(features, 64);
  const alone = { cuts, binned: binFeatures(features, cuts) };
  for (const workers of [2, 3]) {
    assert.deepEqual(cutAndBin(features, 64, workerThreads(workers - 1), plainArena(true)), alone);
  }
});
