/**
 * S2: names that are an object's own machinery (`__proto__`, `constructor`, …) are names like any other
 * or are refused, wherever a file or a person can bring them in; no object is changed by them.
 */
import assert from "node:assert/strict";
import { canonicalJson, digestOf } from "../../lib/base/digest.ts";
import { DataError, UsageError } from "../../lib/base/errors.ts";
import { knownWeightsNamed } from "../../lib/weights/known_weights.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";
import { makeDataset, type Sample } from "../../lib/images/sample.ts";
import { parseLowShotLists } from "../../lib/images/vad_layout.ts";
import { detectorNamed } from "../../lib/maps/detectors.ts";
import { supervisedNamed } from "../../lib/maps/supervised_methods.ts";
import { inferOutputs } from "../../lib/onnx/shapes.ts";
import { parsePickle, PickleTuple } from "../../lib/weights/pickle.ts";
import { parseSafetensors, safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { parseResult } from "../../lib/report/results.ts";
import { parseRunFile } from "../../lib/report/run_record.ts";
import { parseExecutionFile } from "../../lib/report/run_files.ts";
import { scoresFromCsv, scoresToCsv } from "../../lib/report/scores_csv.ts";
import { recordsByRow, scoredRow } from "../../lib/report/scored_rows.ts";
import { toCsv } from "../../lib/report/to_csv.ts";
import { profileNamed } from "../../lib/runner/profile.ts";
import { recordText } from "../../lib/runner/provenance.ts";
import { keyOf } from "../../lib/store/key.ts";
import { openStore } from "../../lib/store/store.ts";
import { runProgram, withFolder } from "../cli/harness.ts";
import { sampleRecord } from "../report/sample_record.ts";
import { sampleResult, sampleScores } from "../report/sample_result.ts";
import { bytesOf, unicode } from "../weights/byte_parts.ts";
import { zipOf } from "../weights/made_zip.ts";
import { readStoredZip } from "../../lib/weights/zip_archive.ts";

const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"];
const proto = '{"__proto__": {"polluted": 1}}';
const own = (name: string, value: unknown) => Object.fromEntries([[name, value]]);

/** Where a name comes in, and what must come of it. */
const cases: Readonly<Record<string, (name: string) => unknown>> = {
  "a key of a pickle": (name) => {
    const { value } = parsePickle(
      bytesOf("}", unicode(name), "}", unicode("polluted"), "K\x01ss."),
      {
        name: "x",
        globals: new Map(),
      },
    );
    assert.ok(value instanceof Map && value.has(name));
  },
  "a global of a pickle": (name) => {
    const rules = { name: "x", globals: new Map() };
    assert.throws(() => parsePickle(bytesOf(`c${name}\n${name}\n)R.`), rules), DataError);
    assert.ok(new PickleTuple([]).items.length === 0);
  },
  "a tensor of a .safetensors file": (name) => {
    const bytes = safetensorsBytes(new Map([[name, { shape: [1], data: new Float32Array(1) }]]));
    assert.deepEqual([...parseSafetensors(bytes, "x").tensors.keys()], [name]);
  },
  "metadata of a .safetensors file": (name) => {
    const bytes = safetensorsBytes(new Map(), new Map([[name, "text"]]));
    assert.equal(parseSafetensors(bytes, "x").metadata.get(name), "text");
  },
  "a member of a zip": (name) => {
    const data = new Uint8Array(3);
    assert.deepEqual(readStoredZip(zipOf([{ name, data }]), "x").get(name), data);
  },
  "a low-shot list": (name) => {
    const faults: string[] = [];
    const lists = parseLowShotLists(
      JSON.stringify(own(name, ["1.png"])),
      new Set(["1.png"]),
      faults,
    );
    assert.deepEqual(faults, []);
    assert.deepEqual(Object.entries(lists!), [[name, ["1.png"]]]);
  },
  "a class of a data set": (name) => {
    const sample = (id: string): Sample => ({
      id,
      class: name,
      split: "train",
      label: 0,
      unseen: false,
      digest: id,
    });
    const dataset = makeDataset({
      name,
      layout: "visa",
      samples: [sample("b"), sample("a")],
      source: { kind: "folder", root: "nowhere" },
    });
    assert.deepEqual(dataset.samples.map((one) => one.class), [name, name]);
  },
  "a row and an image of scores.csv": async (name) => {
    const record = {
      row: name,
      seed: 1,
      image: name,
      label: 1,
      unseen: false,
      score: 0.5,
    } as const;
    const read = await scoresFromCsv(scoresToCsv([record]), "scores.csv");
    assert.deepEqual(read, [record]);
    assert.equal(scoredRow({ row: name }, recordsByRow(read), [1]).runs[0][0].scores[0], 0.5);
  },
  "a row of a table": (name) => {
    const rows = sampleResult.rows.map((row) => ({ ...row, row: name }));
    assert.ok(toCsv({ ...sampleResult, rows }).includes(name));
  },
  "a field of result.json": (name) => {
    const text = JSON.stringify({ ...sampleResult, ...own(name, 1) }).replace(
      "{",
      `{${JSON.stringify(name)}: {"polluted": 1}, `,
    );
    assert.throws(() => parseResult(text, "result.json"), DataError);
  },
  "a field of run.json": (name) => {
    const text = recordText(sampleRecord(sampleResult, sampleScores, []));
    assert.equal(parseRunFile(text, "run.json").experiment, "table3");
    const changed = text.replace("{", `{${JSON.stringify(name)}: {"polluted": 1}, `);
    assert.throws(() => parseRunFile(changed, "run.json"), DataError);
    // A name that is dropped without a word would be worse than one that is refused.
    const inside = text.replace('"variants": {}', `"variants": {${JSON.stringify(name)}: "x"}`);
    if (name === "__proto__") assert.throws(() => parseRunFile(inside, "run.json"), DataError);
    else assert.ok(Object.hasOwn(parseRunFile(inside, "run.json").variants, name));
  },
  "a field of execution.json": (name) => {
    const text = JSON.stringify(own(name, { polluted: 1 }));
    assert.throws(() => parseExecutionFile(text, "execution.json"), DataError);
  },
  "a parameter of a stage's key": (name) => {
    const input = (value: number) => ({
      stage: "maps",
      revision: 1,
      parameters: own(name, value) as Record<string, number>,
      inputs: {},
    });
    assert.notEqual(keyOf(input(1)), keyOf(input(2)));
  },
  "a key of canonical JSON": (name) => {
    assert.equal(canonicalJson(own(name, 1) as never), `{${JSON.stringify(name)}:1}`);
    assert.notEqual(digestOf(own(name, 1) as never), digestOf({}));
  },
  "a stage of the store": (name) =>
    withFolder(async (folder) => {
      const store = await openStore(folder);
      const read = async () => await store.read(name, "0".repeat(64));
      if (/^[a-z]+$/.test(name)) assert.equal(await read(), undefined);
      else await assert.rejects(read, RangeError);
      store.close();
    }),
  "a profile": (name) => assert.throws(() => profileNamed(name), UsageError),
  "weights": (name) => assert.throws(() => knownWeightsNamed(name), UsageError),
  "a backbone": (name) => assert.throws(() => backboneNamed(name), UsageError),
  "a detector": (name) => assert.throws(() => detectorNamed(name), /Unknown|unknown/),
  "a supervised method": (name) => assert.throws(() => supervisedNamed(name), /Unknown|unknown/),
  "an operator of a model": (name) => {
    assert.throws(() => inferOutputs(name, "", [], {}), RangeError);
  },
};

Deno.test("S2: an object's own names do no harm, wherever they come in", async (t) => {
  assert.ok(Object.keys(cases).length >= 20);
  assert.ok(JSON.parse(proto).polluted === undefined);
  for (const [where, run] of Object.entries(cases)) {
    await t.step(where, async () => {
      for (const name of names) {
        await run(name);
        assert.equal(({} as Record<string, unknown>).polluted, undefined, name);
        assert.equal(Object.keys(Object.prototype).length, 0, name);
      }
    });
  }
});

Deno.test("S2: as words of the command line they are unknown words", async () => {
  for (const words of [["__proto__"], ["list", "__proto__"], ["list", "--__proto__"]]) {
    const { code, stderr } = await runProgram(words);
    assert.equal(code, 2, stderr);
    assert.doesNotMatch(stderr, /defect of the harness/);
  }
});
