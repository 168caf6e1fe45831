import assert from "node:assert/strict";
import fc from "fast-check";
import { RandomState } from "../../lib/base/random.ts";
import { greedyCoreset } from "../../lib/maps/coreset.ts";
import { gatherRows, type PatchTable, patchTable } from "../../lib/maps/patch_table.ts";
import {
  johnsonLindenstraussDimension,
  projectedColumns,
  projectTable,
} from "../../lib/maps/random_projection.ts";
import numbers from "../fixtures/patchcore/numbers.json" with { type: "json" };
import { clustered, lattice, uniform } from "./patch_data.ts";

const expected = numbers.coresets;

function tableOf(data: Float32Array, columns: number): Promise<PatchTable> {
  return patchTable([{ shape: [data.length / columns, columns], data }]);
}

async function select(
  table: PatchTable | Promise<PatchTable>,
  count: number,
  seed: number,
  starts = 1,
): Promise<number[]> {
  return [...await greedyCoreset(await table, { count, random: new RandomState(seed), starts })];
}

/** The plain form: every distance, every time. */
function plainGreedy(data: Float32Array, columns: number, count: number, seed: number): number[] {
  const rows = data.length / columns;
  const square = (a: number, b: number) => {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += (data[a * columns + k] - data[b * columns + k]) ** 2;
    return sum;
  };
  const start = new RandomState(seed).integer(rows);
  const values = Array.from({ length: rows }, (_, row) => square(row, start));
  const centres: number[] = [];
  while (centres.length < count) {
    const centre = values.indexOf(Math.max(...values));
    if (values[centre] === 0 && centres.length > 0) break;
    centres.push(centre);
    for (let row = 0; row < rows; row++) values[row] = Math.min(values[row], square(row, centre));
  }
  return centres;
}

Deno.test("greedyCoreset() selects the rows that the plain NumPy form selects", async (t) => {
  const blobs = tableOf(clustered(1, 3000, 20, 12), 20);
  const cases: Record<string, () => Promise<number[]>> = {
    clustered: () => select(blobs, 300, 11),
    uniform: () => select(tableOf(uniform(3, 1200, 152), 152), 120, 12),
    few_columns: () => select(tableOf(clustered(4, 2000, 3, 5), 3), 200, 13),
    ten_starts: () => select(blobs, 150, 15, 10),
  };
  for (const [name, run] of Object.entries(cases)) {
    await t.step(name, async () => {
      assert.deepEqual(await run(), expected[name as keyof typeof expected]);
    });
  }
});

Deno.test("greedyCoreset() takes the lowest of equal rows and ends when all are copies", async () => {
  const data = lattice(5, 600, 3, 5);
  const centres = await select(tableOf(data, 3), 200, 14);
  assert.deepEqual(centres, expected.copies);
  // all places that occur but the starting one, which is not a centre by itself
  const places = new Set(
    Array.from({ length: 600 }, (_, i) => String(data.slice(3 * i, 3 * i + 3))),
  );
  assert.equal(centres.length, places.size - 1);
  const same = tableOf(new Float32Array(12).fill(3), 3);
  assert.deepEqual(await select(same, 4, 1), [0], "a bank is never empty");
});

Deno.test("greedyCoreset() agrees with its plain form on any small table", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }).chain((columns) =>
        fc.tuple(
          fc.constant(columns),
          fc.array(
            fc.array(
              fc.oneof(
                fc.integer({ min: -2, max: 2 }),
                fc.float({ noNaN: true, min: -1e6, max: 1e6 }),
                fc.float({ noNaN: true, min: Math.fround(-1e-6), max: Math.fround(1e-6) }),
              ),
              { minLength: columns, maxLength: columns },
            ),
            { minLength: 1, maxLength: 60 },
          ),
          fc.nat(1000),
        )
      ),
      async ([columns, rows, seed]) => {
        const data = Float32Array.from(rows.flat());
        const count = Math.ceil(rows.length / 2);
        assert.deepEqual(
          await select(tableOf(data, columns), count, seed),
          plainGreedy(data, columns, count, seed),
        );
      },
    ),
    { numRuns: 150, seed: 1 },
  );
});

Deno.test("greedyCoreset() on an offset of 1000 still selects as the plain form", async () => {
  // float32 coordinates carry the offset's rounding; bounds must not
  const data = clustered(6, 400, 33, 7).map((number) => 1000 + number);
  assert.deepEqual(
    await select(tableOf(data, 33), 100, 3),
    plainGreedy(data, 33, 100, 3),
  );
});

Deno.test("projections select the rows that the plain NumPy form selects", async (t) => {
  const wide = await tableOf(clustered(2, 700, 240, 9), 240);
  await t.step("sparse", async () => {
    const projected = await projectTable(wide, { kind: "sparse", eps: 0.9 }, new RandomState(16));
    assert.deepEqual(lastRow(projected), expected.sparse_row.map(Math.fround));
    assert.deepEqual(await select(projected, 100, 17), expected.sparse);
  });
  await t.step("dense, ten starts", async () => {
    const dense = { kind: "dense", dimension: 128 } as const;
    const projected = await projectTable(wide, dense, new RandomState(18));
    assert.deepEqual(lastRow(projected), expected.dense_row.map(Math.fround));
    assert.deepEqual(await select(projected, 100, 19, 10), expected.dense);
  });
});

Deno.test("projectTable() leaves a table whose rows would not become shorter", async () => {
  const sparse = { kind: "sparse", eps: 0.9 } as const;
  assert.equal(johnsonLindenstraussDimension(204_800, 0.9), 301);
  assert.equal(projectedColumns(sparse, 204_800, 152), 152);
  assert.equal(projectedColumns(sparse, 1_024_000, 1536), 341);
  assert.equal(projectedColumns({ kind: "dense", dimension: 128 }, 10, 64), 64);
  const table = await tableOf(uniform(7, 50, 16), 16);
  assert.equal(await projectTable(table, sparse, new RandomState(0)), table);
  assert.equal(await projectTable(table, { kind: "none" }, new RandomState(0)), table);
  assert.throws(() => johnsonLindenstraussDimension(10, 1), RangeError);
});

Deno.test("greedyCoreset() reports progress, lets the event loop turn and can be ended", async () => {
  const table = await tableOf(uniform(8, 6000, 64), 64);
  const random = () => new RandomState(1);
  const seen: number[] = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await greedyCoreset(table, {
    count: 600,
    random: random(),
    onProgress: (done, of) => {
      assert.equal(of, 600);
      seen.push(done);
    },
  });
  clearInterval(timer);
  assert.ok(turns > 2, `${turns} turns`);
  assert.ok(seen.length > 2, `${seen.length} reports`);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  assert.equal(seen.at(-1), 600);

  const controller = new AbortController();
  const ended = greedyCoreset(table, {
    count: 600,
    random: random(),
    onProgress: () => controller.abort(new Error("enough")),
    signal: controller.signal,
  });
  await assert.rejects(ended, /enough/);
});

Deno.test("greedyCoreset() rejects counts outside the table", async () => {
  const table = await tableOf(uniform(9, 5, 2), 2);
  for (const count of [0, 6, 1.5, NaN]) {
    await assert.rejects(select(table, count, 1), RangeError);
  }
  await assert.rejects(select(table, 2, 1, 6), RangeError);
});

Deno.test("patchTable() keeps rows in order over chunks and blocks", async () => {
  const columns = 1 << 20; // 16 rows in a chunk of 64 MiB
  const blocks = [5, 16, 2].map((rows, block) => {
    const data = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) data[row * columns] = 100 * block + row;
    return { shape: [rows, columns], data };
  });
  const table = await patchTable(blocks);
  assert.deepEqual([table.length, table.columns, table.chunks.length], [23, columns, 2]);
  const rows = gatherRows(table, Uint32Array.of(0, 4, 5, 15, 16, 20, 22));
  const firsts = Array.from({ length: 7 }, (_, i) => rows.data[i * columns]);
  assert.deepEqual(firsts, [0, 4, 100, 110, 111, 115, 201]);
  assert.throws(() => gatherRows(table, Uint32Array.of(23)), RangeError);
});

Deno.test("patchTable() rejects other widths, no rows and numbers that are not finite", async () => {
  const block = (columns: number, fill = 1) => ({
    shape: [2, columns],
    data: new Float32Array(2 * columns).fill(fill),
  });
  await assert.rejects(patchTable([block(3), block(4)]), /rows are 4 wide, before 3/);
  await assert.rejects(patchTable([]), RangeError);
  await assert.rejects(patchTable([block(3), block(3, NaN)]), /row 2 holds NaN/);
});

function lastRow(table: PatchTable): number[] {
  return [...gatherRows(table, Uint32Array.of(table.length - 1)).data];
}
