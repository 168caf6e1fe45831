/** What the project says of itself: CITATION.cff, codemeta.json and deno.json agree. */
import assert from "node:assert/strict";
import codemeta from "../../codemeta.json" with { type: "json" };
import config from "../../deno.json" with { type: "json" };
import { paperAuthors, softwareAuthors } from "../../lib/report/ro_crate.ts";
import { citationText } from "../../lib/runner/provenance.ts";
import { projectRoot } from "../cli/harness.ts";

const citation = await Deno.readTextFile(`${projectRoot}CITATION.cff`);
/** The value of a field at the head of a line. */
const cited = (name: string, text = citation) =>
  new RegExp(`^${name}: "?(.*?)"?$`, "m").exec(text)?.[1];

Deno.test("one version and one licence, wherever they stand", () => {
  assert.equal(cited("version"), config.version);
  assert.equal(codemeta.version, config.version);
  assert.equal(cited("license"), config.license);
  assert.equal(codemeta.license, `https://spdx.org/licenses/${config.license}`);
  assert.match(Deno.readTextFileSync(`${projectRoot}LICENSE`), /^MIT License/);
});

Deno.test("CITATION.cff has what the format requires, and cites the paper", () => {
  for (const name of ["cff-version", "message", "title", "type", "authors", "preferred-citation"]) {
    assert.match(citation, new RegExp(`^${name}:`, "m"), name);
  }
  // No tabs, two spaces a level: what every reader of YAML takes.
  for (const line of citation.split("\n")) assert.match(line, /^( {2})*(- )?\S|^$/, line);
  const paper = citation.slice(citation.indexOf("preferred-citation:"));
  const names = paper.matchAll(/family-names: (.*)\n\s+given-names: (.*)/g);
  assert.deepEqual([...names].map(([, family, given]) => [given, family]), paperAuthors);
  for (const [, family] of paperAuthors) assert.ok(citationText.includes(family));
  assert.equal(cited("  - name"), softwareAuthors);
  assert.deepEqual(codemeta.author.map(({ name }) => name), [softwareAuthors]);
  const title = cited(" {2}title", paper)!;
  assert.equal(codemeta.referencePublication.name, title);
  assert.ok(citationText.includes(title));
  const address = cited(" {2}url", paper)!;
  assert.equal(codemeta.referencePublication["@id"], address);
  assert.ok(citationText.includes(address.split("/").at(-1)!));
});

Deno.test("codemeta.json holds terms of CodeMeta 3.0 and no empty value", () => {
  assert.equal(codemeta["@context"], "https://w3id.org/codemeta/3.0");
  const check = (value: unknown, place: string): void => {
    assert.ok(value !== null && value !== "", place);
    if (typeof value === "object") {
      for (const [name, field] of Object.entries(value as object)) check(field, `${place}.${name}`);
    }
  };
  check(codemeta, "codemeta");
});
