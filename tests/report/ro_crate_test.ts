/**
 * The RO-Crate of a run. What the specification asks for (RO-Crate 1.2, Process Run Crate 0.5) was also
 * looked at with roc-validator 0.13.0: of its required checks all hold.
 */
import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/digest.ts";
import { roCrate } from "../../lib/report/ro_crate.ts";
import type { ExecutionFile } from "../../lib/runner/execution_file.ts";
import type { RecordedOutput } from "../../lib/runner/run_file.ts";
import { sampleRecord } from "./sample_record.ts";
import { sampleResult, sampleScores } from "./sample_result.ts";

const execution: ExecutionFile = {
  schema: 1,
  run: sha256("run"),
  started: "2026-01-02T03:04:05.678Z",
  ended: "2026-01-02T03:05:06.000Z",
  stages: { cached: 1, run: 2 },
  costs: [],
  code: { version: "0.1.0", sources: sha256("sources"), lock: sha256("lock") },
  machine: {
    os: "linux",
    arch: "x86_64",
    processor: null,
    cores: 2,
    memory: 1,
    locale: "en",
    timeZone: "UTC",
  },
};
const files = ["charts/roc.svg", "run.json", "scores.csv", "table.md"].map((
  path,
): RecordedOutput => ({
  path,
  sha256: sha256(path),
  bytes: path.length,
  mediaType: "text/plain",
}));
const published = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db";
const sample = sampleRecord(sampleResult, sampleScores, []);
const record = {
  ...sample,
  weights: [...sample.weights, { network: "efficientnet_lite0", sha256: published }],
};
interface Crate {
  readonly "@context": readonly unknown[];
  readonly "@graph": readonly Record<string, unknown>[];
}
const crate = roCrate({ record, execution, files }) as unknown as Crate;
const graph = crate["@graph"];
const byId = new Map(graph.map((entity) => [entity["@id"], entity]));
const ids = (value: unknown): string[] =>
  [value].flat().map((one) => (one as { readonly "@id": string })["@id"]);

Deno.test("the crate describes itself by RO-Crate 1.2 and its root by Process Run Crate", () => {
  assert.equal(crate["@context"][0], "https://w3id.org/ro/crate/1.2/context");
  const descriptor = byId.get("ro-crate-metadata.json")!;
  assert.deepEqual(ids(descriptor.conformsTo), ["https://w3id.org/ro/crate/1.2"]);
  assert.deepEqual(ids(descriptor.about), ["./"]);
  const root = byId.get("./")!;
  assert.equal(root["@type"], "Dataset");
  for (const name of ["name", "description", "datePublished", "license"]) {
    assert.ok(root[name], name);
  }
  assert.equal(root.datePublished, "2026-01-02");
  assert.deepEqual(ids(root.conformsTo), ["https://w3id.org/ro/wfrun/process/0.5"]);
  assert.deepEqual(ids(root.hasPart), files.map(({ path }) => path));
});

Deno.test("one action has an instrument, what went in, what came out, and when", () => {
  const actions = graph.filter((entity) => entity["@type"] === "CreateAction");
  assert.equal(actions.length, 1);
  const [action] = actions;
  assert.deepEqual(ids(byId.get("./")!.mentions), [action["@id"]]);
  assert.equal(byId.get(ids(action.instrument)[0])!["@type"], "SoftwareApplication");
  assert.equal(byId.get(ids(action.instrument)[0])!.version, "0.1.0");
  assert.deepEqual(ids(action.result), files.map(({ path }) => path));
  const inputs = ids(action.object).map((id) => byId.get(id)!["@type"]);
  assert.deepEqual(new Set(inputs), new Set(["Dataset", "CreativeWork", "PropertyValue"]));
  assert.equal(action.startTime, "2026-01-02T03:04:05+00:00");
  assert.equal(action.endTime, "2026-01-02T03:05:06+00:00");
});

Deno.test("every reference is of an entity that is there, once; paths are relative; nothing is null", () => {
  assert.equal(byId.size, graph.length);
  const walk = (value: unknown, top: boolean): void => {
    assert.ok(value !== null && value !== undefined && value !== "");
    if (typeof value !== "object") return;
    if (Array.isArray(value)) return value.forEach((one) => walk(one, false));
    const fields = value as Record<string, unknown>;
    if (!top && "@id" in fields) {
      const id = fields["@id"] as string;
      assert.ok(byId.has(id) || id === "https://w3id.org/ro/crate/1.2", id);
      return;
    }
    Object.values(fields).forEach((one) => walk(one, false));
  };
  for (const entity of graph) {
    walk(entity, true);
    assert.match(String(entity["@id"]), /^(#|https:\/\/|\.\/$|[\w-]+(\/[\w-]+)*\.\w+$)/);
  }
});

Deno.test("files carry their hash, size and type; licence and paper are named", () => {
  for (const { path, sha256: digest, bytes } of files) {
    const entity = byId.get(path)!;
    assert.equal(entity["@type"], "File");
    assert.equal(entity.sha256, digest);
    assert.equal(entity.contentSize, String(bytes));
    assert.equal(entity.encodingFormat, "text/plain");
    assert.ok(String(entity.description).length > 5);
  }
  const root = byId.get("./")!;
  assert.equal(byId.get(ids(root.license)[0])!["@id"], "https://spdx.org/licenses/MIT");
  const paper = byId.get(ids(root.citation)[0])!;
  assert.equal(paper["@type"], "ScholarlyArticle");
  const people = ids(paper.author).map((id) => byId.get(id)!);
  assert.deepEqual(people.map((one) => [one["@type"], one.givenName, one.familyName]), [
    ["Person", "Aimira", "Baitieva"],
    ["Person", "David", "Hurych"],
    ["Person", "Victor", "Besnier"],
    ["Person", "Olivier", "Bernard"],
  ]);
  assert.equal(byId.get("#weights-small")!.description, undefined);
  assert.match(String(byId.get("#weights-efficientnet_lite0")!.description), /licence Apache-2\.0/);
  const [harness] = graph.filter(({ name }) => name === "SegAD harness");
  assert.equal(byId.get(ids(harness.author)[0])!.name, "The SegAD harness authors");
});
