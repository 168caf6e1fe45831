/**
 * Damage to entries at rest: flipped bits (R7), files cut, exchanged, put back or missing (R8). Whatever
 * is changed, a caller gets the entry as it was put or nothing.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RandomState } from "../../lib/base/random.ts";
import { keyOf } from "../../lib/store/key.ts";
import { openStore, type Payload, type Store } from "../../lib/store/store.ts";
import { type Finding, inFolder, inputOf, payloadOf } from "./workload.ts";

const files = ["a.npy", "b.json", "record.json"] as const;

/** An entry that is damaged again and again. */
interface Patient {
  readonly folder: string;
  readonly payload: Payload;
  readonly good: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Asserts that the damage is found, and heals. */
  assertFound(label: string): Promise<void>;
}

/** Puts entry 0 with `bytes` in its first file. */
async function patientOf(root: string, bytes: number): Promise<Patient> {
  let found = 0;
  const store: Store = await openStore(root, () => found++);
  const payload = payloadOf(0, bytes);
  const key = await store.write(inputOf(0), payload, 0.125);
  const folder = join(root, inputOf(0).stage, key);
  const good = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of files) good.set(name, await Deno.readFile(join(folder, name)));
  let faults = 0;
  return {
    folder,
    payload,
    good,
    async assertFound(label) {
      faults++;
      assert.equal(await store.read(inputOf(0).stage, key), undefined, `${label}: it was returned`);
      assert.equal(found, faults, `${label}: it was not told once`);
      await Deno.remove(join(root, "quarantine"), { recursive: true });
      await Deno.mkdir(folder);
      for (const [name, data] of good) await Deno.writeFile(join(folder, name), data);
    },
  };
}

/**
 * R7: each `step`-th bit of an entry of 4 KiB, record included, and `large` random bits of an entry of
 * 8 MiB.
 */
export function flippedBits(step: number, large: number): Promise<Finding> {
  return inFolder(async (folder) => {
    let flips = 0;
    const flip = async (patient: Patient, name: string, bit: number) => {
      const bytes = patient.good.get(name)!.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      await Deno.writeFile(join(patient.folder, name), bytes);
      await patient.assertFound(`bit ${bit} of ${name}`);
      flips++;
    };
    const small = await patientOf(join(folder, "small"), 3600);
    for (const name of files) {
      for (let bit = flips % step; bit < small.good.get(name)!.length * 8; bit += step) {
        await flip(small, name, bit);
      }
    }
    const random = new RandomState(7);
    const big = await patientOf(join(folder, "large"), 8 << 20);
    for (let i = 0; i < large; i++) await flip(big, "a.npy", random.integer(8 << 23));
    return { count: flips, outcome: "every flip found, none returned to a caller" };
  });
}

/** R8: each `step`-th length of each file; `rounds` of each other kind of damage. */
export function cutAndExchanged(step: number, rounds: number): Promise<Finding> {
  return inFolder(async (folder) => {
    const patient = await patientOf(join(folder, "cut"), 3600);
    let count = 0;
    for (const name of files) {
      const good = patient.good.get(name)!;
      for (let length = 0; length < good.length; length += step) {
        await Deno.writeFile(join(patient.folder, name), good.subarray(0, length));
        await patient.assertFound(`${name} of ${length} bytes`);
        count++;
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const name of files) {
        const data = patient.good.get(name)!;
        await Deno.writeFile(
          join(patient.folder, name),
          Uint8Array.of(...data, ...new Uint8Array(round + 1)),
        );
        await patient.assertFound(`${name} with ${round + 1} bytes more`);
        await Deno.remove(join(patient.folder, name));
        await patient.assertFound(`an entry without ${name}`);
        count += 2;
      }
      for (const name of ["a.npy", "b.json"]) {
        await Deno.remove(join(patient.folder, name));
      }
      await patient.assertFound("a record without its files");
      await exchange(join(folder, `exchange${round}`), round);
      count += 3;
    }
    return { count, outcome: "all found or harmless; exchanged entries found by the key inside" };
  });
}

/** Two entries exchanged; one put back as an older program wrote it. */
async function exchange(root: string, round: number): Promise<void> {
  let found = 0;
  const store = await openStore(root, () => found++);
  const [i, j] = [2 * round, 2 * round + 2]; // of the same stage
  const paths: string[] = [];
  for (const entry of [i, j]) {
    const key = await store.write(inputOf(entry), payloadOf(entry), 0);
    paths.push(join(root, inputOf(entry).stage, key));
  }
  const aside = join(root, "aside");
  await Deno.rename(paths[0], aside);
  await Deno.rename(paths[1], paths[0]);
  await Deno.rename(aside, paths[1]);
  for (const entry of [i, j]) {
    assert.equal(await store.read(inputOf(entry).stage, keyOf(inputOf(entry))), undefined);
  }
  assert.equal(found, 2);
  // The files of one entry under the record of the other.
  for (const entry of [i, j]) await store.write(inputOf(entry), payloadOf(entry), 0);
  await Deno.copyFile(join(paths[1], "a.npy"), join(paths[0], "a.npy"));
  assert.equal(await store.read(inputOf(i).stage, keyOf(inputOf(i))), undefined);
  assert.equal(found, 3);
  store.close();
}
