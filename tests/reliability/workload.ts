/**
 * Entries that the tests put into a store, each known by its number, and what must hold of a store
 * whatever has happened to it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { keyOf, type StageInput } from "../../lib/store/key.ts";
import { openStore, type Payload, type Store } from "../../lib/store/store.ts";

/** What a check did and found, for the report of a soak. */
export interface Finding {
  /** How many points, states, flips … were tried. */
  readonly count: number;
  readonly outcome: string;
}

/** The input of entry `i`; each third one is made from the one before. */
export function inputOf(i: number): StageInput {
  return {
    stage: i % 2 === 0 ? "maps" : "features",
    revision: 1,
    parameters: { i, name: `entry ${i}` },
    inputs: i % 3 === 2 ? { maps: keyOf(inputOf(i - 1)) } : {},
  };
}

/** The payload of entry `i`: two files of some kilobytes, other bytes for each entry. */
export function payloadOf(i: number, bytes = 3000): Payload {
  const data = new Uint8Array(bytes).map((_, at) => (at * 31 + i * 17 + (at >> 8)) & 255);
  return new Map([["a.npy", data], ["b.json", new TextEncoder().encode(`{"entry":${i}}`)]]);
}

/** Computes and puts entry `i` as the executor and its worker do. */
export async function put(store: Store, i: number): Promise<string> {
  const key = keyOf(inputOf(i));
  using claim = await store.claim(key);
  assert.ok(claim, "nobody else is there");
  if (i % 5 === 0) await store.saveCheckpoint(key, new Uint8Array([i]));
  await store.write(inputOf(i), payloadOf(i), 0.125);
  await store.dropCheckpoint(key);
  return key;
}

/**
 * Asserts that the store at `root` is whole: the entries of `acknowledged` are there, every other is
 * there as it was put or not at all, no entry is damaged, and all can be put as if nothing had happened.
 */
export async function assertWhole(
  root: string,
  entries: number,
  acknowledged: ReadonlySet<number>,
): Promise<void> {
  const damages: string[] = [];
  const store = await openStore(root, ({ reason }) => damages.push(reason));
  for (let i = 0; i < entries; i++) {
    const { stage } = inputOf(i);
    const payload = await store.read(stage, keyOf(inputOf(i)));
    if (payload === undefined) assert.ok(!acknowledged.has(i), `entry ${i} was lost`);
    else assert.deepEqual(payload, payloadOf(i));
  }
  for (let i = 0; i < entries; i++) await put(store, i);
  store.close();
  const left = [...Deno.readDirSync(`${root}/tmp`)].map(({ name }) => name);
  assert.deepEqual({ damages, left }, { damages: [], left: [] });
}

/** A folder on a disk of memory where there is one, removed when the body ends. */
export async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const memory = "/dev/shm";
  const dir = await Deno.stat(memory).then(() => memory, () => undefined);
  return await inTemporaryFolder(body, dir);
}

/** A folder that is removed when the body ends; on a disk where workers may go, unless `dir` says. */
export async function inTemporaryFolder<T>(
  body: (folder: string) => Promise<T>,
  dir?: string,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "segad", ...(dir === undefined ? {} : { dir }) });
  try {
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `body` for each item, some at once. */
export async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  body: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const runner = async () => {
    while (next < items.length) await body(items[next++]);
  };
  await Promise.all(Array.from({ length: atOnce }, runner));
}

/** `count` of `items`, evenly spread; all where there are no more. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor(i * items.length / count)]);
}
