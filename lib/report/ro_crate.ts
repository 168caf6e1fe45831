/**
 * A run as an RO-Crate 1.2 by the profile Process Run Crate 0.5: `ro-crate-metadata.json`, with which
 * archives and other tools find out what the files of the folder are and how they came about.
 *
 * References: https://www.researchobject.org/ro-crate/specification/1.2,
 * https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { knownWeights } from "../weights/known_weights.ts";
import type { ExecutionFile } from "../runner/execution_file.ts";
import type { RecordedOutput, RunFile } from "../runner/run_file.ts";

/** The file's name. */
export const roCrateName = "ro-crate-metadata.json";

/** What a crate is made from. */
export interface CrateInput {
  /** The record `run.json`. */
  readonly record: RunFile;
  /** The record of the execution that wrote it. */
  readonly execution: ExecutionFile;
  /** Files of the folder, this one not among them, sorted by path. */
  readonly files: readonly RecordedOutput[];
}

type Entity = { readonly "@id": string; readonly "@type": string | readonly string[] } & {
  readonly [name: string]: Json | undefined;
};

const profile = "https://w3id.org/ro/wfrun/process/0.5";
const paper = "https://arxiv.org/abs/2405.04953";
const harness = "#segad-harness";
const dataset = "#dataset";
const recordId = "#record";
const authors = "#segad-harness-authors";

/** Who wrote the harness, as in CITATION.cff. */
export const softwareAuthors = "The SegAD harness authors";
/** Who wrote the paper: given and family names, as in CITATION.cff. */
export const paperAuthors: readonly (readonly [given: string, family: string])[] = [
  ["Aimira", "Baitieva"],
  ["David", "Hurych"],
  ["Victor", "Besnier"],
  ["Olivier", "Bernard"],
];

/** The crate as JSON-LD: flat, with relative paths, without null. */
export function roCrate({ record, execution, files }: CrateInput): Json {
  const licence = licenceId(record);
  const settings = settingsOf(record);
  const weights = weightsOf(record);
  const software = softwareOf(record, execution);
  const action = `#run-${record.id.slice(0, 16)}`;
  const graph: Entity[] = [
    {
      "@id": roCrateName,
      "@type": "CreativeWork",
      about: reference("./"),
      conformsTo: reference("https://w3id.org/ro/crate/1.2"),
    },
    {
      "@id": "./",
      "@type": "Dataset",
      name:
        `${record.definition.value.title} (${record.experiment}, profile ${record.profile.name})`,
      description: `Table, charts, scores and provenance of ${record.definition.value.source} of ` +
        "the paper, reproduced by the SegAD harness.",
      identifier: reference(recordId),
      datePublished: execution.ended.slice(0, 10),
      license: reference(licence),
      conformsTo: reference(profile),
      citation: reference(paper),
      hasPart: files.map(({ path }) => reference(path)),
      mentions: reference(action),
    },
    {
      "@id": profile,
      "@type": ["CreativeWork", "Profile"],
      name: "Process Run Crate",
      version: "0.5",
    },
    {
      "@id": recordId,
      "@type": "PropertyValue",
      name: "SHA-256 of the run's record",
      propertyID: "SHA-256",
      value: record.id,
    },
    { "@id": licence, "@type": "CreativeWork", name: record.licence },
    {
      "@id": paper,
      "@type": "ScholarlyArticle",
      name: record.citation,
      author: paperAuthors.map(personId).map(reference),
    },
    ...paperAuthors.map((author): Entity => ({
      "@id": personId(author),
      "@type": "Person",
      name: author.join(" "),
      givenName: author[0],
      familyName: author[1],
    })),
    {
      "@id": action,
      "@type": "CreateAction",
      name: `reproduce ${record.experiment}`,
      description: `${execution.stages.run} stages run, ${execution.stages.cached} from the store`,
      instrument: reference(harness),
      object: [dataset, ...weights.map(idOf), ...settings.map(idOf)].map(reference),
      result: files.map(({ path }) => reference(path)),
      startTime: toSeconds(execution.started),
      endTime: toSeconds(execution.ended),
      actionStatus: "http://schema.org/CompletedActionStatus",
    },
    ...software,
    {
      "@id": dataset,
      "@type": "Dataset",
      name: record.dataset.name,
      description: `${record.dataset.images} images in the layout ${record.dataset.layout}`,
      identifier: `sha256:${record.dataset.digest}`,
    },
    ...weights,
    ...settings,
    ...files.map(({ path, sha256, bytes, mediaType }): Entity => ({
      "@id": path,
      "@type": "File",
      name: path,
      description: descriptionOf(path),
      encodingFormat: mediaType,
      contentSize: String(bytes),
      sha256,
    })),
  ];
  return {
    "@context": ["https://w3id.org/ro/crate/1.2/context", { sha256: "https://schema.org/sha256" }],
    "@graph": graph,
  };
}

/** What the files of a run are. */
const descriptions: Readonly<Record<string, string>> = {
  "execution.json": "When, on what machine and by which code the run was made",
  "report.html": "Table, charts and images as one page",
  "result.json": "The result as data",
  "run.json": "Provenance: what the numbers were made from",
  "scores.csv": "The score of every test image",
  "table.csv": "The table as CSV",
  "table.md": "The table as Markdown",
  "table.tex": "The table as LaTeX",
};

function descriptionOf(path: string): string {
  if (Object.hasOwn(descriptions, path)) return descriptions[path];
  if (path.startsWith("figures/")) return "A picture of the figure";
  return /\.(svg|png)$/.test(path) ? "A chart of the result" : "What the charts were drawn from";
}

function licenceId({ licence }: RunFile): string {
  return `https://spdx.org/licenses/${licence}`;
}

function personId([, family]: readonly [given: string, family: string]): string {
  return `#${family.toLowerCase()}`;
}

function softwareOf(record: RunFile, { code }: ExecutionFile): Entity[] {
  const { runtime, numerics } = record;
  const [library, version] = numerics.runtime.split(" ");
  const parts: Entity[] = [
    {
      "@id": "https://deno.com/",
      "@type": "SoftwareApplication",
      name: "Deno",
      url: "https://deno.com/",
      version: runtime.deno,
    },
    {
      "@id": "https://onnxruntime.ai/",
      "@type": "SoftwareApplication",
      name: library,
      url: "https://onnxruntime.ai/",
      version,
    },
  ];
  return [
    {
      "@id": harness,
      "@type": "SoftwareApplication",
      name: "SegAD harness",
      description: `Reproduces the paper; ${
        code.commit === undefined ? "not a git checkout" : `commit ${code.commit}`
      }`,
      url: paper,
      identifier: `sha256:${code.sources}`,
      version: code.version,
      license: reference(licenceId(record)),
      author: reference(authors),
      softwareRequirements: parts.map(idOf).map(reference),
    },
    { "@id": authors, "@type": "Organization", name: softwareAuthors },
    ...parts,
  ];
}

function weightsOf({ weights }: RunFile): Entity[] {
  return weights.filter(({ sha256 }) => sha256 !== null).map(({ network, sha256 }) => ({
    "@id": `#weights-${network}`,
    "@type": "CreativeWork",
    name: `Weights of ${network}`,
    identifier: `sha256:${sha256}`,
    ...originOf(sha256!),
  }));
}

/** What is known of published weights. */
function originOf(digest: string): Readonly<Record<string, string>> {
  const known = knownWeights.find(({ sha256 }) => digest.startsWith(sha256));
  if (known === undefined) return {};
  const { title, licence, source, url } = known;
  return {
    description: `${title}; licence ${licence}; from ${source}`,
    ...(url === undefined ? {} : { url }),
  };
}

/** What a person chose. */
function settingsOf({ profile, seeds, backbone, variants }: RunFile): Entity[] {
  const values: readonly (readonly [string, string])[] = [
    ["profile", profile.name],
    ["size", String(profile.size)],
    ["seeds", seeds.join(", ")],
    ["backbone", backbone],
    ...Object.entries(variants).map(([method, variant]) => [`variant-${method}`, variant] as const),
  ];
  return values.filter(([, value]) => value !== "").map(([name, value]) => ({
    "@id": `#${name}`,
    "@type": "PropertyValue",
    name,
    value,
  }));
}

/** Times as the profile's validators take them: without fractions of a second. */
function toSeconds(time: string): string {
  return time.replace(/(\.\d+)?Z$/, "+00:00");
}

function idOf(entity: Entity): string {
  return entity["@id"];
}

function reference(id: string): Json {
  return { "@id": id };
}
