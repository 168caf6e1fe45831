/**
 * Which weights a backbone gets, and the folder where known and imported weights are stored:
 * `<cache>/weights/<name>.safetensors` with a record `<name>.json` beside each, written last. A record
 * holds the SHA-256 of the stored file and of the file it came from; of known weights whose published
 * digest is only a prefix, the whole digest is recorded at the first import and binding from then on.
 *
 * @module
 */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { taskWith } from "../base/default_cache.ts";
import { canonicalJson, sha256 } from "../base/digest.ts";
import { DataError, StorageError } from "../base/errors.ts";
import { readFileIfThere, storageError, writeFileAtomic } from "../base/files.ts";
import type { TensorMap } from "../onnx/parameters.ts";
import type { Backbone } from "./backbone.ts";
import { backboneNamed } from "./backbones.ts";
import {
  claimedDigest,
  type KnownWeights,
  knownWeights,
  knownWeightsByDigest,
} from "./known_weights.ts";
import {
  type FloatTensorMap,
  networkWeights,
  parseWeights,
  readNetworkWeights,
} from "./network_weights.ts";
import { safetensorsBytes } from "./safetensors.ts";
import { readZipMembers } from "./zip_archive.ts";

export type { FloatTensorMap } from "./network_weights.ts";

/** Backbones whose weights are files of the project, by their path in it. */
const embeddedWeights: ReadonlyMap<string, string> = new Map([
  ["small", "weights/small.safetensors"],
]);
const projectRoot = fileURLToPath(new URL("../../", import.meta.url));
/** Larger files are not weights of these networks. */
const fileLimit = 2 ** 31 - 1;

/** Where weights come from. */
export type WeightsOrigin =
  | { readonly kind: "embedded" }
  /** Known weights, given as the published file or stored by `pull` or `import`. */
  | { readonly kind: "known"; readonly name: string; readonly licence: string }
  /** A file of the user's own. */
  | { readonly kind: "user" };

/** The file that holds a backbone's weights. */
export interface IdentifiedWeights {
  /** Its path. */
  readonly file: string;
  /** SHA-256 of that file. */
  readonly digest: string;
  /** Decides what certificates and tables say of the weights. */
  readonly origin: WeightsOrigin;
}

/** Weights, ready to be put into a graph. */
export interface LoadedWeights {
  /** Float32, by torch's names of the parameters. */
  readonly tensors: FloatTensorMap;
  /** SHA-256 of the file they were read from. */
  readonly digest: string;
  /** As in `IdentifiedWeights`. */
  readonly origin: WeightsOrigin;
}

/** The record beside stored weights. */
export interface WeightsRecord {
  /** Also the name of the stored file, without its ending. */
  readonly name: string;
  /** The network, by its name in `backbones.ts`; null for one that is not a backbone. */
  readonly backbone: string | null;
  /** SHA-256 of the stored .safetensors file. */
  readonly sha256: string;
  /** Size of that file. */
  readonly bytes: number;
  /** Of the weights; "unknown" for a user's own file. */
  readonly licence: string;
  /** The file that was imported. */
  readonly source: {
    readonly file: string;
    readonly sha256: string;
    readonly bytes: number;
    /** Name in the table of known weights; null for a user's own. */
    readonly known: string | null;
  };
}

const digestPattern = z.string().regex(/^[0-9a-f]{64}$/);
const namePattern = z.string().regex(/^[a-z0-9_][a-z0-9_.-]{0,99}$/);
const recordSchema = z.strictObject({
  name: namePattern,
  backbone: z.string().max(100).nullable(),
  sha256: digestPattern,
  bytes: z.int().nonnegative(),
  licence: z.string().max(200),
  source: z.strictObject({
    file: z.string().max(1000),
    sha256: digestPattern,
    bytes: z.int().nonnegative(),
    known: z.string().max(100).nullable(),
  }),
});

/** The folder of stored weights in a cache. */
export function weightsFolder(cache: string): string {
  return join(cache, "weights");
}

/**
 * The file that holds the weights of `backbone`: `file` if one is given, the project's own for the
 * embedded product's backbone, else what `pull` or `import` stored (the known weights first, then the
 * user's own). Only a given file is read; its name, digest and backbone are checked.
 *
 * @throws {UsageError} for an unknown backbone
 * @throws {DataError} if there are none, or the file is not what its name or the backbone says
 */
export async function identifyWeights(
  backbone: string,
  file: string | undefined,
  cache: string,
): Promise<IdentifiedWeights> {
  const network = backboneNamed(backbone);
  if (file !== undefined) {
    const digest = sha256(await readWeightsFile(file));
    const origin = identifyFile(network, file, digest);
    if (origin.kind === "known") {
      checkFirstUse(file, digest, await recordOf(origin.name, cache));
    }
    return { file, digest, origin };
  }
  const embedded = embeddedWeights.get(backbone);
  if (embedded !== undefined) {
    const path = join(projectRoot, embedded);
    const bytes = await readFileIfThere(path);
    if (bytes === undefined) throw missingEmbedded(embedded, backbone);
    return { file: path, digest: sha256(bytes), origin: { kind: "embedded" } };
  }
  for (const name of [knownFor(backbone)?.name, userName(backbone)]) {
    const record = name === undefined ? undefined : await recordOf(name, cache);
    if (record === undefined || record.backbone !== backbone) continue;
    const path = join(weightsFolder(cache), `${record.name}.safetensors`);
    return { file: path, digest: record.sha256, origin: originOf(record) };
  }
  throw missingWeights(network, cache);
}

/**
 * Reads the weights of `backbone` from `file`, checked in full: the digest against `digest` where one
 * is given (that of `identifyWeights`), else what the file's name and known digests say; then format,
 * names, shapes and numbers.
 *
 * @throws {UsageError} for an unknown backbone
 * @throws {DataError} if the file is missing, damaged, of another backbone, or changed since `digest`
 */
export async function loadWeights(
  backbone: string,
  file: string,
  digest?: string,
): Promise<LoadedWeights> {
  const network = backboneNamed(backbone);
  const bytes = await readWeightsFile(file);
  const found = sha256(bytes);
  if (digest !== undefined && found !== digest) {
    throw new DataError(
      `Cannot use ${file}: its SHA-256 is ${found}, expected ${digest} (it changed or is damaged)`,
      {
        remedy: "Run the command again; for stored weights, `deno task weights verify` says more.",
      },
    );
  }
  const embedded = embeddedWeights.get(backbone);
  const origin: WeightsOrigin = embedded !== undefined && file === join(projectRoot, embedded)
    ? { kind: "embedded" }
    : identifyFile(network, file, found);
  return { tensors: readNetworkWeights(bytes, file, network), digest: found, origin };
}

/** What `importWeights` needs beside the file. */
export interface ImportOptions {
  /** The store's folder; weights go into `weights` below it. */
  readonly cache: string;
  /** For weights that are not known: the backbone they belong to. */
  readonly backbone?: string;
  /** The table of known weights. Default: `knownWeights`. */
  readonly known?: readonly KnownWeights[];
}

/**
 * Takes a local file into the store: known weights are recognised by their SHA-256 (or its known first
 * digits), others need a backbone. An archive gives one record per member.
 *
 * @throws {UsageError} for an unknown backbone
 * @throws {DataError} if the file is not what its name says, fits no network, or is not the one recorded
 * at first use
 */
export async function importWeights(
  file: string,
  options: ImportOptions,
): Promise<readonly WeightsRecord[]> {
  const { cache, known: table = knownWeights } = options;
  const bytes = await readWeightsFile(file);
  const digest = sha256(bytes);
  checkClaim(file, digest, table);
  const known = knownWeightsByDigest(digest, table);
  const source = {
    file: basename(file),
    sha256: digest,
    bytes: bytes.length,
    known: known?.name ?? null,
  };
  if (known?.members !== undefined) {
    const parts = readZipMembers(bytes, known.members.map(({ path }) => path), file);
    const records: WeightsRecord[] = [];
    for (const { name, path } of known.members) {
      const tensors = parseWeights(parts.get(path)!, `${path} in ${file}`);
      records.push(await storeWeights(cache, name, null, known.licence, source, tensors));
    }
    return records;
  }
  const backbone = options.backbone ?? known?.backbone;
  if (backbone === undefined) {
    throw new DataError(
      `Cannot import ${file}: its SHA-256 ${digest} is not that of known weights`,
      { remedy: "Name the network it belongs to with --backbone NAME." },
    );
  }
  const network = backboneNamed(backbone);
  if (known !== undefined) {
    checkBackbone(network, file, known);
    checkFirstUse(file, digest, await recordOf(known.name, cache));
  }
  const tensors = networkWeights(parseWeights(bytes, file), file, network);
  const name = known?.name ?? userName(backbone);
  return [await storeWeights(cache, name, backbone, known?.licence ?? "unknown", source, tensors)];
}

/** One line of `weights list`. */
export interface WeightsListing {
  /** As `weights pull` and `--weights` take it. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** The network they belong to; undefined for an archive, or for tensors of no backbone. */
  readonly backbone: string | undefined;
  /** Part of the project, in the store, or not to be had without `weights pull` or `weights import`. */
  readonly state: "embedded" | "stored" | "absent";
  /** SHA-256 of the published file: whole, or the known first digits. */
  readonly sha256: string;
  /** Of the weights. */
  readonly licence: string;
  /** Where they are to be had. */
  readonly source: string;
}

/** All known, embedded and stored weights. */
export async function listWeights(cache: string): Promise<WeightsListing[]> {
  const records = new Map((await readRecords(cache)).map((record) => [record.name, record]));
  const list: WeightsListing[] = [];
  for (const [backbone, path] of embeddedWeights) {
    const bytes = await readFileIfThere(join(projectRoot, path));
    list.push({
      name: backbone,
      title: backboneNamed(backbone).title,
      backbone,
      state: bytes === undefined ? "absent" : "embedded",
      sha256: bytes === undefined ? "" : sha256(bytes),
      licence: "MIT",
      source: path,
    });
  }
  for (const known of knownWeights) {
    const names = known.members?.map(({ name }) => name) ?? [known.name];
    const stored = names.map((name) => records.get(name)).filter((record) => record !== undefined);
    for (const name of names) records.delete(name);
    list.push({
      name: known.name,
      title: known.title,
      backbone: known.backbone,
      state: stored.length === names.length ? "stored" : "absent",
      sha256: stored[0]?.source.sha256 ?? known.sha256,
      licence: known.licence,
      source: known.url ?? known.source,
    });
  }
  for (const record of records.values()) {
    list.push({
      name: record.name,
      title: `Imported for ${record.backbone ?? "no backbone"}`,
      backbone: record.backbone ?? undefined,
      state: "stored",
      sha256: record.source.sha256,
      licence: record.licence,
      source: record.source.file,
    });
  }
  return list;
}

/** What `weights verify` found of one file. */
export interface WeightsVerdict {
  /** Of a backbone, or of weights in the store. */
  readonly name: string;
  /** "missing": recorded, but the file is gone. */
  readonly state: "ok" | "damaged" | "missing";
  /** What is wrong, and the remedy; empty if nothing is. */
  readonly detail: string;
}

/** Hashes all stored and embedded weights again and reads them in full. */
export async function verifyWeights(cache: string): Promise<WeightsVerdict[]> {
  const verdicts: WeightsVerdict[] = [];
  for (const [backbone, path] of embeddedWeights) {
    verdicts.push(
      await verdictOf(backbone, join(projectRoot, path), (bytes) => {
        readNetworkWeights(bytes, path, backboneNamed(backbone));
      }),
    );
  }
  for (const record of await readRecords(cache)) {
    const path = join(weightsFolder(cache), `${record.name}.safetensors`);
    verdicts.push(
      await verdictOf(record.name, path, (bytes) => {
        const digest = sha256(bytes);
        if (digest !== record.sha256) {
          throw new DataError(`its SHA-256 is ${digest}, recorded ${record.sha256}`, {
            remedy: "Pull or import it again.",
          });
        }
        if (record.backbone === null) parseWeights(bytes, record.name);
        else readNetworkWeights(bytes, record.name, backboneNamed(record.backbone));
      }),
    );
  }
  return verdicts;
}

/** Tensors of stored weights that are no backbone's, such as a teacher network's, by their name. */
export async function loadStoredWeights(
  name: string,
  cache: string,
): Promise<{ readonly tensors: TensorMap; readonly digest: string }> {
  const record = await recordOf(name, cache);
  if (record === undefined) {
    const known = knownWeights.find((entry) => entry.members?.some((part) => part.name === name));
    throw new DataError(`Cannot find weights ${name} in ${weightsFolder(cache)}`, {
      remedy: `Run ${taskWith(`weights pull ${known?.name ?? name}`, cache)}, ` +
        `or ${taskWith("weights import FILE", cache)} with the file at hand.`,
    });
  }
  const path = join(weightsFolder(cache), `${name}.safetensors`);
  const bytes = await readWeightsFile(path);
  if (sha256(bytes) !== record.sha256) {
    throw new DataError(`Cannot use ${path}: its SHA-256 differs from the recorded one`, {
      remedy: "Pull or import it again.",
    });
  }
  return { tensors: parseWeights(bytes, path), digest: record.sha256 };
}

async function verdictOf(
  name: string,
  path: string,
  check: (bytes: Uint8Array) => void,
): Promise<WeightsVerdict> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) return { name, state: "missing", detail: `${path} is not there` };
  try {
    check(bytes);
    return { name, state: "ok", detail: "" };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const detail = [error.message, error.remedy].filter((text) => text !== undefined).join(" ");
    return { name, state: "damaged", detail };
  }
}

async function storeWeights(
  cache: string,
  name: string,
  backbone: string | null,
  licence: string,
  source: WeightsRecord["source"],
  tensors: TensorMap,
): Promise<WeightsRecord> {
  const metadata = new Map([["licence", licence], ["source_sha256", source.sha256]]);
  const bytes = safetensorsBytes(tensors, metadata);
  const record: WeightsRecord = {
    name,
    backbone,
    sha256: sha256(bytes),
    bytes: bytes.length,
    licence,
    source,
  };
  const folder = weightsFolder(cache);
  await writeFileAtomic(join(folder, `${name}.safetensors`), bytes);
  await writeFileAtomic(join(folder, `${name}.json`), `${canonicalJson({ ...record })}\n`);
  return record;
}

/** The record of stored weights, or undefined where there are none. */
async function recordOf(name: string, cache: string): Promise<WeightsRecord | undefined> {
  const path = join(weightsFolder(cache), `${name}.json`);
  const bytes = await readFileIfThere(path);
  return bytes === undefined ? undefined : parseRecord(bytes, path, name);
}

async function readRecords(cache: string): Promise<WeightsRecord[]> {
  const folder = weightsFolder(cache);
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.name.endsWith(".json")) names.push(entry.name.slice(0, -".json".length));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw storageError("read", folder, error);
  }
  const records = await Promise.all(names.sort().map((name) => recordOf(name, cache)));
  return records.filter((record) => record !== undefined);
}

function parseRecord(bytes: Uint8Array, path: string, name: string): WeightsRecord {
  try {
    const record = recordSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (record.name === name) return record;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
  }
  throw new DataError(`Cannot read ${path}: it is no record of weights called ${name}`, {
    remedy: `Remove it, then pull or import ${name} again.`,
  });
}

function originOf(record: WeightsRecord): WeightsOrigin {
  const { known } = record.source;
  return known === null
    ? { kind: "user" }
    : { kind: "known", name: known, licence: record.licence };
}

/** Checks name and digest of a given file, and says whose weights it holds. */
function identifyFile(backbone: Backbone, file: string, digest: string): WeightsOrigin {
  checkClaim(file, digest, knownWeights);
  const known = knownWeightsByDigest(digest);
  if (known === undefined) return { kind: "user" };
  checkBackbone(backbone, file, known);
  return { kind: "known", name: known.name, licence: known.licence };
}

function checkClaim(file: string, digest: string, table: readonly KnownWeights[]): void {
  const claim = claimedDigest(basename(file), table);
  if (claim === undefined || digest.startsWith(claim)) return;
  throw new DataError(
    `Cannot use ${file}: its name promises a SHA-256 that begins with ${claim}, it is ${digest}`,
    {
      remedy:
        "The file is damaged or another one: fetch it again, or rename it if it holds weights of your own.",
    },
  );
}

function checkBackbone(backbone: Backbone, file: string, known: KnownWeights): void {
  if (known.backbone === backbone.name) return;
  throw new DataError(
    `Cannot use ${file} as weights of ${backbone.name}: by its SHA-256 it is ${known.title}`,
    {
      remedy: known.backbone === undefined
        ? "Take it into the store with `deno task weights import FILE`."
        : `Give it as --weights ${known.backbone}=FILE.`,
    },
  );
}

/** Of known weights with a published prefix, the whole digest of the first import is binding. */
function checkFirstUse(file: string, digest: string, record: WeightsRecord | undefined): void {
  if (record === undefined || record.source.sha256 === digest) return;
  throw new DataError(
    `Cannot use ${file}: its SHA-256 is ${digest}, that of ${record.name} was recorded ` +
      `as ${record.source.sha256} when it was first imported`,
    { remedy: "Only one of the two files is the published one: compare with its source." },
  );
}

function knownFor(backbone: string): KnownWeights | undefined {
  return knownWeights.find((known) => known.backbone === backbone);
}

function userName(backbone: string): string {
  return `${backbone}.user`;
}

async function readWeightsFile(file: string): Promise<Uint8Array> {
  const notThere = (reason: string) =>
    new DataError(`Cannot read weights ${file}: ${reason}`, {
      remedy: "Check the path; `deno task weights list` shows what is stored.",
    });
  let size: number;
  try {
    const info = await Deno.stat(file);
    if (!info.isFile) throw notThere("it is not a file");
    size = info.size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw notThere("there is no such file");
    }
    if (error instanceof DataError) throw error;
    throw storageError("read", file, error);
  }
  if (size > fileLimit) throw notThere(`it has ${size} bytes, more than ${fileLimit}`);
  const bytes = await readFileIfThere(file);
  if (bytes === undefined) throw new StorageError(`Cannot read ${file}: it went away meanwhile`);
  return bytes;
}

function missingEmbedded(path: string, backbone: string): DataError {
  return new DataError(`Cannot find ${path}, the project's own weights of ${backbone}`, {
    remedy: `Restore it from the repository, or run \`deno task weights train ${backbone}\`.`,
  });
}

function missingWeights({ name, title }: Backbone, cache: string): DataError {
  const known = knownFor(name);
  const ways = [
    known?.url === undefined ? "" : `run ${taskWith(`weights pull ${known.name}`, cache)}`,
    `run ${taskWith("weights import FILE", cache)} with ` +
    (known === undefined ? "the file at hand" : `${known.file} (from ${known.source})`),
    `or give --weights ${name}=FILE`,
  ];
  const remedy = ways.filter((way) => way !== "").join(", ");
  return new DataError(
    `Cannot find weights of ${name} (${title}) in ${weightsFolder(cache)}`,
    { remedy: `${remedy[0].toUpperCase()}${remedy.slice(1)}.` },
  );
}
