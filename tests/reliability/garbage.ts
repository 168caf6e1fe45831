/**
 * Collection of garbage against a model of the store (R14): random sequences of puts, pins and
 * collections, with puts beside a collection.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { type Collected, collectGarbage } from "../../lib/store/collect_garbage.ts";
import { openStore, type Store } from "../../lib/store/store.ts";
import { type Finding, inFolder } from "./workload.ts";

/** A step of a sequence; entries are counted in the order of their puts. */
type Step =
  | { readonly does: "put"; readonly needs: readonly number[] }
  | { readonly does: "pin" | "unpin" | "name"; readonly entry: number }
  | { readonly does: "collect"; readonly beside: number };

const entry = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ does: fc.constant("put"), needs: fc.array(entry, { maxLength: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom("pin", "unpin", "name"), entry }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("collect"), beside: fc.nat(2) }) },
) as fc.Arbitrary<Step>;

/** What must be in the store. */
class Model {
  readonly keys: string[] = [];
  readonly needs: (readonly number[])[] = [];
  readonly present = new Set<number>();
  readonly pins = new Map<number, Disposable>();
  readonly named = new Set<number>();

  /** Entries that a pin or a finished run reaches through entries that are there. */
  reachable(): Set<number> {
    const found = new Set<number>();
    const visit = (i: number): void => {
      if (found.has(i) || !this.present.has(i)) return;
      found.add(i);
      this.needs[i].forEach(visit);
    };
    for (const i of [...this.pins.keys(), ...this.named]) visit(i);
    return found;
  }
}

/** R14: `sequences` random sequences. */
export function collections(sequences: number): Promise<Finding> {
  return inFolder(async (folder) => {
    let steps = 0;
    let removed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (sequence) => {
        const root = join(folder, crypto.randomUUID());
        const store = await openStore(root);
        const model = new Model();
        for (const one of sequence) {
          steps++;
          removed += await take(store, model, one);
        }
        for (const pin of model.pins.values()) pin[Symbol.dispose]();
        store.close();
        await Deno.remove(root, { recursive: true });
      }),
      { numRuns: sequences, seed: 14 },
    );
    assert.ok(removed > sequences / 4, `${removed} entries removed`);
    return {
      count: sequences,
      outcome:
        `${steps} steps, ${removed} entries removed, none that was reachable; dry runs exact`,
    };
  });
}

/** Takes a step in the store and in the model; how many entries it removed. */
async function take(store: Store, model: Model, step: Step): Promise<number> {
  const known = model.keys.length;
  switch (step.does) {
    case "put":
      await put(store, model, known === 0 ? [] : step.needs.map((need) => need % known));
      return 0;
    case "pin":
    case "unpin":
    case "name": {
      if (known === 0) return 0;
      const i = step.entry % known;
      if (step.does === "name") model.named.add(i);
      else if (step.does === "unpin") {
        model.pins.get(i)?.[Symbol.dispose]();
        model.pins.delete(i);
      } else if (!model.pins.has(i)) model.pins.set(i, await store.pin([model.keys[i]]));
      return 0;
    }
    case "collect": {
      await grow(store);
      const gone = new Set([...model.present].filter((i) => !model.reachable().has(i)));
      const dry = await collect(store, model, true);
      const [collected] = await Promise.all([
        collect(store, model, false),
        ...Array.from({ length: step.beside }, () => put(store, model, [])),
      ]);
      assert.deepEqual(collected.removed, dry.removed, "the dry run said something else");
      assert.deepEqual(
        new Set(collected.removed.map(({ key }) => model.keys.indexOf(key))),
        gone,
      );
      for (const i of gone) model.present.delete(i);
      const there = await Array.fromAsync(store.entries());
      assert.deepEqual(
        new Set(there.map(({ key }) => model.keys.indexOf(key))),
        model.present,
      );
      return gone.size;
    }
  }
}

async function put(store: Store, model: Model, needs: readonly number[]): Promise<void> {
  const i = model.keys.length;
  model.needs.push(needs);
  const input = {
    stage: i % 2 === 0 ? "maps" : "features",
    revision: 1,
    parameters: { i },
    inputs: { maps: needs.map((need) => model.keys[need]) },
  };
  model.keys.push("");
  model.keys[i] = await store.write(input, new Map([["a.npy", new Uint8Array([i])]]), 0);
  model.present.add(i);
}

function collect(store: Store, model: Model, dryRun: boolean): Promise<Collected> {
  const pinned = [...model.named].map((i) => model.keys[i]);
  return collectGarbage(store, { pinned, seconds: 3600, now: Date.now(), dryRun });
}

/** Makes all entries two hours older. */
async function grow(store: Store): Promise<void> {
  const then = new Date(Date.now() - 2 * 3600 * 1000);
  for await (const { stage, key } of store.entries()) {
    const folder = join(store.root, stage, key);
    for await (const { name } of Deno.readDir(folder)) {
      await Deno.utime(join(folder, name), then, then);
    }
  }
}
