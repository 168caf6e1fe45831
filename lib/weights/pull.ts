/**
 * Fetches known weights: into a part file, hashed while it arrives, renamed when the SHA-256 is right,
 * then imported into the store. A pull that was cut off goes on where it stopped; what was there is
 * hashed again.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { taskWith } from "../base/default_cache.ts";
import { DataError, InterruptedError } from "../base/errors.ts";
import { storageError } from "../base/files.ts";
import type { KnownWeights } from "./known_weights.ts";
import { importWeights, weightsFolder, type WeightsRecord } from "./registry.ts";

/** Options of `pullWeights`. */
export interface PullOptions {
  /** The store's folder; weights go into `weights` below it. */
  readonly cache: string;
  /** Told after each piece: bytes received so far, and of how many where the server says it. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
  /** Ends the download. */
  readonly signal?: AbortSignal;
}

const redirectLimit = 5;
const bytesLimit = 2 ** 31 - 1;

/**
 * Fetches `known` and takes it into the store of `cache`.
 *
 * @throws {DataError} if there is no address, the server does not give the file, or its SHA-256 is wrong
 * (what was fetched is then removed)
 */
export async function pullWeights(
  known: KnownWeights,
  options: PullOptions,
): Promise<readonly WeightsRecord[]> {
  const { cache } = options;
  if (known.url === undefined) {
    throw new DataError(`Cannot fetch ${known.name}: it has no address of its own`, {
      remedy: `Get ${known.file} from ${known.source}, then run ${
        taskWith("weights import FILE", cache)
      }.`,
    });
  }
  const folder = weightsFolder(cache);
  const file = join(folder, known.file);
  const part = `${file}.part`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    const digest = await fetchInto(part, known, known.url, options);
    if (!digest.startsWith(known.sha256)) {
      await Deno.remove(part);
      throw new DataError(
        `Cannot use what ${known.url} gave: its SHA-256 is ${digest}, ` +
          `that of ${known.file} is ${known.sha256}${known.sha256.length < 64 ? "…" : ""}`,
        { remedy: "Try again later, or import the file from another place." },
      );
    }
    await Deno.rename(part, file);
    const records = await importWeights(file, { cache, known: [known] });
    await Deno.remove(file); // the store holds its tensors
    return records;
  } catch (error) {
    await removeIfEmpty(part);
    if (error instanceof Error && error.constructor.name in Deno.errors) {
      throw storageError("write", file, error);
    }
    throw error;
  }
}

async function removeIfEmpty(path: string): Promise<void> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.size === 0) await Deno.remove(path).catch(() => {});
}

/** Fetches the rest of `part` and gives the SHA-256 of the whole. */
async function fetchInto(
  part: string,
  known: KnownWeights,
  url: string,
  { cache, onProgress, signal }: PullOptions,
): Promise<string> {
  const fail = (reason: string, cause?: unknown) =>
    new DataError(`Cannot fetch ${known.file} from ${url}: ${reason}`, {
      remedy: "Run the command again (it goes on where it stopped), " +
        `or fetch the file in another way and run ${taskWith("weights import FILE", cache)}.`,
      cause,
    });
  using file = await Deno.open(part, { read: true, write: true, create: true });
  let hash = createHash("sha256");
  let received = await hashFile(file, hash);
  let response = await request(url, received, fail, signal);
  if (response.status === 416 && received > 0) { // the part file is longer than the file
    await response.body?.cancel();
    received = 0;
    response = await request(url, 0, fail, signal);
  }
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  const resumed = response.status === 206 && range !== null && Number(range[1]) === received;
  if (response.status !== 200 && !resumed) {
    await response.body?.cancel();
    throw fail(`the server answered ${response.status} ${response.statusText}`.trim());
  }
  if (!resumed) {
    received = 0;
    hash = createHash("sha256");
    await file.truncate(0);
    await file.seek(0, Deno.SeekMode.Start);
  }
  const length = Number(response.headers.get("content-length") ?? NaN);
  const encoded = response.headers.has("content-encoding");
  const total = Number.isSafeInteger(length) && !encoded ? received + length : undefined;
  try {
    for await (const piece of response.body ?? []) {
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
      hash.update(piece);
      received += piece.length;
      if (received > bytesLimit) throw fail(`it is larger than ${bytesLimit} bytes`);
      onProgress?.(received, total);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    if (signal?.aborted) throw interrupted(known, error);
    if (error instanceof Error && error.constructor.name in Deno.errors && !isNetwork(error)) {
      throw error;
    }
    throw fail(`the connection broke after ${received} bytes`, error);
  }
  if (total !== undefined && received !== total) {
    throw fail(`it has ${received} bytes, the server promised ${total}`);
  }
  await file.sync();
  return hash.digest("hex");
}

/** Follows redirects, but never from https to http. */
async function request(
  url: string,
  from: number,
  fail: (reason: string, cause?: unknown) => DataError,
  signal: AbortSignal | undefined,
): Promise<Response> {
  let address = new URL(url);
  for (let redirects = 0; redirects <= redirectLimit; redirects++) {
    let response: Response;
    try {
      response = await fetch(address, {
        redirect: "manual",
        headers: from > 0 ? { range: `bytes=${from}-` } : {},
        signal: signal ?? null,
      });
    } catch (error) {
      if (signal?.aborted) {
        throw new InterruptedError("The fetch was interrupted", { cause: error });
      }
      throw fail(reasonOf(error), error);
    }
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, address);
    if (next.protocol !== address.protocol && next.protocol !== "https:") {
      throw fail(`it is redirected to ${next.protocol}//, which is not secure`);
    }
    address = next;
  }
  throw fail(`more than ${redirectLimit} redirects`);
}

/** Hashes what is in `file`; the place moves to its end. Gives the number of bytes. */
async function hashFile(file: Deno.FsFile, hash: Hash): Promise<number> {
  const buffer = new Uint8Array(1 << 20);
  let total = 0;
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return total;
    hash.update(buffer.subarray(0, count));
    total += count;
  }
}

/** `fetch failed` alone says little: the cause has the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

function isNetwork(error: Error): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.Http || error instanceof Deno.errors.Interrupted;
}

function interrupted(known: KnownWeights, cause: unknown): InterruptedError {
  return new InterruptedError(`The fetch of ${known.name} was interrupted`, {
    cause,
    remedy: "Run the command again: it goes on where it stopped.",
  });
}
