import assert from "node:assert/strict";
import { UsageError } from "../../lib/base/errors.ts";
import type { Sample } from "../../lib/images/sample.ts";
import {
  classifierSplit,
  halveGood,
  holdTenthOfGood,
  lowShotBad,
  lowShotSize,
  moveBadToTraining,
  trainTestSplit,
} from "../../lib/images/splits.ts";

const reference = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/numpy_splits/splits.json", import.meta.url)),
);

/** The ten vectors of the public code's seeds for 100 bad images of a VisA class. */
const visaTraining: Record<number, string> = {
  333: "23 71 29 83 60 46 51 35 77 12",
  576: "35 68 30 7 32 5 97 20 22 19",
  725: "68 44 80 7 6 25 74 11 66 3",
  823: "69 27 4 86 72 63 37 82 17 88",
  831: "79 2 18 64 34 72 35 9 19 90",
  902: "15 56 9 39 91 38 7 29 49 66",
  226: "8 20 97 84 77 76 85 88 10 64",
  598: "23 46 5 8 75 26 86 3 31 15",
  874: "52 75 42 58 2 68 88 97 15 79",
  589: "91 80 73 84 58 20 90 22 61 96",
};

function badSamples(count: number): Sample[] {
  return samplesOf("bad", 1, count);
}

function samplesOf(folder: string, label: 0 | 1, count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `train/${folder}/${String(i).padStart(4, "0")}.png`,
    class: "vad",
    split: "train",
    label,
    unseen: false,
    digest: `${folder}${i}`,
  }));
}

Deno.test("trainTestSplit() moves the ten bad images of VisA that the public code moves", () => {
  for (const [seed, indices] of Object.entries(visaTraining)) {
    assert.equal([...trainTestSplit(100, 90, Number(seed)).train].join(" "), indices);
  }
});

Deno.test("trainTestSplit() gives scikit-learn's parts in scikit-learn's order", () => {
  for (const { n, test_size, seed, train, test } of reference.train_test_split) {
    const split = trainTestSplit(n, test_size, seed);
    assert.deepEqual([...split.train], train, `n ${n}, seed ${seed}`);
    assert.deepEqual([...split.test], test);
  }
});

Deno.test("trainTestSplit() refuses a part without items", () => {
  for (const [n, size] of [[5, 0], [5, 5], [5, 6], [5, -1], [5, 1.5], [1, 0.5], [0, 0.5]]) {
    assert.throws(() => trainTestSplit(n, size, 1), RangeError);
  }
});

Deno.test("moveBadToTraining() keeps the canonical order in both parts", () => {
  const bad = badSamples(100);
  const { training, test } = moveBadToTraining(bad, 10, 333);
  const expected = visaTraining[333].split(" ").map(Number).sort((a, b) => a - b);
  assert.deepEqual(training, expected.map((i) => bad[i]));
  assert.deepEqual(test, bad.filter((sample) => !training.includes(sample)));
  assert.throws(() => moveBadToTraining(bad.slice(0, 10), 10, 333), UsageError);
});

Deno.test("holdTenthOfGood() holds out EfficientAD's 91 of 905 images", () => {
  const good = Array.from({ length: 905 }, (_, i) => i);
  const { detectors, forest } = holdTenthOfGood(good);
  assert.deepEqual(forest, reference.efficient_ad.held);
  assert.equal(detectors.length, 814);
  assert.deepEqual([...detectors, ...forest].sort((a, b) => a - b), good);
});

Deno.test("halveGood() follows NumPy's permutation, the odd image to the detectors", () => {
  for (const { n, seed, first, second } of reference.halves) {
    const items = Array.from({ length: n }, (_, i) => i);
    assert.deepEqual(halveGood(items, seed), { detectors: first, forest: second });
  }
  const { detectors, forest } = halveGood(samplesOf("good", 0, 2000), 576);
  assert.deepEqual([detectors.length, forest.length], [1000, 1000]);
  assert.deepEqual(halveGood([], 1), { detectors: [], forest: [] });
});

Deno.test("classifierSplit() takes 80 % of the good and of the bad, not along the halves", () => {
  const training = [...samplesOf("good", 0, 2000), ...badSamples(1000)];
  const { seen, held } = classifierSplit(training, 333);
  const count = (samples: Sample[], label: number) =>
    samples.filter((sample) => sample.label === label).length;
  assert.deepEqual([count(seen, 0), count(seen, 1)], [1600, 800]);
  assert.deepEqual([count(held, 0), count(held, 1)], [400, 200]);
  assert.deepEqual(seen, training.filter((sample) => seen.includes(sample)));
  const { forest } = halveGood(training.slice(0, 2000), 333);
  const shared = forest.filter((sample) => seen.includes(sample)).length;
  assert.ok(shared > 740 && shared < 860, `${shared} of the forest's 1,000 good images`);
  assert.notDeepEqual(classifierSplit(training, 576).seen, seen);
  assert.deepEqual(classifierSplit(training, 333).seen, seen);
  assert.equal(classifierSplit(training.slice(0, 1), 1).seen.length, 1);
  assert.throws(() => classifierSplit(training, 1, 0), RangeError);
});

Deno.test("lowShotBad() takes the list of the seed's position", () => {
  const bad = badSamples(4);
  const lists = { "10": ["0003.png"], "2": ["0002.png", "0000.png"] };
  assert.deepEqual(lowShotBad(bad, lists, 0, 9), [bad[0], bad[2]]);
  assert.deepEqual(lowShotBad(bad, lists, 1, 9), [bad[3]]);
  assert.throws(() => lowShotBad(bad, lists, 2, 9), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /seed number 3: there are 2 lists/);
    return true;
  });
  assert.deepEqual(lowShotBad(bad, { b: ["0001.png"], a: ["0000.png"] }, 0, 9), [bad[0]]);
});

Deno.test("lowShotBad() draws lists of the paper's size where there is no file", () => {
  const sizes = [[1, 1], [9, 1], [10, 1], [11, 2], [200, 20], [1000, 100], [5000, 100]];
  for (const [bad, size] of sizes) assert.equal(lowShotSize(bad), size);
  const bad = badSamples(1000);
  const chosen = [333, 576, 725].map((seed, i) => lowShotBad(bad, undefined, i, seed));
  for (const list of chosen) assert.equal(new Set(list).size, 100);
  assert.notDeepEqual(chosen[0], chosen[1]);
  assert.deepEqual(lowShotBad(bad, undefined, 7, 333), chosen[0]);
  assert.deepEqual(lowShotBad([], undefined, 0, 333), []);
});
